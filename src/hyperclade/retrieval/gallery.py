"""Queries and answers as one HTML file with small pictures, which needs no script and no network."""

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from hyperclade.data.atomic import atomic_write
from hyperclade.data.images import ImageItem, decode_images, image_parquet
from hyperclade.retrieval.answers import Answer, described
from hyperclade.retrieval.index import Index

_SIDE = 160  # pixels of a picture
_LONGEST = 300  # characters of a text
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 0 0 .6rem; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); padding: 1.2rem 0; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; width: 10rem; }
.query :is(img, .none) { outline: 3px solid #3b82f6; outline-offset: 3px; }
.query { margin-right: 1rem; }
img, .none { width: 10rem; height: 10rem; object-fit: contain; background: var(--soft); border-radius: 4px; }
.none { display: grid; place-items: center; font-size: .85rem; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; } .far { opacity: .75; }
ol.path { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem .5rem; padding: 0; font-size: .85rem; }
ol.path li + li::before { content: "›"; margin-right: .5rem; opacity: .6; }
blockquote { margin: 0; padding: .5rem .8rem; background: var(--soft); border-radius: 4px; font-size: .9rem;
  overflow-wrap: anywhere; }
""".strip()
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_gallery(path: Path, index: Index, answers: Sequence[Answer]) -> None:
    """Write queries, their answers and ways down the hierarchy as a page; images are embedded as JPEG.

    All text is escaped. An image that is gone, or no longer one, has a placeholder.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"cannot write a page to {path}: it is a folder, or its folder is missing")
    pictures = _pictures(index, {item["id"] for answer in answers for item in answer.items})
    if index.kind == "image":
        pictures |= _pictures(index, {answer.query for answer in answers if answer.image is None})
    body = "\n".join(_section(answer, pictures, index.kind) for answer in answers)
    number = f"{len(answers):,} {'query' if len(answers) == 1 else 'queries'}"
    title = f"{number}, {len(index):,} items"
    with atomic_write(path, "w") as file:
        file.write(
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
            f"{body}\n</body>\n</html>\n"
        )


def _section(answer: Answer, pictures: dict[str, str], kind: str) -> str:
    if kind == "image":
        asked = pictures.get(answer.query) if answer.image is None else _picture(answer.image)
        query = f'<div class="query">{_figure(asked, "query", "")}</div>' if asked or answer.image else ""
        items = "".join(
            _figure(pictures.get(item["id"]), item["id"], _caption(item)) for item in answer.items
        )
    else:
        query = ""
        items = "".join(
            f"<figure><blockquote>{_text(item['name'])}</blockquote>"
            f"<figcaption>{_caption(item)}</figcaption></figure>"
            for item in answer.items
        )
    steps = "".join(f"<li>{step['items']:,} items: {_text(described(step))}</li>" for step in answer.path)
    path = f'<ol class="path" aria-label="way down the hierarchy">{steps}</ol>' if steps else ""
    row = f'<div class="row">{query}{items}</div>'
    return f"<section>\n<h2>{_text(answer.query)}</h2>\n{path}\n{row}\n</section>"


def _figure(picture: str | None, name: str, caption: str) -> str:
    shown = (
        f'<img src="{picture}" alt="{_text(name)}" loading="lazy">'
        if picture
        else '<div class="none" role="img" aria-label="no image">no image</div>'
    )
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _caption(item: dict[str, Any]) -> str:
    label = f" · {_text(item['label'])}" if item["label"] else ""
    return f'<bdi>{_text(item["id"])}</bdi>{label} <span class="far">{item["distance"]:.4f}</span>'


def _text(value: str) -> str:
    """Escaped, cut where it is very long, and isolated where it turns the direction of writing."""
    cut = value if len(value) <= _LONGEST else value[:_LONGEST] + "…"
    return escape(cut, quote=True)


def _pictures(index: Index, ids: set[str]) -> dict[str, str]:
    """Small pictures of items, by id, as data URLs."""
    source = Path(index.settings["source"])
    if index.kind != "image" or not source.exists():
        return {}
    items: Iterable[ImageItem]
    if source.is_dir():
        items = (ImageItem(name, None, name, source / name) for name in sorted(ids))
    else:
        items = (item for batch in image_parquet(source) for item in batch if item.id in ids)
    found = {item.id: _picture(item.source) for item in items}
    return {name: picture for name, picture in found.items() if picture is not None}


def _picture(source: Any) -> str | None:
    images, _, _ = decode_images([ImageItem("", None, "", source)])
    if not images:
        return None
    image = images[0]
    image.thumbnail((_SIDE * 2, _SIDE * 2))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
