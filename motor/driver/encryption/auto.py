"""Automatic encryption: whole commands are encrypted, whole replies decrypted."""

from __future__ import annotations

from collections.abc import Callable

from pymongo.errors import InvalidOperation
from pymongocrypt.mongocrypt import MongoCrypt, MongoCryptContext
from pymongocrypt.options import MongoCryptOptions

from motor.driver.codes import CLIENT_CLOSED
from motor.driver.confidential import confidential
from motor.driver.encryption.errors import encryption_errors
from motor.driver.encryption.key_vault import KeyVault
from motor.driver.encryption.kms import Kms
from motor.driver.encryption.library import Library
from motor.driver.encryption.mongocryptd import Mongocryptd
from motor.driver.encryption.state_machine import StateMachine
from motor.driver.execution.deployment import Deployment


class AutoEncrypter:
    """Encrypts the commands of one client and decrypts the replies to them.

    `encrypts` says whether commands are encrypted: if not, replies are decrypted all the same.
    """

    def __init__(
        self,
        options: MongoCryptOptions,
        key_vault: KeyVault,
        kms: Kms,
        metadata: Deployment,
        mongocryptd: Mongocryptd,
        internal: Deployment | None,
    ) -> None:
        """`internal` is the deployment that is there for encryption only, if any."""
        self.encrypts = not options.bypass_encryption
        self._library = Library(options)
        self._machine = StateMachine(key_vault, kms, metadata, mongocryptd)
        self._mongocryptd = mongocryptd
        self._internal = internal
        self._closed = False

    @confidential
    async def encrypt(self, database: str, command: bytes) -> bytes:
        """`command`, encrypted where its collection's schema says so.

        Raises :class:`~pymongo.errors.EncryptionError`.
        """
        return await self._run(lambda handle: handle.encryption_context(database, command), command, database)

    @confidential
    async def decrypt(self, reply: bytes) -> bytes:
        """`reply`, with every encrypted value in it decrypted. Raises :class:`~pymongo.errors.EncryptionError`."""
        return await self._run(lambda handle: handle.decryption_context(reply), reply)

    async def _run(
        self, make_context: Callable[[MongoCrypt], MongoCryptContext], document: bytes, database: str = ""
    ) -> bytes:
        if self._closed:
            raise InvalidOperation(CLIENT_CLOSED)
        with encryption_errors():
            handle = await self._library.handle()
            result = await self._machine.run(lambda: make_context(handle), len(document), database)
        return document if result is None else result

    def close(self) -> None:
        """Close the connections that are there for encryption only, and forget the keys."""
        self._closed = True
        self._library.close()
        self._mongocryptd.close()
        if self._internal is not None:
            self._internal.close()
