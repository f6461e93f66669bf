"""Opens the pages of the site, one after another, and notes what a browser makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response

_GIVEN_UP = "net::ERR_ABORTED"
"""A page's icon need not have come when the next page is opened."""

_LOOK = """() => ({
    links: Array.from(document.links, link => link.href),
    anchors: Array.from(document.querySelectorAll("[id]"), element => element.id),
    width: Math.max(...Array.from(document.querySelectorAll("html, .content, article"), part => part.scrollWidth)),
})"""
"""What scrolls sideways in a box of its own, such as a table, does not count."""


@dataclass
class Walk:
    """What was seen on the way; `complaints` is whatever went wrong."""

    complaints: list[str] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)
    links: dict[str, list[str]] = field(default_factory=dict)
    anchors: dict[str, set[str]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    def watch(self, context: BrowserContext) -> None:
        """Note what the pages of this context ask for, and complain of."""
        context.on("request", lambda request: self.requests.add(request.url))
        context.on("requestfailed", self._see_failure)
        context.on("response", self._see_response)
        context.on("console", self._see_message)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    async def go(self, context: BrowserContext, addresses: Iterable[str]) -> None:
        """Open each, and note its links, the anchors in it, and how wide it is."""
        page = await context.new_page()
        for address in addresses:
            await page.goto(address)
            seen: dict[str, Any] = await page.evaluate(_LOOK)
            self.links[address] = seen["links"]
            self.anchors[address] = set(seen["anchors"])
            self.widths[address] = seen["width"]
        await page.close()

    def _see_failure(self, request: Request) -> None:
        if request.failure != _GIVEN_UP:
            self.complaints.append(f"{request.failure}: {request.url}")

    def _see_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def _see_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location['url']}: {message.text}")
