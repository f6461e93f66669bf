"""Commands of the driver's own, whose documents libmongocrypt reads: they stay BSON."""

from __future__ import annotations

from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from motor.driver.cursors import ServerCursor
from motor.driver.execution.deployment import Deployment
from motor.driver.operations.collections import ListCollections
from motor.driver.operations.operation import Operation, Target
from motor.driver.operations.reply import Batch

RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)
"""Documents that are not decoded."""


async def read_all(deployment: Deployment, opening: Operation[Batch]) -> list[bytes]:
    """Every document of the cursor that `opening` opens, as BSON."""
    cursor = ServerCursor(deployment, opening)
    found: list[bytes] = []
    try:
        while cursor.alive:
            await cursor.refresh()
            while cursor.documents:
                found.append(cursor.documents.popleft().raw)
    finally:
        cursor.abandon()
    return found


class ListRawCollections(ListCollections):
    """List the collections: the documents stay BSON."""

    __slots__ = ()

    @property
    def documents_codec(self) -> CodecOptions[Any]:
        """Nothing is decoded that nobody looks at."""
        return RAW


async def collection_info(deployment: Deployment, database: str, filter: bytes) -> list[bytes]:
    """What the server tells of the collections of `database` that match `filter`, each a BSON document."""
    return await read_all(
        deployment, ListRawCollections(Target(database, "$cmd", RAW), {"filter": RawBSONDocument(filter)})
    )
