"""What a server only claims takes no memory: not before its bytes come, nor after its connection has failed."""

from __future__ import annotations

import gc
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from bson import encode
from pymongo.errors import AutoReconnect, ProtocolError

from tests.fuzz.client import survive
from tests.fuzz.server import GREETINGS, Interference, honest_hello
from tests.support.messages import HEADER, message

MEGABYTE = 1 << 20
LIE = 40 * MEGABYTE
CONNECTIONS = 5


def answering(answer: Callable[[int], bytes]) -> Interference:
    """A server that allows messages of 2 GB, and answers to a find with bytes."""

    def interfere(request):
        if request.name in GREETINGS:
            told = honest_hello(maxMessageSizeBytes=2**31 - 1, compression=["zlib"])
            return message(told, request.id)
        return answer(request.id) if request.name == "find" else None

    return interfere


def peak_of(interfere: Interference) -> tuple[Exception | None, int]:
    """The error that a find has, and the most memory that was traced."""
    gc.collect()
    tracemalloc.start()
    try:
        error = survive(interfere, lambda client: client.db.c.find_one({"_id": 1}), compressors="zlib")
        return error, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_message_of_two_gigabytes():
    error, peak = peak_of(answering(lambda number: HEADER.pack(2**31 - 1, 1, number, 2013) + bytes(100)))
    assert isinstance(error, ProtocolError)
    assert peak < 8 * MEGABYTE


@pytest.mark.parametrize("claimed", [LIE, 2**31 - 1, 10])
def test_a_bomb(claimed):
    bomb = zlib.compress(bytes(200 * MEGABYTE), 1)

    def answer(number: int) -> bytes:
        body = struct.pack("<iiB", 2013, claimed, 2) + bomb
        return HEADER.pack(HEADER.size + len(body), 1, number, 2012) + body

    error, peak = peak_of(answering(answer))
    assert isinstance(error, ProtocolError)
    # The bomb itself, some copies of it, and what the limit allows.
    assert peak < 3 * LIE


def test_connections_that_failed_leave_nothing_behind():
    """The error of each leads to its connection, in a cycle that the collector comes to when it likes."""

    def lie(number: int) -> bytes:
        return HEADER.pack(LIE, 1, number, 2013) + encode({"ok": 1})

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(CONNECTIONS):
            error = survive(answering(lie), lambda client: client.db.c.find_one({"_id": 1}))
            assert isinstance(error, AutoReconnect)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert left < LIE
