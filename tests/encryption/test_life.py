"""How encryption lives and ends: cancelled, out of time, in several loops, forked, closed, and without its library."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pymongo
import pytest
import uvloop
from bson.binary import Binary
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import EncryptionError, InvalidOperation, NetworkTimeout
from pymongocrypt.mongocrypt import MongoCryptContext

from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient, MotorClientEncryption
from tests.support.families import TORNADO, closed, in_thread
from tests.support.inside import encrypter_of, is_encrypter_closed, is_encrypting
from tests.support.server import ScriptedServer, reply, silence
from tests.support.waiting import until

from .keys import CODEC, DETERMINISTIC, LOCAL, RANDOM, encrypted_client, encryption, refused, schema
from .query_analysis import Mongocryptd

Client = AsyncIOMotorClient[Any]


@pytest.fixture
async def deaf_vault() -> Any:
    """A server whose key vault a test may silence."""
    async with ScriptedServer() as server:
        yield server


async def test_key_vault_out_of_time(deaf_vault: ScriptedServer) -> None:
    """timeoutMS holds for the find of the keys: the context's, and the client's own."""
    client: Client = AsyncIOMotorClient(deaf_vault.uri)
    deaf_vault.script("find", silence, silence)
    async with encryption(client, "vault.keys") as keys:
        with pytest.raises(EncryptionError) as caught, pymongo.timeout(0.1):
            await keys.encrypt("x", RANDOM, key_alt_name="one")
        assert isinstance(caught.value.cause, NetworkTimeout)
        assert caught.value.timeout
    await client.close()
    limited: Client = AsyncIOMotorClient(deaf_vault.uri, timeoutMS=100)
    async with encryption(limited, "vault.keys") as keys:
        with pytest.raises(EncryptionError) as caught:
            await keys.encrypt("x", RANDOM, key_alt_name="one")
        assert caught.value.timeout
        assert "maxTimeMS" in deaf_vault.requests[-1].command
    await limited.close()


async def test_cancelled_while_it_waits_for_a_key(deaf_vault: ScriptedServer) -> None:
    client: Client = AsyncIOMotorClient(deaf_vault.uri)
    deaf_vault.script("find", silence)
    async with encryption(client, "vault.keys") as keys:
        future = keys.encrypt("x", RANDOM, key_alt_name="one")
        await until(lambda: "find" in deaf_vault.names)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        with refused():
            await keys.encrypt("x", RANDOM, key_alt_name="one")
    await client.close()


async def test_cancelled_at_any_time(uri: str, db: Any, vault: str, key: Binary, mongocryptd: Mongocryptd) -> None:
    """A command whose caller goes away after any number of turns leaves a client that works, and no half a document."""
    client = encrypted_client(
        uri,
        vault,
        client={"maxPoolSize": 2},
        schema_map=schema(f"{db.name}.c", key, ssn=DETERMINISTIC),
        mongocryptd_uri=mongocryptd.uri,
        mongocryptd_bypass_spawn=True,
        key_expiration_ms=1,
    )
    collection = client[db.name].c
    await collection.insert_one({"_id": "first", "ssn": "x"})
    for turns in range(25):
        for call in (
            lambda: collection.insert_many([{"ssn": "x"}, {"ssn": "y" * 20_000}]),
            lambda: collection.find({"ssn": "y" * 20_000}).to_list(),
        ):
            future = call()
            for _ in range(turns):
                await asyncio.sleep(0)
            future.cancel()
            await asyncio.gather(future, return_exceptions=True)
    assert await collection.count_documents({"ssn": "x"}) >= 1
    assert {len(one["ssn"]) async for one in collection.find()} <= {1, 20_000}
    assert all([one["ssn"].subtype == 6 async for one in db.c.find()])
    await client.close()


async def test_cancelled_while_a_thread_works(keys: Any, key: Binary, monkeypatch: Any) -> None:
    """libmongocrypt goes on with what it works on, which is freed only then."""
    working, go_on, freed = threading.Event(), threading.Event(), threading.Event()
    finish, end = MongoCryptContext.finish, MongoCryptContext.__exit__

    def slow(context: Any) -> Any:
        working.set()
        go_on.wait(20)
        assert not freed.is_set()
        return finish(context)

    def watched(context: Any, *error: Any) -> None:
        freed.set()
        end(context, *error)

    await keys.encrypt("the key is known now", RANDOM, key)
    monkeypatch.setattr(MongoCryptContext, "finish", slow)
    monkeypatch.setattr(MongoCryptContext, "__exit__", watched)
    future = keys.encrypt("x" * 100_000, RANDOM, key)
    await asyncio.to_thread(working.wait, 20)
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    assert not freed.is_set()
    go_on.set()
    await until(freed.is_set)


async def test_the_loop_stays_free(keys: Any, key: Binary) -> None:
    """While ten megabytes are encrypted and decrypted, others get their turns."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.ensure_future(turn())
    encrypted = await keys.encrypt(b"x" * 10_000_000, RANDOM, key)
    before = turns
    assert len(await keys.decrypt(encrypted)) == 10_000_000
    turning.cancel()
    assert before > 20
    assert turns > before + 20


