"""Encryption where one does not think of it: GridFS, and the synchronous client that stands in for ours."""

from __future__ import annotations

import asyncio
from typing import Any

from bson.binary import Binary

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket

from .keys import DETERMINISTIC, LOCAL, encrypted_client, encryption, schema
from .query_analysis import Mongocryptd


async def test_files(uri: str, db: Any, vault: str, key: Binary, mongocryptd: Mongocryptd) -> None:
    """A bucket of a client that encrypts; what its files are called is secret."""
    client = encrypted_client(
        uri,
        vault,
        schema_map=schema(f"{db.name}.fs.files", key, filename=DETERMINISTIC),
        mongocryptd_uri=mongocryptd.uri,
        mongocryptd_bypass_spawn=True,
    )
    content = bytes(range(256)) * 10_000
    bucket = AsyncIOMotorGridFSBucket(client[db.name], chunk_size_bytes=300_000)
    file_id = await bucket.upload_from_stream("secret.txt", content)
    stream = await bucket.open_download_stream(file_id)
    assert (stream.filename, await stream.read()) == ("secret.txt", content)
    assert await db.fs.chunks.count_documents({"files_id": file_id}) == 9
    stored = await db.fs.files.find_one({"_id": file_id})
    assert isinstance(stored["filename"], Binary)
    assert stored["filename"].subtype == 6
    await client.close()


async def test_the_synchronous_client(
    uri: str, db: Any, vault: str, client: AsyncIOMotorClient[Any], keys: Any
) -> None:
    """It finds the keys through the synchronous client that stands in for the key vault's."""
    key = await keys.create_data_key("local")
    async with encryption(client, vault) as explicit:
        secret = await explicit.encrypt("plain", DETERMINISTIC, key_id=key)
    await db.secret.insert_one({"_id": 1, "text": secret})
    reader = encrypted_client(uri, vault, key_vault_client=client, kms_providers=LOCAL, bypass_auto_encryption=True)
    found = await asyncio.to_thread(reader.delegate[db.name].secret.find_one, {"_id": 1})
    assert found == {"_id": 1, "text": "plain"}
    await reader.close()
