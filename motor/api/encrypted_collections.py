"""Queryable Encryption's collections: what of an encrypted collection is created and dropped with it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from motor._pymongo import auto_encryption_settings, validate_is_mapping
from motor.driver.operations.collections import Drop
from motor.driver.operations.encrypted_collections import create_state_collection, state_collections

if TYPE_CHECKING:
    from motor.api.database import AgnosticDatabase


def encrypted_fields_of(database: AgnosticDatabase[Any], name: str, given: Any) -> Mapping[str, Any] | None:
    """A copy of the encrypted fields of the collection `name`: those `given`, or those that the client's
    `auto_encryption_opts` name; ``None`` if it has none.

    Raises TypeError for what is no document.
    """
    fields = given
    options = database.client.options.auto_encryption_opts
    if not fields and options is not None:
        known = auto_encryption_settings(options)["encrypted_fields_map"] or {}
        fields = known.get(f"{database.name}.{name}")
    if not fields:
        return None
    validate_is_mapping("encryptedFields", fields)
    copied: Mapping[str, Any] = copy.deepcopy(fields)
    return copied


async def create_state_collections(
    database: AgnosticDatabase[Any], name: str, encrypted_fields: Mapping[str, Any], session: Any
) -> None:
    """Create the collections that belong to the encrypted collection `name`."""
    for state_collection in state_collections(name, encrypted_fields):
        await database._execute(create_state_collection(database._target(state_collection)), session)


async def drop_state_collections(
    database: AgnosticDatabase[Any], name: str, encrypted_fields: Any, session: Any, comment: Any
) -> None:
    """Drop the collections that belong to the collection `name`, if it is encrypted: what the client has not been told
    of it the server is asked for, if the client encrypts at all.
    """
    fields = encrypted_fields_of(database, name, encrypted_fields)
    if fields is None and database.client.options.auto_encryption_opts is not None:
        fields = (await database[name].options()).get("encryptedFields")
    if fields:
        for state_collection in state_collections(name, fields):
            await database._execute(Drop(database._target(state_collection), comment), session)
