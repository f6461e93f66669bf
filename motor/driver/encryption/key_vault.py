"""The key vault: the collection that holds the data keys, encrypted."""

from __future__ import annotations

from typing import Any, Protocol

from bson.binary import UUID_SUBTYPE, Binary
from bson.raw_bson import RawBSONDocument
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor.driver.encryption.commands import RAW, read_all
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.find import Find, Query
from motor.driver.operations.insert import InsertOne
from motor.driver.operations.operation import Target
from motor.driver.threads import APPLICATION


class KeyVault(Protocol):
    """Where data keys are found and kept."""

    async def find(self, filter: bytes) -> list[bytes]:
        """The data keys that match `filter`, each a BSON document."""
        ...

    async def insert(self, data_key: bytes) -> Binary:
        """Keep a data key; its ``_id``."""
        ...


class DeployedKeyVault:
    """A key vault that the engine reads and writes, with the read and write concern "majority"."""

    def __init__(self, deployment: Deployment, namespace: str) -> None:
        database, _, collection = namespace.partition(".")
        self._deployment = deployment
        self._target = Target(
            database,
            collection,
            RAW,
            deployment.settings.options.read_preference,
            WriteConcern(w="majority"),
            ReadConcern("majority"),
        )

    async def find(self, filter: bytes) -> list[bytes]:
        """The data keys that match `filter`."""
        return await read_all(self._deployment, Find(self._target, Query(RawBSONDocument(filter))))

    async def insert(self, data_key: bytes) -> Binary:
        """Keep a data key; its ``_id``."""
        document = RawBSONDocument(data_key)
        await self._deployment.execute(InsertOne(self._target, document))
        return _id_of(document)


class PyMongoKeyVault:
    """A key vault behind a :class:`pymongo.MongoClient`, as Motor 3 had it: read in a thread."""

    def __init__(self, client: Any, namespace: str) -> None:
        database, _, collection = namespace.partition(".")
        self._collection = client[database].get_collection(
            collection, RAW, read_concern=ReadConcern("majority"), write_concern=WriteConcern(w="majority")
        )

    async def find(self, filter: bytes) -> list[bytes]:
        """The data keys that match `filter`."""
        keys = await APPLICATION.finish(
            "reading the key vault", lambda: list(self._collection.find(RawBSONDocument(filter)))
        )
        return [key.raw for key in keys]

    async def insert(self, data_key: bytes) -> Binary:
        """Keep a data key; its ``_id``."""
        document = RawBSONDocument(data_key)
        await APPLICATION.finish("writing to the key vault", self._collection.insert_one, document)
        return _id_of(document)


def _id_of(data_key: RawBSONDocument) -> Binary:
    key_id = data_key["_id"]
    if not isinstance(key_id, Binary) or key_id.subtype != UUID_SUBTYPE:
        raise TypeError(f"a data key's _id must be Binary with a UUID subtype, not {type(key_id)}")
    return key_id
