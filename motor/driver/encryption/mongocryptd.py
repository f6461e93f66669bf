"""mongocryptd, the local server that says which values of a command are to be encrypted."""

from __future__ import annotations

from collections.abc import Sequence

from bson.raw_bson import RawBSONDocument
from pymongo.errors import ServerSelectionTimeoutError

from motor._pymongo import spawn_daemon
from motor.driver.encryption.commands import RAW
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.operation import Target
from motor.driver.operations.run_command import RunCommand
from motor.driver.threads import APPLICATION


class Mark(RunCommand):
    """Ask which values of a command are to be encrypted. The answer to that takes no time limit."""

    __slots__ = ()

    has_time_limit = False


class Mongocryptd:
    """Asks mongocryptd, and starts it if there is none. Nothing is done before it is asked for the first time."""

    def __init__(self, deployment: Deployment, arguments: Sequence[str] | None) -> None:
        """`arguments` start it, the program first; ``None`` if somebody else does."""
        self._deployment = deployment
        self._arguments = arguments
        self._spawned = False

    async def mark(self, database: str, command: bytes) -> bytes:
        """`command` with its values marked that are to be encrypted."""
        if not self._spawned:
            await self._spawn()
        try:
            return await self._ask(database, command)
        except ServerSelectionTimeoutError:
            if self._arguments is None:
                raise
        # It ends by itself when nobody has used it for a while.
        await self._spawn()
        return await self._ask(database, command)

    async def _ask(self, database: str, command: bytes) -> bytes:
        operation = Mark(Target(database, codec_options=RAW), dict(RawBSONDocument(command)), 1, {})
        reply: RawBSONDocument = await self._deployment.execute(operation)
        return bytes(reply.raw)

    async def _spawn(self) -> None:
        self._spawned = True
        if self._arguments is not None:
            await APPLICATION.finish("starting mongocryptd", spawn_daemon, self._arguments)

    def close(self) -> None:
        """Close the connections to it."""
        self._deployment.close()
