"""The commands that are sent for encryption: the same as PyMongo's, on a server that plays along.

The real one of the other tests has no Queryable Encryption.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bson.binary import UUID_SUBTYPE, Binary
from pymongo import AsyncMongoClient
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import (
    CollectionInvalid,
    ConfigurationError,
    EncryptedCollectionError,
    EncryptionError,
    OperationFailure,
)
from pymongo.results import DeleteResult

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.server import ScriptedServer, reply

from .keys import CODEC, LOCAL, RANDOM, encryption

_KEY = Binary(bytes(16), UUID_SUBTYPE)
FIELDS = {"fields": [{"path": "a", "bsonType": "string", "keyId": _KEY, "queries": {"queryType": "equality"}}]}
NAMED = {**FIELDS, "escCollection": "one", "ecocCollection": "two"}
INCOMPLETE: dict[str, Any] = {"fields": [{"path": "a", "bsonType": "string", "keyId": None}, *FIELDS["fields"]]}

Call = Callable[[Any, Any], Any]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """It says yes to everything."""
    async with ScriptedServer() as server:
        yield server


def listed(*collections: dict[str, Any]) -> dict[str, Any]:
    """The answer to listCollections."""
    return {"cursor": {"id": 0, "ns": "db.$cmd.listCollections", "firstBatch": list(collections)}, "ok": 1}


CALLS: dict[str, Call] = {
    "create": lambda db, keys: db.create_collection("c", encryptedFields=FIELDS, check_exists=False),
    "create with names": lambda db, keys: db.create_collection(
        "c", encryptedFields=NAMED, check_exists=False, validationLevel="off", collation={"locale": "de"}
    ),
    "create what the client knows of": lambda db, keys: db.create_collection("known", check_exists=False),
    "create plain": lambda db, keys: db.create_collection("plain", check_exists=False),
    "create what is there": lambda db, keys: db.create_collection("there", encryptedFields=FIELDS),
    "create what is no document": lambda db, keys: db.create_collection("c", encryptedFields=5, check_exists=False),
    "create encrypted": lambda db, keys: keys.create_encrypted_collection(db, "c", INCOMPLETE, "local"),
    "create encrypted without a provider": lambda db, keys: keys.create_encrypted_collection(db, "c", INCOMPLETE),
    "create encrypted in nothing": lambda db, keys: keys.create_encrypted_collection(None, "c", INCOMPLETE, "local"),
    "drop": lambda db, keys: db.drop_collection("c", encrypted_fields=FIELDS),
    "drop with names": lambda db, keys: db.drop_collection("c", encrypted_fields=NAMED, comment="x"),
    "drop what the client knows of": lambda db, keys: db.known.drop(),
    "drop what the server knows of": lambda db, keys: db.drop_collection("remote"),
    "drop plain": lambda db, keys: db.plain.drop(),
    "get a key": lambda db, keys: keys.get_key(_KEY),
    "get keys": lambda db, keys: keys.get_keys(),
    "get a key by its name": lambda db, keys: keys.get_key_by_alt_name("one"),
    "delete a key": lambda db, keys: keys.delete_key(_KEY),
    "add a name": lambda db, keys: keys.add_key_alt_name(_KEY, "one"),
    "remove a name": lambda db, keys: keys.remove_key_alt_name(_KEY, "one"),
    "create a key": lambda db, keys: keys.create_data_key("local", key_alt_names=["one", "two"]),
    "create a key of an unknown provider": lambda db, keys: keys.create_data_key("aws"),
    "encrypt by id": lambda db, keys: keys.encrypt("x", RANDOM, _KEY),
    "encrypt by name": lambda db, keys: keys.encrypt("x", RANDOM, key_alt_name="one"),
    "encrypt nothing": lambda db, keys: keys.encrypt("x", RANDOM),
    "decrypt": lambda db, keys: keys.decrypt(Binary(b"\1" + bytes(16) + b"\2" + bytes(64), 6)),
    "rewrap": lambda db, keys: keys.rewrap_many_data_key({"keyAltNames": "one"}),
    "rewrap without a provider": lambda db, keys: keys.rewrap_many_data_key({}, master_key={}),
    "drop a collection": lambda db, keys: db.c.drop(encrypted_fields=FIELDS),
}


@pytest.mark.parametrize("name", CALLS)
async def test_the_same_commands(server: ScriptedServer, name: str) -> None:
    def answers() -> None:
        server.unscript()
        known = {"create what is there": "there", "drop what the server knows of": "remote"}.get(name)
        found: dict[str, Any] = {"name": known, "type": "collection", "options": {"encryptedFields": NAMED}}
        server.script("listCollections", *[reply(listed(*([found] if known else [])))] * 4)

    seen = []
    for make in (_pymongo, _motor):
        answers()
        server.requests.clear()
        options = AutoEncryptionOpts(
            LOCAL, "vault.keys", bypass_query_analysis=True, encrypted_fields_map={"db.known": FIELDS}
        )
        client, keys = make(server.uri, options)
        try:
            result = _outcome(await _awaited(CALLS[name](client.db, keys)))
        except Exception as error:
            result = (type(error), type(error.__cause__))
        seen.append((result, [_command(request.command) for request in server.requests]))
        await keys.close()
        await client.close()
    theirs, ours = seen
    assert ours == theirs
    assert ours[1] or isinstance(ours[0], tuple)


def _pymongo(uri: str, options: AutoEncryptionOpts) -> tuple[Any, Any]:
    client: Any = AsyncMongoClient(uri, auto_encryption_opts=options)
    return client, AsyncClientEncryption(LOCAL, "vault.keys", client, CODEC)


def _motor(uri: str, options: AutoEncryptionOpts) -> tuple[Any, Any]:
    client: Any = AsyncIOMotorClient(uri, auto_encryption_opts=options)
    return client, encryption(client, "vault.keys")


async def _awaited(result: Any) -> Any:
    """What is awaited, with a cursor read to its end: Motor's methods that return one have to be awaited, too."""
    if inspect.isawaitable(result):
        result = await result
    return await result.to_list() if hasattr(result, "to_list") else result


