"""Server Discovery And Monitoring: what becomes of a topology when its servers answer, or fail operations."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, ConfigurationError, NetworkTimeout, PyMongoError

from motor._pymongo import check_command_response, check_write_command_response
from motor.driver.cmap.errors import mark_overloaded
from motor.driver.sdam.topology import Topology

from .cases import Case, cases
from .topologies import idle_topology, node, respond, server_at
from .unified.events import EventRecorder

Spec = Mapping[str, Any]


@cases(
    "discovery_and_monitoring/errors/*.json",
    "discovery_and_monitoring/load-balanced/*.json",
    "discovery_and_monitoring/rs/*.json",
    "discovery_and_monitoring/sharded/*.json",
    "discovery_and_monitoring/single/*.json",
)
async def test_discovery_and_monitoring(case: Case) -> None:
    with idle_topology(case.file["uri"]) as topology:
        for phase in case.file["phases"]:
            for address, response in phase.get("responses", ()):
                respond(topology, address, response)
            for error in phase.get("applicationErrors", ()):
                _application_error(topology, error)
            _check_outcome(topology, phase["outcome"])


def _application_error(topology: Topology, spec: Spec) -> None:
    """Let an operation on a server fail."""
    server = server_at(topology, spec["address"])
    error = _error(spec)
    handshake_completed = spec["when"] == "afterHandshakeCompletes"
    if not handshake_completed and isinstance(error, AutoReconnect):
        mark_overloaded(error)
    generation = spec.get("generation", server.pool.generations.current())
    topology.handle_error(server, error, generation, handshake_completed)


def _error(spec: Spec) -> Exception:
    if spec["type"] == "network":
        return AutoReconnect("connection closed")
    if spec["type"] == "timeout":
        return NetworkTimeout("timed out")
    try:
        check_command_response(spec["response"], spec["maxWireVersion"])
        check_write_command_response(spec["response"])
    except PyMongoError as error:
        return error
    raise AssertionError(f"no error in {spec}")


def _check_outcome(topology: Topology, outcome: Spec) -> None:
    description = topology.description
    assert description.server_descriptions().keys() == {node(address) for address in outcome["servers"]}
    for address, expected in outcome["servers"].items():
        _check_server(topology, address, expected)
    assert description.topology_type_name == outcome["topologyType"]
    assert description.replica_set_name == outcome["setName"]
    assert description.logical_session_timeout_minutes == outcome.get("logicalSessionTimeoutMinutes")
    assert description.max_set_version == outcome.get("maxSetVersion")
    assert description.max_election_id == outcome.get("maxElectionId")
    if outcome.get("compatible") is False:
        with pytest.raises(ConfigurationError):
            description.check_compatible()
    else:
        description.check_compatible()


def _check_server(topology: Topology, address: str, expected: Spec) -> None:
    server = server_at(topology, address)
    description = server.description
    assert description.server_type_name == _type(expected["type"])
    assert description.replica_set_name == expected.get("setName")
    assert description.set_version == expected.get("setVersion")
    assert description.election_id == expected.get("electionId")
    assert description.topology_version == expected.get("topologyVersion")
    if "error" in expected:
        assert expected["error"] in str(description.error)
    if "pool" in expected:
        assert server.pool.generations.current() == expected["pool"]["generation"]


def _type(name: str) -> str:
    # A client with one thread of checks would first ask a possible primary. Ours asks all at once.
    return "Unknown" if name == "PossiblePrimary" else name


_EVENTS = {
    "serverOpeningEvent": "server_opening_event",
    "serverClosedEvent": "server_closed_event",
    "serverDescriptionChangedEvent": "server_description_changed_event",
    "topologyOpeningEvent": "topology_opening_event",
    "topologyClosedEvent": "topology_closed_event",
    "topologyDescriptionChangedEvent": "topology_description_changed_event",
}


@cases("sdam_monitoring/*.json")
async def test_sdam_monitoring(case: Case) -> None:
    recorder = EventRecorder({"observeEvents": [*_EVENTS]})
    with idle_topology(case.file["uri"], event_listeners=[recorder]) as topology:
        for phase in case.file["phases"]:
            for address, response in phase.get("responses", ()):
                respond(topology, address, response)
            expected = [_expected_event(event) for event in phase["outcome"]["events"]]
            actual = [_actual_event(_EVENTS[name], event) for name, event in recorder.events]
            assert _in_order(actual) == _in_order(expected)
            recorder.events.clear()


def _in_order(events: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Several servers that come or go at once may do so in any order."""
    return [
        event
        for name, group in groupby(events, lambda event: event[0])
        for event in (sorted(group) if name in ("server_opening_event", "server_closed_event") else group)
    ]


def _expected_event(event: Spec) -> tuple[str, Any]:
    ((name, fields),) = event.items()
    if name.startswith("topology"):
        changes = [fields[key] for key in ("previousDescription", "newDescription") if key in fields]
        return name, [(one["topologyType"], sorted(map(_expected_server, one["servers"]))) for one in changes]
    changes = [fields[key] for key in ("previousDescription", "newDescription") if key in fields]
    return name, (fields["address"], [_expected_server(one) for one in changes])


def _expected_server(spec: Spec) -> tuple[str, str, list[str]]:
    return spec["address"], _type(spec["type"]), sorted([*spec["hosts"], *spec["passives"], *spec["arbiters"]])


def _actual_event(name: str, event: Any) -> tuple[str, Any]:
    changes = [event.previous_description, event.new_description] if "changed" in name else []
    if name.startswith("topology"):
        return name, [
            (one.topology_type_name, sorted(map(_actual_server, one.server_descriptions().values()))) for one in changes
        ]
    return name, (_address(event.server_address), [_actual_server(one) for one in changes])


def _actual_server(server: Any) -> tuple[str, str, list[str]]:
    return _address(server.address), server.server_type_name, sorted(map(_address, server.all_hosts))


def _address(address: Any) -> str:
    return "{}:{}".format(*address)
