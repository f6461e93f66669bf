"""The tests' server, on which each side has a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.uri_parser import parse_uri


@dataclass(frozen=True)
class FailPoint:
    """What the server's failCommand does, and how often."""

    times: int
    data: Mapping[str, Any]


class Stage:
    """A server, and who sets it up and looks at it afterwards."""

    def __init__(self, uri: str) -> None:
        self.port: int = parse_uri(uri)["nodelist"][0][1]
        self._admin: MongoClient[Any] = MongoClient(uri, retryWrites=False)
        self._token = uuid.uuid4().hex[:8]
        self._numbers = count(1)

    def close(self) -> None:
        """Leave the server."""
        self._admin.close()

    def new_name(self) -> str:
        """Of a side's database. All have one length, so that messages have the same size on both sides."""
        return f"randomised_{self._token}_{next(self._numbers):06d}"

    @contextmanager
    def database(self, name: str) -> Iterator[Database[Any]]:
        """One side's, past the proxy; gone afterwards."""
        try:
            yield self._admin[name]
        finally:
            self._admin.drop_database(name)

    def end_transactions(self) -> None:
        """Abort what was left open when a connection broke, or it would lock everybody out: SecantusDB keeps it."""
        self._admin.admin.command("killAllSessions", [])

    @contextmanager
    def fail_point(self, what: FailPoint) -> Iterator[None]:
        """While it lasts the server fails."""
        command = {"configureFailPoint": "failCommand", "mode": {"times": what.times}, "data": what.data}
        self._admin.admin.command(command)
        try:
            yield
        finally:
            self._admin.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
