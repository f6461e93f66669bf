"""The sixteen bytes that start every message, and the numbers that stand in them."""

from __future__ import annotations

import itertools
import struct

OP_MSG = 2013

HEADER = struct.Struct("<iiii")
"""messageLength, requestID, responseTo, opCode."""

_request_ids = itertools.count(1)


def next_request_id() -> int:
    """A request id, unique in this process until 2**31 requests have gone by."""
    return next(_request_ids) & 0x7FFFFFFF
