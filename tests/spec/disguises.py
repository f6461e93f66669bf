"""A server in disguise: what is said to it goes through relays that let it answer hello as a mongos, as a load balancer
before several, or as one of the members of a replica set.

A driver knows one deployment from the other by little but that answer, and the server we have is only itself.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import bson
from bson.objectid import ObjectId

from tests.listening import Connections

Document = dict[str, Any]

HOST = "127.0.0.1"
_HEADER = struct.Struct("<iiii")
_OP_QUERY, _OP_MSG = 2004, 2013
_MSG_BODY = 5
_REPLY_BODY = 20
_GREETINGS = (b"hello", b"ismaster", b"isMaster")
_LOGINS = (b"saslStart",)
_NO_MECHANISM = "Unsupported SASL mechanism"
_IN_TRANSACTION = b"\x08autocommit\x00"
_MORE_TO_COME = 2
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


@dataclass
class Relay:
    """One port, a free one if it is 0. Each connection gets the next disguise, which changes the answer to hello."""

    server: tuple[str, int]
    disguises: list[Disguise]
    port: int = 0

    def __post_init__(self) -> None:
        self._turns = cycle(self.disguises)
        self._connections = Connections(self._accept)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"{HOST}:{self.port}"

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._connections.accept, HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all of it."""
        await self._connections.end(self._listener)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        disguise = next(self._turns)
        changes: dict[int, Change] = {}
        server_reader, server_writer = await self._connections.open(*self.server)
        there = asyncio.ensure_future(_forward(reader, server_writer, changes, disguise))
        back = asyncio.ensure_future(_forward(server_reader, writer, changes, disguise))
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.cancel()
            back.cancel()


@contextmanager
def relays(*opened: Relay) -> Iterator[None]:
    """Relays at work, in a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for relay in opened:
        asyncio.run_coroutine_threadsafe(relay.open(), loop).result()
    try:
        yield
    finally:
        for relay in opened:
            asyncio.run_coroutine_threadsafe(relay.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, changes: dict[int, Change], disguise: Disguise
) -> None:
    """Pass on message by message; `changes` holds by their ids the messages whose answer is to be changed."""
    with suppress(asyncio.IncompleteReadError, OSError):
        while True:
            header = await reader.readexactly(_HEADER.size)
            size, request_id, response_to, opcode = _HEADER.unpack(header)
            body = await reader.readexactly(size - _HEADER.size)
            if change := changes.get(response_to):
                if opcode == _OP_MSG and body[0] & _MORE_TO_COME:
                    # The next answer is one to this one, or to the same question, as the server has it.
                    changes[request_id] = change
                else:
                    del changes[response_to]
                body = _answer(opcode, body, change)
            elif not response_to and (change := disguise.change_for(opcode, body)):
                changes[request_id] = change
                if change is disguise.of_greetings:
                    body = _without_load_balancer(opcode, body)
            writer.write(_HEADER.pack(_HEADER.size + len(body), request_id, response_to, opcode) + body)
            await writer.drain()


def _start(opcode: int, body: bytes) -> int:
    """Where the command begins."""
    return _MSG_BODY if opcode == _OP_MSG else body.index(b"\0", 4) + 9


def _is_one_of(names: Collection[bytes], opcode: int, body: bytes) -> bool:
    if opcode not in (_OP_MSG, _OP_QUERY):
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
    start = _MSG_BODY if opcode == _OP_MSG else _REPLY_BODY
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
