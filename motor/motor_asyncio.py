"""Motor for asyncio."""

from motor.api.base import DocumentType
from motor.api.client import AgnosticClient
from motor.api.collection import AgnosticCollection
from motor.api.command_cursor import AgnosticCommandCursor, AgnosticLatentCommandCursor
from motor.api.cursor import AgnosticCursor
from motor.api.database import AgnosticDatabase
from motor.api.family import Family
from motor.frameworks import asyncio as framework

__all__ = [
    "AsyncIOMotorClient",
    "AsyncIOMotorCollection",
    "AsyncIOMotorCommandCursor",
    "AsyncIOMotorCursor",
    "AsyncIOMotorDatabase",
    "AsyncIOMotorLatentCommandCursor",
]


class AsyncIOMotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""


class AsyncIOMotorCollection(AgnosticCollection[DocumentType]):
    """A collection."""


class AsyncIOMotorCursor(AgnosticCursor[DocumentType]):
    """The cursor of a find."""


class AsyncIOMotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""


class AsyncIOMotorLatentCommandCursor(
    AgnosticLatentCommandCursor[DocumentType], AsyncIOMotorCommandCursor[DocumentType]
):
    """The cursor of a command that has not been sent yet."""


class AsyncIOMotorClient(AgnosticClient[DocumentType]):
    """A client."""

    _family = Family(
        framework,
        AsyncIOMotorDatabase,
        AsyncIOMotorCollection,
        AsyncIOMotorCursor,
        AsyncIOMotorCommandCursor,
        AsyncIOMotorLatentCommandCursor,
    )
