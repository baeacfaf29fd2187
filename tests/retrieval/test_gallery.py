"""The page of queries and answers: one file without script, in which what a user supplies is but text."""

from html.parser import HTMLParser

import pytest
from PIL import Image

from hyperclade.retrieval.answers import Answer
from hyperclade.retrieval.gallery import write_gallery

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '" onerror="alert(1)',
    "' onload='alert(1)",
    "javascript:alert(1)",
    "&lt;b&gt; `x` ${x}",
    "a\u202egnp.exe",
    "zero\u200bwidth",
    "x" * 10_000,
    "",
]


class Page(HTMLParser):
    """Elements with their attributes, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)


class Shelf:
    """As much of an index as a page reads."""

    def __init__(self, kind, source):
        self.kind, self.settings = kind, {"source": str(source)}

    def __len__(self):
        return 7


def answer(name, *, typical=None):
    item = {"id": name, "label": name, "name": name, "distance": 0.25, "position": 0}
    step = (
        {"node": 3, "items": 5, "typical": [name]}
        if typical
        else {"node": 3, "items": 5, "labels": {name: 1.0}}
    )
    return Answer(name, None, [item], [step])


@pytest.mark.parametrize("kind", ["image", "text", "features"])
@pytest.mark.parametrize("typical", [False, True])
def test_names_are_text_and_nothing_else(kind, typical, tmp_path):
    write_gallery(
        tmp_path / "p.html", Shelf(kind, tmp_path), [answer(name, typical=typical) for name in HOSTILE]
    )
    page = Page((tmp_path / "p.html").read_text(encoding="utf-8"))
    plain = Page("")
    write_gallery(tmp_path / "q.html", Shelf(kind, tmp_path), [answer("a", typical=typical) for _ in HOSTILE])
    plain = Page((tmp_path / "q.html").read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [set(own) for _, own in page.elements] == [set(own) for _, own in plain.elements]
    assert "script" not in {tag for tag, _ in page.elements}
    text = "".join(page.text)
    assert all(name in text for name in HOSTILE[:8]) and max(map(len, text.split())) < 1000
    policy = next(own["content"] for tag, own in page.elements if own.get("http-equiv"))
    assert "default-src 'none'" in policy and "script" not in policy


def test_pictures_are_within_the_file_and_those_that_are_gone_have_a_place(tmp_path):
    Image.new("RGB", (900, 600), (200, 30, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    answers = [answer(name) for name in ("a.png", "b.png", "gone.png")]
    write_gallery(tmp_path / "p.html", Shelf("image", tmp_path), answers)
    page = Page((tmp_path / "p.html").read_text())
    pictures = [own for tag, own in page.elements if tag == "img"]
    assert len(pictures) == 2 and all(own["src"].startswith("data:image/jpeg;base64,") for own in pictures)
    assert len([own for tag, own in page.elements if own.get("class") == "none"]) == 2
    assert (tmp_path / "p.html").stat().st_size < 40_000


def test_a_page_that_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="cannot write a page"):
        write_gallery(tmp_path / "absent" / "p.html", Shelf("image", tmp_path), [])
