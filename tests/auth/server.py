"""A scripted server that lets in only who proves who he is: by the mechanisms that it has, or a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from tests.support.listener import Peer, Request
from tests.support.messages import message
from tests.support.server import ScriptedServer, answer, reply

Conversation = Generator[dict[str, Any], Any, None]
"""Yields replies, and gets the payload of the client's next message."""

Mechanism = Callable[[dict[str, Any]], Conversation]
"""Begins a conversation, with the command that the client begins it with."""

_UNAUTHORIZED = {"ok": 0, "errmsg": "not authorized", "code": 13, "codeName": "Unauthorized"}


class RefusedError(Exception):
    """What a mechanism raises for a client that is not let in."""

    def __init__(self, text: str = "Authentication failed.", code: int = 18) -> None:
        super().__init__(text)
        self.document = {"ok": 0, "errmsg": text, "code": code, "codeName": "AuthenticationFailed"}


class GuardedServer(ScriptedServer):
    """Answers commands of clients that are let in. `known` lists the mechanisms of users, as ``database.name``.

    `said` are the commands that came, greetings included, by connection.
    """

    def __init__(self, mechanisms: Mapping[str, Mechanism], *, speculates: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.mechanisms = dict(mechanisms)
        self.known: dict[str, list[str]] = {}
        self.speculates = speculates
        self.said: dict[Peer, list[dict[str, Any]]] = {}
        self.let_in: set[Peer] = set()
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda reply: reply
        """What becomes of the replies of a conversation: what a man in the middle does to them."""
        self.default = self._answer_if_let_in
        self.on_hello = self._greet_and_begin
        self._conversations: dict[Peer, Conversation] = {}

    @property
    def working(self) -> list[list[dict[str, Any]]]:
        """What came over connections that operations may use: a monitor's never prove anything."""
        return [said for said in self.said.values() if any(_is_of_authentication(command) for command in said)]

    def forget(self) -> None:
        """Let nobody in any more who has not proved himself anew: the next command is refused."""
        self.let_in.clear()
        self.script("find", reply({"ok": 0, "errmsg": "expired", "code": 391, "codeName": "ReauthenticationRequired"}))

    async def serve(self, request: Request) -> None:
        self.said.setdefault(request.peer, []).append(request.command)
        await super().serve(request)

    async def _greet_and_begin(self, request: Request) -> None:
        hello = self.hello()
        user = request.command.get("saslSupportedMechs")
        if user in self.known:
            hello["saslSupportedMechs"] = self.known[user]
        begun = request.command.get("speculativeAuthenticate")
        if begun is not None and self.speculates:
            first = self._begin(request.peer, begun)
            if first.pop("ok"):
                hello["speculativeAuthenticate"] = first
        await request.peer.send(message(self.change(hello), request.id))

    async def _answer_if_let_in(self, request: Request) -> None:
        if request.name in ("saslStart", "authenticate"):
            document = self.change(self._begin(request.peer, request.command))
        elif request.name == "saslContinue":
            document = self.change(self._go_on(request.peer, request.command["payload"]))
        elif request.peer in self.let_in:
            await answer(request)
            return
        else:
            document = _UNAUTHORIZED
        await request.peer.send(message(document, request.id))

    def _begin(self, peer: Peer, command: dict[str, Any]) -> dict[str, Any]:
        mechanism = self.mechanisms.get(command["mechanism"])
        if mechanism is None:
            return RefusedError("Unsupported mechanism", 2).document
        self._conversations[peer] = mechanism({"$db": command.get("db"), **command})
        return self._go_on(peer, None)

    def _go_on(self, peer: Peer, payload: Any) -> dict[str, Any]:
        try:
            answered = self._conversations[peer].send(payload)
        except RefusedError as refused:
            return refused.document
        if answered.get("done", True):
            self.let_in.add(peer)
        return {"conversationId": 1, **answered, "ok": 1}


def _is_of_authentication(command: dict[str, Any]) -> bool:
    return bool(command.keys() & {"saslStart", "authenticate", "speculativeAuthenticate", "saslSupportedMechs"})
