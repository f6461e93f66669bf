"""Client-side field level encryption: values, data keys, collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import CodecOptions
from bson.binary import Binary
from bson.raw_bson import RawBSONDocument
from pymongo.encryption_options import AutoEncryptionOpts
from typing_extensions import assert_type

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientEncryption, AsyncIOMotorCollection

PROVIDERS = {"local": {"key": b"k" * 96}}


async def explicit(client: AsyncIOMotorClient[dict[str, Any]], options: CodecOptions[dict[str, Any]]) -> None:
    encryption = AsyncIOMotorClientEncryption(PROVIDERS, "keys.vault", client, options)
    assert_type(encryption, AsyncIOMotorClientEncryption[dict[str, Any]])
    key = await encryption.create_data_key("local", key_alt_names=["one"])
    assert_type(key, Binary)
    secret = await encryption.encrypt("secret", "AEAD_AES_256_CBC_HMAC_SHA_512-Random", key_id=key)
    assert_type(secret, Binary)
    assert_type(await encryption.decrypt(secret), Any)
    assert_type(await encryption.get_key(key), RawBSONDocument | None)
    async for data_key in await encryption.get_keys():
        assert_type(data_key, RawBSONDocument)
    created, fields = await encryption.create_encrypted_collection(client.shop, "people", {"fields": []}, "local")
    assert_type(created, AsyncIOMotorCollection[dict[str, Any]])
    assert_type(fields, Mapping[str, Any])
    await encryption.close()


async def automatic(uri: str) -> None:
    options = AutoEncryptionOpts(PROVIDERS, "keys.vault")
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri, auto_encryption_opts=options)
    await client.shop.people.insert_one({"name": "Ann"})
