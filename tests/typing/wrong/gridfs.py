"""Files in GridFS, written and read the wrong way."""

from __future__ import annotations

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket


async def files(client: AsyncIOMotorClient, bucket: AsyncIOMotorGridFSBucket) -> None:
    AsyncIOMotorGridFSBucket(client)  # wrong: arg-type, reportArgumentType
    bucket.open_download_stream(1).read()  # wrong: attr-defined, reportAttributeAccessIssue
    text: str = await (await bucket.open_download_stream(1)).read()  # wrong: assignment, reportAssignmentType
    print(text)
    grid_in = bucket.open_upload_stream("a.mp4", "video/mp4")  # wrong: arg-type, reportArgumentType
    await grid_in  # wrong: attr-defined, reportGeneralTypeIssues
    await bucket.upload_from_stream("a.mp4")  # wrong: call-arg, reportCallIssue
    await bucket.delete()  # wrong: call-arg, reportCallIssue
    bucket.find({}, limit="5")  # wrong: arg-type, reportArgumentType
    bucket.find({}, projection={"filename": 1})  # wrong: call-arg, reportCallIssue
    async for grid_out in bucket.find().limit(5):
        print(grid_out.read() + b"")  # wrong: operator, reportOperatorIssue
