"""Commands that are encrypted, and replies that are decrypted, by the client itself."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from bson import ObjectId, decode, encode
from bson.binary import Binary
from bson.raw_bson import RawBSONDocument
from pymongo import CursorType, DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateOne
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import (
    BulkWriteError,
    DocumentTooLarge,
    EncryptionError,
    InvalidOperation,
    OperationFailure,
    ServerSelectionTimeoutError,
)
from pymongo.write_concern import WriteConcern

from motor.driver.encryption.commands import collection_info
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.events import CommandEvents
from tests.support.inside import encrypter_of, has_client_for_itself, look_again_soon, replace
from tests.support.waiting import until

from .keys import DETERMINISTIC, LOCAL, RANDOM, encrypted_client, encryption, refused, schema
from .query_analysis import Mongocryptd

Client = AsyncIOMotorClient[Any]
Database = Any


@pytest.fixture
def commands() -> CommandEvents:
    """What the client of `secret` sends, encryption's own included."""
    return CommandEvents()


@pytest.fixture
async def secret(
    uri: str, db: Database, vault: str, key: Binary, mongocryptd: Mongocryptd, commands: CommandEvents
) -> AsyncIterator[Any]:
    """A collection whose fields `ssn` and `note` are encrypted, with the deterministic and the random algorithm."""
    options = {
        "schema_map": schema(f"{db.name}.secret", key, ssn=DETERMINISTIC, note=RANDOM),
        "mongocryptd_uri": mongocryptd.uri,
        "mongocryptd_bypass_spawn": True,
    }
    client = encrypted_client(uri, vault, listeners=[commands], **options)
    yield client[db.name].secret
    await client.close()


@pytest.fixture
def stored(db: Database) -> Any:
    """That collection as it is on the server."""
    return db.secret


async def test_end_to_end(secret: Any, stored: Any, mongocryptd: Mongocryptd, key: Binary) -> None:
    """Each kind of command: what is stored is encrypted, what is read is not."""
    await secret.insert_one({"_id": 1, "ssn": "123", "note": {"deep": [1]}, "open": "x"})
    one = await stored.find_one({"_id": 1})
    assert one["open"] == "x"
    assert (one["ssn"].subtype, one["note"].subtype) == (6, 6)
    assert await secret.find_one({"_id": 1}) == {"_id": 1, "ssn": "123", "note": {"deep": [1]}, "open": "x"}

    # By its value, which makes the same ciphertext each time.
    for query in ({"ssn": "123"}, {"ssn": {"$eq": "123"}}, {"ssn": {"$in": ["0", "123"]}}, {"$or": [{"ssn": "123"}]}):
        assert [document["_id"] async for document in secret.find(query)] == [1]
    assert await secret.count_documents({"ssn": "123"}) == 1
    assert await secret.distinct("ssn") == ["123"]
    assert [document["ssn"] async for document in secret.aggregate([{"$match": {"ssn": "123"}}])] == ["123"]

    await secret.insert_many([{"_id": number, "ssn": str(number)} for number in range(2, 5)])
    assert all([document["ssn"].subtype == 6 async for document in stored.find()])
    assert (await secret.update_one({"ssn": "2"}, {"$set": {"ssn": "two"}})).modified_count == 1
    assert (await secret.update_many({"ssn": {"$ne": "two"}}, {"$set": {"note": "same"}})).modified_count == 3
    assert (await secret.replace_one({"_id": 3}, {"ssn": "three"})).modified_count == 1
    assert all([document["ssn"].subtype == 6 async for document in stored.find()])
    found = await secret.find_one_and_update({"ssn": "three"}, {"$set": {"note": "n"}}, return_document=True)
    assert found == {"_id": 3, "ssn": "three", "note": "n"}
    assert (await secret.find_one_and_replace({"ssn": "three"}, {"ssn": "3"}))["ssn"] == "three"
    assert (await secret.find_one_and_delete({"ssn": "3"}))["ssn"] == "3"
    assert (await secret.delete_one({"ssn": "two"})).deleted_count == 1
    result = await secret.bulk_write(
        [
            InsertOne({"_id": 5, "ssn": "5"}),
            UpdateOne({"ssn": "5"}, {"$set": {"ssn": "five"}}),
            ReplaceOne({"ssn": "4"}, {"ssn": "four"}),
            DeleteOne({"ssn": "123"}),
        ]
    )
    assert (result.inserted_count, result.modified_count, result.deleted_count) == (1, 2, 1)
    assert [document["ssn"] async for document in secret.find().sort("_id")] == ["four", "five"]
    assert [document["ssn"].subtype async for document in stored.find()] == [6, 6]
    assert {"insert", "find", "aggregate", "update", "delete", "findAndModify", "distinct"} <= set(mongocryptd.asked)


