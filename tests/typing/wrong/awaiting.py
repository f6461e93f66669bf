"""What is awaited, looped over and entered the wrong way."""

from __future__ import annotations

import asyncio
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorCollection

Document = dict[str, Any]


async def cursors(coll: AsyncIOMotorCollection[Document]) -> None:
    for document in coll.find():  # wrong: misc, reportGeneralTypeIssues
        print(document)
    async for document in coll.find_one():  # wrong: attr-defined, reportGeneralTypeIssues
        print(document)
    async for document in coll.find().to_list():  # wrong: attr-defined, reportGeneralTypeIssues
        print(document)
    documents: list[Document] = coll.find().to_list()  # wrong: assignment, reportAssignmentType
    print(documents)
    with coll.find() as cursor:  # wrong: attr-defined, reportGeneralTypeIssues
        print(cursor)
    print(len(coll.find()))  # wrong: arg-type, reportArgumentType
    print(coll.find_one()["x"])  # wrong: index, reportIndexIssue
    print((await coll.find_one())["x"])  # wrong: index, reportOptionalSubscript
    print(await coll.find_raw_batches().next() + "")  # wrong: operator, reportOperatorIssue


async def futures(coll: AsyncIOMotorCollection[Document]) -> None:
    tasks: list[Any] = [asyncio.create_task(coll.find_one())]  # wrong: arg-type, reportArgumentType
    print(tasks)
    count: int = coll.count_documents({})  # wrong: assignment, reportAssignmentType
    print(count)
    if coll.insert_one({}).inserted_id:  # wrong: attr-defined, reportAttributeAccessIssue
        pass


async def sessions(client: AsyncIOMotorClient[Document]) -> None:
    with client.start_session().start_transaction():  # wrong: attr-defined, reportGeneralTypeIssues
        pass
    session = client.start_session()
    await session.with_transaction(client.db.coll.insert_one({}))  # wrong: arg-type, reportArgumentType
    done: str = await session.with_transaction(transfer)  # wrong: arg-type, reportAssignmentType
    print(done)


async def transfer(session: AsyncIOMotorClientSession) -> int:
    return await session.client.db.coll.count_documents({}, session=session)
