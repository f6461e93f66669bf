"""Fuzzing authentication: what a server says in each step of each mechanism, beginning with an honest conversation."""

from __future__ import annotations

from random import Random
from typing import Any, cast

import bson

from tests.fuzz.client import survive
from tests.fuzz.mutation import WRONG_VALUES, mutate_bytes, mutate_documents
from tests.fuzz.scram import PASSWORD, USER, Conversation
from tests.fuzz.server import AUTHENTICATING, GREETINGS, Answer, FuzzPeer, honest_hello, raw_message
from tests.fuzz.target import Target
from tests.support.listener import Request
from tests.support.messages import message

MECHANISMS: tuple[dict[str, Any], ...] = (
    {"username": USER, "password": PASSWORD},
    {"username": USER, "password": PASSWORD, "authMechanism": "SCRAM-SHA-256"},
    {"username": USER, "password": PASSWORD, "authMechanism": "SCRAM-SHA-1"},
    {"username": USER, "password": PASSWORD, "authMechanism": "PLAIN"},
    {"username": USER, "authMechanism": "MONGODB-X509"},
)

NONCE = b"%n"
"""In a payload of an input: the client's nonce, which nobody knows beforehand."""

STEPS = 4
"""The first step's reply is in the handshake's, or the first of its own; the third ends a conversation of three."""


class _Liar:
    """Answers honestly up to one step, and then what the input says."""

    def __init__(self, step: int, speculates: bool, what: int, lie: bytes) -> None:
        self._step = step
        self._speculates = speculates
        self._what = what
        self._lie = lie

    def __call__(self, request: Request) -> Answer:
        conversation = cast(FuzzPeer, request.peer).conversation
        if request.name in GREETINGS:
            return self._greeting(request, conversation)
        if request.name not in AUTHENTICATING:
            return None
        reply = conversation.answer(request.command)
        step = 3 if not request.command.get("payload", b"x") else 2 if "saslContinue" in request.command else 1
        return self._told(request, reply) if step == self._step else message(reply, request.id)

    def _greeting(self, request: Request, conversation: Conversation) -> Answer:
        speculation = request.command.get("speculativeAuthenticate")
        if speculation is None or not self._speculates:
            return None
        reply = conversation.start(speculation)
        if self._step == 0:
            reply = self._replaced(request, reply)
        return message(honest_hello(speculativeAuthenticate=reply), request.id)

    def _told(self, request: Request, reply: dict[str, Any]) -> Answer:
        if self._what == 0:
            return raw_message(self._lie, request.id)
        return message(self._replaced(request, reply), request.id)

    def _replaced(self, request: Request, reply: dict[str, Any]) -> Any:
        """The reply with another payload, or with a field of another type."""
        if self._what <= 1:
            nonce = bytes(request.command.get("payload", b"")).partition(b",r=")[2]
            return {**reply, "payload": self._lie.replace(NONCE, nonce)}
        value = WRONG_VALUES[self._lie[0] % len(WRONG_VALUES)] if self._lie else None
        return {**reply, ("payload", "done", "conversationId", "ok")[self._what - 2]: value}


def fuzz_sasl(data: bytes) -> None:
    """The first byte chooses the mechanism and whether it begins in the handshake, the second the step that is a lie,
    the third what is: all of the reply, its payload, or one field of it.
    """
    how, step, what = data[:3].ljust(3, b"\0")
    options = MECHANISMS[how % len(MECHANISMS)]
    liar = _Liar(step % STEPS, how < 128, what % 6, data[3:])
    survive(liar, lambda client: client.db.c.find_one({"_id": 1}), **options)


_PAYLOADS = (
    b"r=%nxyz,s=c2l4dGVlbiBieXRlcyBvZg==,i=4096",
    b"r=%nxyz,s=c2l4dGVlbiBieXRlcyBvZg==,i=2000000000",
    b"r=other,s=c2l4dGVlbiBieXRlcyBvZg==,i=4096",
    b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    b"e=invalid-proof",
    b"",
)


def _seeds() -> list[bytes]:
    seeds = []
    for how in range(len(MECHANISMS)):
        for step in range(STEPS):
            # Begun in the handshake, which has a step more, or not.
            head = how if step % 2 == 0 else 128 + (how - 128) % len(MECHANISMS)
            seeds += [bytes([head, step, 1]) + payload for payload in _PAYLOADS]
            seeds += [bytes([head, step, what, what]) for what in range(2, 6)]
            document = {"conversationId": 1, "payload": _PAYLOADS[0], "done": False, "ok": 1}
            seeds.append(bytes([head, step, 0]) + bson.encode(document))
    return seeds


def _mutate(data: bytes, random: Random) -> bytes:
    head, rest = data[:3].ljust(3, b"\0"), data[3:]
    if random.randint(0, 9) == 0:
        head = bytes(random.randint(0, 255) for _ in range(3))
    return head + (mutate_documents(rest, random) if head[2] % 6 == 0 else mutate_bytes(rest, random))


TARGETS = (Target("sasl", fuzz_sasl, _seeds, _mutate, 3_000),)
