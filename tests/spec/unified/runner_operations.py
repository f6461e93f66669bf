"""The operations of a test that are none of the driver's: on the object ``testRunner``."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pymongo.monitoring import CommandStartedEvent
from pymongo.server_type import SERVER_TYPE
from pymongo.topology_description import TopologyDescription

from motor._pymongo import Address
from motor.driver.sessions.server_session import ServerSession
from motor.driver.sessions.transaction import Transaction
from tests.support import inside
from tests.support.waiting import until

from .entities import SECONDS
from .errors import UnsupportedError

if TYPE_CHECKING:
    from .runner import Run

Spec = Mapping[str, Any]


async def run(run: Run, name: str, arguments: Spec) -> None:
    """Run one of them."""
    if name not in _OPERATIONS:
        raise UnsupportedError(f"the test runner's operation {name}")
    await _OPERATIONS[name](run, arguments)


async def _fail_point(run: Run, arguments: Spec) -> None:
    fail_point = copy.deepcopy(arguments["failPoint"])
    commands = fail_point.get("data", {}).get("failCommands", [])
    if "ismaster" in commands:
        # SecantusDB knows it by its other spelling only.
        commands.append("isMaster")
    run.closing.callback(run.server.turn_off, fail_point["configureFailPoint"])
    await run.entities.client(arguments["client"]).admin.command(fail_point)


async def _targeted_fail_point(run: Run, arguments: Spec) -> None:
    """On the mongos that a session is pinned to."""
    address = _transaction(run, arguments).pinned_address
    assert address is not None, "the session is not pinned"
    client = run.server.client_at(address)
    fail_point = arguments["failPoint"]
    client.admin.command(fail_point)
    off = {"configureFailPoint": fail_point["configureFailPoint"], "mode": "off"}
    run.closing.callback(client.admin.command, off)


async def _create_entities(run: Run, arguments: Spec) -> None:
    await run.entities.create(arguments["entities"])


async def _wait(run: Run, arguments: Spec) -> None:
    await asyncio.sleep(arguments["ms"] / 1000)


async def _wait_for_event(run: Run, arguments: Spec) -> None:
    recorder = run.entities.recorder(arguments["client"])
    event, count = arguments["event"], arguments["count"]
    await until(
        lambda: recorder.count(event, run.matcher) >= count, f"{count} of {event}, found {recorder.events}", SECONDS
    )


async def _assert_event_count(run: Run, arguments: Spec) -> None:
    recorder = run.entities.recorder(arguments["client"])
    assert recorder.count(arguments["event"], run.matcher) == arguments["count"], recorder.events


async def _run_on_thread(run: Run, arguments: Spec) -> None:
    run.entities.thread(arguments["thread"]).run_soon(lambda: run.run_operations([arguments["operation"]]))


async def _wait_for_thread(run: Run, arguments: Spec) -> None:
    await run.entities.thread(arguments["thread"]).join()


async def _record_topology_description(run: Run, arguments: Spec) -> None:
    run.entities[arguments["id"]] = run.entities.client(arguments["client"]).topology_description


async def _assert_topology_type(run: Run, arguments: Spec) -> None:
    assert run.entities[arguments["topologyDescription"]].topology_type_name == arguments["topologyType"]


async def _wait_for_primary_change(run: Run, arguments: Spec) -> None:
    client = run.entities.client(arguments["client"])
    before = _primary(run.entities[arguments["priorTopologyDescription"]])
    await until(
        lambda: _primary(client.topology_description) not in (None, before),
        f"another primary than {before}",
        arguments.get("timeoutMS", 10_000) / 1000,
    )


def _primary(description: TopologyDescription) -> Address | None:
    servers = description.server_descriptions().values()
    return next((server.address for server in servers if server.server_type == SERVER_TYPE.RSPrimary), None)


async def _assert_collection_exists(run: Run, arguments: Spec) -> None:
    assert arguments["collectionName"] in run.server.client[arguments["databaseName"]].list_collection_names()


async def _assert_collection_not_exists(run: Run, arguments: Spec) -> None:
    assert arguments["collectionName"] not in run.server.client[arguments["databaseName"]].list_collection_names()


async def _assert_index_exists(run: Run, arguments: Spec) -> None:
    assert arguments["indexName"] in _index_names(run, arguments)


async def _assert_index_not_exists(run: Run, arguments: Spec) -> None:
    assert arguments["indexName"] not in _index_names(run, arguments)


def _index_names(run: Run, arguments: Spec) -> list[str]:
    collection = run.server.client[arguments["databaseName"]][arguments["collectionName"]]
    return list(collection.index_information())


async def _assert_session_dirty(run: Run, arguments: Spec) -> None:
    assert _server_session(run, arguments).dirty


async def _assert_session_not_dirty(run: Run, arguments: Spec) -> None:
    assert not _server_session(run, arguments).dirty


def _server_session(run: Run, arguments: Spec) -> ServerSession:
    server_session = run.entities.session(arguments["session"]).server_session
    assert server_session is not None, "the session has not been used"
    return server_session


async def _assert_session_pinned(run: Run, arguments: Spec) -> None:
    assert _transaction(run, arguments).pinned_address is not None


async def _assert_session_unpinned(run: Run, arguments: Spec) -> None:
    transaction = _transaction(run, arguments)
    assert transaction.pinned_address is None, transaction.pinned_address


async def _assert_session_transaction_state(run: Run, arguments: Spec) -> None:
    state = _transaction(run, arguments).state
    assert state.name.lower() == arguments["state"], state


def _transaction(run: Run, arguments: Spec) -> Transaction:
    return run.entities.session(arguments["session"]).transaction


async def _assert_same_lsid(run: Run, arguments: Spec) -> None:
    first, second = _last_two_lsids(run, arguments)
    assert first == second


async def _assert_different_lsid(run: Run, arguments: Spec) -> None:
    first, second = _last_two_lsids(run, arguments)
    assert first != second


def _last_two_lsids(run: Run, arguments: Spec) -> list[Any]:
    events = [event for _, event in run.entities.recorder(arguments["client"]).events]
    return [event.command["lsid"] for event in events if isinstance(event, CommandStartedEvent)][-2:]


async def _assert_number_connections_checked_out(run: Run, arguments: Spec) -> None:
    client = run.entities.client(arguments["client"])
    await inside.begin(client)
    assert sum(server.pool.in_use for server in inside.servers_of(client)) == arguments["connections"]


async def _loop(run: Run, arguments: Spec) -> None:
    """Repeat operations ``numIterations`` times; without it, a test would be ended from outside, which ours is not."""
    if "numIterations" not in arguments:
        raise UnsupportedError("an endless loop")
    errors = _list_entity(run, arguments.get("storeErrorsAsEntity") or arguments.get("storeFailuresAsEntity"))
    failures = _list_entity(run, arguments.get("storeFailuresAsEntity") or arguments.get("storeErrorsAsEntity"))
    iterations = successes = 0
    for _ in range(arguments["numIterations"]):
        iterations += 1
        try:
            for operation in arguments["operations"]:
                await run.run_operations([operation])
                successes += 1
        except AssertionError as error:
            _store(failures, error)
        except Exception as error:
            _store(errors, error)
    for name, count in (("storeIterationsAsEntity", iterations), ("storeSuccessesAsEntity", successes)):
        if name in arguments:
            run.entities[arguments[name]] = count


def _list_entity(run: Run, name: str | None) -> list[Any] | None:
    if name is None:
        return None
    if name not in run.entities:
        run.entities[name] = []
    entity: list[Any] = run.entities[name]
    return entity


def _store(entity: list[Any] | None, error: Exception) -> None:
    if entity is None:
        raise error
    entity.append({"error": str(error), "time": time.time()})


_OPERATIONS: dict[str, Callable[[Run, Spec], Awaitable[None]]] = {
    "assertCollectionExists": _assert_collection_exists,
    "assertCollectionNotExists": _assert_collection_not_exists,
    "assertDifferentLsidOnLastTwoCommands": _assert_different_lsid,
    "assertEventCount": _assert_event_count,
    "assertIndexExists": _assert_index_exists,
    "assertIndexNotExists": _assert_index_not_exists,
    "assertNumberConnectionsCheckedOut": _assert_number_connections_checked_out,
    "assertSameLsidOnLastTwoCommands": _assert_same_lsid,
    "assertSessionDirty": _assert_session_dirty,
    "assertSessionNotDirty": _assert_session_not_dirty,
    "assertSessionPinned": _assert_session_pinned,
    "assertSessionTransactionState": _assert_session_transaction_state,
    "assertSessionUnpinned": _assert_session_unpinned,
    "assertTopologyType": _assert_topology_type,
    "createEntities": _create_entities,
    "failPoint": _fail_point,
    "loop": _loop,
    "recordTopologyDescription": _record_topology_description,
    "runOnThread": _run_on_thread,
    "targetedFailPoint": _targeted_fail_point,
    "wait": _wait,
    "waitForEvent": _wait_for_event,
    "waitForPrimaryChange": _wait_for_primary_change,
    "waitForThread": _wait_for_thread,
}
