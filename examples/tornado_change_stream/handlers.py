"""What the web server answers: the page, and the websocket that the page listens to."""

import asyncio
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bson.errors import BSONError
from pymongo.errors import PyMongoError
from tornado.web import Application, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from motor.motor_tornado import MotorCollection

from describe import explained, parsed
from feed import Document, Feed

MAX_MESSAGE_BYTES = 64 * 1024
"""How much a page may send at once; page.js knows the number, too."""

MAX_PAGES = 200
"""Each has a change stream, which takes a connection to the database."""

_GOING_AWAY, _UNSUPPORTED, _FAILED, _TRY_LATER = 1001, 1003, 1011, 1013
"""Why a websocket is closed: codes of RFC 6455."""

_HEADERS = {
    # Scripts and styles are files beside the page, nothing else runs, and no script can make markup out of text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger(__name__)


def application(collection: MotorCollection[Document], source: str) -> Application:
    """The web server's; `source` is as in :class:`Feed`."""
    pages: set[Changes] = set()
    routes = [
        (r"/changes", Changes, {"collection": collection, "source": source, "pages": pages}),
        (r"/(page\.js|page\.css|)", Page, {"path": Path(__file__).with_name("page"), "default_filename": "index.html"}),
    ]
    made = Application(websocket_max_message_size=MAX_MESSAGE_BYTES, websocket_ping_interval=20, pages=pages)
    # Under no other name: a page from elsewhere could have its own name lead here.
    made.add_handlers(r"(127\.0\.0\.1|localhost)", routes)
    return made


async def send_away(pages: "set[Changes]") -> None:
    """Tell every page that the server stops. It will come back by itself."""
    await asyncio.gather(*(page.send_away() for page in pages))


class Page(StaticFileHandler):
    """The page's three files."""

    def set_extra_headers(self, path: str) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Cache-Control", "no-cache")


class Changes(WebSocketHandler):
    """One page's websocket. Tornado lets in only pages of this server's own origin (`check_origin`)."""

    def initialize(self, collection: MotorCollection[Document], source: str, pages: "set[Changes]") -> None:
        self._collection = collection
        self._source = source
        self._pages = pages
        self._feeding: asyncio.Task[None] | None = None

    def open(self, *args: str, **kwargs: str) -> None:
        if len(self._pages) >= MAX_PAGES:
            self.close(_TRY_LATER)
        else:
            self._pages.add(self)

    def on_close(self) -> None:
        self._pages.discard(self)
        if self._feeding is not None:
            self._feeding.cancel()

    async def send_away(self) -> None:
        """Stop watching, and close the websocket."""
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.wait([self._feeding])
        self.close(_GOING_AWAY)

    async def on_message(self, message: str | bytes) -> None:
        match _read(message):
            case {"type": "start", "position": str() | None as position} if self._feeding is None and self._is_let_in:
                self._feeding = asyncio.create_task(self._feed(position))
            case {"type": "insert", "text": str() as text} if self._is_let_in:
                with suppress(WebSocketClosedError):
                    await self._send(await self._insert(text))
            case _:
                self.close(_UNSUPPORTED)

    @property
    def _is_let_in(self) -> bool:
        return self in self._pages

    async def _feed(self, position: str | None) -> None:
        try:
            await Feed(self._collection, self._source, self._send).run(position)
        except WebSocketClosedError:
            pass
        except Exception:
            _log.exception("A page is not told of changes any more; it will connect again")
            self.close(_FAILED)

    async def _insert(self, text: str) -> Document:
        try:
            await self._collection.insert_one(parsed(text))
        except (BSONError, OverflowError, PyMongoError, ValueError) as error:
            return {"type": "refused", "message": explained(error)}
        return {"type": "inserted"}

    async def _send(self, message: Document) -> None:
        # Waits while the page reads more slowly than we write: what waits then is in the database, not here.
        await self.write_message(json.dumps(message))


def _read(message: str | bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(message)
    except (RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None
