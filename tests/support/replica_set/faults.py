"""What can be done with a command instead of answering it. `fail_next` takes these, or a function of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from tests.support.listener import Request
from tests.support.replica_set.errors import CommandError

if TYPE_CHECKING:
    from tests.support.replica_set.member import Member


class Exchange:
    """A command that has come to a member and has not been answered yet."""

    def __init__(self, member: Member, request: Request) -> None:
        self.member = member
        self.request = request
        self.command = request.command

    async def apply(self) -> dict[str, Any]:
        """Do what the command says; its reply, which has not been sent."""
        return await self.member.apply(self.request)

    def hang_up(self) -> None:
        """Reset the connection that the command came on."""
        self.request.peer.cut()


Fault = Callable[[Exchange], Awaitable["dict[str, Any] | None"]]
"""Returns the reply, or ``None`` for none."""


async def close_before(exchange: Exchange) -> None:
    """The connection fails before the command is applied."""
    exchange.hang_up()


async def close_after(exchange: Exchange) -> None:
    """The command is applied, the connection fails before its reply."""
    await exchange.apply()
    exchange.hang_up()


async def silence(exchange: Exchange) -> None:
    """The command is not applied and gets no reply; the connection stays open."""
    await asyncio.Event().wait()


def error(code: int, message: str = "", labels: Sequence[str] | None = None) -> Fault:
    """The command is not applied and fails with `code`. Without `labels` the server's own rules give them."""

    async def fail(exchange: Exchange) -> dict[str, Any]:
        return exchange.member.failed(exchange.command, CommandError(code, message, labels))

    return fail


def write_concern_error(code: int, message: str = "", labels: Sequence[str] | None = None) -> Fault:
    """The command is applied, but its write concern fails with `code`."""

    async def fail(exchange: Exchange) -> dict[str, Any]:
        reply = await exchange.apply()
        return {**reply, **CommandError(code, message, labels).write_concern_error(exchange.command)}

    return fail
