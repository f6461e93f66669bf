"""What two correct runs of one call may differ in, and nothing else.

Every value that a driver or the server makes up (an ObjectId, a cursor's id, a session's id, a
time) is replaced by a name that tells which of its kind it was, in order of appearance. So "the
id in the result is the id that was sent" is still compared.
"""

from __future__ import annotations

import datetime
import re
import time
import uuid
from collections.abc import Collection, Mapping, Set
from typing import Any
from zlib import crc32

from bson import DBRef, Int64, ObjectId, Timestamp
from bson.binary import Binary
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from pymongo.errors import ClientBulkWriteException, PyMongoError

from .differences import as_motor_sends_it

# Longer ones are shown by their length and checksum.
LONG_TEXT = 20_000
LONG_LIST = 200

# Times that the server or the driver took from a clock: within a day of now. A case that means a
# time of its own uses one in the past.
RECENT_SECONDS = 24 * 3600

# What is left of a time limit of a thousand seconds. A case that means a maxTimeMS of its own uses a smaller one.
LEFT_OF_A_LIMIT = range(900_000, 1_000_001)

# A case that means an ObjectId or UUID of its own writes one that starts with these.
OWN_OBJECT_ID = b"\0\0\0\0"
OWN_UUID = b"\0\0\0\0"

CLASS_NAMES = (
    # Where a class lives.
    (re.compile(r"\b(?:pymongo\.asynchronous\.\w+|motor(?:\.\w+)+)\."), ""),
    # Motor's latent cursor is the command cursor before its first batch.
    (re.compile(r"\bAsyncIOMotorLatentCommandCursor\b"), "AsyncCommandCursor"),
    (re.compile(r"\bAsyncIOMotorClient\b"), "AsyncMongoClient"),
    (re.compile(r"\bAgnosticClient\b"), "AsyncMongoClient"),
    (re.compile(r"\b(?:AsyncIOMotor|Agnostic)(?=[A-Z])"), "Async"),
    # PyMongo itself is of two minds about what to call its client.
    (re.compile(r"\bAsyncMongoClient\b"), "MongoClient"),
    # The article goes with the class's name.
    (re.compile(r"\ban? (?='Async)"), "a "),
    # Which function of a driver's meets a wrong argument; what Python says of it is compared.
    (re.compile(r"\b[\w.]+\(\)(?= (?:got an unexpected|missing|takes) )"), "<function>()"),
)

# Keys whose value is gossip: it moves with every command anybody sends.
GOSSIP = frozenset(["$clusterTime", "operationTime", "localTime", "lastCommittedOpTime"])

LABELS = (
    "Mine",  # a case's own
    "NoWritesPerformed",
    "ResumableChangeStreamError",
    "RetryableWriteError",
    "TransientTransactionError",
    "UnknownTransactionCommitResult",
)

PLAIN_TEXT = re.compile(r"\$?[a-z_][A-Za-z_]{0,22}")  # nothing in it to be replaced
OBJECT_ID_TEXT = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
UUID_TEXT = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
ADDRESS_TEXT = re.compile(r"\b0x[0-9a-f]{6,}\b")  # of a Python object, in its repr
TRANSACTION_TEXT = re.compile(r"(?<=transaction number )\d+")
TIMESTAMP_TEXT = re.compile(r"\bTimestamp\(\d{10}, \d+\)")
ROUND_TRIP_TEXT = re.compile(r"\brtt: \d[\d.e-]*")  # measured


class Mark(str):
    """A name that stands for a value; shown without quotes, so that no string equals it."""

    def __repr__(self) -> str:
        return str(self)


