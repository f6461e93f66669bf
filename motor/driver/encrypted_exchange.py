"""One command and its reply, encrypted on their way to the server and decrypted on their way back.

A client without automatic encryption has nothing of this: its executor has a plain :class:`Exchange`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_options import ClientOptions
from pymongo.errors import InvalidOperation

from motor._pymongo import encode_document
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import UNREADABLE
from motor.driver.exchange import Exchange
from motor.driver.execution import Execution
from motor.driver.operations.find import EXHAUST, Find
from motor.driver.operations.operation import CURSOR_FIELDS, Command, Operation
from motor.driver.operations.write_batch import WriteBatch
from motor.driver.sdam.server import Server
from motor.driver.sdam.topology import Topology
from motor.driver.wire import op_msg
from motor.driver.wire.op_msg import DocumentSequence

Result = TypeVar("Result")

_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


class Encrypter(Protocol):
    """What encrypts and decrypts."""

    @property
    def encrypts(self) -> bool:
        """Whether commands are encrypted, too, and not only replies decrypted."""
        ...

    async def encrypt(self, database: str, command: bytes) -> bytes:
        """`command`, encrypted where it has to be."""
        ...

    async def decrypt(self, reply: bytes) -> bytes:
        """`reply`, decrypted where it is encrypted."""
        ...

    def close(self) -> None:
        """Let go of everything that is there for encryption only."""
        ...


class EncryptedExchange(Exchange):
    """Exchanges messages for a client with automatic encryption."""

    def __init__(
        self,
        topology: Topology,
        options: ClientOptions,
        on_orphan: Callable[[Operation[Any], Server, int], None],
        encrypter: Encrypter,
    ) -> None:
        super().__init__(topology, options, on_orphan)
        self._encrypter = encrypter

    async def run(self, execution: Execution[Result], server: Server, connection: Connection) -> Result:
        """Encrypt the operation's command, send it, and return what the decrypted reply reads as."""
        operation = execution.operation
        if isinstance(operation, Find) and operation.query.flags & EXHAUST:
            raise InvalidOperation("exhaust cursors do not support auto encryption")
        if operation.raw:
            raise InvalidOperation("raw batches do not support auto encryption")
        encrypted = _Encrypted(operation)
        if self._encrypter.encrypts:
            encrypted.replace_command(await self._encrypted(operation, connection))
        standing_in = copy.copy(execution)
        standing_in.operation = cast("Operation[Result]", encrypted)
        reply: Any = await super().run(standing_in, server, connection)
        if encrypted.document is not None:
            document = bytes(encrypted.document)
            try:
                decrypted = await self._encrypter.decrypt(document)
            except BaseException:
                if operation.reply_fields is CURSOR_FIELDS and not operation.continues:
                    self._orphaned(operation, server, op_msg.Message(0, document))
                raise
            if decrypted != document:
                reply = super()._decode(operation, decrypted)
        try:
            return execution.operation.result(reply)
        except UNREADABLE as error:
            connection.doubt(error)
            raise

    async def _encrypted(self, operation: Operation[Any], connection: Connection) -> Command:
        command = operation.command(connection.facts)
        if isinstance(operation, WriteBatch):
            # The statements have to be where they can be seen.
            (sequence,) = operation.sequences_to_encrypt(connection.facts)
            _add_documents(command, sequence)
        elif operation.is_batch:
            for sequence in operation.sequences(connection.facts, connection.facts.max_message_size):
                _add_documents(command, sequence)
        document = encode_document(command, False, operation.codec_options)
        return dict(RawBSONDocument(await self._encrypter.encrypt(operation.database, document), _RAW))

    def _decode(self, operation: Operation[Any], document: bytes | memoryview) -> Any:
        if isinstance(operation, _Encrypted):
            operation.document = document
        return super()._decode(operation, document)


def _add_documents(command: Command, sequence: DocumentSequence) -> None:
    command[sequence.identifier] = bson.decode_all(b"".join(sequence.documents), _RAW)


class _Encrypted:
    """Stands in for an operation: with its command encrypted, and its reply kept as it came.

    Whatever is shown of the command to listeners is what was sent.
    """

    def __init__(self, operation: Operation[Any]) -> None:
        self.document: bytes | memoryview | None = None
        self._operation = operation

    def replace_command(self, command: Command) -> None:
        """Send `command`, which holds the statements of a batch, too."""
        self.is_batch = False
        self.command = lambda facts: command
        self.described = lambda command: command

    def result(self, reply: Any) -> Any:
        """The reply: it is to be read when it has been decrypted."""
        return reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operation, name)
