"""Files in GridFS: written, read, found, in both families."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from bson import ObjectId
from typing_extensions import assert_type

from motor.motor_asyncio import (
    AsyncIOMotorClient,
    AsyncIOMotorGridFSBucket,
    AsyncIOMotorGridIn,
    AsyncIOMotorGridOut,
    AsyncIOMotorGridOutCursor,
)
from motor.motor_tornado import MotorClient, MotorGridFSBucket, MotorGridIn, MotorGridOut, MotorGridOutCursor


async def written(client: AsyncIOMotorClient[dict[str, Any]], path: Path) -> None:
    bucket = AsyncIOMotorGridFSBucket(client.videos, "videos", chunk_size_bytes=1 << 20)
    grid_in = bucket.open_upload_stream("a.mp4", metadata={"contentType": "video/mp4"})
    assert_type(grid_in, AsyncIOMotorGridIn)
    assert_type(await grid_in.write(b"data"), None)
    assert_type(await grid_in.set("rating", 5), None)
    await grid_in.close()
    async with bucket.open_upload_stream_with_id(1, "b.mp4") as entered:
        assert_type(entered, AsyncIOMotorGridIn)
        await entered.writelines([b"a", b"b"])
    await bucket.upload_from_stream("c.mp4", b"data")
    with path.open("rb") as file:
        await bucket.upload_from_stream("d.mp4", file, chunk_size_bytes=5)
    async with client.start_session() as session:
        await bucket.upload_from_stream_with_id(ObjectId(), "e.mp4", io.BytesIO(b"data"), session=session)
    await bucket.rename(1, "f.mp4")
    await bucket.delete(1)


async def read(bucket: AsyncIOMotorGridFSBucket) -> None:
    grid_out = await bucket.open_download_stream(ObjectId())
    assert_type(grid_out, AsyncIOMotorGridOut)
    assert_type(grid_out.read(5), asyncio.Future[bytes])
    assert_type((grid_out.filename, grid_out.length), tuple[str | None, int])
    assert_type(await grid_out.readline(), bytes)
    async for chunk in grid_out:
        assert_type(chunk, bytes)
    assert_type(await bucket.open_download_stream_by_name("a.mp4", revision=-1), AsyncIOMotorGridOut)
    assert_type(await bucket.download_to_stream_by_name("a.mp4", io.BytesIO()), None)


async def found(bucket: AsyncIOMotorGridFSBucket) -> None:
    cursor = bucket.find({"filename": "a.mp4"}, sort=[("uploadDate", -1)], limit=5)
    assert_type(cursor, AsyncIOMotorGridOutCursor)
    async for grid_out in cursor.sort("length").skip(1):
        assert_type(grid_out, AsyncIOMotorGridOut)
    assert_type(await bucket.find().to_list(), list[AsyncIOMotorGridOut])


async def under_tornado(client: MotorClient[dict[str, Any]]) -> None:
    bucket = MotorGridFSBucket(client.videos)
    assert_type(bucket.open_upload_stream("a.mp4"), MotorGridIn)
    assert_type(await bucket.open_download_stream(1), MotorGridOut)
    assert_type(bucket.find(), MotorGridOutCursor)
