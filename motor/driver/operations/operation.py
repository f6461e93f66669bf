"""What every operation has in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions, TypeRegistry
from pymongo.errors import ConfigurationError, DocumentTooLarge
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from motor._pymongo import (
    ReadPreferenceMode,
    TransactionOptions,
    has_decoders,
    index_document,
    writable_server_selector,
)
from motor.driver import timeouts
from motor.driver.operations.reply import Reply
from motor.driver.server_facts import ServerFacts
from motor.driver.wire.op_msg import DocumentSequence

Document = Mapping[str, Any]
Command = dict[str, Any]
Result = TypeVar("Result")

Selector = Callable[[Any], Any]
"""A read preference, or ``writable_server_selector``: it selects among the servers of PyMongo's ``Selection``."""

STATEMENTS_FIELD = {"insert": "documents", "update": "updates", "delete": "deletes"}
"""The field of a write command that holds its statements."""

_NO_TYPES = TypeRegistry()


class RetryOptions(Flag):
    """The client's options retryReads and retryWrites: those that are on, or those that a retry needs."""

    NONE = 0
    READS = auto()
    WRITES = auto()


@dataclass(slots=True)
class Target:
    """What an operation works on, and with which options."""

    database: str
    collection: str = ""
    codec_options: CodecOptions[Any] = DEFAULT_CODEC_OPTIONS
    read_preference: ReadPreferenceMode = field(default_factory=lambda: ReadPreference.PRIMARY)
    write_concern: WriteConcern = field(default_factory=WriteConcern)
    read_concern: ReadConcern = field(default_factory=ReadConcern)
    _reply_codec: CodecOptions[dict[str, Any]] | None = None
    _decodes_plainly: bool | None = None

    @property
    def decodes_plainly(self) -> bool:
        """Whether no type of the user's takes part in decoding: then a whole reply is decoded alike."""
        if self._decodes_plainly is None:
            self._decodes_plainly = not has_decoders(self.codec_options)
        return self._decodes_plainly

    @property
    def namespace(self) -> str:
        """``database.collection``."""
        return f"{self.database}.{self.collection}"

    def in_transaction(self, options: TransactionOptions) -> Target:
        """The same, as part of a transaction: that one's options take the place of these."""
        return replace(
            self,
            read_preference=options.read_preference or ReadPreference.PRIMARY,
            write_concern=WriteConcern(),
            read_concern=ReadConcern(),
        )

    def on_primary(self) -> Target:
        """The same, to be read from the primary."""
        return replace(self, read_preference=ReadPreference.PRIMARY)

    @property
    def reply_codec(self) -> CodecOptions[dict[str, Any]]:
        """The codec options for replies that are ours to read: plain dicts of the driver's types, and no failure for a
        broken string.
        """
        if self._reply_codec is None:
            self._reply_codec = self.codec_options._replace(
                unicode_decode_error_handler="replace", document_class=dict, type_registry=_NO_TYPES
            )
        return self._reply_codec


@dataclass(frozen=True, slots=True)
class CursorPlan:
    """What the commands are to say that read on a cursor, and how far. `max_await_time_ms` is in milliseconds.

    `limit` is how many documents are wanted in all, 0 for all there are: a server keeps that of no find for us.
    """

    limit: int = 0
    batch_size: int = 0
    max_await_time_ms: int | None = None
    comment: Any = None
    tailable: bool = False
    exhaust: bool = False


