"""The site builds without a warning, has every public name, and its links lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from pkgutil import resolve_name
from urllib.parse import unquote, urldefrag

import pytest

import motor.aiohttp
import motor.core
import motor.embedded
import motor.migrate
import motor.motor_asyncio
import motor.motor_gridfs
import motor.motor_tornado
import motor.web

MODULES = (
    motor,
    motor.motor_asyncio,
    motor.motor_tornado,
    motor.core,
    motor.motor_gridfs,
    motor.web,
    motor.aiohttp,
    motor.embedded,
    motor.migrate,
)

PYMONGO = "https://pymongo.readthedocs.io/"

pytestmark = pytest.mark.xdist_group("site")


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name == "id" and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Page]:
    """Every page of it."""
    return {path.resolve(): Page(path) for path in site.rglob("*.html")}


def links(built: dict[Path, Page]) -> Iterator[tuple[Path, str]]:
    """Every link, and the page that it is on."""
    return ((path, link) for path, page in built.items() for link in page.links)


def test_every_public_name_is_in_the_reference(built: dict[Path, Page]) -> None:
    anchors = {anchor for page in built.values() for anchor in page.anchors}
    names = {f"{module.__name__}.{name}" for module in MODULES for name in module.__all__}
    of_tornado = {f"motor.{name}" for name in motor.motor_tornado.__all__}
    assert names - of_tornado <= anchors


def test_families_are_called_by_their_names(site: Path) -> None:
    for page, name in ("asyncio", "AsyncIOMotorCursor.read_ahead()"), ("tornado", "MotorCursor.read_ahead()"):
        text = (site / f"api/{page}.html").read_text("utf-8")
        assert f">{name}<" in text
        assert "Agnostic" not in text.partition("<article")[2].partition("</article>")[0]


def test_links_within_the_site_lead_somewhere(built: dict[Path, Page]) -> None:
    broken = []
    for path, link in links(built):
        address, anchor = urldefrag(link)
        if ":" in address:
            continue
        target = (path.parent / unquote(address.partition("?")[0])).resolve() if address else path
        page = built.get(target)
        if not target.exists() or (page is not None and unquote(anchor) not in page.anchors):
            broken.append((path.name, link))
    assert broken == []


def test_links_to_pymongo_name_what_there_is(built: dict[Path, Page]) -> None:
    names = {urldefrag(link).fragment for _, link in links(built) if link.startswith(PYMONGO)}
    assert len(names) > 30
    for name in names:
        resolve_name(name.removeprefix("module-"))
