"""What the commands do that a scripted member knows: enough to prove that nothing was lost or applied twice."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bson.int64 import Int64

from tests.replica_set.transactions import Transactions
from tests.support.replica_set.data import STATEMENTS, Data, Document
from tests.support.replica_set.errors import (
    COMMAND_NOT_FOUND,
    CURSOR_NOT_FOUND,
    FAILED_TO_PARSE,
    MAX_TIME_EXPIRED,
    CommandError,
)

if TYPE_CHECKING:
    from tests.support.replica_set.member import Member

READS = ("find", "count", "aggregate")
ENDS = ("commitTransaction", "abortTransaction")

_DEFAULT_BATCH = 101
_COUNT = {"$group": {"_id": 1, "n": {"$sum": 1}}}
_UNDERSTOOD = {
    "find": {"find", "filter", "limit", "batchSize", "singleBatch", "noCursorTimeout", "maxTimeMS"},
    "count": {"count", "query", "maxTimeMS"},
    "aggregate": {"aggregate", "pipeline", "cursor", "maxTimeMS"},
}
_UNDERSTOOD_EVERYWHERE = {"lsid", "txnNumber", "startTransaction", "autocommit", "readConcern", "comment"}


class Commands:
    """Runs commands for one process of a member. Its cursors are its own."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._transactions = Transactions(data)
        self._cursors: dict[int, tuple[str, Document | None, list[Document]]] = {}
        # No two processes give the same numbers, so that a getMore at the wrong one is found out.
        self._cursor_ids = itertools.count(random.getrandbits(62))
        self._handlers: dict[str, Callable[[Document, str, Member], Document]] = {
            "abortTransaction": self._abort,
            "aggregate": self._aggregate,
            "commitTransaction": self._commit,
            "count": self._count,
            "drop": self._drop,
            "dropDatabase": self._drop_database,
            "endSessions": self._nothing,
            "find": self._find,
            "getMore": self._get_more,
            "killCursors": self._kill_cursors,
            "ping": self._nothing,
        }

    async def run(self, command: Document, member: Member) -> Document:
        """The reply, without what every reply has. Raises CommandError."""
        name = next(iter(command))
        namespace = f"{command['$db']}.{command[name]}"
        if "autocommit" in command and name not in ENDS:
            self._transactions.join(command)
            if name in STATEMENTS:
                return self._transactions.write(command, namespace)
        if name in STATEMENTS:
            return self._data.write(command, namespace, member.address)
        if name not in self._handlers:
            raise CommandError(COMMAND_NOT_FOUND, f"no such command: '{name}'")
        if name in READS:
            _check_options(name, command)
            await self._replicated(command, member)
        return self._handlers[name](command, namespace, member)

    async def _replicated(self, command: Document, member: Member) -> None:
        """Wait until the member has the writes that a causally consistent read is to see."""
        after = command.get("readConcern", {}).get("afterClusterTime")
        deadline = time.monotonic() + command.get("maxTimeMS", 0) / 1000
        while after is not None and member.last_applied < after:
            if "maxTimeMS" in command and time.monotonic() > deadline:
                raise CommandError(MAX_TIME_EXPIRED)
            await asyncio.sleep(0.005)

    def _find(self, command: Document, namespace: str, member: Member) -> Document:
        limit = command.get("limit", 0)
        found = list(self._data.find(namespace, command.get("filter", {}), member.last_applied))
        return self._first_batch(command, namespace, found[: limit or None], command.get("batchSize", _DEFAULT_BATCH))

    def _count(self, command: Document, namespace: str, member: Member) -> Document:
        return {"n": sum(1 for _ in self._data.find(namespace, command.get("query", {}), member.last_applied))}

    def _aggregate(self, command: Document, namespace: str, member: Member) -> Document:
        """A count, or everything that matches."""
        condition: Document = {}
        stages = list(command["pipeline"])
        if stages and list(stages[0]) == ["$match"]:
            condition = stages.pop(0)["$match"]
        found = list(self._data.find(namespace, condition, member.last_applied))
        if stages == [_COUNT]:
            found = [{"_id": 1, "n": len(found)}] if found else []
        elif stages:
            raise CommandError(FAILED_TO_PARSE, f"the script matches and counts, it cannot do {stages}")
        return self._first_batch(command, namespace, found, command["cursor"].get("batchSize", _DEFAULT_BATCH))

    def _first_batch(self, command: Document, namespace: str, found: list[Document], size: int) -> Document:
        first, rest = found[:size], found[size:]
        cursor_id = 0
        if rest and not command.get("singleBatch"):
            cursor_id = next(self._cursor_ids)
            self._cursors[cursor_id] = namespace, command.get("lsid"), rest
        return {"cursor": {"id": Int64(cursor_id), "ns": namespace, "firstBatch": first}}

    def _get_more(self, command: Document, namespace: str, member: Member) -> Document:
        cursor_id = command["getMore"]
        if cursor_id not in self._cursors:
            raise CommandError(CURSOR_NOT_FOUND, f"cursor id {cursor_id} not found")
        namespace, lsid, rest = self._cursors[cursor_id]
        if lsid != command.get("lsid"):
            raise CommandError(FAILED_TO_PARSE, f"cursor {cursor_id} belongs to another session")
        size = command.get("batchSize", len(rest))
        batch, rest = rest[:size], rest[size:]
        if rest:
            self._cursors[cursor_id] = namespace, lsid, rest
        else:
            del self._cursors[cursor_id]
        return {"cursor": {"id": Int64(cursor_id if rest else 0), "ns": namespace, "nextBatch": batch}}

    def _kill_cursors(self, command: Document, namespace: str, member: Member) -> Document:
        killed = [cursor_id for cursor_id in command["cursors"] if self._cursors.pop(cursor_id, None)]
        missing = [cursor_id for cursor_id in command["cursors"] if cursor_id not in killed]
        return {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []}

    def _commit(self, command: Document, namespace: str, member: Member) -> Document:
        return self._transactions.commit(command, member.address)

    def _abort(self, command: Document, namespace: str, member: Member) -> Document:
        return self._transactions.abort(command)

    def _drop(self, command: Document, namespace: str, member: Member) -> Document:
        self._data.drop(lambda other: other == namespace)
        return {}

    def _drop_database(self, command: Document, namespace: str, member: Member) -> Document:
        self._data.drop(lambda other: other.startswith(command["$db"] + "."))
        return {}

    def _nothing(self, command: Document, namespace: str, member: Member) -> Document:
        return {}


def _check_options(name: str, command: Document) -> None:
    unknown = {option for option in command if option[:1] != "$"} - _UNDERSTOOD[name] - _UNDERSTOOD_EVERYWHERE
    if unknown:
        raise CommandError(FAILED_TO_PARSE, f"the script does not know these options of {name}: {sorted(unknown)}")
