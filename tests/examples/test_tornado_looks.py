"""The Tornado example's page on a desk and on a telephone, by day and by night.

With MOTOR_SCREENSHOTS=1 the pictures go into the example's folder, for its README.
"""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from playwright.async_api import Browser, expect

from motor.motor_asyncio import AsyncIOMotorCollection
from tests.examples.programs import TORNADO, running, watching
from tests.examples.shown import Shown

pytestmark = pytest.mark.asyncio(loop_scope="package")

IN_README = ("desk", "telephone")


class Look(NamedTuple):
    """How somebody looks at the page."""

    name: str
    scheme: Literal["light", "dark"]
    width: int
    height: int

    @property
    def is_telephone(self) -> bool:
        return self.width < 500


LOOKS = [
    Look("desk", "light", 900, 1000),
    Look("telephone", "dark", 360, 760),
    Look("small-telephone", "light", 320, 700),
]


@asynccontextmanager
async def seen(chromium: Browser, look: Look) -> AsyncIterator[Shown]:
    async with await chromium.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,
        reduced_motion="reduce",
        device_scale_factor=2 if look.is_telephone else 1,
        has_touch=look.is_telephone,
        is_mobile=look.is_telephone,
    ) as context:
        yield Shown(await context.new_page())


async def change(books: AsyncIOMotorCollection, shown: Shown) -> None:
    """A little of everything."""
    await books.insert_one({"_id": "wide", "w" * 200: "w" * 2000, "words": "wide and wider " * 20})
    emma = {"title": "Emma", "author": {"given": "Jane", "family": "Austen"}, "year": 1816}
    identifier = (await books.insert_one(emma)).inserted_id
    await shown.wait_for_count(2)
    await books.update_one({"_id": identifier}, {"$set": {"year": 1815, "shelves": [{"room": 2, "copies": 3}]}})
    await shown.wait_for_count(3)
    await books.insert_one({"title": "<script>alert('only text')</script>", "city": "Zürich", "temperature": 21.5})
    await shown.wait_for_count(4)
    await books.delete_one({"_id": identifier})
    await shown.wait_for_count(5)


async def check(shown: Shown, look: Look) -> None:
    """Nothing is wider than the screen, and what a finger has to hit is large enough."""
    assert await shown.page.evaluate("document.documentElement.scrollWidth") == look.width
    for button in await shown.page.get_by_role("button").all():
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 40
        assert box["x"] + box["width"] <= look.width
    await expect(shown.element("state")).to_be_in_viewport()
    ground = await shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 200) is (look.scheme == "dark")


async def test_it_can_be_read(server_uri: str, watched: AsyncIOMotorCollection, chromium: Browser, tmp_path: Path):
    # Its name is in the pictures.
    books = watched.database.client["library"]["books"]
    pictures = TORNADO.parent if os.environ.get("MOTOR_SCREENSHOTS") == "1" else tmp_path
    async with running(TORNADO, *watching(server_uri, books)) as program:
        for look in LOOKS:
            async with seen(chromium, look) as shown:
                await shown.open(program.url)
                await change(books, shown)
                folder = pictures if look.name in IN_README else tmp_path
                await shown.page.screenshot(path=folder / f"{look.name}.png")
                await check(shown, look)
                assert shown.complaints == []
            await books.delete_many({})
    await books.database.client.drop_database("library")