async def test_raw_documents_and_ids(secret: Any, stored: Any) -> None:
    await secret.insert_one(RawBSONDocument(encode({"_id": 1, "ssn": "raw"})))
    document: dict[str, Any] = {"ssn": "x"}
    assert (await secret.insert_one(document)).inserted_id == document["_id"]
    assert document["ssn"] == "x"
    assert {one["ssn"] async for one in secret.find()} == {"raw", "x"}
    assert [next(iter(one)) async for one in stored.find()] == ["_id", "_id"]


async def test_listeners_see_no_plaintext(
    secret: Any, commands: CommandEvents, mongocryptd: Mongocryptd, caplog: Any
) -> None:
    with caplog.at_level("DEBUG", "pymongo.command"):
        await secret.insert_one({"ssn": "plaintext", "note": "plaintext"})
        await secret.insert_many([{"ssn": "plaintext"}, {"note": "plaintext"}])
        await secret.update_one({"ssn": "plaintext"}, {"$set": {"note": "plaintext"}})
        assert (await secret.find_one({"ssn": "plaintext"}))["note"] == "plaintext"
    sent = commands.of("insert", "update", "find")
    assert len(sent) >= 4
    for command in sent:
        assert b"plaintext" not in encode(command)
    for event in commands.succeeded_events:
        assert b"plaintext" not in encode(event.reply)
    # mongocryptd has to see it, on the same machine.
    messages = [record.getMessage() for record in caplog.records]
    sent_to_server = [message for message in messages if f'"serverPort": {mongocryptd.port}' not in message]
    assert len(sent_to_server) > 8
    assert not any("plaintext" in message for message in sent_to_server)


async def test_the_same_as_pymongo(
    uri: str, db: Database, secret: Any, commands: CommandEvents, mongocryptd: Mongocryptd
) -> None:
    """PyMongo's client reads what ours has written, ours what theirs has; and both send the same commands."""
    theirs_seen = CommandEvents()
    options: Any = secret.database.client.options.auto_encryption_opts

    def theirs() -> list[Any]:
        client: MongoClient[Any] = MongoClient(
            uri, auto_encryption_opts=options, event_listeners=[theirs_seen], uuidRepresentation="standard"
        )
        with client:
            collection = client[db.name].secret
            collection.insert_one({"_id": "theirs", "ssn": "1", "note": "n"})
            collection.update_one({"ssn": "1"}, {"$set": {"note": "m"}})
            collection.insert_many([{"_id": "theirs 2", "ssn": "2"}])
            return list(collection.find({"ssn": "1"}).sort("_id"))

    await secret.insert_one({"_id": "ours", "ssn": "1", "note": "n"})
    await secret.update_one({"ssn": "1"}, {"$set": {"note": "m"}})
    await secret.insert_many([{"_id": "ours 2", "ssn": "2"}])
    found = await asyncio.to_thread(theirs)
    assert found == await secret.find({"ssn": "1"}).sort("_id").to_list()
    assert [document["_id"] for document in found] == ["ours", "theirs"]
    ours, other = _shapes(commands), _shapes(theirs_seen)
    assert ours[: len(other)] == other
    assert len(other) == 5


