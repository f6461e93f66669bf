"""What one page is told: a change stream of its own, from where the page says it is.

A page is somewhere among the changes: after the last one it has received. Each message tells it where that is, as a
text that means nothing to the page. It gives the text back when it connects again, and so misses nothing and sees
nothing twice: there is no other memory of it, neither here nor in the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bson import json_util
from bson.errors import BSONError
from pymongo.errors import OperationFailure, PyMongoError

from motor.motor_tornado import MotorCollection

from describe import described, explained

Document = dict[str, Any]
Send = Callable[[Document], Awaitable[None]]

QUIET_SECONDS = 5
"""How often a page hears from us when nothing changes."""

RETRY_SECONDS = 1

LOST = "The changes since this page was last connected can no longer be read: some are missing here."

_TOO_OLD = frozenset({260, 280, 286})
"""InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost: this stream can't go on, a new one can."""

_log = logging.getLogger(__name__)


class Feed:
    """Sends a page the changes of `collection` until it is cancelled.

    :param source: names the collection, and the database server if it is a new one each time: a position in another
        one's changes means nothing here.
    """

    def __init__(self, collection: MotorCollection[Document], source: str, send: Send) -> None:
        self._collection = collection
        self._source = source
        self._send = send
        self._token: Mapping[str, Any] | None = None

    async def run(self, position: str | None) -> None:
        """From `position`, or from now."""
        if position is not None:
            self._token = self._token_in(position)
            if self._token is None:
                await self._tell("lost", message=LOST)
        while True:
            try:
                await self._watch()
            except PyMongoError as error:
                await self._tell_error(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _watch(self) -> None:
        """Until the stream ends: the driver has resumed it where that could help, or the collection was dropped."""
        async with self._collection.watch(
            # Unlike resume_after, start_after goes on after the collection was dropped, too.
            start_after=self._token,
            full_document="updateLookup",
            max_await_time_ms=1000 * QUIET_SECONDS,
        ) as stream:
            self._token = stream.resume_token
            await self._tell("watching", namespace=self._collection.full_name)
            while stream.alive:
                change = await stream.try_next()
                if change is None:
                    # Says that we are alive, and takes the page past changes of other collections.
                    self._token = stream.resume_token
                    await self._tell("quiet")
                else:
                    self._token = change["_id"]
                    # A large document takes a while to describe: the other pages go on meanwhile.
                    await self._tell("change", **await asyncio.to_thread(described, change))

    async def _tell(self, kind: str, **more: Any) -> None:
        position = None
        if self._token is not None:
            position = json_util.dumps({"source": self._source, "token": self._token})
        await self._send({"type": kind, "position": position, **more})

    async def _tell_error(self, error: PyMongoError) -> None:
        _log.warning("%s: %s", type(error).__name__, error)
        if isinstance(error, OperationFailure) and error.code in _TOO_OLD:
            self._token = None
            await self._tell("lost", message=LOST)
        else:
            await self._tell("unavailable", message=explained(error))

    def _token_in(self, position: str) -> Mapping[str, Any] | None:
        try:
            found = json_util.loads(position)
            token: Mapping[str, Any] | None = found["token"] if found["source"] == self._source else None
        except (BSONError, KeyError, RecursionError, TypeError, ValueError):
            return None
        return token if isinstance(token, Mapping) else None
