"""Explicit encryption: values encrypted and decrypted one by one, and the key vault that holds their keys."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import Awaitable, Coroutine, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic

from bson.binary import UUID_SUBTYPE, Binary
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import ConfigurationError, EncryptedCollectionError, EncryptionError, InvalidOperation
from pymongo.operations import UpdateOne
from pymongo.read_concern import ReadConcern
from pymongo.results import DeleteResult
from pymongo.write_concern import WriteConcern

from motor.api.auto_encryption import key_vault_for, kms_for, require_pymongocrypt
from motor.api.base import AgnosticBase, DocumentType, T
from motor.api.client import AgnosticClient
from motor.api.collection import AgnosticCollection
from motor.api.cursor import AgnosticCursor
from motor.api.database import AgnosticDatabase
from motor.driver.confidential import confidential
from motor.frameworks.framework import start, start_within

if TYPE_CHECKING:
    from pymongo.encryption import RewrapManyDataKeyResult  # type: ignore[attr-defined]  # by a star
    from pymongo.encryption_options import RangeOpts, StringOpts
    from typing_extensions import Self

    from motor.driver.encryption.explicit import ExplicitEncrypter

_ENCRYPTED_SUBTYPE = 6


class AgnosticClientEncryption(AgnosticBase, Generic[DocumentType]):
    """Encrypts and decrypts values, and manages the data keys that this is done with.

    `kms_providers` maps the names of key management services (``"aws"``, ``"azure"``, ``"gcp"``, ``"kmip"``,
    ``"local"``, or one of these with a name, such as ``"aws:name"``) to what each needs, as PyMongo's
    :class:`~pymongo.encryption_options.AutoEncryptionOpts` has it. `key_vault_namespace`, ``"database.collection"``, is
    where the data keys are, on the deployment of `key_vault_client`, a client of Motor's. `codec_options` are for the
    values; `io_loop` is for applications that use a loop other than the client's.

    `kms_tls_options` maps providers to TLS options, those of a client; `key_expiration_ms` is how many milliseconds a
    data key is remembered, for ever if 0, and a minute by default; `kms_connect_callback` is a coroutine function that
    opens the connections to the providers, as in PyMongo 4.19.

    Raises :class:`~pymongo.errors.ConfigurationError` if pymongocrypt is not installed: it comes with
    ``motor[encryption]``; TypeError, ValueError or :class:`pymongocrypt.errors.MongoCryptError` for what cannot be
    right.

    .. versionchanged:: 4.0 `key_expiration_ms` and `kms_connect_callback`.
    """

    @confidential
    def __init__(
        self,
        kms_providers: Mapping[str, Any],
        key_vault_namespace: str,
        key_vault_client: AgnosticClient[Any],
        codec_options: CodecOptions[DocumentType],
        io_loop: Any = None,
        kms_tls_options: Mapping[str, Any] | None = None,
        key_expiration_ms: int | None = None,
        kms_connect_callback: Any = None,
    ) -> None:
        require_pymongocrypt()
        from motor.driver.encryption.explicit import ExplicitEncrypter
        from motor.driver.encryption.library import crypt_options

        if not isinstance(codec_options, CodecOptions):
            raise TypeError(
                f"codec_options must be an instance of bson.codec_options.CodecOptions, not {type(codec_options)}"
            )
        if not isinstance(key_vault_client, AgnosticClient):
            raise TypeError(f"key_vault_client must be a client of Motor's, not {type(key_vault_client)}")
        if io_loop is not None:
            key_vault_client._family.framework.check_event_loop(io_loop)
        key_vault = key_vault_for(key_vault_client, key_vault_namespace)
        # Nothing is encrypted automatically here, and so the library for that isn't loaded.
        options = crypt_options(kms_providers, key_expiration_ms, bypass_encryption=True)
        kms = kms_for(kms_tls_options, kms_connect_callback)
        self._io_loop = io_loop
        self._client = key_vault_client
        self._timeout = key_vault_client._timeout
        self._encrypter: ExplicitEncrypter | None = ExplicitEncrypter(options, key_vault, kms, codec_options)
        database, _, collection = key_vault_namespace.partition(".")
        self._key_vault: AgnosticCollection[RawBSONDocument] = key_vault_client[database].get_collection(
            collection,
            CodecOptions(document_class=RawBSONDocument),
            write_concern=WriteConcern(w="majority"),
            read_concern=ReadConcern("majority"),
        )

    @property
    def io_loop(self) -> Any:
        """The event loop: the one that was given, else the key vault client's."""
        return self._client.io_loop if self._io_loop is None else self._io_loop

    def get_io_loop(self) -> Any:
        """The same as :attr:`io_loop`."""
        return self.io_loop

    @confidential
    def create_data_key(
        self,
        kms_provider: str,
        master_key: Mapping[str, Any] | None = None,
        key_alt_names: Sequence[str] | None = None,
        key_material: bytes | None = None,
    ) -> asyncio.Future[Binary]:
        """Make a data key and keep it in the key vault: the result is its ``_id``, a UUID.

        `master_key` says which key of `kms_provider` encrypts it, with the fields that PyMongo documents for each
        provider; ``"local"`` and ``"kmip"`` need none. By one of the `key_alt_names` the key can be named instead of by
        its id. `key_material`, 96 bytes, is the key itself, random by default. Raises
        :class:`~pymongo.errors.EncryptionError`.
        """
        create = confidential(self._open().create_data_key)
        return self._start(create(kms_provider, master_key, key_alt_names, key_material))

    @confidential
    def encrypt(
        self,
        value: Any,
        algorithm: str,
        key_id: Binary | uuid.UUID | None = None,
        key_alt_name: str | None = None,
        query_type: str | None = None,
        contention_factor: int | None = None,
        range_opts: RangeOpts | None = None,
        string_opts: StringOpts | None = None,
    ) -> asyncio.Future[Binary]:
        """Encrypt a value with the data key that `key_id` or `key_alt_name` names, exactly one of them: the result is a
        :class:`~bson.binary.Binary` of subtype 6.

        `algorithm` is one of :class:`pymongo.encryption.Algorithm`. The others are for Queryable Encryption:
        `query_type`, one of :class:`pymongo.encryption.QueryType`, if the value is to be searched for;
        `contention_factor` with an indexed algorithm; `range_opts` and `string_opts` with the algorithms that are named
        so. Raises :class:`~pymongo.errors.EncryptionError`, and TypeError for a `key_id` that is no UUID.

        .. versionchanged:: 4.0 `string_opts`.
        """
        return self._start(
            self._encrypt(
                value, algorithm, key_id, key_alt_name, query_type, contention_factor, range_opts, string_opts, False
            )
        )

    @confidential
    def encrypt_expression(
        self,
        expression: Mapping[str, Any],
        algorithm: str,
        key_id: Binary | uuid.UUID | None = None,
        key_alt_name: str | None = None,
        query_type: str | None = None,
        contention_factor: int | None = None,
        range_opts: RangeOpts | None = None,
    ) -> asyncio.Future[Mapping[str, Any]]:
        """Encrypt the values in `expression`, a match or aggregate expression: the result is one for a query by range.

        The other parameters are those of :meth:`encrypt`.
        """
        return self._start(
            self._encrypt(
                expression, algorithm, key_id, key_alt_name, query_type, contention_factor, range_opts, None, True
            )
        )

    @confidential
    async def _encrypt(
        self,
        value: Any,
        algorithm: str,
        key_id: Binary | uuid.UUID | None,
        key_alt_name: str | None,
        query_type: str | None,
        contention_factor: int | None,
        range_opts: RangeOpts | None,
        string_opts: StringOpts | None,
        is_expression: bool,
    ) -> Any:
        if isinstance(key_id, uuid.UUID):
            key_id = Binary.from_uuid(key_id)
        if key_id is not None and not (isinstance(key_id, Binary) and key_id.subtype == UUID_SUBTYPE):
            raise TypeError("key_id must be a bson.binary.Binary with subtype 4")
        return await self._open().encrypt(
            value,
            algorithm,
            key_id,
            key_alt_name,
            query_type,
            contention_factor,
            range_opts.document if range_opts else None,
            string_opts.document if string_opts else None,
            is_expression,
        )

    @confidential
    def decrypt(self, value: Binary) -> asyncio.Future[Any]:
        """The value that `value`, a :class:`~bson.binary.Binary` of subtype 6, is the encryption of.

        Raises :class:`~pymongo.errors.EncryptionError`, and TypeError for what is no such Binary.
        """
        return self._start(self._decrypt(value))

    @confidential
    async def _decrypt(self, value: Binary) -> Any:
        encrypter = self._open()
        if not (isinstance(value, Binary) and value.subtype == _ENCRYPTED_SUBTYPE):
            raise TypeError("value to decrypt must be a bson.binary.Binary with subtype 6")
        return await encrypter.decrypt(value)

    def get_key(self, id: Binary) -> asyncio.Future[RawBSONDocument | None]:
        """The data key with the ``_id`` `id`, as the key vault has it; ``None`` if there is none."""
        return self._vault().find_one({"_id": id})

    def get_keys(self) -> asyncio.Future[Any]:
        """A cursor over all data keys."""
        return self._start(self._get_keys())

    async def _get_keys(self) -> AgnosticCursor[RawBSONDocument]:
        return self._vault().find({})

    def delete_key(self, id: Binary) -> asyncio.Future[DeleteResult]:
        """Delete the data key with the ``_id`` `id`: what it has encrypted cannot be decrypted any more."""
        return self._vault().delete_one({"_id": id})

    def add_key_alt_name(self, id: Binary, key_alt_name: str) -> asyncio.Future[Any]:
        """Give the data key `id` the name `key_alt_name`, too: the result is the key as it was before, ``None`` if
        there is none.
        """
        return self._vault().find_one_and_update({"_id": id}, {"$addToSet": {"keyAltNames": key_alt_name}})

    def get_key_by_alt_name(self, key_alt_name: str) -> asyncio.Future[RawBSONDocument | None]:
        """The data key with the name `key_alt_name`, as the key vault has it; ``None`` if there is none."""
        return self._vault().find_one({"keyAltNames": key_alt_name})

    def remove_key_alt_name(self, id: Binary, key_alt_name: str) -> asyncio.Future[RawBSONDocument | None]:
        """Take the name `key_alt_name` from the data key `id`: the result is the key as it was before, ``None`` if
        there is none.

        With the last name the field ``keyAltNames`` goes, too.
        """
        others = {"$filter": {"input": "$keyAltNames", "cond": {"$ne": ["$$this", key_alt_name]}}}
        only = {"$eq": ["$keyAltNames", [key_alt_name]]}
        update = [{"$set": {"keyAltNames": {"$cond": [only, "$$REMOVE", others]}}}]
        return self._vault().find_one_and_update({"_id": id}, update)

    @confidential
    def rewrap_many_data_key(
        self, filter: Mapping[str, Any], provider: str | None = None, master_key: Mapping[str, Any] | None = None
    ) -> asyncio.Future[RewrapManyDataKeyResult]:
        """Decrypt the data keys that match `filter`, encrypt them anew and write them back: with the `master_key` of
        `provider`, or each with its own. What the data keys have encrypted stays as it is.

        Raises :class:`~pymongo.errors.ConfigurationError` for a `master_key` without a `provider`, and
        :class:`~pymongo.errors.EncryptionError`.
        """
        return self._start(self._rewrap_many_data_key(filter, provider, master_key))

    @confidential
    async def _rewrap_many_data_key(
        self, filter: Mapping[str, Any], provider: str | None, master_key: Mapping[str, Any] | None
    ) -> RewrapManyDataKeyResult:
        # Not before it is needed: it imports all that encryption needs.
        from pymongo.encryption import RewrapManyDataKeyResult  # type: ignore[attr-defined]  # by a star

        if master_key is not None and provider is None:
            raise ConfigurationError("A provider must be given if a master_key is given")
        keys = await self._open().rewrap(filter, provider, master_key)
        if not keys:
            return RewrapManyDataKeyResult()
        updates = [
            UpdateOne(
                {"_id": key["_id"]},
                {
                    "$set": {"keyMaterial": key["keyMaterial"], "masterKey": key["masterKey"]},
                    "$currentDate": {"updateDate": True},
                },
            )
            for key in keys
        ]
        return RewrapManyDataKeyResult(await self._vault().bulk_write(updates))

    @confidential
    def create_encrypted_collection(
        self,
        database: AgnosticDatabase[Any],
        name: str,
        encrypted_fields: Mapping[str, Any],
        kms_provider: str | None = None,
        master_key: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> asyncio.Future[Any]:
        """Create the collection `name` in `database` for Queryable Encryption, and a data key for each of its fields
        whose ``keyId`` is ``None``. The result is the collection and `encrypted_fields` with those keys.

        The keys are made by `kms_provider`, with `master_key`. Keywords are those of
        :meth:`AgnosticDatabase.create_collection`. The client's own `auto_encryption_opts` do not know of the
        collection: make another client with what this returns. Raises
        :class:`~pymongo.errors.EncryptedCollectionError`, which holds the fields with the keys made so far.
        """
        if not isinstance(database, AgnosticDatabase):
            raise TypeError(f"database must be a database of Motor's, not {type(database)}")
        return self._start(
            self._create_encrypted_collection(database, name, encrypted_fields, kms_provider, master_key, kwargs)
        )

    @confidential
    async def _create_encrypted_collection(
        self,
        database: AgnosticDatabase[Any],
        name: str,
        encrypted_fields: Mapping[str, Any],
        kms_provider: str | None,
        master_key: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> tuple[AgnosticCollection[Any], Mapping[str, Any]]:
        completed = copy.deepcopy(encrypted_fields)
        try:
            for field in completed["fields"]:
                if isinstance(field, dict) and field.get("keyId") is None:
                    # The provider may be missing only where no key is made.
                    field["keyId"] = await self._open().create_data_key(kms_provider, master_key, None, None)  # type: ignore[arg-type]
        except EncryptionError as error:
            raise EncryptedCollectionError(error, completed) from error
        options = {**options, "encryptedFields": completed, "check_exists": False}
        try:
            collection = await database.create_collection(name, **options)
        except Exception as error:
            raise EncryptedCollectionError(error, completed) from error
        return collection, completed

    def close(self) -> Awaitable[None]:
        """Forget the data keys; what comes later raises :class:`~pymongo.errors.InvalidOperation`.

        It is done when this returns; awaiting it is optional. The key vault client stays open.
        """
        encrypter, self._encrypter = self._encrypter, None
        if encrypter is not None:
            encrypter.close()
        return _Done()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    def __enter__(self) -> None:
        raise RuntimeError(f'Use {type(self).__name__} in "async with", not "with"')

    def __exit__(self, *exc_info: object) -> None:
        # Never called: but without it "with" fails before it has asked for the message above.
        raise NotImplementedError

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        def loop() -> asyncio.AbstractEventLoop:
            return self._client._family.framework.asyncio_loop(self.io_loop)

        return start(coroutine, loop) if self._timeout is None else start_within(self._timeout, coroutine, loop)

    def _open(self) -> ExplicitEncrypter:
        if self._encrypter is None:
            raise InvalidOperation(f"Cannot use closed {type(self).__name__}")
        return self._encrypter

    def _vault(self) -> AgnosticCollection[RawBSONDocument]:
        self._open()
        return self._key_vault


class _Done:
    """May be awaited, and is over at once; unlike a Future it needs no loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()