def _shapes(seen: CommandEvents) -> list[Any]:
    """Commands without what differs from one to the next: names, databases, fields, and what they are about."""
    shapes = []
    for event in seen.started_events:
        command = {name: value for name, value in event.command.items() if not name.startswith("$")}
        about = [list(one) for field in ("documents", "updates") for one in command.get(field, [])]
        if event.command_name != "endSessions":
            shapes.append((event.command_name, event.database_name, sorted(command), about))
    return shapes


@pytest.mark.parametrize(
    ("query", "message"),
    [({"note": "x"}, "randomized"), ({"ssn": {"$gt": "1"}}, r"\$gt is not allowed"), ({"ssn": 1}, "wants a value of")],
    ids=["random", "operator", "type"],
)
async def test_what_the_analysis_refuses(secret: Any, query: dict[str, Any], message: str) -> None:
    with pytest.raises(EncryptionError, match=message) as caught:
        await secret.find_one(query)
    assert isinstance(caught.value.cause, OperationFailure)
    with pytest.raises(EncryptionError, match=message):
        await secret.delete_many(query)
    # The client is as good as before.
    await secret.insert_one({"ssn": "1"})
    assert await secret.count_documents({"ssn": "1"}) == 1


async def test_what_cannot_be_encrypted(secret: Any) -> None:
    """As PyMongo has it: refused, and nothing sent in the clear."""
    database = secret.database
    with pytest.raises(InvalidOperation, match="does not currently support automatic encryption"):
        await database.client.bulk_write([InsertOne({"ssn": "1"}, namespace=f"{database.name}.secret")])
    with pytest.raises(InvalidOperation, match="raw batches do not support auto encryption"):
        await secret.find_raw_batches().next()
    with pytest.raises(InvalidOperation, match="raw batches do not support auto encryption"):
        await secret.aggregate_raw_batches([]).next()
    with pytest.raises(InvalidOperation, match="exhaust cursors do not support auto encryption"):
        await secret.find(cursor_type=CursorType.EXHAUST).next()
    with refused():
        await database.command("validate", "secret")
    with refused():
        await database.aggregate([{"$currentOp": {}}]).to_list()
    assert await database.command("ping")


async def test_unacknowledged_writes(secret: Any, stored: Any) -> None:
    silent = secret.with_options(write_concern=WriteConcern(w=0))
    await silent.insert_one({"_id": 1, "ssn": "1"})
    await silent.insert_many([{"_id": 2, "ssn": "2"}, {"_id": 3, "ssn": "3"}], ordered=False)
    await silent.update_one({"ssn": "1"}, {"$set": {"ssn": "one"}})
    deadline = time.monotonic() + 20
    while set(await secret.distinct("ssn")) != {"one", "2", "3"}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert {one["ssn"].subtype async for one in stored.find()} == {6}


async def test_remote_schema(
    uri: str, db: Database, vault: str, key: Binary, mongocryptd: Mongocryptd, commands: CommandEvents, monkeypatch: Any
) -> None:
    """The schema is the server's, which is asked once a collection. Ours here knows no `encrypt`: it is told so for
    it.
    """
    validator = {"$jsonSchema": schema("", key, ssn=DETERMINISTIC)[""]}

    async def told(deployment: Any, database: str, filter: bytes) -> list[bytes]:
        found = [decode(one) for one in await collection_info(deployment, database, filter)]
        return [encode({**one, "options": {"validator": validator}} if one["name"] == "c" else one) for one in found]

    replace(monkeypatch, "state_machine.collection_info", told)
    await db.create_collection("c")
    options: dict[str, Any] = {"mongocryptd_uri": mongocryptd.uri, "mongocryptd_bypass_spawn": True}
    client = encrypted_client(uri, vault, listeners=[commands], **options)
    for number in range(3):
        await client[db.name].c.insert_one({"_id": number, "ssn": str(number)})
        assert (await db.c.find_one({"_id": number}))["ssn"].subtype == 6
    assert [one["_id"] async for one in client[db.name].c.find({"ssn": "1"})] == [1]
    assert len(commands.of("listCollections")) == 1
    await client[db.name].plain.insert_one({"ssn": "123"})
    assert (await db.plain.find_one())["ssn"] == "123"
    await client.close()


