"""The size of a file's chunks, changed after the file was opened."""

from __future__ import annotations

import pytest

from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket


async def test_changed_before_anything_is_written(db: AsyncIOMotorDatabase) -> None:
    """As with PyMongo: the document and the chunks agree."""
    bucket = AsyncIOMotorGridFSBucket(db)
    file = bucket.open_upload_stream("a")
    file.chunkSize = 4
    await file.write(b"0123456789")
    await file.close()
    chunks = await db.fs.chunks.find().sort("n").to_list()
    assert [chunk["data"] for chunk in chunks] == [b"0123", b"4567", b"89"]
    assert await (await bucket.open_download_stream(file._id)).read() == b"0123456789"


async def test_changed_too_late_or_to_nonsense(db: AsyncIOMotorDatabase) -> None:
    bucket = AsyncIOMotorGridFSBucket(db)
    async with bucket.open_upload_stream("a", chunk_size_bytes=4) as file:
        with pytest.raises(ValueError, match="must be positive"):
            file.chunkSize = 0
        with pytest.raises(TypeError, match="must be an integer"):
            file.chunkSize = "4"
        await file.write(b"0123456789")
        with pytest.raises(AttributeError, match="chunkSize"):
            file.chunkSize = 5
    assert await (await bucket.open_download_stream(file._id)).read() == b"0123456789"
