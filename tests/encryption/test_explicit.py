"""Values encrypted and decrypted one by one: what Motor encrypts PyMongo decrypts, and the other way round."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from bson import Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UUID_SUBTYPE, Binary
from bson.errors import InvalidDocument
from pymongo import MongoClient
from pymongo.encryption import ClientEncryption
from pymongo.encryption_options import RangeOpts
from pymongo.errors import EncryptionError, InvalidOperation, OperationFailure
from pymongocrypt.errors import MongoCryptError

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientEncryption, AsyncIOMotorDatabase
from motor.motor_tornado import MotorClient, MotorClientEncryption
from tests.support.families import Family, closed, every_family, in_thread
from tests.support.wording import raised_by

from .keys import CODEC, DETERMINISTIC, LOCAL, OTHER, RANDOM, encrypted_client, encryption, refused

Keys = Any

BOTH: dict[str, Any] = {
    "string": "ß",
    "empty string": "",
    "binary": b"\0\1",
    "subtype": Binary(b"abc", 0x80),
    "uuid": uuid.UUID(int=7),
    "ObjectId": ObjectId("0123456789abcdef01234567"),
    "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 6000),
    "regex": Regex("a+", "i"),
    "code": Code("x"),
    "int": 42,
    "Int64": Int64(2**40),
    "timestamp": Timestamp(4, 5),
}
ONLY_RANDOM: dict[str, Any] = {
    "double": 1.5,
    "document": {"a": {"b": [1]}},
    "DBRef": DBRef("c", 1),
    "array": [1, "two", None],
    "true": True,
    "code with scope": Code("x", {"y": 1}),
    "Decimal128": Decimal128("1.50"),
}
NEITHER: dict[str, Any] = {"null": None, "MinKey": MinKey(), "MaxKey": MaxKey()}


@pytest.fixture
def peer(uri: str, vault: str) -> Iterator[Any]:
    """PyMongo's own, synchronous."""
    client: MongoClient[Any] = MongoClient(uri)
    with client, ClientEncryption(LOCAL, vault, client, CODEC) as encryption:  # type: ignore[var-annotated]
        yield encryption


async def both_refuse(keys: Keys, peer: Any, method: str, *arguments: Any, **options: Any) -> None:
    """What libmongocrypt refuses, it says through PyMongo in the same words."""
    with pytest.raises(EncryptionError) as ours:
        await getattr(keys, method)(*arguments, **options)
    with pytest.raises(EncryptionError) as theirs:
        await asyncio.to_thread(getattr(peer, method), *arguments, **options)
    assert str(ours.value) == str(theirs.value)
    assert type(ours.value.cause) is type(theirs.value.cause)


async def test_every_type(keys: Keys, key: Binary, peer: Any) -> None:
    for algorithm, values in ((RANDOM, BOTH | ONLY_RANDOM), (DETERMINISTIC, BOTH)):
        for name, value in values.items():
            encrypted = await keys.encrypt(value, algorithm, key)
            theirs = await asyncio.to_thread(peer.encrypt, value, algorithm, key)
            assert encrypted.subtype == theirs.subtype == 6
            assert (encrypted == theirs) is (algorithm is DETERMINISTIC), name
            decrypted = await asyncio.to_thread(peer.decrypt, encrypted)
            assert decrypted == await keys.decrypt(theirs) == await keys.decrypt(encrypted), name
            assert decrypted == value, name


async def test_types_that_an_algorithm_refuses(keys: Keys, key: Binary, peer: Any) -> None:
    for algorithm, values in ((RANDOM, NEITHER), (DETERMINISTIC, ONLY_RANDOM | NEITHER)):
        for value in values.values():
            await both_refuse(keys, peer, "encrypt", value, algorithm, key)


async def test_a_key_by_its_other_name(keys: Keys, key: Binary) -> None:
    by_name = await keys.encrypt("x", DETERMINISTIC, key_alt_name="one")
    by_uuid = await keys.encrypt("x", DETERMINISTIC, uuid.UUID(bytes=bytes(key)))
    assert by_name == by_uuid == await keys.encrypt("x", DETERMINISTIC, key)


