"""The tests' server, with some bytes of what it answers changed on the way.

A driver splits its batches by what the server's hello says it takes: with small limits a handful of
small documents goes where it would take a hundred thousand, or 48 MB. And a server that refuses
broken text or a date past the year 9999 can still be made to send one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from tests.support.proxy import Link

Change = tuple[re.Pattern[bytes], bytes]


def limit(name: str, value: int) -> Change:
    """The server's hello says `value` for its limit of this name."""
    field = b"\x10" + name.encode() + b"\0"  # as BSON has an int32: its type, its name, four bytes
    return re.compile(re.escape(field) + b"....", re.DOTALL), field + struct.pack("<i", value)


def change(old: bytes, new: bytes) -> Change:
    """The server sends `new` where it means `old`."""
    assert len(old) == len(new)
    return re.compile(re.escape(old)), new


class Changed(Link):
    """A connection on which the server's messages are changed."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = [(old, new.replace(b"\\", rb"\\")) for old, new in changes]

    def reply(self, message: bytes) -> bytes:
        """What the server sends, changed."""
        for old, new in self._changes:
            message = old.sub(new, message)
        return message
