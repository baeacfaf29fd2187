"""The documentation's site is built strictly, is whole, and fetches nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="the docs extra is not installed")

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    path.parent.name
    for path in ROOT.glob("src/hyperclade/*/__init__.py")
    if "lazy_exports" in path.read_text(encoding="utf-8")
)
# Attributes by which a browser fetches something without being asked.
FETCHED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """Links, anchors, headings of names and fetched addresses of a page."""

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.ids, self.fetched, self.headings = path, [], set(), [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.add(given["id"])
            if tag == "h2":
                self.headings.add(given["id"].rpartition(".")[2])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        self.fetched += [value for name, value in attrs if (tag, name) in FETCHED]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Pages by their address."""
    folder = tmp_path_factory.mktemp("built") / "site"
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, text=True, capture_output=True,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    return {path.relative_to(folder).as_posix(): Page(path) for path in folder.rglob("*.html")}


def names_of(package):
    return set(import_module(package).__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_have_a_heading(site, package):
    assert names_of(f"hyperclade.{package}") - site[f"api/{package}.html"].headings == set()


def test_names_of_the_first_package_lead_to_theirs(site):
    linked = {link.rpartition(".")[2] for link in site["api/index.html"].links if "#hyperclade." in link}
    assert linked == names_of("hyperclade")


def test_every_document_is_reached_from_home(site):
    documents = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} | {"changelog.html"}
    assert documents - {urlsplit(link).path for link in site["index.html"].links} == set()


def test_links_lead_somewhere(site):
    folder = next(iter(site["index.html"].path.parents))
    broken = []
    for address, page in site.items():
        for link in page.links:
            to = urlsplit(link)
            if to.scheme or (address == "404.html" and to.path.startswith("/")):
                continue
            path = (page.path.parent / unquote(to.path)).resolve() if to.path else page.path
            found = path.is_relative_to(folder) and path.is_file()
            if found and to.fragment and path.suffix == ".html":
                found = unquote(to.fragment) in site[path.relative_to(folder).as_posix()].ids
            if not found:
                broken.append(f"{address}: {link}")
    assert broken == []


def test_nothing_is_fetched_from_elsewhere(site):
    assert sum(len(page.fetched) for page in site.values()) > 100
    outside = {one for page in site.values() for one in page.fetched if urlsplit(one).netloc}
    assert outside == set()
    folder = site["index.html"].path.parent
    styles = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.css"))
    assert re.findall(r"""(?:@import|url\()\s*["']?(?:https?:)?//[^"')\s]*""", styles) == []
    # The theme would fetch a program for pictures drawn from text of this class, and there are none.
    assert not any('class="mermaid"' in page.path.read_text(encoding="utf-8") for page in site.values())


def test_the_search_needs_no_server(site):
    folder = site["index.html"].path.parent
    index = (folder / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index") and "api/trees.html#hyperclade.trees.tree.Tree" in index
    assert any("iframe-worker" in one for one in site["index.html"].fetched)
