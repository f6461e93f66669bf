"""The built site as a browser shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urldefrag

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.docs.walk import Walk
from tests.examples.browser import browser
from tests.examples.programs import PATIENCE

expect.set_options(timeout=1000 * PATIENCE)

pytestmark = [pytest.mark.xdist_group("site"), pytest.mark.asyncio(loop_scope="module")]

module_fixture = pytest_asyncio.fixture(loop_scope="module", scope="module")

DESK: ViewportSize = {"width": 1280, "height": 900}
TELEPHONE: ViewportSize = {"width": 360, "height": 780}

Scheme = Literal["light", "dark"]

KINDS = ["index.html", "guides/connecting.html", "api/asyncio.html", "how-it-works.html"]
"""A page of each kind, for what is the same on all of them."""

_BRIGHTNESS = """([element, property]) => {
    const [red, green, blue] = getComputedStyle(element)[property].match(/[\\d.]+/g).map(Number);
    return (red + green + blue) / 3 / 255;
}"""


@module_fixture
async def address(site: Path) -> AsyncIterator[str]:
    """Where the site is served."""
    application = web.Application()
    application.router.add_static("/", site)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@module_fixture
async def chromium(address: str) -> AsyncIterator[Browser]:
    async with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def pages(site: Path) -> list[str]:
    return [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]


@module_fixture
async def walk(chromium: Browser, address: str, pages: list[str]) -> Walk:
    """Every page, opened on a telephone."""
    walk = Walk()
    async with await chromium.new_context(viewport=TELEPHONE) as context:
        walk.watch(context)
        await walk.go(context, [address + page for page in pages])
    return walk


async def test_pages_open_without_a_complaint(walk: Walk) -> None:
    assert len(walk.widths) > 30
    assert walk.complaints == []


async def test_nothing_is_asked_of_others(walk: Walk, address: str) -> None:
    assert {url for url in walk.requests if not url.startswith((address, "data:"))} == set()


async def test_links_lead_somewhere(walk: Walk, address: str, site: Path) -> None:
    broken = []
    for page, links in walk.links.items():
        for target, anchor in map(urldefrag, links):
            if not target.startswith(address):
                assert target.startswith(("https://", "http://localhost:")), f"{target} on {page}"
            elif target in walk.anchors:
                if anchor and unquote(anchor) not in walk.anchors[target]:
                    broken.append((page, f"{target}#{anchor}"))
            elif not (site / unquote(target.removeprefix(address))).is_file():
                broken.append((page, target))
    assert broken == []


async def test_a_telephone_shows_the_whole_width(walk: Walk) -> None:
    assert {page: width for page, width in walk.widths.items() if width > TELEPHONE["width"]} == {}


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("gunicorn", "guides/deploying.html"),
        ("open_download_stream_by_name", "api/asyncio.html"),
        ("changelog", "changelog.html"),
        ("semantic versioning", "policy.html"),
        ("vulnerability", "security.html"),
        ("end of life", "migration/deprecation.html"),
        ("licence", "policy.html"),
        ("license", "policy.html"),
        ("docker", "index.html"),
    ],
)
async def test_search_finds(chromium: Browser, address: str, words: str, page: str) -> None:
    async with await chromium.new_context(viewport=DESK) as context:
        tab = await context.new_page()
        await tab.goto(f"{address}index.html")
        await tab.fill(".sidebar-search", words)
        await tab.press(".sidebar-search", "Enter")
        await tab.locator(f'#search-results a[href*="{page}"]').first.click()
        await expect(tab.locator("article")).to_contain_text(words, ignore_case=True)
        assert tab.url.startswith(address + page)


async def brightness(page: Page, selector: str, part: str) -> float:
    """How bright a colour is, from 0, black, to 1."""
    bright: float = await page.evaluate(_BRIGHTNESS, [await page.query_selector(selector), part])
    return bright


async def assert_scheme(page: Page, scheme: str) -> None:
    """The page has that colour scheme, and the diagram's lines show on it."""
    paper = await brightness(page, "body", "backgroundColor")
    ink = await brightness(page, "article svg", "color")
    assert (paper < 0.2 and ink > 0.7) if scheme == "dark" else (paper > 0.9 and ink < 0.2), (paper, ink)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_colours_are_those_of_the_system_until_switched(chromium: Browser, address: str, scheme: Scheme) -> None:
    other = "light" if scheme == "dark" else "dark"
    async with await chromium.new_context(viewport=DESK, color_scheme=scheme) as context:
        page = await context.new_page()
        await page.goto(f"{address}how-it-works.html")
        await assert_scheme(page, scheme)
        await page.locator(".content-icon-container .theme-toggle").click()
        await assert_scheme(page, other)
        await page.reload()
        await assert_scheme(page, other)


@pytest.mark.parametrize("viewport", [DESK, TELEPHONE], ids=["desk", "telephone"])
async def test_text_and_navigation_without_scripts(chromium: Browser, address: str, viewport: ViewportSize) -> None:
    async with await chromium.new_context(viewport=viewport, color_scheme="dark", java_script_enabled=False) as context:
        page = await context.new_page()
        for kind in KINDS:
            await page.goto(address + kind)
            assert await brightness(page, "body", "backgroundColor") < 0.2
            assert len(await page.locator("article").inner_text()) > 500
            if viewport is TELEPHONE:
                await page.locator(".mobile-header .nav-overlay-icon").click()
            await expect(page.locator(".sidebar-tree").get_by_role("link", name="Bulk writes")).to_be_visible()
        await page.locator(".sidebar-tree").get_by_role("link", name="Bulk writes").click()
        await expect(page.locator("h1")).to_contain_text("Bulk writes")