class Normal:
    """One side's view of one case: turns what it saw into plain, comparable values."""

    def __init__(self, database: str, left_out: Collection[str] = ()) -> None:
        """Fields of commands that are `left_out` are not compared."""
        self.database = database
        self._left_out = left_out
        self._seen: dict[tuple[str, Any], Mark] = {}

    def _name(self, kind: str, value: Any) -> Mark:
        """`<kind 1>` for the first value of its kind, `<kind 2>` for the second."""
        known = self._seen.get((kind, value))
        if known is None:
            count = sum(1 for other, _ in self._seen if other == kind)
            known = self._seen[kind, value] = Mark(f"<{kind} {count + 1}>")
        return known

    def command(self, name: str, command: Mapping[str, Any]) -> dict[str, Any]:
        """A command as sent: the order of its own keys is free, of everything inside is not."""
        if not command:
            return {name: Mark("<kept secret>")}  # as a command with a password in it
        command = as_motor_sends_it(name, command)
        body: dict[str, Any] = {}
        for key in sorted(set(command) - set(self._left_out), key=lambda key: (key != name, key)):
            value = command[key]
            if key == "lsid":
                body[key] = self._name("session", bytes(value["id"]))
            elif key == "txnNumber":
                body[key] = self._transaction(command)
            elif (name, key) == ("getMore", "getMore"):
                body[key] = self._cursor_id(value)
            elif (name, key) == ("killCursors", "cursors"):
                body[key] = [self._cursor_id(each) for each in value]
            elif (name, key) == ("explain", "explain"):
                body[key] = self.command(next(iter(value)), value)
            else:
                body[key] = self._pair(key, value, wire=True)
        return body

    def result(self, value: Any) -> Any:
        """What a call gave back: types count, down to the class of each document."""
        return self._value(value, wire=False)

    def error(self, error: BaseException) -> dict[str, Any]:
        """An exception: its class, message, code, details and labels."""
        shown: dict[str, Any] = {
            "raised": self._class(error),
            "message": self._text(str(error)),
        }
        for attribute in ("code", "details", "timeout", "document"):
            if hasattr(error, attribute):
                shown[attribute] = self._value(getattr(error, attribute), wire=False)
        if isinstance(error, PyMongoError):
            shown["labels"] = [label for label in LABELS if error.has_error_label(label)]
        if isinstance(error, ClientBulkWriteException):
            for attribute in ("error", "write_errors", "write_concern_errors", "partial_result"):
                shown[attribute] = self._value(getattr(error, attribute), wire=False)
        return shown

    def _cursor_id(self, value: int) -> Any:
        return self._name("cursor", int(value)) if value else value

    def _transaction(self, command: Mapping[str, Any]) -> Mark:
        """A session of the server's goes on counting when it is used again."""
        return self._name("transaction", (bytes(command["lsid"]["id"]), int(command["txnNumber"])))

    def _class(self, value: Any) -> Mark:
        kind = type(value)
        return Mark(self._text(f"{kind.__module__}.{kind.__qualname__}"))

    def _text(self, text: str) -> str:
        if PLAIN_TEXT.fullmatch(text):
            return text
        if len(text) > LONG_TEXT:
            checksum = crc32(text.encode(errors="surrogatepass"))
            return f"{text[:40]}... {len(text)} characters, crc {checksum}"
        text = text.replace(self.database, "<db>")
        for pattern, replacement in CLASS_NAMES:
            text = pattern.sub(replacement, text)
        text = OBJECT_ID_TEXT.sub(lambda m: str(self._value(ObjectId(m[0]), wire=True)), text)
        text = UUID_TEXT.sub(lambda m: str(self._value(uuid.UUID(m[0]), wire=True)), text)
        for (kind, value), name in self._seen.items():
            if kind == "cursor":
                text = text.replace(str(value), str(name))
        text = TRANSACTION_TEXT.sub("<number>", text)
        text = ADDRESS_TEXT.sub("<address>", text)
        text = TIMESTAMP_TEXT.sub("<timestamp>", text)
        return ROUND_TRIP_TEXT.sub("rtt: <measured>", text)

    def _pair(self, key: Any, value: Any, wire: bool) -> Any:
        if key in GOSSIP:
            return Mark(f"<{key}>")
        if key == "maxTimeMS" and type(value) is int and value in LEFT_OF_A_LIMIT:
            return Mark("<what is left>")
        if key == "cursor" and isinstance(value, Mapping) and "id" in value:
            value = {**value, "id": self._cursor_id(value["id"])}
        return self._value(value, wire)

    def _mapping(self, value: Mapping[Any, Any], wire: bool) -> dict[Any, Any]:
        if isinstance(value, RawBSONDocument):
            size = len(value.raw)
            try:
                items = {k: self._pair(k, v, wire) for k, v in value.items()}
            except InvalidBSON:
                items = {"(broken)": value.raw}
            return items if wire else {"(class)": self._class(value), "(bytes)": size, **items}
        items = {self._text(k) if isinstance(k, str) else k: self._pair(k, v, wire) for k, v in value.items()}
        if "txnNumber" in value and "lsid" in value:
            items["txnNumber"] = self._transaction(value)
        if wire or type(value) is dict:
            return items
        return {"(class)": self._class(value), **items}

    def _list(self, value: Any, wire: bool) -> Any:
        items = [self._value(each, wire) for each in value]
        if len(items) > LONG_LIST:
            rest = crc32(repr(items).encode())
            items = [items[0], Mark(f"... {len(items)} in all, crc {rest} ..."), items[-1]]
        if wire or type(value) is list:
            return items
        return {"(class)": self._class(value), "items": items}

    def _value(self, value: Any, wire: bool) -> Any:
        kind = type(value)
        if isinstance(value, Mark) or value is None or kind in (bool, int, float):
            return value
        if kind is str:
            return self._text(value)
        if isinstance(value, Mapping):
            return self._mapping(value, wire)
        if isinstance(value, (list, tuple)):
            return self._list(value, wire)
        if isinstance(value, Set):
            return {"(class)": self._class(value), "items": sorted(map(repr, value))}
        if isinstance(value, BaseException):
            return self.error(value)
        if isinstance(value, ObjectId):
            own = value.binary.startswith(OWN_OBJECT_ID)
            return Mark(repr(value)) if own else self._name("ObjectId", value.binary)
        if isinstance(value, uuid.UUID):
            own = value.bytes.startswith(OWN_UUID)
            return Mark(repr(value)) if own else self._name("UUID", value.bytes)
        if isinstance(value, Binary) and value.subtype in (3, 4) and len(value) == 16:
            own = value.startswith(OWN_UUID)
            return Mark(repr(value)) if own else self._name("UUID", bytes(value))
        if isinstance(value, Timestamp) and abs(value.time - time.time()) < RECENT_SECONDS:
            return Mark("<timestamp>")
        if isinstance(value, datetime.datetime) and abs(_age(value)) < RECENT_SECONDS:
            return Mark("<now>")
        if kind.__module__ == "pymongo.results":
            return self._write_result(value)
        if isinstance(value, DBRef):
            return {"(class)": self._class(value), **self._mapping(value.as_doc(), wire)}
        if isinstance(value, Int64):
            return Mark(f"Int64({int(value)})")
        if kind.__name__.endswith(("Collection", "Database", "Client")):
            return self._handle(value)
        return Mark(self._text(repr(value)))

    def _write_result(self, result: Any) -> dict[str, Any]:
        """Every public attribute of a write's result, or what reading it raises."""
        shown: dict[str, Any] = {"(class)": self._class(result)}
        for name in sorted(name for name in dir(result) if not name.startswith("_")):
            try:
                value = getattr(result, name)
            except (AssertionError, AttributeError, PyMongoError) as error:
                value = error
            shown[name] = self._value(value, wire=False)
        return shown

    def _handle(self, handle: Any) -> dict[str, Any]:
        """A client, database or collection: its kind, its full name and its four options."""
        shown: dict[str, Any] = {"(class)": self._class(handle)}
        if not type(handle).__name__.endswith("Client"):
            shown["name"] = self._text(handle.name)
        for option in ("codec_options", "read_preference", "write_concern", "read_concern"):
            shown[option] = Mark(self._text(repr(getattr(handle, option))))
        return shown


def _age(moment: datetime.datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return time.time() - moment.timestamp()
