"""libmongocrypt's state machine: it says what it needs, and gets it, until it has a result.

pymongocrypt has one, too. This one gives the loop's time away nowhere: what takes long to compute is done in a thread,
and so is asking a cloud for credentials.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import bson
from pymongo.errors import InvalidOperation
from pymongocrypt.binding import lib
from pymongocrypt.errors import MongoCryptError
from pymongocrypt.mongocrypt import MongoCryptContext

from motor._pymongo import kms_credentials
from motor.driver import timeouts
from motor.driver.encryption.commands import collection_info
from motor.driver.encryption.key_vault import KeyVault
from motor.driver.encryption.kms import Kms
from motor.driver.encryption.mongocryptd import Mongocryptd
from motor.driver.execution.deployment import Deployment
from motor.driver.threads import APPLICATION, WORK

T = TypeVar("T")

_LARGE = 16 * 1024
"""Documents up to this size, in bytes, are worked on at once: if they hold nothing but small encrypted values it takes
some milliseconds.
"""


class StateMachine:
    """Runs libmongocrypt's contexts."""

    def __init__(
        self,
        key_vault: KeyVault,
        kms: Kms,
        metadata: Deployment | None = None,
        mongocryptd: Mongocryptd | None = None,
    ) -> None:
        """`metadata` is where the collections' schemas are asked for; it and `mongocryptd` are needed for automatic
        encryption only.
        """
        self._key_vault = key_vault
        self._kms = kms
        self._metadata = metadata
        self._mongocryptd = mongocryptd

    async def run(self, make_context: Callable[[], MongoCryptContext], size: int, database: str = "") -> bytes | None:
        """Give the context that `make_context` makes, from a document of `size` bytes, what it needs. Its result is
        BSON; ``None`` if there was nothing to do.

        Raises :class:`pymongocrypt.errors.MongoCryptError` and whatever goes wrong with input and output.
        """
        work = _Work(size > _LARGE)
        try:
            context = await work.begin(make_context)
            while True:
                state = context.state
                # In the state of an error the end raises that.
                if state in (lib.MONGOCRYPT_CTX_READY, lib.MONGOCRYPT_CTX_ERROR):
                    return await work.do(context.finish)
                if state == lib.MONGOCRYPT_CTX_DONE:
                    return None
                await self._provide(context, state, database)
        finally:
            work.end()

    async def _provide(self, context: MongoCryptContext, state: int, database: str) -> None:
        if state == lib.MONGOCRYPT_CTX_NEED_MONGO_COLLINFO:
            if self._metadata is None:
                raise InvalidOperation("only automatic encryption asks for schemas")
            for document in await collection_info(self._metadata, database, context.mongo_operation()):
                context.add_mongo_operation_result(document)
            context.complete_mongo_operation()
        elif state == lib.MONGOCRYPT_CTX_NEED_MONGO_MARKINGS:
            if self._mongocryptd is None:
                raise InvalidOperation("only automatic encryption asks mongocryptd")
            context.add_mongo_operation_result(await self._mongocryptd.mark(database, context.mongo_operation()))
            context.complete_mongo_operation()
        elif state == lib.MONGOCRYPT_CTX_NEED_MONGO_KEYS:
            for key in await self._key_vault.find(context.mongo_operation()):
                context.add_mongo_operation_result(key)
            context.complete_mongo_operation()
        elif state == lib.MONGOCRYPT_CTX_NEED_KMS:
            for request in context.kms_contexts():
                with request:
                    await self._kms.complete(request)
            context.complete_kms()
        elif state == lib.MONGOCRYPT_CTX_NEED_KMS_CREDENTIALS:
            credentials = await APPLICATION.finish("asking for credentials", kms_credentials, context.kms_providers)
            context.provide_kms_providers(bson.encode(credentials))
        else:
            raise MongoCryptError(f"libmongocrypt is in a state that Motor does not know: {state}")


class _Work:
    """What is done with one context: on the loop, or in a thread.

    A thread goes on when the task that waits for it is cancelled, and the context must live that long.
    """

    def __init__(self, in_thread: bool) -> None:
        self._in_thread = in_thread
        self._context: MongoCryptContext | None = None
        self._running: asyncio.Future[object] | None = None

    async def begin(self, make_context: Callable[[], MongoCryptContext]) -> MongoCryptContext:
        """Make the context."""

        def make() -> MongoCryptContext:
            self._context = make_context()
            return self._context

        return await self.do(make)

    async def do(self, step: Callable[[], T]) -> T:
        """Run a step that may take long."""
        if not self._in_thread:
            return step()
        running = WORK.call(step)
        self._running = running  # type: ignore[assignment]  # nobody takes the result from there
        return await timeouts.before_deadline(asyncio.shield(running), "encryption")

    def end(self) -> None:
        """Free the context, as soon as nobody works on it."""
        if self._running is not None and not self._running.done():
            self._running.add_done_callback(lambda _: self._free())
        else:
            self._free()

    def _free(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            context.__exit__(None, None, None)
