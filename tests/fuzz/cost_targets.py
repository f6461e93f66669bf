"""Fuzzing for what it costs: an input is a recipe for something large, which is one small thing again and again.

However it is made, it may cost no more than a constant for each byte that comes, or that it claims to become.
"""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import bson
from bson import Int64, Timestamp

from motor.driver.cmap.hello import MOST_MEMBERS
from tests.fuzz.client import survive
from tests.fuzz.client_targets import COMPRESSORS, MODES
from tests.fuzz.cost import measured
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.server import GREETINGS, Answer, honest_hello, raw_message
from tests.fuzz.target import Target
from tests.support.envelope import NUMBERS, wrap
from tests.support.listener import Request
from tests.support.messages import HEADER, OP_MSG, message

_RECIPE = struct.Struct("<BBBH")

_LEAST, _STEP = 350_000, 8
"""Bytes that a recipe makes: enough for a reply whose batch is decoded in pieces."""

_LONGEST_UNIT = 64

_LINES = 10_000
"""What an operation, its client and their end take."""

_LINES_A_DOCUMENT = 40

_LINES_A_PIECE = 200_000
"""What a piece of a batch takes that breaks off before any of its documents is read."""

_MEMORY = 3_000_000

_LINES_A_SERVER = 3_000
_MEMORY_A_SERVER = 200_000
"""What a server takes within two seconds, however many others it names."""


def _document(elements: bytes) -> bytes:
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def _elements(document: dict[str, Any]) -> bytes:
    return bson.encode(document)[4:-1]


_CURSOR = _elements({"id": Int64(0), "ns": "db.c"})
_EMPTY = _elements({"cursor": {"id": Int64(0), "ns": "db.c", "firstBatch": []}})
_OK = _elements({"ok": 1.0})
_TIME = _elements({"clusterTime": Timestamp(5, 1), "signature": {"hash": b"x" * 20, "keyId": Int64(7)}})


def _in_cursor(elements: bytes) -> bytes:
    return _document(b"\x03cursor\0" + _document(elements) + _OK)


PLACES = (
    lambda many: bytes(5) + _document(many + _EMPTY + _OK),
    lambda many: bytes(5) + _document(_OK + _EMPTY + many),
    lambda many: bytes(5) + _in_cursor(many + _CURSOR + b"\x04firstBatch\0" + _document(b"")),
    lambda many: bytes(5) + _in_cursor(_CURSOR + b"\x04firstBatch\0" + _document(many)),
    lambda many: bytes(5) + _document(_EMPTY + _OK) + b"\1" + struct.pack("<i", len(many) + 6) + b"a\0" + many,
    lambda many: b"\1\0\0\0\0" + _document(_EMPTY + _OK + b"\x03x\0" + _document(many)) + bytes(4),
    lambda many: bytes(5) + _document(_elements({"ok": 0.0, "errmsg": "no", "code": 5}) + b"\x04x\0" + _document(many)),
    lambda many: bytes(5) + _document(_EMPTY + _OK + b"\x03$clusterTime\0" + _document(_TIME + many)),
    lambda many: bytes(4) + many,
)
"""Bodies of messages: where in a reply there is so much of the same."""

FORMS = ("plain", *NUMBERS)


