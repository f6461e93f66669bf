"""A server in disguise: what is said to it goes through relays that let it answer hello as a mongos, as a load balancer
before several, or as one of the members of a replica set.

A driver knows one deployment from the other by little but that answer, and the server we have is only itself.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import bson
from bson.objectid import ObjectId

from tests.support.loops import loop_in_thread
from tests.support.messages import HEADER, MORE_TO_COME, OP_MSG, OP_QUERY, flags_of
from tests.support.proxy import Link, Proxy

Document = dict[str, Any]

_MSG_BODY = 5
_REPLY_BODY = 20
_GREETINGS = (b"hello", b"ismaster", b"isMaster")
_LOGINS = (b"saslStart",)
_NO_MECHANISM = "Unsupported SASL mechanism"
_IN_TRANSACTION = b"\x08autocommit\x00"
_OF_REPLICA_SETS = {
    *("setName", "setVersion", "electionId", "hosts", "passives", "arbiters", "primary", "secondary", "me", "lastWrite")
}

Change = Callable[[Document], Document]
"""What becomes of an answer."""


@dataclass(frozen=True)
class Disguise:
    """What is changed: answers to hello, those to commands in a transaction, and refusals of a login, if any."""

    of_greetings: Change
    of_transactions: Change | None = None
    of_refusals: Change | None = None

    def change_for(self, opcode: int, body: bytes) -> Change | None:
        """What becomes of the answer to this message."""
        if _is_one_of(_GREETINGS, opcode, body):
            return self.of_greetings
        if self.of_refusals is not None and _is_one_of(_LOGINS, opcode, body):
            return self.of_refusals
        return self.of_transactions if _IN_TRANSACTION in body else None


class Relay(Proxy):
    """One port, a free one if it is 0. Each connection gets the next disguise, which changes the answer to hello."""

    def __init__(self, server: tuple[str, int], disguises: Sequence[Disguise], port: int = 0) -> None:
        turns = cycle(disguises)
        host, target = server
        super().__init__(target, host=host, port=port, link=lambda: _Disguised(next(turns)))


class _Disguised(Link):
    """`changes` holds by their ids the messages whose answer is to be changed."""

    def __init__(self, disguise: Disguise) -> None:
        self._disguise = disguise
        self._changes: dict[int, Change] = {}

    def request(self, message: bytes) -> bytes:
        """What is said to the server, who need not know of a disguise."""
        _, request_id, response_to, opcode = HEADER.unpack_from(message)
        body = message[HEADER.size :]
        change = self._disguise.change_for(opcode, body)
        if change is None:
            return message
        self._changes[request_id] = change
        if change is self._disguise.of_greetings:
            body = _without_load_balancer(opcode, body)
        return _header(body, request_id, response_to, opcode) + body

    def reply(self, message: bytes) -> bytes:
        """What it answers, in disguise."""
        _, request_id, response_to, opcode = HEADER.unpack_from(message)
        change = self._changes.pop(response_to, None)
        if change is None:
            return message
        if flags_of(message) & MORE_TO_COME:
            # The next answer is one to this one, or to the same question, as the server has it.
            self._changes[response_to] = self._changes[request_id] = change
        body = _answer(opcode, message[HEADER.size :], change)
        return _header(body, request_id, response_to, opcode) + body


def _header(body: bytes, request_id: int, response_to: int, opcode: int) -> bytes:
    return HEADER.pack(HEADER.size + len(body), request_id, response_to, opcode)


@contextmanager
def relays(*opened: Relay) -> Iterator[None]:
    """Relays at work, in a thread with a loop of its own."""
    with loop_in_thread() as loop:
        for relay in opened:
            asyncio.run_coroutine_threadsafe(relay.open(), loop).result()
        try:
            yield
        finally:
            for relay in opened:
                asyncio.run_coroutine_threadsafe(relay.close(), loop).result()


def _start(opcode: int, body: bytes) -> int:
    """Where the command begins."""
    return _MSG_BODY if opcode == OP_MSG else body.index(b"\0", 4) + 9


def _is_one_of(names: Collection[bytes], opcode: int, body: bytes) -> bool:
    if opcode not in (OP_MSG, OP_QUERY):
        return False
    # A command's name is the first key of its document.
    start = _start(opcode, body) + 5
    return body[start : body.index(b"\0", start)] in names


def _without_load_balancer(opcode: int, body: bytes) -> bytes:
    """The server would not know what is meant."""
    start = _start(opcode, body)
    (size,) = struct.unpack_from("<i", body, start)
    command = bson.decode(body[start : start + size])
    command.pop("loadBalanced", None)
    return body[:start] + bson.encode(command) + body[start + size :]


def _answer(opcode: int, body: bytes, change: Change) -> bytes:
    start = _MSG_BODY if opcode == OP_MSG else _REPLY_BODY
    reply: Document = bson.decode(body[start:])
    is_changed = reply.get("ok") == 1 or str(reply.get("errmsg", "")).startswith(_NO_MECHANISM)
    return body[:start] + bson.encode(change(reply)) if is_changed else body


def _mongos_hello(hello: Document) -> Document:
    return {**{name: value for name, value in hello.items() if name not in _OF_REPLICA_SETS}, "msg": "isdbgrid"}


def _with_recovery_token(reply: Document) -> Document:
    """What lets another mongos end the transaction."""
    return {**reply, "recoveryToken": {"recoveryShardId": "shard"}}


def mongos() -> Disguise:
    """A mongos."""
    return Disguise(_mongos_hello, _with_recovery_token)


def service() -> Disguise:
    """A mongos behind a load balancer."""
    service_id = ObjectId()
    return Disguise(lambda hello: {**_mongos_hello(hello), "serviceId": service_id}, _with_recovery_token)


def doorman() -> Disguise:
    """A server that lets in everybody, by whichever mechanism he asks; it has a fail point's errors all the same."""
    let_in = {"conversationId": 1, "done": True, "payload": b""}
    return Disguise(
        lambda hello: {**hello, "speculativeAuthenticate": let_in}, of_refusals=lambda refusal: {**let_in, "ok": 1.0}
    )


def member(index: int, relays: list[Relay]) -> Disguise:
    """One of the members of a replica set, the first of which is its primary."""

    def change(hello: Document) -> Document:
        addresses = [relay.address for relay in relays]
        is_primary = index == 0
        roles = {"isWritablePrimary": is_primary, "ismaster": is_primary, "secondary": not is_primary}
        return {**hello, **roles, "hosts": addresses, "primary": addresses[0], "me": addresses[index]}

    return Disguise(change)
