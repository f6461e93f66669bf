"""Stable API: which commands say that they want it, and what strict servers refuse."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

from pymongo import ReadPreference
from pymongo.server_api import ServerApi
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .data import TEN
from .own_sessions import COMMANDS, each_use

APIS: dict[str, ServerApi] = {
    "1": ServerApi("1"),
    "strict": ServerApi("1", strict=True),
    "not strict": ServerApi("1", strict=False),
    "deprecation errors": ServerApi("1", deprecation_errors=True),
    "strict, deprecation errors": ServerApi("1", strict=True, deprecation_errors=True),
}


async def declared(t: Target, api: str) -> Any:
    """Reads and writes, in a session and without, in a transaction, in getMore and killCursors."""
    db = t.own_db(server_api=APIS[api])
    results: list[Any] = [await each_use(db.c, None)]
    async with db.client.start_session() as session:
        results.append(await each_use(db.c, session))
        await db.c.insert_many([{"_id": number} for number in range(100, 110)], session=session)
        await got(session.start_transaction())
        await outcome(db.c.insert_one, {"_id": 99}, session)
        found = db.c.find({}, batch_size=4, session=session)
        results.append(await outcome(found.to_list))
        await outcome(session.commit_transaction)
        await outcome(session.commit_transaction)
        await got(session.start_transaction())
        await outcome(partial(db.c.find_one, session=session))
        await outcome(session.abort_transaction)
        half = db.c.find({}, batch_size=4)
        results.append(await outcome(half.next))
        await half.close()
    return results


async def in_commands(t: Target, api: str) -> Any:
    db = t.own_db(server_api=APIS[api])
    each = deepcopy(list(COMMANDS.values()))
    results = [await outcome(partial(db.command, command, **options)) for command, options in each]
    results.append(await outcome(partial(db.command, "ping", apiVersion="1")))
    results.append(await outcome(partial(db.command, {"ping": 1, "apiStrict": False})))
    return results


async def unacknowledged(t: Target) -> Any:
    collection = t.own_db(server_api=APIS["strict"]).c.with_options(
        write_concern=WriteConcern(w=0), read_preference=ReadPreference.NEAREST
    )
    results = [await outcome(collection.insert_one, {"_id": 50}), await outcome(collection.delete_one, {"_id": 50})]
    return results, await outcome(collection.find_one)


async def ends_sessions(t: Target) -> None:
    client = t.new_client(server_api=APIS["strict"])
    await client.admin.command("ping")
    await got(client.close())


CASES = [
    *[Case(f"declared, {api}", partial(declared, api=api), TEN) for api in APIS],
    *[Case(f"commands, {api}", partial(in_commands, api=api), TEN) for api in ("1", "strict, deprecation errors")],
    Case("unacknowledged", unacknowledged, TEN),
    Case("ends sessions", ends_sessions),
]