def _read(data: bytes) -> tuple[int, int, int, bytes]:
    """A recipe: where, how, how many times over, and much of the same."""
    where, how, times, size = _RECIPE.unpack(data[: _RECIPE.size].ljust(_RECIPE.size, b"\0"))
    unit = data[_RECIPE.size :][:_LONGEST_UNIT] or b"\0"
    return where, how, 1 + times % 4, unit * ((_LEAST + _STEP * size) // len(unit))


def claims(data: bytes) -> int:
    """How many bytes a recipe makes."""
    _, _, times, many = _read(data)
    return times * len(many)


def cost_reply(data: bytes) -> None:
    """A reply of which some part is very large; it may come compressed, whether that was negotiated or not."""
    where, how, times, many = _read(data)
    body = PLACES[where % len(PLACES)](many)
    form, negotiated = FORMS[how % len(FORMS)], how < 128
    documents = 0

    async def find(client: Any) -> None:
        nonlocal documents
        async for _ in client.db.c.find({}):
            documents += 1

    def interfere(request: Request) -> Answer:
        if request.name in GREETINGS and negotiated:
            return message(honest_hello(compression=COMPRESSORS.split(",")), request.id)
        if request.name != "find":
            return None
        plain = HEADER.pack(HEADER.size + len(body), 1, request.id, OP_MSG) + body
        return (plain if form == "plain" else wrap(plain, form)) * times

    with measured() as cost:
        survive(interfere, find, compressors=COMPRESSORS)
    cost.check(len(body) * times, _LINES + _LINES_A_PIECE + _LINES_A_DOCUMENT * documents, _MEMORY)


def _reply_seeds() -> list[bytes]:
    null, regex, document = b"\x0a\0", b"\x0b\0\0\0", b"\5\0\0\0\0"
    listed = b"\x030\0" + document
    seeds = []
    for where in range(len(PLACES)):
        seeds += [_RECIPE.pack(where, 0, 0, 20_000) + unit for unit in (null, regex, document, listed)]
        for how in range(1, len(FORMS)):
            seeds += [_RECIPE.pack(where, how + more, 3, 8_000) + null for more in (0, 130 - 130 % len(FORMS))]
    return seeds


LISTS = ("hosts", "passives", "arbiters", "compression", "saslSupportedMechs", "errorLabels")


def cost_hello(data: bytes) -> None:
    """Hellos of which some part is very large: a list of names that are all different, or fields that nobody knows."""
    where, how, times, many = _read(data)
    recovers, options = MODES[how % len(MODES)]
    size = 0

    def interfere(request: Request) -> Answer:
        nonlocal size
        if request.name not in GREETINGS:
            return None
        answer = _large_hello(where, times, many, request)
        size += len(answer)
        return answer

    with measured() as cost:
        survive(interfere, lambda client: client.db.c.find_one({"_id": 1}), recovers=recovers, **options)
    cost.check(size, _LINES + _LINES_A_SERVER * 3 * MOST_MEMBERS, _MEMORY_A_SERVER * 3 * MOST_MEMBERS)


def _large_hello(where: int, times: int, many: bytes, request: Request) -> bytes:
    where %= len(LISTS) + 3
    if where < len(LISTS):
        # Other names each time.
        start = request.id * 10_000
        names = [f"host{number}:1" for number in range(start, start + (len(many) - _LEAST + _STEP) // (20 * times))]
        return message(honest_hello(**{LISTS[where]: names, "isWritablePrimary": False, "secondary": True}), request.id)
    told = _elements(honest_hello())
    if where == len(LISTS):
        return raw_message(_document(told + b"\x04x\0" + _document(many)), request.id)
    if where == len(LISTS) + 1:
        return raw_message(_document(told + b"\x03$clusterTime\0" + _document(_TIME + many)), request.id)
    refusal = _elements({"ok": 0.0, "errmsg": "no", "code": 5})
    return raw_message(_document(refusal + b"\x04x\0" + _document(many)), request.id)


def _hello_seeds() -> list[bytes]:
    return [
        _RECIPE.pack(where, how, times, size) + b"\x0b\0\0\0"
        for where, how in zip(range(len(LISTS) + 3), [1, 2] * 5, strict=False)
        for times, size in ((0, 120), (0, 5_000), (3, 60_000))
    ]


def _mutate(data: bytes, random: Random) -> bytes:
    head, unit = data[: _RECIPE.size].ljust(_RECIPE.size, b"\0"), data[_RECIPE.size :]
    if random.randint(0, 3) == 0:
        numbers = (random.randint(0, 255), random.randint(0, 255), random.randint(0, 255), random.randint(0, 65_535))
        head = _RECIPE.pack(*numbers)
    return head + mutate_bytes(unit, random)[:_LONGEST_UNIT]


TARGETS = (
    Target("cost_reply", cost_reply, _reply_seeds, _mutate, 3_000, claims),
    Target("cost_hello", cost_hello, _hello_seeds, _mutate, 1_000, claims),
)
