"""The client: a connection pool to a deployment, and the way to its databases."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, SupportsIndex, cast, overload

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions, TypeRegistry
from pymongo import MongoClient
from pymongo.client_options import ClientOptions
from pymongo.database import Database
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError, InvalidOperation
from pymongo.operations import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.results import ClientBulkWriteResult
from pymongo.write_concern import WriteConcern

from motor._pymongo import (
    SRV_SERVICE_NAME,
    TIMEOUT_OPTIONS,
    ReadPreferenceMode,
    SessionOptions,
    TransactionOptions,
    add_to_client_bulk,
    append_metadata,
    validate_list,
)
from motor.api.auto_encryption import auto_encrypter
from motor.api.base import DocumentType, OtherType, missing_attribute
from motor.api.change_stream import AgnosticChangeStream
from motor.api.client_settings import parse_settings
from motor.api.command_cursor import AgnosticLatentCommandCursor
from motor.api.database import AgnosticDatabase
from motor.api.delegate import Delegate
from motor.api.deployment_view import DeploymentView
from motor.api.family import Family
from motor.api.session import AgnosticClientSession
from motor.api.signatures import takes_those_of_method
from motor.driver.bulk.client_bulk import ClientBulk
from motor.driver.cmap.errors import reading
from motor.driver.confidential import confidential
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.databases import DropDatabase, ListDatabases
from motor.driver.operations.operation import Target
from motor.driver.operations.run_command import RunCommand
from motor.driver.threads import APPLICATION

if TYPE_CHECKING:
    from typing_extensions import Self

WriteModel = InsertOne[Any] | DeleteOne | DeleteMany | ReplaceOne[Any] | UpdateOne | UpdateMany
"""What :meth:`AgnosticClient.bulk_write` takes a list of."""

_SHOWN_FIRST = ("document_class", "tz_aware", "connect")
_NEVER_SHOWN = ("username", "password", "driver", "authmechanismproperties", "tlscertificatekeyfilepassword")


class AgnosticClient(DeploymentView[DocumentType]):
    """Long-lived and safe to share: an application makes one and keeps it.

    Takes a MongoDB URI or hosts as `host`, by default localhost, with a `port` for those that name none, 27017; and
    every keyword option of :class:`pymongo.AsyncMongoClient`, among them `document_class` and `type_registry`, which
    say what documents are decoded to, and `tz_aware`, whether datetimes know that they are UTC. `connect` is there for
    PyMongo's sake. `io_loop` is for applications that use a loop other than the current one; `read_ahead` makes each
    cursor fetch its next batch while the application works through one (see :meth:`AgnosticBaseCursor.read_ahead`).
    The `key_vault_client` of `auto_encryption_opts` is a client of Motor's, or a :class:`pymongo.MongoClient`.
    Making a client does no I/O: it connects when it is first used.

    A client belongs to the event loop that first uses it. When that loop has been closed the client can be used in
    another, where it starts afresh; used in two loops that are both alive, it raises RuntimeError.

    What does I/O starts at once and returns a Future, which may be awaited, or not. :func:`asyncio.gather`,
    :func:`asyncio.wait_for` and :func:`asyncio.ensure_future` take Futures; :func:`asyncio.create_task` takes
    coroutines only.

    Making one raises :class:`~pymongo.errors.ConfigurationError`, :class:`~pymongo.errors.InvalidURI`, TypeError or
    ValueError for what cannot be right. What many methods take:

    - `session`: a :class:`~motor.core.AgnosticClientSession` that the operation belongs to.
    - `comment`: any value that BSON has; the server's log and profiler show it.
    - `codec_options`, `read_preference`, `write_concern`, `read_concern`: options that are the client's where they are
      ``None``.

    What does I/O raises :class:`~pymongo.errors.PyMongoError`: :class:`~pymongo.errors.OperationFailure` for what the
    server refuses, :class:`~pymongo.errors.ConnectionFailure` when there is no server to ask or its connection breaks.
    For arguments that cannot be right it is TypeError or ValueError.
    """

    HOST = "localhost"
    PORT = 27017

    _family: ClassVar[Family]

    @confidential
    def __init__(
        self,
        host: str | Sequence[str] | None = None,
        port: int | None = None,
        document_class: type[DocumentType] | None = None,
        tz_aware: bool | None = None,
        connect: bool | None = None,
        type_registry: TypeRegistry | None = None,
        *,
        io_loop: Any = None,
        read_ahead: bool = False,
        **kwargs: Any,
    ) -> None:
        framework = self._family.framework
        if io_loop is not None:
            framework.check_event_loop(io_loop)
        self._io_loop = io_loop
        self._reads_ahead = read_ahead
        keywords = {
            "document_class": document_class,
            "tz_aware": tz_aware,
            "connect": connect,
            "type_registry": type_registry,
            **kwargs,
        }
        self._settings = parse_settings(host, port, keywords, framework.platform_info())
        self._delegate = Delegate(host, port, keywords, self._settings.libraries)
        options = self._settings.topology.options
        super().__init__(
            options.codec_options,
            options.read_preference,
            options.write_concern,
            options.read_concern,
            options.timeout,
        )
        self._client = self
        name = type(self).__name__
        self._deployment = Deployment(self._settings.topology, name, self._settings.completed)
        if options.auto_encryption_opts is not None:
            self._deployment.encrypter = auto_encrypter(self, self._settings, self._deployment)
        self._finalizer = weakref.finalize(self, self._deployment.abandon)
        self._finalizer.atexit = False

    @property
    def io_loop(self) -> Any:
        """The client's event loop: the one it was given, else the current one when it is first asked.

        When that has been closed the next one takes its place.
        """
        framework = self._family.framework
        if self._io_loop is None or framework.asyncio_loop(self._io_loop).is_closed():
            self._io_loop = framework.get_event_loop()
        return self._io_loop

    def get_io_loop(self) -> Any:
        """The same as :attr:`io_loop`."""
        return self.io_loop

    def _asyncio_loop(self) -> asyncio.AbstractEventLoop:
        return self._family.framework.asyncio_loop(self.io_loop)

    @property
    def options(self) -> ClientOptions:
        """The options as PyMongo read them."""
        return self._deployment.settings.options

    def aconnect(self) -> asyncio.Future[None]:
        """Begin to connect to the deployment, without waiting until it is there. Operations do so by themselves.

        For a ``mongodb+srv://`` URI it asks DNS. Raises :class:`~pymongo.errors.ConfigurationError` for records or
        certificates that cannot be had or used.

        .. versionadded:: 4.0
        """
        return self._start(self._aconnect())

    async def _aconnect(self) -> None:
        await self._connect()

    @property
    def delegate(self) -> MongoClient[DocumentType]:
        """PyMongo's synchronous client with the same options, for libraries that take nothing else.

        It is made when it is first asked for, has connections of its own, and is closed with this client. What it does
        blocks the event loop: call it in a thread.
        """
        return self._delegate.client()

    def wrap(self, obj: Any) -> Any:
        """The Motor database for `obj`, a database of :attr:`delegate`.

        Raises TypeError for anything else: cursors and sessions of the synchronous client cannot be used from here.
        """
        if not isinstance(obj, Database):
            raise TypeError(f"wrap takes a pymongo.database.Database, not {type(obj)}")
        return self.get_database(obj.name, obj.codec_options, obj.read_preference, obj.write_concern, obj.read_concern)

    def __getattr__(self, name: str) -> AgnosticDatabase[DocumentType]:
        if name.startswith("_"):
            raise missing_attribute(self, name, f"{name} database", f"client[{name!r}]")
        return self[name]

    def __getitem__(self, name: str) -> AgnosticDatabase[DocumentType]:
        return self._family.database(self, name)

    @overload
    def get_database(
        self,
        name: str | None = None,
        codec_options: None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[DocumentType]: ...

    @overload
    def get_database(
        self,
        name: str | None = None,
        codec_options: CodecOptions[OtherType] = ...,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[OtherType]: ...

    def get_database(
        self,
        name: str | None = None,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[Any]:
        """A database, with options of its own where they are given; by default the one that the URI names.

        .. versionchanged:: 4.0 `timeout_ms`, as of :meth:`AgnosticDatabase.with_options`.

        Raises :class:`~pymongo.errors.ConfigurationError` if no name is given, here or in the URI.
        """
        if name is None:
            name = self._settings.default_database
            if name is None:
                raise ConfigurationError("No default database defined")
        return self._family.database(
            self, name, codec_options, read_preference, write_concern, read_concern, timeout_ms=timeout_ms
        )

    @overload
    def get_default_database(
        self,
        default: str | None = None,
        codec_options: None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
    ) -> AgnosticDatabase[DocumentType]: ...

    @overload
    def get_default_database(
        self,
        default: str | None = None,
        codec_options: CodecOptions[OtherType] = ...,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
    ) -> AgnosticDatabase[OtherType]: ...

    def get_default_database(
        self,
        default: str | None = None,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
    ) -> AgnosticDatabase[Any]:
        """The database that the URI names, else `default`.

        Raises :class:`~pymongo.errors.ConfigurationError` if there is neither.
        """
        name = self._settings.default_database or default
        if name is None:
            raise ConfigurationError("No default database name defined or provided.")
        return self._family.database(self, name, codec_options, read_preference, write_concern, read_concern)

    def start_session(
        self,
        causal_consistency: bool | None = None,
        default_transaction_options: TransactionOptions | None = None,
        snapshot: bool | None = False,
    ) -> AgnosticClientSession:
        """Start a session: for reading what was written in it, also from secondaries, unless `causal_consistency` is
        false; for transactions, with `default_transaction_options`; with `snapshot`, for reading at one point in time.

        It is there at once, without I/O, and may be awaited. The forms of use: ``async with client.start_session() as
        session``, ``async with await client.start_session() as session`` and ``with (await client.start_session()) as
        session``. Raises :class:`~pymongo.errors.ConfigurationError` for both of `causal_consistency` and `snapshot`.
        """
        options = SessionOptions(causal_consistency, default_transaction_options, snapshot)
        return self._family.session(self, options)

    @takes_those_of_method(AgnosticChangeStream)
    def watch(self, *args: Any, **kwargs: Any) -> AgnosticChangeStream[DocumentType]:
        """Watch the whole deployment: as :meth:`AgnosticCollection.watch`."""
        return self._family.change_stream(self, *args, **kwargs)

    def _watched(self) -> Target:
        return self._target_for("admin", "")

    def server_info(self, session: AgnosticClientSession | None = None) -> asyncio.Future[dict[str, Any]]:
        """What the server says of itself, a document: its ``buildInfo``."""
        target = Target("admin")
        return self._run(RunCommand(target, "buildinfo", 1, {}, ReadPreference.PRIMARY), session)

    def list_databases(
        self, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> AgnosticLatentCommandCursor[dict[str, Any]]:
        """A cursor over the databases, each a document with ``name``, ``sizeOnDisk`` and ``empty``.

        It is there at once, and asks the server when it is first read or awaited. Keywords are the command's options:
        filter, nameOnly, authorizedDatabases.
        """
        operation = ListDatabases(Target("admin", "$cmd"), kwargs, comment)
        return self._family.latent_command_cursor(self._plain_admin()["$cmd"], operation, session)

    def list_database_names(
        self, session: AgnosticClientSession | None = None, comment: Any = None
    ) -> asyncio.Future[list[str]]:
        """The names of the databases, a list."""
        return self._start(self._list_database_names(session, comment))

    async def _list_database_names(self, session: Any, comment: Any) -> list[str]:
        operation = ListDatabases(Target("admin", "$cmd"), {"nameOnly": True}, comment)
        databases: Any = (await self._execute(operation, session)).documents
        with reading("the databases"):
            return [database["name"] for database in databases]

    def drop_database(
        self,
        name_or_database: str | AgnosticDatabase[Any],
        session: AgnosticClientSession | None = None,
        comment: Any = None,
    ) -> asyncio.Future[None]:
        """Drop a database, `name_or_database`; one that is not there is no error."""
        return self._start(self._drop_database(name_or_database, session, comment))

    async def _drop_database(self, name: str | AgnosticDatabase[Any], session: Any, comment: Any) -> None:
        if isinstance(name, AgnosticDatabase):
            name = name.name
        if not isinstance(name, str):
            raise TypeError(
                f"name_or_database must be an instance of str or a {self._family.database.__name__}, not {type(name)}"
            )
        target = Target(self[name].name, write_concern=self.write_concern)
        await self._execute(DropDatabase(target, comment), session)

    def bulk_write(
        self,
        models: Sequence[WriteModel],
        session: AgnosticClientSession | None = None,
        ordered: bool = True,
        verbose_results: bool = False,
        bypass_document_validation: bool | None = None,
        comment: Any = None,
        let: Mapping[str, Any] | None = None,
        write_concern: WriteConcern | None = None,
    ) -> asyncio.Future[ClientBulkWriteResult]:
        """Run a list of writes, `models`, to any number of collections: PyMongo's InsertOne, UpdateOne, UpdateMany,
        ReplaceOne, DeleteOne and DeleteMany, each with its `namespace`. Needs MongoDB 8.0.

        `ordered`, they run one after the other and the first error ends it; else all are tried. `let` holds values that
        expressions find as ``$$name``; with `bypass_document_validation` what collections' validators would refuse is
        written. The result is a :class:`~pymongo.results.ClientBulkWriteResult`; with `verbose_results` it holds that
        of each write.

        Raises :class:`~pymongo.errors.ClientBulkWriteException`, which says what was done and what was not, and
        :class:`~pymongo.errors.InvalidOperation` for what cannot go together.
        """
        options = (ordered, verbose_results, bypass_document_validation, comment, let)
        return self._start(self._bulk_write(models, session, options, write_concern))

    async def _bulk_write(
        self, models: Sequence[WriteModel], session: Any, options: tuple[Any, ...], write_concern: WriteConcern | None
    ) -> ClientBulkWriteResult:
        if self.options.auto_encryption_opts is not None:
            raise InvalidOperation(f"{type(self).__name__}.bulk_write does not currently support automatic encryption")
        engine_session = self._session_for(session)
        if engine_session is not None and engine_session.in_transaction and write_concern is not None:
            raise InvalidOperation("Cannot set write concern after starting a transaction")
        ordered, verbose = options[:2]
        concern = write_concern or self._write_concern
        if not concern.acknowledged and verbose:
            raise InvalidOperation("Cannot request unacknowledged write concern and verbose results")
        if not concern.acknowledged and ordered:
            raise InvalidOperation("Cannot request unacknowledged write concern and ordered writes")
        validate_list("models", models)
        target = Target("admin", "$cmd.bulkWrite", self._codec_options, write_concern=concern)
        bulk = ClientBulk(target, *options)
        for model in models:
            add_to_client_bulk(model, bulk)
        result = await bulk.execute(self._deployment, engine_session)
        if result is None:
            return ClientBulkWriteResult(cast("dict[str, Any]", None), False, False)
        return ClientBulkWriteResult(result, True, verbose)

    def append_metadata(self, driver_info: DriverInfo) -> None:
        """Add a library's name, `driver_info`, to what new connections tell the server; the same one again changes
        nothing.

        Raises TypeError for what is not a :class:`~pymongo.driver_info.DriverInfo`.

        .. versionadded:: 4.0
        """
        if not isinstance(driver_info, DriverInfo):
            raise TypeError(f"driver_info must be an instance of DriverInfo, not {type(driver_info)}")
        self._settings.libraries.append(driver_info)
        append_metadata(self.options, driver_info)

    def close(self) -> Awaitable[None]:
        """Close every connection; what comes later raises :class:`~pymongo.errors.InvalidOperation`.

        It is done when this returns, with or without a running loop. If the client's loop does not run, it is run for
        the few turns in which tasks end; if it runs in another thread, that thread does it soon. Awaiting the result is
        optional: it gives the loop the turn in which it lets go of the sockets, for an application that ends the loop
        right after.
        """
        # Once, and nothing keeps the deployment any more: what it last saw may hold on to the client.
        if self._finalizer.detach() is not None:
            self._deployment.close_and_settle()
        return Turn(self._delegate.close())

    def aclose(self) -> Awaitable[None]:
        """The same as :meth:`close`.

        .. versionadded:: 4.0
        """
        return self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def _plain_admin(self) -> AgnosticDatabase[Any]:
        return self.get_database("admin", DEFAULT_CODEC_OPTIONS, ReadPreference.PRIMARY, WriteConcern())

    def eq_props(self) -> tuple[Any, ...]:
        """What makes two clients equal: the hosts that they were given, the name of the replica set, and of an SRV
        record its domain and service.

        .. versionadded:: 4.0
        """
        topology = self._settings.topology
        seeds = tuple(sorted(topology.seeds, key=str))
        srv = topology.srv
        domain, service = (None, SRV_SERVICE_NAME) if srv is None else (srv.fqdn, srv.service_name)
        return seeds, topology.options.replica_set_name, domain, service

    def __eq__(self, other: object) -> bool:
        if isinstance(other, type(self)):
            return self.eq_props() == other.eq_props()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.eq_props())

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be copied or pickled, nor what belongs to it: its connections are those of "
            "one client. Share it, or make another with the same arguments."
        )

    def _shown(self) -> str:
        topology = self._settings.topology
        hosts: Any = [host if port is None else f"{host}:{port}" for host, port in sorted(topology.seeds, key=str)]
        if topology.srv is not None:
            hosts = f"mongodb+srv://{topology.srv.fqdn}"
        options: Mapping[str, Any] = self.options._options
        shown = [name for name in _SHOWN_FIRST if name in options]
        shown += [name for name in options if name not in (*_SHOWN_FIRST, *_NEVER_SHOWN)]
        parts = [f"host={hosts!r}", *(_option_repr(name, options[name]) for name in shown)]
        return f"{type(self).__name__}({', '.join(parts)})"


class Turn:
    """Awaited, it gives the loop one turn, and waits for a thread, if there is one; unlike a Future it needs no loop if
    nobody awaits it.
    """

    def __init__(self, thread: threading.Thread | None = None) -> None:
        self._thread = thread

    def __await__(self) -> Generator[Any, None, None]:
        yield
        if self._thread is not None:
            yield from APPLICATION.call(self._thread.join).__await__()


def _option_repr(name: str, value: Any) -> str:
    if name == "document_class":
        shown = "dict" if value is dict else f"{value.__module__}.{value.__name__}"
        return f"document_class={shown}"
    if name in TIMEOUT_OPTIONS and value is not None:
        return f"{name}={int(value * 1000)}"
    return f"{name}={value!r}"
