"""The classes of one framework, so that a client's databases, collections and cursors are of its own kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motor.frameworks.framework import Framework

if TYPE_CHECKING:
    from motor.api.change_stream import AgnosticChangeStream
    from motor.api.collection import AgnosticCollection
    from motor.api.command_cursor import (
        AgnosticCommandCursor,
        AgnosticLatentCommandCursor,
        AgnosticRawBatchCommandCursor,
    )
    from motor.api.cursor import AgnosticCursor, AgnosticRawBatchCursor
    from motor.api.database import AgnosticDatabase
    from motor.api.gridfs.grid_in import AgnosticGridIn
    from motor.api.gridfs.grid_out import AgnosticGridOut
    from motor.api.gridfs.grid_out_cursor import AgnosticGridOutCursor
    from motor.api.session import AgnosticClientSession


@dataclass(frozen=True)
class Family:
    """A framework and its classes."""

    framework: Framework
    database: type[AgnosticDatabase[Any]]
    collection: type[AgnosticCollection[Any]]
    cursor: type[AgnosticCursor[Any]]
    command_cursor: type[AgnosticCommandCursor[Any]]
    latent_command_cursor: type[AgnosticLatentCommandCursor[Any]]
    raw_batch_cursor: type[AgnosticRawBatchCursor]
    raw_batch_command_cursor: type[AgnosticRawBatchCommandCursor]
    session: type[AgnosticClientSession]
    change_stream: type[AgnosticChangeStream[Any]]
    grid_in: type[AgnosticGridIn]
    grid_out: type[AgnosticGridOut]
    grid_out_cursor: type[AgnosticGridOutCursor]