async def test_large_writes_are_split(secret: Any, commands: CommandEvents) -> None:
    """Before it is encrypted a batch holds no more than 2 MiB, unless one document alone is larger."""
    mebibyte = 2**20

    async def sizes(*lengths: int) -> list[int]:
        commands.clear()
        await secret.insert_many([{"open": "x" * length} for length in lengths])
        return [len(command["documents"]) for command in commands.of("insert")]

    assert await sizes(mebibyte - 100, mebibyte - 100, mebibyte - 100) == [2, 1]
    assert await sizes(3 * mebibyte, 100, 100, 2 * mebibyte, 100) == [1, 2, 1, 1]
    # Four bytes of the document's own size, its _id, and the field around the text: 2 MiB to the byte.
    empty = len(encode({"_id": ObjectId(), "open": ""}))
    assert await sizes(2 * mebibyte - empty, 1) == [1, 1]
    assert await sizes(2 * mebibyte - 2 * empty - 1, 1) == [2]
    with pytest.raises(DocumentTooLarge):
        await secret.insert_many([{"open": "x" * 17 * mebibyte}])
    with pytest.raises(DocumentTooLarge):
        await secret.insert_one({"open": "x" * 17 * mebibyte})


async def test_bulk_errors(secret: Any) -> None:
    """Positions and documents in the error are the application's own."""
    await secret.insert_one({"_id": 1})
    with pytest.raises(BulkWriteError) as caught:
        await secret.insert_many([{"_id": 0, "ssn": "0"}, {"_id": 1, "ssn": "1"}, {"_id": 2}], ordered=False)
    (error,) = caught.value.details["writeErrors"]
    assert (error["index"], error["op"]) == (1, {"_id": 1, "ssn": "1"})
    assert caught.value.details["nInserted"] == 2


async def test_large_reads(secret: Any, stored: Any) -> None:
    """Replies of every way to decode them, and of several batches."""
    await secret.insert_many([{"_id": number, "ssn": str(number), "open": "x" * 700} for number in range(1000)])
    found = await secret.find({}, batch_size=600).sort("_id").to_list()
    assert [document["ssn"] for document in found] == [str(number) for number in range(1000)]
    assert (await stored.find_one())["ssn"].subtype == 6


async def test_sessions_and_transactions(secret: Any, stored: Any, commands: CommandEvents) -> None:
    async with secret.database.client.start_session() as session:
        async with session.start_transaction():
            await secret.insert_one({"_id": 1, "ssn": "1"}, session=session)
            assert (await secret.find_one({"ssn": "1"}, session=session))["_id"] == 1
        with pytest.raises(ZeroDivisionError):
            async with session.start_transaction():
                await secret.insert_one({"_id": 2, "ssn": "2"}, session=session)
                raise ZeroDivisionError
        lsid = session.session_id
    assert await stored.count_documents({}) == 1
    inserts = commands.of("insert")
    assert [command["lsid"] for command in inserts] == [lsid, lsid]
    assert [command["txnNumber"] for command in inserts] == [1, 2]


async def test_retried_write(secret: Any, stored: Any, client: Client) -> None:
    """A write whose connection breaks is encrypted and sent again, and done once."""
    broken = {"failEvents": ["insert"], "closeConnection": True}
    await client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": broken})
    await secret.insert_one({"ssn": "1"})
    assert await stored.count_documents({}) == 1
    await client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": broken})
    await secret.insert_many([{"ssn": "2"}, {"ssn": "3"}])
    assert await secret.distinct("ssn") == ["1", "2", "3"]


async def test_change_stream(secret: Any) -> None:
    async with secret.watch() as stream:
        await secret.insert_one({"_id": 1, "ssn": "123"})
        change = await stream.next()
    assert change["fullDocument"] == {"_id": 1, "ssn": "123"}