async def test_key_material(client: AsyncIOMotorClient[Any], keys: Keys, vault: str, peer: Any) -> None:
    """Two keys of one material are one key: what is encrypted with the first decrypts with the second in its place."""
    first, second = [await keys.create_data_key("local", key_material=bytes(96)) for _ in range(2)]
    encrypted = await keys.encrypt("secret", RANDOM, first)
    wrapped = [(await keys.get_key(key))["keyMaterial"] for key in (first, second)]
    assert wrapped[0] != wrapped[1]
    database, _, collection = vault.partition(".")
    await client[database][collection].update_one({"_id": first}, {"$set": {"keyMaterial": wrapped[1]}})
    async with encryption(client, vault) as others:
        assert await others.decrypt(encrypted) == "secret"
    await both_refuse(keys, peer, "create_data_key", "local", key_material=b"short")


async def test_queryable_encryption(keys: Keys, key: Binary, peer: Any) -> None:
    """Payloads for a server that can do it, random as they are: PyMongo decrypts what Motor encrypts."""
    unindexed = await keys.encrypt("secret", "Unindexed", key)
    assert await asyncio.to_thread(peer.decrypt, unindexed) == await keys.decrypt(unindexed) == "secret"
    for options in ({}, {"query_type": "equality"}):
        payload = await keys.encrypt("secret", "Indexed", key, contention_factor=4, **options)
        assert payload.subtype == 6
        theirs = await asyncio.to_thread(peer.encrypt, "secret", "Indexed", key, contention_factor=4, **options)
        assert bytes(payload)[0] == bytes(theirs)[0]
    await both_refuse(keys, peer, "encrypt", "secret", "Indexed", key)

    by_range: dict[str, Any] = {
        "query_type": "range",
        "contention_factor": 0,
        "range_opts": RangeOpts(min=0, max=100, sparsity=1),
    }
    expression = {"$and": [{"age": {"$gte": 20}}, {"age": {"$lte": 40}}]}
    encrypted = await keys.encrypt_expression(expression, "Range", key, **by_range)
    theirs = await asyncio.to_thread(peer.encrypt_expression, expression, "Range", key, **by_range)
    low, high = encrypted["$and"]
    assert isinstance(low["age"]["$gte"], Binary)
    assert isinstance(high["age"]["$lte"], Binary)
    assert [list(part["age"]) for part in theirs["$and"]] == [["$gte"], ["$lte"]]
    value = await keys.encrypt(7, "Range", key, contention_factor=0, range_opts=RangeOpts(min=0, max=100, sparsity=1))
    assert value.subtype == 6


async def test_arguments_that_cannot_be(client: AsyncIOMotorClient[Any], keys: Keys, key: Binary, vault: str) -> None:
    with pytest.raises(TypeError, match=r"key_id must be a bson\.binary\.Binary with subtype 4"):
        await keys.encrypt("x", RANDOM, Binary(b"x" * 16, 0))
    with pytest.raises(TypeError, match=r"value to decrypt must be a bson\.binary\.Binary with subtype 6"):
        await keys.decrypt(Binary(b"x", UUID_SUBTYPE))
    with pytest.raises(InvalidDocument):
        await keys.encrypt(object(), RANDOM, key)
    for arguments in ({"key_id": key, "key_alt_name": "one"}, {}):
        with pytest.raises(EncryptionError):
            await keys.encrypt("x", RANDOM, **arguments)
    with refused():
        await keys.encrypt("x", "ROT13", key)
    with pytest.raises(TypeError, match="codec_options must be an instance of"):
        AsyncIOMotorClientEncryption(LOCAL, vault, client, None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="key_vault_client must be a client of Motor's"):
        AsyncIOMotorClientEncryption(LOCAL, vault, None, CODEC)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must be 'database\.collection'"):
        encryption(client, "keys")
    assert type(raised_by(lambda: encryption(client, vault, {}))) is ValueError
    with pytest.raises(TypeError, match="io_loop must be"):
        encryption(client, vault, io_loop="loop")
    with pytest.raises(MongoCryptError):
        encryption(client, vault, {"local": {"key": b"short"}})


