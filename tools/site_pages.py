"""Pages of the documentation's site that are made from elsewhere: README, CHANGELOG and others, and the API.

A hook of MkDocs, which `mkdocs.yml` names. Documents keep links that work where they lie; here these are
turned to the site's own pages, and files outside of `docs/` that they lead to are taken along.
"""

import inspect
import json
import pkgutil
import posixpath
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe
from griffe import Alias, Class, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]

DOCUMENTS = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the site, with the pages that are made here."""
    here = {file.src_uri: ROOT / "docs" / file.src_uri for file in files.documentation_pages()}
    here |= {page: ROOT / document for document, page in DOCUMENTS.items()}
    for page, source in here.items():
        text, outside = site_links(source, page)
        for address, path in outside.items():
            if address not in files.src_uris:
                files.append(File.generated(config, address, abs_src_path=str(path)))
        if page in files.src_uris:
            files.src_uris[page].content_string = text
        else:
            files.append(File.generated(config, page, content=text))
    for package in ["hyperclade", *packages()]:
        files.append(File.generated(config, page_of(package), content=api_page(package)))
    return files


def site_links(source: Path, page: str) -> tuple[str, dict[str, Path]]:
    """A document's text with the links of the site, and files outside of the documents that it links to."""
    outside = {}

    def turned(link: re.Match[str]) -> str:
        path = (source.parent / link[0]).resolve()
        if not path.is_file() or not path.is_relative_to(ROOT):
            return link[0]
        inside = path.relative_to(ROOT).as_posix()
        if inside in DOCUMENTS:
            address = DOCUMENTS[inside]
        elif inside.startswith("docs/"):
            address = inside.removeprefix("docs/")
        else:
            address = f"files/{inside}" if path.suffix else f"files/{inside}.txt"
            outside[address] = path
        return posixpath.relpath(address, posixpath.dirname(page) or ".")

    return _LINK.sub(turned, source.read_text(encoding="utf-8")), outside


@cache
def packages() -> list[str]:
    """Packages below the first that export names."""
    below = import_module("hyperclade").__path__
    names = [f"hyperclade.{module.name}" for module in pkgutil.iter_modules(below) if module.ispkg]
    return [name for name in names if hasattr(import_module(name), "__all__")]


def exports(package: str) -> dict[str, str]:
    """Where each exported name of a package is defined: names to full ones."""
    modules = inspect.getclosurevars(import_module(package).__getattr__).nonlocals["home"]
    full = {}
    for name, module in modules.items():
        home = f"{package}.{module}"
        full[name] = exports(home)[name] if home in packages() else f"{home}.{name}"
    return full


def page_of(package: str) -> str:
    return f"api/{package.partition('.')[2] or 'index'}.md"


def api_page(package: str) -> str:
    """A package's page: its docstring, and each name that it exports."""
    about = block(package, members=False, show_root_heading=False, show_root_toc_entry=False)
    head = [f"# {package}", about]
    if package == "hyperclade":
        return "\n\n".join([*head, *contents()])
    return "\n\n".join([*head, *(described(full) for full in exports(package).values())])


def described(full: str) -> str:
    """The part of a page on a name, with what a class inherits from those that no page is for."""
    module, _, name = full.rpartition(".")
    found = sources()[module.partition(".")[2]].members.get(name)
    if found is None:  # a function of a system that is a method of its `SYSTEM`
        method = f"[`System.{name}`][hyperclade.learning.system.System.{name}]"
        return f"## {name}\n\n`SYSTEM.{name}`, see {method}."
    bases = found.mro() if isinstance(found, Class) else []
    inherited = [member for base in bases if base.path not in public() for member in base.members]
    return block(full, inherited_members=sorted(set(inherited))) if inherited else block(full)


def block(full: str, **options: Any) -> str:
    """What asks mkdocstrings for a name."""
    lines = [f"      {name}: {json.dumps(value)}" for name, value in options.items()]
    return "\n".join([f"::: {full}", *(["    options:", *lines] if lines else [])])


@cache
def public() -> set[str]:
    """Full names of all that packages export."""
    return {full for package in packages() for full in exports(package).values()}


@cache
def sources() -> Object | Alias:
    return griffe.load("hyperclade", search_paths=[ROOT / "src"])


def contents() -> list[str]:
    """What the first package exports, which other pages describe, and those pages."""
    names = [f"- [`{name}`][{full}]" for name, full in exports("hyperclade").items()]
    pages = []
    for package in packages():
        about = (import_module(package).__doc__ or "").partition("\n")[0]
        pages.append(f"- [`{package}`]({posixpath.basename(page_of(package))}): {about}")
    return ["## Names", "\n".join(names), "## Packages", "\n".join(pages)]
