"""Server selection: which servers suit a read preference, are near enough, and are the least busy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pymongo.errors import ConfigurationError
from pymongo.hello import Hello
from pymongo.read_preferences import ReadPreference
from pymongo.server_description import ServerDescription

from motor._pymongo import writable_server_selector
from motor.driver.sdam.round_trip import RoundTripTimes
from motor.driver.sdam.selection import suitable_addresses
from motor.driver.sdam.topology import Topology

from .cases import Case, cases
from .topologies import idle_topology, node, server_at
from .unified.methods import read_preference

Spec = Mapping[str, Any]

_WIRE_VERSION = 21
_FAR = 10**6


@cases(
    "max_staleness/*/*.json",
    "server_selection/server_selection/*/*/*.json",
)
async def test_server_selection(case: Case) -> None:
    spec = case.file
    if spec.get("error"):
        with pytest.raises((ConfigurationError, ValueError)), _topology(spec) as topology:
            _select(topology, read_preference(spec["read_preference"]), spec)
        return
    if spec.get("operation") == "write":
        selector: Any = writable_server_selector
    else:
        selector = read_preference(spec["read_preference"])
    with _topology(spec) as topology:
        assert _select(topology, selector, spec) == _addresses(spec["in_latency_window"])
    with _topology(spec, localThresholdMS=_FAR) as topology:
        assert _select(topology, selector, spec) == _addresses(spec["suitable_servers"])


@cases("server_selection/in_window/*.json")
async def test_in_window(case: Case) -> None:
    spec = case.file
    with _topology(spec) as topology:
        for mocked in spec["mocked_topology_state"]:
            server_at(topology, mocked["address"]).operation_count = mocked["operation_count"]
        counts: Counter[Any] = Counter()
        for _ in range(spec["iterations"]):
            server = topology.select_now(ReadPreference.NEAREST)
            assert server is not None
            counts[server.description.address] += 1
    for address, expected in spec["outcome"]["expected_frequencies"].items():
        tolerance = spec["outcome"]["tolerance"] if expected not in (0, 1) else 0
        assert counts[node(address)] / spec["iterations"] == pytest.approx(expected, abs=tolerance)


@cases("server_selection/rtt/*.json")
def test_round_trip_time(case: Case) -> None:
    spec = case.file
    average = RoundTripTimes()
    if spec["avg_rtt_ms"] != "NULL":
        average.add(spec["avg_rtt_ms"])
    average.add(spec["new_rtt_ms"])
    assert average.average == pytest.approx(spec["new_avg_rtt"])


@contextmanager
def _topology(spec: Spec, **options: Any) -> Iterator[Topology]:
    """The topology that a file describes."""
    description = spec["topology_description"]
    addresses = [server["address"] for server in description["servers"]]
    kind = description["type"]
    if kind == "LoadBalanced":
        options["loadBalanced"] = True
    elif kind.startswith("ReplicaSet"):
        options["replicaSet"] = "rs"
    elif kind == "Single":
        options["directConnection"] = True
    if "heartbeatFrequencyMS" in spec:
        options["heartbeatFrequencyMS"] = spec["heartbeatFrequencyMS"]
    with idle_topology(f"mongodb://{','.join(addresses) or 'unknown'}/", **options) as topology:
        if kind != "LoadBalanced":
            for server in description["servers"]:
                topology.update(_server(server, addresses))
        assert topology.description.topology_type_name == kind
        yield topology


def _server(spec: Spec, hosts: list[str]) -> ServerDescription:
    kind = spec["type"]
    if kind in ("Unknown", "PossiblePrimary"):
        return ServerDescription(node(spec["address"]))
    hello: dict[str, Any] = {"ok": 1, "minWireVersion": 0, "maxWireVersion": spec.get("maxWireVersion", _WIRE_VERSION)}
    if kind in _MEMBERS:
        hello |= {"setName": "rs", "hosts": hosts}
    hello |= _ROLES[kind]
    if "tags" in spec:
        hello["tags"] = spec["tags"]
    if "lastWrite" in spec:
        epoch = datetime.fromtimestamp(0, timezone.utc).replace(tzinfo=None)
        hello["lastWrite"] = {"lastWriteDate": epoch + timedelta(milliseconds=spec["lastWrite"]["lastWriteDate"])}
    description = ServerDescription(node(spec["address"]), Hello(hello), spec["avg_rtt_ms"] / 1000)
    if "lastUpdateTime" in spec:
        # PyMongo takes the time of the description's making, and has no other way to say when that was.
        description._last_update_time = spec["lastUpdateTime"] / 1000
    return description


_MEMBERS = ("RSPrimary", "RSSecondary", "RSArbiter", "RSOther")
_ROLES: dict[str, dict[str, Any]] = {
    "RSPrimary": {"isWritablePrimary": True},
    "RSSecondary": {"secondary": True},
    "RSArbiter": {"arbiterOnly": True},
    "RSOther": {"hidden": True},
    "RSGhost": {"isreplicaset": True},
    "Mongos": {"isWritablePrimary": True, "msg": "isdbgrid"},
    "Standalone": {"isWritablePrimary": True},
}


def _select(topology: Topology, selector: Any, spec: Spec) -> set[Any]:
    deprioritized = [_addresses(spec["deprioritized_servers"])] if "deprioritized_servers" in spec else []
    return set(suitable_addresses(topology.description, topology.settings, selector, *deprioritized))


def _addresses(servers: list[Spec]) -> set[Any]:
    return {node(server["address"]) for server in servers}