async def test_keys_that_do_not_fit(
    client: AsyncIOMotorClient[Any], keys: Keys, key: Binary, vault: str, peer: Any
) -> None:
    encrypted = await keys.encrypt("secret", RANDOM, key)
    async with encryption(client, vault, OTHER) as others:
        with refused():
            await others.decrypt(encrypted)
    missing = Binary(b"\7" * 16, UUID_SUBTYPE)
    await both_refuse(keys, peer, "encrypt", "x", RANDOM, missing)
    await both_refuse(keys, peer, "encrypt", "x", RANDOM, key_alt_name="nobody")
    await both_refuse(keys, peer, "create_data_key", "aws")
    # Its data key comes from a provider that this one has not been told of.
    named = {"local:elsewhere": {"key": bytes(96)}}
    async with encryption(client, vault, named) as elsewhere:
        strange = await elsewhere.encrypt("x", RANDOM, await elsewhere.create_data_key("local:elsewhere"))
        await both_refuse(keys, peer, "decrypt", strange)


async def test_tampered_ciphertext(keys: Keys, key: Binary, peer: Any) -> None:
    encrypted = bytes(await keys.encrypt("secret", RANDOM, key))
    # What follows the algorithm, the key's id and the type of the value is authenticated, and so are these.
    for position in (17, 18, 40, len(encrypted) - 1):
        tampered = bytearray(encrypted)
        tampered[position] ^= 1
        await both_refuse(keys, peer, "decrypt", Binary(bytes(tampered), 6))
    for cut in (b"", encrypted[:1], encrypted[:17], encrypted[:30]):
        with pytest.raises(EncryptionError):
            await keys.decrypt(Binary(cut, 6))
    assert await keys.decrypt(Binary(encrypted, 6)) == "secret"


async def test_errors_hold_no_secret(uri: str, client: AsyncIOMotorClient[Any], vault: str) -> None:
    marked = b"secret" * 16
    providers = {"local": {"key": marked}, "aws": {"accessKeyId": "id", "secretAccessKey": "marked-secret"}}
    async with encryption(client, vault, providers) as keys:
        with pytest.raises(EncryptionError) as caught:
            await keys.encrypt("plaintext-value", RANDOM, Binary(bytes(16), UUID_SUBTYPE))
        encrypting = encrypted_client(uri, vault, kms_providers=providers)
        encrypting.close()
        for text in (repr(keys), repr(caught.value), str(caught.value), repr(encrypting), repr(encrypting.options)):
            assert "secretsecret" not in text
            assert "marked-secret" not in text
            assert "plaintext-value" not in text


async def test_key_management(keys: Keys, key: Binary, vault: str, peer: Any) -> None:
    """Each method beside PyMongo's own."""
    found = await keys.get_key(key)
    assert found == await asyncio.to_thread(peer.get_key, key)
    assert found is not None
    assert found["keyAltNames"] == ["one"]
    assert await keys.get_key(Binary(bytes(16), UUID_SUBTYPE)) is None
    assert await keys.get_key_by_alt_name("one") == found
    assert await keys.get_key_by_alt_name("two") is None

    before = await keys.add_key_alt_name(key, "two")
    assert before == found
    assert (await keys.get_key_by_alt_name("two"))["keyAltNames"] == ["one", "two"]
    assert await keys.add_key_alt_name(Binary(bytes(16), UUID_SUBTYPE), "two") is None
    assert (await keys.remove_key_alt_name(key, "one"))["keyAltNames"] == ["one", "two"]
    assert (await keys.get_key(key))["keyAltNames"] == ["two"]
    await keys.remove_key_alt_name(key, "two")
    assert "keyAltNames" not in await keys.get_key(key)

    second = await keys.create_data_key("local")
    cursor = await keys.get_keys()
    assert {document["_id"] async for document in cursor} == {key, second}
    assert (await keys.delete_key(second)).deleted_count == 1
    assert await (await keys.get_keys()).to_list() == await asyncio.to_thread(lambda: list(peer.get_keys()))


async def test_unique_alt_names(db: AsyncIOMotorDatabase[Any], keys: Keys, key: Binary) -> None:
    await db["keys"].create_index(
        "keyAltNames", unique=True, partialFilterExpression={"keyAltNames": {"$exists": True}}
    )
    with pytest.raises(EncryptionError) as caught:
        await keys.create_data_key("local", key_alt_names=["one"])
    assert isinstance(caught.value.cause, OperationFailure)
    assert caught.value.cause.code == 11000


