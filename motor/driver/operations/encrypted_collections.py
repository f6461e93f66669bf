"""create, for the collections that Queryable Encryption keeps its own data in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.errors import ConfigurationError

from motor.driver.operations.collections import Create
from motor.driver.operations.operation import Command, Document, Target
from motor.driver.server_facts import ServerFacts

_WIRE_VERSION = 21
"""MongoDB 7.0, the first with the Queryable Encryption of today."""


def state_collections(name: str, encrypted_fields: Document) -> tuple[str, str]:
    """The names of the two collections that belong to the encrypted collection `name`."""
    return (
        encrypted_fields.get("escCollection", f"enxcol_.{name}.esc"),
        encrypted_fields.get("ecocCollection", f"enxcol_.{name}.ecoc"),
    )


def create_state_collection(target: Target) -> CreateForEncryption:
    """Create one of those."""
    return CreateForEncryption(target, {"clusteredIndex": {"key": {"_id": 1}, "unique": True}})


@dataclass(slots=True, repr=False)
class CreateForEncryption(Create):
    """Create a collection, unless the server does not know what for."""

    def command(self, facts: ServerFacts) -> Command:
        """``{create: <collection>, ...}``. Raises ConfigurationError if the server is too old."""
        if facts.max_wire_version < _WIRE_VERSION:
            raise ConfigurationError(
                "Driver support of Queryable Encryption is incompatible with server. "
                "Upgrade server to use Queryable Encryption. "
                f"Got maxWireVersion {facts.max_wire_version} but need maxWireVersion >= {_WIRE_VERSION} "
                "(MongoDB >=7.0)"
            )
        command: dict[str, Any] = Create.command(self, facts)
        return command
