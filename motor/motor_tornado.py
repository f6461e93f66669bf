"""Motor for Tornado."""

from motor.api.base import DocumentType
from motor.api.client import AgnosticClient
from motor.api.collection import AgnosticCollection
from motor.api.command_cursor import AgnosticCommandCursor, AgnosticLatentCommandCursor
from motor.api.cursor import AgnosticCursor
from motor.api.database import AgnosticDatabase
from motor.api.family import Family
from motor.frameworks import tornado as framework

__all__ = [
    "MotorClient",
    "MotorCollection",
    "MotorCommandCursor",
    "MotorCursor",
    "MotorDatabase",
    "MotorLatentCommandCursor",
]


class MotorDatabase(AgnosticDatabase[DocumentType]):
    """A database."""


class MotorCollection(AgnosticCollection[DocumentType]):
    """A collection."""


class MotorCursor(AgnosticCursor[DocumentType]):
    """The cursor of a find."""


class MotorCommandCursor(AgnosticCommandCursor[DocumentType]):
    """The cursor of a command."""


class MotorLatentCommandCursor(AgnosticLatentCommandCursor[DocumentType], MotorCommandCursor[DocumentType]):
    """The cursor of a command that has not been sent yet."""


class MotorClient(AgnosticClient[DocumentType]):
    """A client."""

    _family = Family(
        framework,
        MotorDatabase,
        MotorCollection,
        MotorCursor,
        MotorCommandCursor,
        MotorLatentCommandCursor,
    )