class Operation(Generic[Result]):
    """One command: built for a server, its reply read. The defaults are those of a write.

    Each is a dataclass without a ``repr`` of its own.
    """

    __slots__ = ()

    name: str
    """The command's name, as errors and the server know it."""

    allowable_errors: Sequence[int | str] = ()
    """The errors that are a result."""

    target: Target

    opens_cursor: ClassVar[bool] = False
    """Whether the server may keep a cursor for it, which somebody has to read or kill."""

    returns_batch: ClassVar[bool] = False
    """Whether the reply is a cursor's, with a batch of the application's documents."""

    user_fields: ClassVar[Mapping[str, Any] | None] = None
    """The fields that hold the application's documents in a reply that is no cursor's."""

    raises_write_concern_error: ClassVar[bool] = False
    """Whether a ``writeConcernError`` in the reply fails the command, before its result is read."""

    is_read: ClassVar[bool] = False
    """Whether its errors are judged as those of a read. What writes and may be retried gets a transaction number."""

    always_retryable: ClassVar[bool] = False
    """Whether it may be sent twice whatever it is asked for, if reads are retried at all."""

    has_sequences: ClassVar[bool] = False
    """Whether its statements follow the command as document sequences."""

    raw: bool = False
    """Whether the cursor's documents stay BSON, a batch in one piece."""

    exhaust: bool = False
    """Whether the server may send one reply after the other, unasked."""

    is_causal: ClassVar[bool] = False
    """Whether it waits, in a causally consistent session, for what the session has seen."""

    continues: ClassVar[bool] = False
    """Whether it carries on what another command has begun, in that one's snapshot."""

    has_time_limit: ClassVar[bool] = True
    """Whether the server is told how much of the operation's time is left."""

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice. Source: the specifications "Retryable Reads" and "Retryable Writes"."""
        return False

    @property
    def retry_options(self) -> RetryOptions:
        """The options without which it is never sent twice, not even to an overloaded server that has refused it."""
        return RetryOptions.WRITES

    @property
    def selector(self) -> Selector:
        """Chooses among the servers."""
        return writable_server_selector

    @property
    def read_preference(self) -> ReadPreferenceMode | None:
        """What the server is told in ``$readPreference``; ``None`` for a write."""
        return None

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return True

    @property
    def checked(self) -> bool:
        """Whether a reply that says not ok is an error."""
        return True

    @property
    def database(self) -> str:
        """The database that the command goes to."""
        return self.target.database

    @property
    def reply_codec(self) -> CodecOptions[Any]:
        """How a reply is decoded in which nothing is the application's."""
        return self.target.reply_codec

    @property
    def documents_codec(self) -> CodecOptions[Any]:
        """How the application's documents in the reply are decoded."""
        return self.target.codec_options

    @property
    def operation_id(self) -> int | None:
        """What ties together the events of several commands that are one operation; ``None`` for a single one."""
        return None

    @property
    def has_session(self) -> bool:
        """Whether the command carries a session: an unacknowledged one may not."""
        return self.acknowledged

    def join(self, options: TransactionOptions) -> None:
        """Become a part of the transaction that has `options`."""
        target = self.target.in_transaction(options)
        self.target = target  # type: ignore[misc]  # each operation has the slot

    def prepare(self) -> None:
        """Check the arguments: raises what is wrong with them before anything is sent."""

    async def encode_ahead(self, facts: ServerFacts) -> None:
        """Encode what the sequences for a server with `facts` may hold, with turns for the event loop in between."""

    def command(self, facts: ServerFacts) -> Command:
        """The command document, for a server with `facts`."""
        raise NotImplementedError

    def sequences(self, facts: ServerFacts, room: int) -> Sequence[DocumentSequence]:
        """The document sequences that follow the command, no longer than `room` bytes."""
        raise NotImplementedError

    def sequences_to_encrypt(self, facts: ServerFacts) -> Sequence[DocumentSequence]:
        """The document sequences of a command that is encrypted with them."""
        return self.sequences(facts, facts.max_message_size)

    def described(self, command: Command) -> Command:
        """`command` as monitoring shows it."""
        return command

    def cursor_plan(self) -> CursorPlan:
        """How the cursor is read that it opens."""
        return CursorPlan()

    def result(self, reply: Reply) -> Result:
        """What the caller gets, from a reply that says ok."""
        raise NotImplementedError

    def __repr__(self) -> str:
        """What it does and where; not with what, for that may be a secret, and a traceback may show this."""
        return f"<{type(self).__name__} {self.target.namespace}>"


class ReadOperation(Operation[Result]):
    """A command that may go to a secondary, as its target's read preference says."""

    __slots__ = ()

    is_read = True
    is_causal = True
    always_retryable = True

    @property
    def retryable(self) -> bool:
        """Whether it may be sent twice."""
        return True

    @property
    def retry_options(self) -> RetryOptions:
        """The options without which it is never sent twice."""
        return RetryOptions.READS

    @property
    def selector(self) -> Selector:
        """Chooses among the servers."""
        return self.target.read_preference

    @property
    def read_preference(self) -> ReadPreferenceMode | None:
        """What the server is told in ``$readPreference``."""
        return self.target.read_preference


class AdminOperation(Operation[Result]):
    """A write to the catalog: its write concern error fails it."""

    __slots__ = ()

    raises_write_concern_error = True
    is_causal = True

    @property
    def acknowledged(self) -> bool:
        """Whether the server replies."""
        return self.target.write_concern.acknowledged


def add_write_concern(command: Command, write_concern: WriteConcern) -> None:
    """Put `write_concern` on `command`, unless it is the server's default."""
    if write_concern.is_server_default:
        return
    document = write_concern.document
    if timeouts.configured() is not None:
        # The operation has one timeout, and no others.
        document.pop("wtimeout", None)
    if document:
        command["writeConcern"] = document


def add_read_concern(command: Command, read_concern: ReadConcern) -> None:
    """Put `read_concern` on `command`, if it has a level."""
    if read_concern.level:
        command["readConcern"] = read_concern.document


def document_too_large(size: int, limit: int) -> DocumentTooLarge:
    """The exception for a document of the application's that the server would not take."""
    return DocumentTooLarge(
        f"BSON document too large ({size} bytes) - the connected server supports BSON document sizes "
        f"up to {limit} bytes."
    )


def hint_document(hint: Any) -> Any:
    """A hint as the server takes it: an index's name, or its key document."""
    return hint if hint is None or isinstance(hint, str) else index_document(hint)


def require_acknowledged(option: str, value: Any, acknowledged: bool) -> None:
    """Refuse an option that would be ignored without a sound by an unacknowledged write."""
    if value is not None and not acknowledged:
        raise ConfigurationError(f"{option} is unsupported for unacknowledged writes.")


def refuse_unacknowledged(write_concern: WriteConcern) -> NoReturn:
    """Raises ConfigurationError for an unacknowledged write in a session of the application's."""
    raise ConfigurationError(f"Explicit sessions are incompatible with unacknowledged write concern: {write_concern!r}")


def write_concern_of(command: MutableMapping[str, Any], default: WriteConcern) -> WriteConcern:
    """The write concern that the caller put into the command's options, or the target's."""
    given = command.get("writeConcern")
    return default if given is None else WriteConcern(**given)