async def test_without_mongocryptd(uri: str, db: Database, vault: str, key: Binary, monkeypatch: Any) -> None:
    """None there, and none started: the error of a server that cannot be selected."""
    replace(monkeypatch, "auto_encryption._MONGOCRYPTD_TIMEOUT_MS", 20)
    options: dict[str, Any] = {"mongocryptd_uri": "mongodb://127.0.0.1:1", "mongocryptd_bypass_spawn": True}
    client = encrypted_client(uri, vault, schema_map=schema(f"{db.name}.c", key, ssn=RANDOM), **options)
    with pytest.raises(EncryptionError) as caught:
        await client[db.name].c.insert_one({"ssn": "1"})
    assert isinstance(caught.value.cause, ServerSelectionTimeoutError)
    assert caught.value.timeout
    assert await db.c.count_documents({}) == 0
    await client.close()


async def test_mongocryptd_is_started(
    uri: str, db: Database, vault: str, key: Binary, mongocryptd: Mongocryptd, monkeypatch: Any
) -> None:
    """When it is first needed, and again when it has gone meanwhile; in a thread."""
    replace(monkeypatch, "auto_encryption._MONGOCRYPTD_TIMEOUT_MS", 1000)
    loop = asyncio.get_running_loop()
    spawned: list[list[str]] = []

    def spawn(arguments: list[str]) -> None:
        assert threading.current_thread() is not threading.main_thread()
        spawned.append(arguments)
        asyncio.run_coroutine_threadsafe(mongocryptd.open(), loop).result()

    await mongocryptd.close()
    replace(monkeypatch, "mongocryptd.spawn_daemon", spawn)
    look_again_soon(monkeypatch)
    client = encrypted_client(
        uri,
        vault,
        schema_map=schema(f"{db.name}.c", key, ssn=RANDOM),
        mongocryptd_uri=mongocryptd.uri,
        mongocryptd_spawn_path="a/mongocryptd",
        mongocryptd_spawn_args=["--one"],
    )
    assert not spawned
    await asyncio.gather(*(client[db.name].c.insert_one({"ssn": "1"}) for _ in range(3)))
    assert spawned == [["a/mongocryptd", "--one", "--idleShutdownTimeoutSecs=60"]]
    await client.close()


@pytest.mark.parametrize("bypass", ["bypass_auto_encryption", "bypass_query_analysis"])
async def test_automatic_decryption(
    uri: str, db: Database, vault: str, keys: Any, key: Binary, commands: CommandEvents, bypass: str
) -> None:
    """Without anything that analyses queries: what was encrypted explicitly is decrypted by itself."""
    values: dict[str, Any] = {"text": "ß", "document": {"a": [1]}, "uuid": uuid.UUID(int=5), "number": 2**40}
    encrypted = {name: await keys.encrypt(value, RANDOM, key) for name, value in values.items()}
    client = encrypted_client(uri, vault, listeners=[commands], client={}, **{bypass: True})
    collection = client[db.name].c
    await collection.insert_one({"_id": 1, "deep": [{"er": encrypted}]})
    await collection.insert_many([{"_id": 2, **encrypted}, {"_id": 3}])
    assert await collection.find().sort("_id").to_list() == [
        {"_id": 1, "deep": [{"er": values}]},
        {"_id": 2, **values},
        {"_id": 3},
    ]
    assert await collection.find_one_and_update({"_id": 2}, {"$set": {"x": 1}}, return_document=True) == {
        "_id": 2,
        **values,
        "x": 1,
    }
    assert [one async for one in collection.aggregate([{"$match": {"_id": 2}}])] == [{"_id": 2, **values, "x": 1}]
    assert await collection.distinct("text") == ["ß"]
    assert (await db.c.find_one({"_id": 2}))["text"] == encrypted["text"]
    assert bool(commands.of("listCollections")) is (bypass == "bypass_query_analysis")
    # One find fetched the key for all that.
    assert [command["find"] for command in commands.of("find")].count("keys") == 1
    await client.close()