async def test_mongocryptd_that_misbehaves(
    uri: str, db: Any, vault: str, key: Binary, mongocryptd: Mongocryptd
) -> None:
    client = encrypted_client(
        uri,
        vault,
        client={"timeoutMS": 2000},
        schema_map=schema(f"{db.name}.c", key, ssn=RANDOM),
        mongocryptd_uri=mongocryptd.uri,
        mongocryptd_bypass_spawn=True,
    )
    collection = client[db.name].c
    for answer in (
        {"ok": 1},
        {"ok": 1, "hasEncryptionPlaceholders": True, "schemaRequiresEncryption": True, "result": 5},
        {"ok": 0, "errmsg": "no", "code": 1},
    ):
        mongocryptd.script("insert", reply(answer))
        with pytest.raises(EncryptionError):
            await collection.insert_one({"ssn": "x"})
    assert all("maxTimeMS" not in request.command for request in mongocryptd.requests)
    mongocryptd.script("insert", silence)
    with pytest.raises(EncryptionError) as caught, pymongo.timeout(0.1):
        await collection.insert_one({"ssn": "x"})
    assert caught.value.timeout
    assert await db.c.count_documents({}) == 0
    await collection.insert_one({"ssn": "x"})
    await client.close()


def test_one_loop_after_the_other(uri: str, vault: str) -> None:
    """A client made at import time: keys, schemas and mongocryptd in each of several loops."""
    vault = vault.replace("motor_test_", "motor_loops_")
    client: Client = encrypted_client(uri, vault, bypass_query_analysis=True)
    database = client[vault.split(".")[0]]
    keys = encryption(client, vault)

    async def use(number: int) -> None:
        key = await keys.create_data_key("local")
        await database.c.insert_one({"_id": number, "a": await keys.encrypt(number, RANDOM, key)})
        assert [one["a"] async for one in database.c.find().sort("_id")] == list(range(number + 1))

    async def end() -> None:
        await client.drop_database(database.name)
        await client.close()

    for number, run in enumerate((asyncio.run, uvloop.run, asyncio.run)):
        run(use(number))
    asyncio.run(end())
    with pytest.raises(EncryptionError, match="Cannot use MongoClient after close") as caught:
        asyncio.run(use(3))
    assert isinstance(caught.value.cause, InvalidOperation)


def test_tornado(uri: str, vault: str) -> None:
    async def main() -> None:
        options = AutoEncryptionOpts(LOCAL, vault, bypass_query_analysis=True)
        client: MotorClient[Any] = MotorClient(uri, auto_encryption_opts=options)
        async with MotorClientEncryption(LOCAL, vault, client, CODEC) as keys:
            key = await keys.create_data_key("local")
            collection = client[vault.split(".")[0]].c
            await collection.insert_one({"_id": 1, "a": await keys.encrypt("x", RANDOM, key)})
            assert await collection.find_one() == {"_id": 1, "a": "x"}
        await client.drop_database(vault.split(".")[0])
        await closed(client)

    in_thread(lambda: TORNADO.run(main))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork(uri: str) -> None:
    """The child of a process that has encrypted encrypts, too."""
    program = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from motor.motor_asyncio import AsyncIOMotorClient
from tests.encryption.keys import RANDOM, encrypted_client, encryption

client = encrypted_client(sys.argv[1], "motor_fork.keys", bypass_query_analysis=True)
keys = encryption(client, "motor_fork.keys")

async def use(name):
    key = await keys.create_data_key("local")
    await client.motor_fork.c.insert_one({"_id": name, "a": await keys.encrypt(name, RANDOM, key)})
    return [one["a"] async for one in client.motor_fork.c.find()]

async def main():
    assert await use("parent") == ["parent"]
    child = os.fork()
    if not child:
        try:
            asyncio.events._set_running_loop(None)
            loop = asyncio.new_event_loop()
            found = loop.run_until_complete(use("child"))
            os._exit(0 if sorted(found) == ["child", "parent"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(await use("parent again")) == 3
    await client.drop_database("motor_fork")
    await client.close()

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program, uri], check=True, timeout=60)


async def test_nothing_is_kept(uri: str, vault: str, key: Binary) -> None:
    """An encrypting client that nobody holds any more is closed, with the clients it has inside."""
    client: Any = encrypted_client(uri, vault, bypass_auto_encryption=True)
    await client.admin.command("ping")
    encrypter = encrypter_of(client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    # The garbage collector may have interrupted anything: the loop does it in its next turn.
    await asyncio.sleep(0)
    assert is_encrypter_closed(encrypter)
    await asyncio.sleep(0)


async def test_without_encryption_nothing_of_it_is_there(client: Client) -> None:
    await client.admin.command("ping")
    assert not is_encrypting(client)


def test_without_the_library(uri: str) -> None:
    """The error names the extra; everything else works, and nothing of the library is imported until it is needed."""
    program = """
import asyncio, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pymongocrypt":
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
import motor.motor_asyncio
from bson.codec_options import CodecOptions
from pymongo.errors import ConfigurationError

async def main():
    client = motor.motor_asyncio.AsyncIOMotorClient(sys.argv[1])
    await client.admin.command("ping")
    try:
        motor.motor_asyncio.AsyncIOMotorClientEncryption({}, "a.b", client, CodecOptions())
    except ConfigurationError as error:
        assert "motor[encryption]" in str(error), error
    else:
        raise AssertionError
    await client.close()

asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program, uri], check=True, timeout=60)
    imported = "import sys, motor.motor_asyncio, motor.motor_tornado; assert 'pymongocrypt' not in sys.modules"
    subprocess.run([sys.executable, "-c", imported], check=True, timeout=60)
