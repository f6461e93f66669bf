"""The Tornado example's page, as its reader sees it."""

import re
from typing import NamedTuple

from playwright.async_api import ConsoleMessage, Error, Locator, Page, TimeoutError, expect

from tests.examples.programs import PATIENCE

_ENTRIES = """
    items => items.map(item => {
        const text = selector => {
            const part = item.querySelector(selector);
            return part === null || part.hidden ? "" : part.textContent;
        };
        return item.className === "gap"
            ? ["gap", "", item.textContent, "", ""]
            : [text(".operation"), text(".key"), text(".document"), text(".updated"), text(".removed")];
    })
"""

_HAS_TEXT = "([selector, text]) => document.querySelector(selector)?.textContent === text"

expect.set_options(timeout=1000 * PATIENCE)


class Entry(NamedTuple):
    """One entry of the page's list."""

    operation: str
    key: str
    document: str
    updated: str
    removed: str


class Shown:
    """The page, open in a browser. Whatever goes wrong in it is in `complaints`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("pageerror", self._complain)
        page.on("console", self._listen)

    async def open(self, url: str) -> None:
        """Open it, and wait until it follows the collection."""
        await self.page.goto(url)
        await self.wait_for_state("Live")

    def element(self, identifier: str) -> Locator:
        return self.page.locator(f"#{identifier}")

    async def wait_for_state(self, text: str) -> None:
        await self._wait_for_text("#state", text)

    async def wait_for_count(self, number: int) -> None:
        """Wait until so many changes have come, shown or not."""
        await self._wait_for_text("#count", f"{number:,}")

    async def wait_for_key(self, key: str) -> None:
        """Wait until the newest entry is of that document."""
        await self._wait_for_text("#changes > li:first-child .key", key)

    async def wait_for_gap(self) -> None:
        await expect(self.page.locator("#changes > li.gap")).to_be_visible()

    async def entries(self) -> list[Entry]:
        """What the list shows, newest first."""
        return [Entry(*entry) for entry in await self.page.locator("#changes > li").evaluate_all(_ENTRIES)]

    async def keys(self) -> list[str]:
        """The documents' keys, oldest first."""
        return [entry.key for entry in reversed(await self.entries())]

    async def _wait_for_text(self, selector: str, text: str) -> None:
        try:
            # Sees it at once, where `expect` looks once a second when it has to wait.
            await self.page.wait_for_function(_HAS_TEXT, arg=[selector, text], timeout=1000 * PATIENCE)
        except TimeoutError:
            await expect(self.page.locator(selector)).to_have_text(text, timeout=1)

    def _complain(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _listen(self, message: ConsoleMessage) -> None:
        # A connection that can't be made is logged, too, and that is what some tests are about.
        if message.type == "error" and not re.search(r"ERR_|WebSocket", message.text):
            self.complaints.append(message.text)