async def test_what_cannot_be_decrypted(
    uri: str, db: Database, vault: str, keys: Any, key: Binary, commands: CommandEvents
) -> None:
    """The read fails with an error that says so; the server's cursor is closed, the connection goes on."""
    encrypted = await keys.encrypt("secret", RANDOM, key)
    tampered = Binary(bytes(encrypted[:-1]) + bytes([encrypted[-1] ^ 1]), 6)
    await db.c.insert_many([{"_id": 1, "a": tampered}, *({"_id": number} for number in range(2, 10))])
    options = {"maxPoolSize": 1}
    reader = encrypted_client(uri, vault, listeners=[commands], bypass_auto_encryption=True, client=options)
    collection = reader[db.name].c
    for attempt in (collection.find_one({"_id": 1}), collection.find({}, batch_size=2).next()):
        with refused():
            await attempt
    # The cursor of a batch that nobody can read is closed.
    await until(lambda: commands.of("killCursors"))
    # In a later batch.
    cursor = collection.find().sort("_id", -1).batch_size(4)
    with refused():
        await cursor.to_list()
    await until(lambda: len(commands.of("killCursors")) == 2)
    assert await collection.find_one({"_id": 2}) == {"_id": 2}

    await keys.delete_key(key)
    without = encrypted_client(uri, vault, bypass_auto_encryption=True)
    with refused():
        await without[db.name].c.find_one({"_id": 1})
    await without.close()
    await reader.close()


@pytest.fixture
def sync_vault(uri: str) -> Iterator[MongoClient[Any]]:
    """A client of PyMongo's."""
    client: MongoClient[Any] = MongoClient(uri)
    with client:
        yield client


async def test_key_vault_elsewhere(
    uri: str, client: Client, db: Database, vault: str, keys: Any, key: Binary, sync_vault: Any, commands: CommandEvents
) -> None:
    """The key vault of another client: one of Motor's, or of PyMongo's as in Motor 3."""
    await db.c.insert_one({"_id": 1, "a": await keys.encrypt("secret", RANDOM, key)})
    for other in (client, sync_vault):
        reader: Any = encrypted_client(
            uri, vault, listeners=[commands], key_vault_client=other, bypass_auto_encryption=True
        )
        assert (await reader[db.name].c.find_one())["a"] == "secret"
        await reader.close()
    assert [command["find"] for command in commands.of("find")] == ["c", "c"]
    assert await client.admin.command("ping")
    with pytest.raises(TypeError, match="key_vault_client must be a client of Motor's or"):
        AsyncIOMotorClient(uri, auto_encryption_opts=AutoEncryptionOpts(LOCAL, vault, key_vault_client="x"))  # type: ignore[arg-type]


async def test_pool_sizes(uri: str, db: Database, vault: str, key: Binary, mongocryptd: Mongocryptd) -> None:
    """With one connection there is no deadlock: what encryption reads goes over others. Without a limit there is no
    need for others.
    """
    for size, has_internal in ((1, True), (None, False)):
        client: Any = encrypted_client(
            uri,
            vault,
            client={"maxPoolSize": size},
            schema_map=schema(f"{db.name}.c", key, ssn=DETERMINISTIC),
            mongocryptd_uri=mongocryptd.uri,
            mongocryptd_bypass_spawn=True,
        )
        collection = client[db.name].c
        await asyncio.wait_for(asyncio.gather(*(collection.insert_one({"ssn": str(n)}) for n in range(10))), 20)
        assert len(await collection.find({"ssn": "3"}).to_list()) == 1
        await collection.delete_many({})
        assert has_client_for_itself(encrypter_of(client)) is has_internal
        await client.close()
        with pytest.raises(InvalidOperation, match="Cannot use MongoClient after close"):
            await collection.find_one()


async def test_explicit_beside_automatic(uri: str, db: Database, vault: str, keys: Any, key: Binary) -> None:
    """An encrypting client is a key vault client like any other."""
    client = encrypted_client(uri, vault, bypass_query_analysis=True)
    async with encryption(client, vault) as own:
        made = await own.create_data_key("local", key_alt_names=["two"])
        assert await keys.decrypt(await own.encrypt("x", RANDOM, made)) == "x"
        assert (await own.get_key_by_alt_name("two"))["_id"] == made
    await client.close()
