"""Operations that are cancelled while they are being tried again: done once at most, and nothing is left behind."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from motor.motor_asyncio import AsyncIOMotorClient
from tests.safety.cancelling import Waits, watch
from tests.support.cuts import Cut, CuttingProxy, Sent
from tests.support.events import Sessions
from tests.support.inside import at_rest, pool_of
from tests.support.loops import RUNS
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("impatient_monitors")

MOST_WAITS = 200

OVERLOADED = {
    "configureFailPoint": "failCommand",
    "mode": {"times": 1},
    "data": {
        "failCommands": ["insert"],
        "errorCode": 462,
        "errorLabels": ["SystemOverloadedError", "RetryableError", "RetryableWriteError"],
        "appName": "cancelled",
    },
}
"""Has the server refuse an insert, so that the client waits a moment before it sends it again."""


def first_attempts(cut: Cut | None) -> Any:
    """Cuts the first attempt of each insert."""

    def decide(sent: Sent) -> Cut | None:
        return cut if sent.name == "insert" and sent.attempt == 1 else None

    return decide


async def cancel_everywhere(port: int, cut: Cut | None, late: bool, waits: list[Waits]) -> list[int]:
    """Cancel at every await of an insert whose first attempt fails. How often each of the inserts was done."""
    sessions = Sessions()
    name = f"motor_test_{uuid.uuid4().hex}"
    direct: AsyncIOMotorClient = AsyncIOMotorClient("127.0.0.1", port)
    done: list[int] = []
    through = False
    async with CuttingProxy(port, first_attempts(cut)) as proxy:
        client: AsyncIOMotorClient = AsyncIOMotorClient(
            proxy.uri, maxPoolSize=2, appname="cancelled", event_listeners=[sessions]
        )
        collection = client[name].c
        while not through:
            number = len(done)
            assert number < MOST_WAITS, "never got through"
            await collection.find_one()
            if cut is None:
                await direct.admin.command(OVERLOADED)
            sessions.sent.clear()
            waits.append(Waits(number + 1, late))
            through = await waits[-1].run(insert(collection, number))
            waits.clear()
            await collection.find_one()
            await until(lambda: at_rest(pool_of(client)), "every connection idle again")
            done.append(await direct[name].c.count_documents({"number": number}))
            assert sessions.sent[-1][1] not in sessions.given_up
        await client.close()
    assert sessions.given_up
    await direct.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    await direct.drop_database(name)
    await direct.close()
    return done


async def insert(collection: Any, number: int) -> None:
    """One insert."""
    await collection.insert_one({"number": number})


@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "as it comes"])
@pytest.mark.parametrize("cut", [*Cut, None], ids=lambda cut: cut.value if cut else "overloaded")
def test_cancelled_at_every_await(cut, late, server_uri, monkeypatch):
    """That of the first round trip, of server selection or of the pause, of the pool, of the second round trip."""
    waits: list[Waits] = []
    watch(monkeypatch, waits)
    done = RUNS["asyncio"](cancel_everywhere(int(server_uri.rpartition(":")[2]), cut, late, waits))
    assert set(done) <= {0, 1}
    assert done[-1] == 1
    assert len(done) > 3
