"""The classes that both frameworks share. Applications annotate with them when they mean either."""

from motor.api.base import AgnosticBase, AgnosticBaseProperties
from motor.api.base_cursor import AgnosticBaseCursor
from motor.api.change_stream import AgnosticChangeStream
from motor.api.client import AgnosticClient
from motor.api.collection import AgnosticCollection
from motor.api.command_cursor import (
    AgnosticCommandCursor,
    AgnosticLatentCommandCursor,
    AgnosticRawBatchCommandCursor,
)
from motor.api.cursor import AgnosticCursor, AgnosticRawBatchCursor
from motor.api.database import AgnosticDatabase
from motor.api.encryption import AgnosticClientEncryption
from motor.api.session import AgnosticClientSession

__all__ = [
    "AgnosticBase",
    "AgnosticBaseCursor",
    "AgnosticBaseProperties",
    "AgnosticChangeStream",
    "AgnosticClient",
    "AgnosticClientEncryption",
    "AgnosticClientSession",
    "AgnosticCollection",
    "AgnosticCommandCursor",
    "AgnosticCursor",
    "AgnosticDatabase",
    "AgnosticLatentCommandCursor",
    "AgnosticRawBatchCommandCursor",
    "AgnosticRawBatchCursor",
]
