"""A database: the way to its collections, and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, overload

from bson.codec_options import DEFAULT_CODEC_OPTIONS, CodecOptions
from bson.dbref import DBRef
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import Pipeline, ReadPreferenceMode, validate_is_mapping
from motor.api.base import (
    AgnosticBaseProperties,
    DocumentType,
    OtherType,
    missing_attribute,
    no_truth_value,
    timeout_seconds,
)
from motor.api.change_stream import AgnosticChangeStream
from motor.api.collection import AgnosticCollection
from motor.api.command_cursor import AgnosticLatentCommandCursor
from motor.api.encrypted_collections import create_state_collections, drop_state_collections, encrypted_fields_of
from motor.api.query import refuse_explain
from motor.api.signatures import takes_those_of_method
from motor.api.validation import check_validation
from motor.driver.cmap.errors import reading
from motor.driver.confidential import confidential
from motor.driver.operations.aggregate import Aggregate
from motor.driver.operations.collections import Create, Drop, ListCollections, check_database_name
from motor.driver.operations.operation import Document, Target
from motor.driver.operations.run_command import CursorCommand, RunCommand

if TYPE_CHECKING:
    from motor.api.client import AgnosticClient
    from motor.api.session import AgnosticClientSession


class AgnosticDatabase(AgnosticBaseProperties[DocumentType]):
    """One database of a client. Two with the same client and name are equal.

    Made of a `client` and a `name`, without I/O; `timeout_ms` is how many milliseconds each of its operations may take.
    That raises :class:`~pymongo.errors.InvalidName` for what cannot be a database's name, and TypeError for options
    that are none.

    What many methods take:

    - `session`: a :class:`~motor.core.AgnosticClientSession` that the operation belongs to.
    - `comment`: any value that BSON has; the server's log and profiler show it.
    - `codec_options`, `read_preference`, `write_concern`, `read_concern`: options that are those of the client, or of
      this database, where they are ``None``.

    What does I/O raises :class:`~pymongo.errors.PyMongoError`: :class:`~pymongo.errors.OperationFailure` for what the
    server refuses, :class:`~pymongo.errors.ConnectionFailure` when there is no server to ask or its connection breaks.
    For arguments that cannot be right it is TypeError or ValueError.
    """

    def __init__(
        self,
        client: AgnosticClient[DocumentType],
        name: str,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> None:
        super().__init__(
            codec_options or client.codec_options,
            read_preference or client.read_preference,
            write_concern or client.write_concern,
            read_concern or client.read_concern,
            client._timeout if timeout_ms is None else timeout_seconds(timeout_ms),
        )
        check_database_name(name)
        self._client = client
        self._name = name

    @property
    def client(self) -> AgnosticClient[DocumentType]:
        """The client that this database was made by."""
        return self._client

    @property
    def name(self) -> str:
        """The database's name."""
        return self._name

    @overload
    def with_options(
        self,
        codec_options: None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[DocumentType]: ...

    @overload
    def with_options(
        self,
        codec_options: CodecOptions[OtherType],
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[OtherType]: ...

    def with_options(
        self,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticDatabase[Any]:
        """The same database, with other options where they are given.

        `timeout_ms` is how many milliseconds each operation may take, all that it waits for included; 0 is no limit.

        .. versionchanged:: 4.0 `timeout_ms`.
        """
        return type(self)(
            self._client,
            self._name,
            codec_options or self.codec_options,
            read_preference or self.read_preference,
            write_concern or self.write_concern,
            read_concern or self.read_concern,
            timeout_ms=self._timeout_ms if timeout_ms is None else timeout_ms,
        )

    def __getattr__(self, name: str) -> AgnosticCollection[DocumentType]:
        if name.startswith("_"):
            raise missing_attribute(self, name, f"{name} collection", f"database[{name!r}]")
        return self[name]

    def __getitem__(self, name: str) -> AgnosticCollection[DocumentType]:
        return self._client._family.collection(self, name)

    @overload
    def get_collection(
        self,
        name: str,
        codec_options: None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[DocumentType]: ...

    @overload
    def get_collection(
        self,
        name: str,
        codec_options: CodecOptions[OtherType],
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[OtherType]: ...

    def get_collection(
        self,
        name: str,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        *,
        timeout_ms: float | None = None,
    ) -> AgnosticCollection[Any]:
        """A collection, with options of its own where they are given: those of :meth:`with_options`.

        .. versionchanged:: 4.0 `timeout_ms`.
        """
        return self._client._family.collection(
            self, name, codec_options, read_preference, write_concern, read_concern, timeout_ms=timeout_ms
        )

    @property
    def delegate(self) -> Database[DocumentType]:
        """PyMongo's synchronous database with the same name and options: of :attr:`AgnosticClient.delegate`."""
        return self._client.delegate.get_database(
            self._name, self._codec_options, self._read_preference, self._write_concern, self._read_concern
        )

    def wrap(self, obj: Any) -> Any:
        """The Motor collection or database for `obj`, one of :attr:`delegate`; anything else comes back as it is."""
        if isinstance(obj, Collection):
            options = (obj.codec_options, obj.read_preference, obj.write_concern, obj.read_concern)
            return self.get_collection(obj.name, *options)
        return self._client.wrap(obj) if isinstance(obj, Database) else obj

    def create_collection(
        self,
        name: str,
        codec_options: CodecOptions[Any] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        write_concern: WriteConcern | None = None,
        read_concern: ReadConcern | None = None,
        session: AgnosticClientSession | None = None,
        check_exists: bool | None = True,
        **kwargs: Any,
    ) -> asyncio.Future[Any]:
        """Create a collection or a view, with the server's options for it as keywords; the collection is the result.

        With `encryptedFields`, here or in the client's `auto_encryption_opts`, the collections that Queryable
        Encryption needs beside it are created, too. Raises :class:`~pymongo.errors.CollectionInvalid` if it exists,
        unless `check_exists` is false.
        """
        return self._start(
            self._create_collection(
                (name, codec_options, read_preference, write_concern, read_concern), session, check_exists, kwargs
            )
        )

    async def _create_collection(
        self, arguments: tuple[Any, ...], session: Any, check_exists: bool | None, options: dict[str, Any]
    ) -> AgnosticCollection[DocumentType]:
        name = arguments[0]
        if options.get("clusteredIndex"):
            validate_is_mapping("clusteredIndex", options["clusteredIndex"])
        encrypted_fields = encrypted_fields_of(self, name, options.pop("encryptedFields", None))
        engine_session = self._session_for(session)
        # A transaction cannot list collections: there the server says that it exists.
        listed = check_exists and (engine_session is None or not engine_session.in_transaction)
        if listed and name in await self._list_collection_names(session, {"name": name}, None, {}):
            raise CollectionInvalid(f"collection {name} already exists")
        collection = self.get_collection(*arguments)
        if encrypted_fields is not None:
            await create_state_collections(self, name, encrypted_fields, session)
            options = {"encryptedFields": encrypted_fields, **options}
        await self._execute(Create(collection._target, options), session)
        if encrypted_fields is not None:
            await collection._create_index([("__safeContent__", 1)], session, None, {})
        return collection

    def drop_collection(
        self,
        name_or_collection: str | AgnosticCollection[Any],
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        encrypted_fields: Document | None = None,
    ) -> asyncio.Future[dict[str, Any]]:
        """Drop a collection, `name_or_collection`; one that is not there is no error. The server's reply is the result.

        With `encrypted_fields`, or if the client's `auto_encryption_opts` or the server know of them, the collections
        that Queryable Encryption has beside it are dropped, too.
        """
        return self._start(self._drop_collection(name_or_collection, session, comment, encrypted_fields))

    async def _drop_collection(
        self,
        name: str | AgnosticCollection[Any],
        session: Any,
        comment: Any,
        encrypted_fields: Document | None = None,
    ) -> dict[str, Any]:
        if isinstance(name, AgnosticCollection):
            name = name.name
        if not isinstance(name, str):
            raise TypeError(f"name_or_collection must be an instance of str, not {type(name)}")
        await drop_state_collections(self, name, encrypted_fields, session, comment)
        return await self._execute(Drop(self._target(name), comment), session)

    def list_collections(
        self,
        session: AgnosticClientSession | None = None,
        filter: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> AgnosticLatentCommandCursor[MutableMapping[str, Any]]:
        """A cursor over the collections that match `filter`, each a document with ``name``, ``type``, ``options`` and
        ``info``.

        It is there at once, and asks the server when it is first read or awaited. Keywords are the command's options:
        nameOnly, authorizedCollections, ...
        """
        if filter is not None:
            kwargs["filter"] = filter
        operation = self._listing(kwargs, comment)
        return self._client._family.latent_command_cursor(self["$cmd"], operation, session)

    def list_collection_names(
        self,
        session: AgnosticClientSession | None = None,
        filter: Document | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[list[str]]:
        """The names of the collections that match `filter`, a list in no order. Keywords are the command's options."""
        return self._start(self._list_collection_names(session, filter, comment, kwargs))

    async def _list_collection_names(
        self, session: Any, filter: Document | None, comment: Any, options: dict[str, Any]
    ) -> list[str]:
        if filter is None:
            options["nameOnly"] = True
        else:
            validate_is_mapping("filter", filter)
            options["filter"] = filter
            if not filter or (len(filter) == 1 and "name" in filter):
                options["nameOnly"] = True
        operation = self._listing(options, comment)
        cursor = self._client._family.latent_command_cursor(self["$cmd"], operation, session)
        collections = [collection async for collection in cursor]
        with reading(f"the collections of {self.name}"):
            return [collection["name"] for collection in collections]

    def _listing(self, options: dict[str, Any], comment: Any) -> ListCollections:
        if comment is not None:
            options["comment"] = comment
        return ListCollections(self._target("$cmd").on_primary(), options)

    @overload
    def command(
        self,
        command: str | MutableMapping[str, Any],
        value: Any = 1,
        check: bool = True,
        allowable_errors: Sequence[str | int] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        codec_options: None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[dict[str, Any]]: ...

    @overload
    def command(
        self,
        command: str | MutableMapping[str, Any],
        value: Any = 1,
        check: bool = True,
        allowable_errors: Sequence[str | int] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        codec_options: CodecOptions[OtherType] = ...,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[OtherType]: ...

    @confidential
    def command(
        self,
        command: str | MutableMapping[str, Any],
        value: Any = 1,
        check: bool = True,
        allowable_errors: Sequence[str | int] | None = None,
        read_preference: ReadPreferenceMode | None = None,
        codec_options: CodecOptions[Any] | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        **kwargs: Any,
    ) -> asyncio.Future[Any]:
        """Run a command and return the server's reply, whole.

        The `command` is a document, or a name with its `value`; keywords are added to it. The database's own read
        preference, codec options and concerns do not apply: without a `read_preference` it goes to the primary. Raises
        :class:`~pymongo.errors.OperationFailure` for a reply that says not ok, unless `check` is false or the error is
        among `allowable_errors`.
        """
        target = Target(self._name, "", codec_options or DEFAULT_CODEC_OPTIONS)
        operation = RunCommand(target, command, value, kwargs, read_preference, check, allowable_errors or (), comment)
        run = confidential(self._run_operation) if operation.is_confidential else self._run_operation
        return self._start(run(operation, session))

    @confidential
    def cursor_command(
        self,
        command: str | MutableMapping[str, Any],
        value: Any = 1,
        read_preference: ReadPreferenceMode | None = None,
        codec_options: CodecOptions[Any] | None = None,
        session: AgnosticClientSession | None = None,
        comment: Any = None,
        max_await_time_ms: int | None = None,
        **kwargs: Any,
    ) -> asyncio.Future[Any]:
        """Run a command whose reply holds a cursor; that cursor is the result.

        The `command` is a document, or a name with its `value`; keywords are added to it. `max_await_time_ms` is how
        many milliseconds the server waits for more, when the cursor is one that waits. Raises
        :class:`~pymongo.errors.InvalidOperation` if the reply holds no cursor.
        """
        target = Target(self._name, "$cmd", codec_options or DEFAULT_CODEC_OPTIONS)
        operation = CursorCommand(
            target,
            command,
            value,
            kwargs,
            read_preference,
            max_await_time_ms=max_await_time_ms,
            get_more_comment=comment,
        )
        cursor = self._client._family.latent_command_cursor(self["$cmd"], operation, session)
        opened = confidential(cursor._opened) if operation.is_confidential else cursor._opened
        return self._start(opened())

    def aggregate(
        self, pipeline: Pipeline, session: AgnosticClientSession | None = None, **kwargs: Any
    ) -> AgnosticLatentCommandCursor[DocumentType]:
        """Run a `pipeline` that starts from the database, such as one with ``$currentOp``: a cursor, at once, which
        asks the server when it is first read or awaited.

        Keywords are the command's options: allowDiskUse, batchSize, maxTimeMS in milliseconds, let, comment, ...
        """
        refuse_explain(kwargs, self)
        operation = Aggregate(self._target(""), pipeline, kwargs)
        return self._client._family.latent_command_cursor(self["$cmd.aggregate"], operation, session)

    @takes_those_of_method(AgnosticChangeStream)
    def watch(self, *args: Any, **kwargs: Any) -> AgnosticChangeStream[DocumentType]:
        """Watch every collection of the database: as :meth:`AgnosticCollection.watch`."""
        return self._client._family.change_stream(self, *args, **kwargs)

    def validate_collection(
        self,
        name_or_collection: str | AgnosticCollection[Any],
        scandata: bool = False,
        full: bool = False,
        session: AgnosticClientSession | None = None,
        background: bool | None = None,
        comment: Any = None,
    ) -> asyncio.Future[dict[str, Any]]:
        """Have the server check a collection, `name_or_collection`; its report is the result.

        `scandata` and `full` say how thorough it is to be, `background` that others may work with the collection
        meanwhile. Raises :class:`~pymongo.errors.CollectionInvalid` if it found something wrong.
        """
        return self._start(self._validate_collection(name_or_collection, scandata, full, session, background, comment))

    async def _validate_collection(
        self,
        name: str | AgnosticCollection[Any],
        scandata: bool,
        full: bool,
        session: Any,
        background: bool | None,
        comment: Any,
    ) -> dict[str, Any]:
        if isinstance(name, AgnosticCollection):
            name = name.name
        if not isinstance(name, str):
            raise TypeError(
                f"name_or_collection must be an instance of str or {self._client._family.collection.__name__}, "
                f"not {type(name)}"
            )
        options: dict[str, Any] = {"scandata": scandata, "full": full}
        if background is not None:
            options["background"] = background
        operation = RunCommand(Target(self._name), "validate", name, options, comment=comment)
        report: dict[str, Any] = await self._execute(operation, session)
        with reading(f"the validation of {name}"):
            check_validation(name, report)
        return report

    def dereference(
        self, dbref: DBRef, session: AgnosticClientSession | None = None, comment: Any = None, **kwargs: Any
    ) -> asyncio.Future[DocumentType | None]:
        """The document that `dbref` points to, or ``None``. Keywords are those of :meth:`AgnosticCollection.find_one`.

        Raises TypeError for what is no :class:`~bson.dbref.DBRef`, ValueError for one to another database.
        """
        return self._start(self._dereference(dbref, session, comment, kwargs))

    async def _dereference(
        self, dbref: DBRef, session: Any, comment: Any, options: Mapping[str, Any]
    ) -> DocumentType | None:
        if not isinstance(dbref, DBRef):
            raise TypeError(f"cannot dereference a {type(dbref)}")
        if dbref.database is not None and dbref.database != self._name:
            raise ValueError(
                f"trying to dereference a DBRef that points to another database ({dbref.database!r} not {self._name!r})"
            )
        return await self[dbref.collection].find_one({"_id": dbref.id}, session=session, comment=comment, **options)

    def _target(self, collection: str) -> Target:
        return self._target_for(self._name, collection)

    def _watched(self) -> Target:
        return self._target("")

    if not TYPE_CHECKING:  # to a type checker, what looks like a misspelled method is one

        def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__!r} object is not callable. If you meant to call the {self._name!r} method on a "
                f"{type(self._client).__name__!r} object it is failing because no such method exists."
            )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AgnosticDatabase):
            return bool(self._client == other._client) and self._name == other._name
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self._client, self._name))

    def _shown(self) -> str:
        return f"{type(self).__name__}({self._client!r}, {self._name!r})"

    def __bool__(self) -> NoReturn:
        raise no_truth_value(self, "database")
