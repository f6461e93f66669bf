"""Ways to a server: what is told to the log, and what is not."""

from __future__ import annotations

import logging
from typing import Any

import bson.json_util
import pytest
from pymongo import ReadPreference

from tests.support.inside import server_of, topology_of
from tests.support.waiting import until

SELECTION = "pymongo.serverSelection"


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    """What the log was told of selections, and for which operation."""
    lines = [bson.json_util.loads(record.getMessage()) for record in caplog.records if record.name == SELECTION]
    return [(line["message"], line["operation"], line.get("operationId")) for line in lines]


async def test_nothing_is_selected_behind_the_logs_back(server, connect, caplog):
    client = connect(server)
    await client.db.command("ping")
    topology, known = topology_of(client), server_of(client)
    assert topology.select_now(ReadPreference.PRIMARY) is known
    with caplog.at_level(logging.DEBUG, SELECTION):
        assert topology.select_now(ReadPreference.PRIMARY) is None
        assert topology.select_now(ReadPreference.PRIMARY, quietly=True) is known
        assert not told(caplog)
        assert await topology.select(ReadPreference.PRIMARY, "find", 7) is known
        assert told(caplog) == [("Server selection started", "find", 7), ("Server selection succeeded", "find", 7)]


async def test_sessions_are_ended_whether_the_log_is_on_or_not(server, connect, caplog):
    """It is no operation of the application's, and so the log is not told."""
    client = connect(server)
    await client.db.command("ping")
    with caplog.at_level(logging.DEBUG, SELECTION):
        client.close()
        await until(lambda: "endSessions" in server.names)
    assert not told(caplog)


async def test_who_is_at_an_address(server, connect):
    client = connect(server)
    await client.db.command("ping")
    topology, known = topology_of(client), server_of(client)
    address = known.description.address
    nobody = (address[0], 1)
    assert topology.server_at(address) is await topology.select_address(address, "find") is known
    assert topology.server_at(nobody) is await topology.select_address(nobody, "find") is None


async def test_a_server_at_an_address_is_waited_for_until_it_is_known(server, connect):
    client = connect(server)
    await client.db.command("ping")
    topology, known = topology_of(client), server_of(client)
    topology.check_failed(known, ConnectionError())
    assert topology.server_at(known.description.address) is known
    assert topology.select_now(ReadPreference.PRIMARY) is None
    assert await topology.select_address(known.description.address, "find") is known
    assert known.description.is_server_type_known
