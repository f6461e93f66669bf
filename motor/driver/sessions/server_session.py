"""The server's sessions, and the pool of them that a client keeps.

Source: the MongoDB specification "Driver Sessions".
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.int64 import Int64


class ServerSession:
    """One logical session: its id document, as commands carry it, when it was last used, and its transaction number."""

    __slots__ = ("dirty", "last_use", "lsid", "transaction_number")

    def __init__(self) -> None:
        self.lsid: dict[str, Any] = {"id": Binary(uuid.uuid4().bytes, UUID_SUBTYPE)}
        self.last_use = time.monotonic()
        self.dirty = False
        self.transaction_number = Int64(0)

    def next_transaction_number(self, count: int = 1) -> Int64:
        """The number of the next retryable write or transaction, or of the last of the next `count`."""
        number = self.transaction_number = Int64(self.transaction_number + count)
        return number


class ServerSessionPool:
    """Sessions that nobody uses, the one used last on top. One that is about to expire on the server is dropped."""

    def __init__(self) -> None:
        self._sessions: deque[ServerSession] = deque()
        self._lifetime: float | None = None

    def set_timeout(self, minutes: int | None) -> None:
        """After how many idle minutes the servers drop a session. One is left out: a session may not end on its way."""
        self._lifetime = None if minutes is None else (minutes - 1) * 60

    def acquire(self) -> ServerSession:
        """A session that is still alive on the server, or a new one."""
        if self._sessions:
            session = self._sessions.pop()
            if self._lifetime is None or time.monotonic() - session.last_use <= self._lifetime:
                return session
            # The others have been idle even longer.
            self._sessions.clear()
        return ServerSession()

    def release(self, session: ServerSession) -> None:
        """Take a session back. One that saw a network error is dropped: the server may still be working for it."""
        if session.dirty:
            return
        now = session.last_use = time.monotonic()
        self._sessions.append(session)
        if self._lifetime is not None:
            while self._sessions and now - self._sessions[0].last_use > self._lifetime:
                self._sessions.popleft()

    def drain(self) -> list[dict[str, Any]]:
        """The ids of all that are in the pool, which is empty then."""
        ids = [session.lsid for session in self._sessions]
        self._sessions.clear()
        return ids