async def test_rewrap(client: AsyncIOMotorClient[Any], keys: Keys, key: Binary, vault: str, peer: Any) -> None:
    """Keys move from one master key to another; what they have encrypted stays readable."""
    encrypted = await keys.encrypt("secret", RANDOM, key)
    both = {**LOCAL, "local:new": OTHER["local"]}
    async with encryption(client, vault, both) as movers:
        result = await movers.rewrap_many_data_key({"keyAltNames": "one"}, provider="local:new")
        assert result.bulk_write_result is not None
        assert result.bulk_write_result.modified_count == 1
        nothing = await movers.rewrap_many_data_key({"keyAltNames": "nobody"})
        assert nothing.bulk_write_result is None
        with pytest.raises(Exception, match="A provider must be given if a master_key is given"):
            await movers.rewrap_many_data_key({}, master_key={})
        moved = await movers.get_key(key)
        assert dict(moved["masterKey"]) == {"provider": "local:new"}
    async with encryption(client, vault, {"local:new": OTHER["local"]}) as new:
        assert await new.decrypt(encrypted) == "secret"
        # And again, with its own key: the material is another one then.
        result = await new.rewrap_many_data_key({})
        assert result.bulk_write_result.modified_count == 1
        assert (await new.get_key(key))["keyMaterial"] != moved["keyMaterial"]
    async with encryption(client, vault) as old:
        await both_refuse(old, peer, "decrypt", encrypted)


async def test_expiring_keys(client: AsyncIOMotorClient[Any], keys: Keys, key: Binary, vault: str) -> None:
    """A key is asked for again when it has expired, and with 0 never."""
    encrypted = await keys.encrypt("x", RANDOM, key)
    async with (
        encryption(client, vault, key_expiration_ms=1) as soon,
        encryption(client, vault, key_expiration_ms=0) as never,
    ):
        assert await soon.decrypt(encrypted) == await never.decrypt(encrypted) == "x"
        await keys.delete_key(key)
        await asyncio.sleep(0.01)
        assert await never.decrypt(encrypted) == "x"
        with refused():
            await soon.decrypt(encrypted)


async def test_closed(client: AsyncIOMotorClient[Any], vault: str) -> None:
    keys = encryption(client, vault)
    await keys.close()
    keys.close()
    for call in (
        lambda: keys.encrypt("x", RANDOM, key_alt_name="one"),
        lambda: keys.get_key(Binary(b"", 4)),
        keys.get_keys,
    ):
        with pytest.raises(InvalidOperation, match="Cannot use closed AsyncIOMotorClientEncryption"):
            await call()
    with pytest.raises(RuntimeError, match='Use AsyncIOMotorClientEncryption in "async with", not "with"'), keys:
        pass
    assert await client.admin.command("ping")


@every_family
def test_families(family: Family, uri: str, vault: str) -> None:
    """Futures that start at once, under each loop and in each family."""
    kind = MotorClientEncryption if family.client is MotorClient else AsyncIOMotorClientEncryption

    async def main() -> None:
        client = family.client(uri)
        keys = kind(LOCAL, vault, client, CODEC, io_loop=family.current_loop())
        assert keys.get_io_loop() is family.current_loop()
        future = keys.create_data_key("local", key_alt_names=["f"])
        assert isinstance(future, asyncio.Future)
        key = await future
        value = "x" * 100_000
        encrypted = await keys.encrypt(value, RANDOM, key)
        assert await keys.decrypt(encrypted) == value
        await keys.close()
        await closed(client)

    in_thread(lambda: family.run(main))


def test_one_after_the_other_loop(uri: str, vault: str) -> None:
    """A client and its encryption that outlive a loop."""
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(uri)
    keys = encryption(client, vault)
    made: list[Binary] = []

    async def make() -> None:
        made.append(await keys.encrypt(len(made), RANDOM, await keys.create_data_key("local")))

    async def read() -> list[Any]:
        return [await keys.decrypt(one) for one in made]

    for run in (asyncio.run, uvloop.run, asyncio.run):
        run(make())
    assert asyncio.run(read()) == [0, 1, 2]
    keys.close()
    client.close()