def _outcome(result: Any) -> Any:
    if isinstance(result, Binary):
        return result.subtype
    # By its name, because before PyMongo 4.18 there are two of the latter.
    if isinstance(result, DeleteResult) or type(result).__name__ == "RewrapManyDataKeyResult":
        return repr(result)
    if isinstance(result, tuple) and isinstance(result[1], dict):
        collection, fields = result
        return collection.full_name, [sorted(field) for field in fields["fields"]]
    return getattr(result, "full_name", result)


def _command(command: dict[str, Any]) -> dict[str, Any]:
    """A command without what is another each time."""
    if command.get("insert") == "keys":
        command["documents"] = [sorted(document) for document in command["documents"]]
    for field in command.get("encryptedFields", {}).get("fields", []):
        field["keyId"] = "a key"
    return {name: value for name, value in command.items() if name not in ("lsid", "txnNumber", "$clusterTime")}


async def test_collections_beside_it(server: ScriptedServer) -> None:
    """Without automatic encryption, too: it is the fields that say so."""
    client: Any = AsyncIOMotorClient(server.uri)
    collection = await client.db.create_collection("c", encryptedFields=FIELDS, check_exists=False)
    assert collection.name == "c"
    assert server.names == ["create", "create", "create", "createIndexes"]
    assert server.requests[2].command["encryptedFields"] == FIELDS
    assert server.requests[3].command["indexes"][0]["key"] == {"__safeContent__": 1}
    await client.close()


async def test_an_old_server() -> None:
    async with ScriptedServer(hello={"maxWireVersion": 20}) as server:
        client: Any = AsyncIOMotorClient(server.uri)
        with pytest.raises(ConfigurationError, match="Upgrade server to use Queryable Encryption"):
            await client.db.create_collection("c", encryptedFields=FIELDS, check_exists=False)
        assert server.names == []
        await client.close()


async def test_what_was_made_before_the_error(server: ScriptedServer, client: Any, vault: str) -> None:
    """The error holds the fields, with the keys that have been made."""
    scripted: Any = AsyncIOMotorClient(server.uri)
    server.script("create", reply({"ok": 0, "errmsg": "no", "code": 1}))
    async with encryption(scripted, "vault.keys") as keys:
        with pytest.raises(EncryptedCollectionError) as caught:
            await keys.create_encrypted_collection(scripted.db, "c", INCOMPLETE, "local")
        assert isinstance(caught.value.cause, OperationFailure)
        made = caught.value.encrypted_fields["fields"][0]["keyId"]
        assert made.subtype == UUID_SUBTYPE
        with pytest.raises(EncryptedCollectionError) as caught:
            await keys.create_encrypted_collection(scripted.db, "c", INCOMPLETE, "aws")
        assert isinstance(caught.value.cause, EncryptionError)
        assert caught.value.encrypted_fields == INCOMPLETE
    await scripted.close()

    # What the real server says to a field that it does not know.
    async with encryption(client, vault) as keys:
        with pytest.raises(EncryptedCollectionError, match="encryptedFields"):
            await keys.create_encrypted_collection(client[vault.split(".")[0]], "c", INCOMPLETE, "local")
        with pytest.raises(CollectionInvalid):
            await client[vault.split(".")[0]].create_collection("keys", encryptedFields=FIELDS)
