"""The server that the tests run on: what it is, and what has to be done on it around a test.

That is done with PyMongo's own client, so that none of it depends on the driver under test.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from motor._pymongo import Address

from .encryption import has_library

_IDLE_SECONDS = 2.0
_APPLICATION = "tests/spec"


class TestServer:
    """Facts about the deployment at `uri`, and a client on it. `logins` has, by the mechanisms that it lets in drivers
    by, their properties.
    """

    __test__ = False  # it is no test, whatever its name starts with

    def __init__(
        self, uri: str, uri_of_several: str | None = None, logins: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.uri = uri
        self.logins = logins or {}
        self._uri_of_several = uri_of_several or uri
        self.client = _client(uri)
        self._clients: dict[Address, MongoClient[dict[str, Any]]] = {}
        self._given_up: set[tuple[int, str]] = set()
        hello = self.client.admin.command("hello")
        self._version = tuple(self.client.admin.command("buildInfo")["versionArray"][:3])
        self._parameters = self.client.admin.command({"getParameter": "*"})
        self.set_name = hello.get("setName")
        self._topology = "load-balanced" if self.client.options.load_balanced else _topology(hello)
        users = self.client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"]
        self._has_auth = bool(users or self.logins)

    def close(self) -> None:
        """Close the clients."""
        for client in (self.client, *self._clients.values()):
            client.close()

    def client_at(self, address: Address) -> MongoClient[dict[str, Any]]:
        """A client on one of several mongoses."""
        if address not in self._clients:
            self._clients[address] = _client("mongodb://{}:{}".format(*address))
        return self._clients[address]

    def uri_of(self, several_mongoses: bool | None) -> str:
        """Where a client entity connects to: one mongos, unless it is to use several."""
        if several_mongoses:
            return self._uri_of_several
        if self._topology != "sharded" or several_mongoses is None:
            return self.uri
        first, _, rest = self.uri.partition(",")
        _, slash, options = rest.partition("/")
        return first + slash + options

    def suits(self, requirements: Iterable[Mapping[str, Any]]) -> bool:
        """Whether the server is as one of ``runOnRequirements`` says, if there are any."""
        requirements = list(requirements)
        return not requirements or any(map(self._suits, requirements))

    def _suits(self, requirement: Mapping[str, Any]) -> bool:
        return (
            _parse(requirement.get("minServerVersion", "0")) <= self._version
            and self._version <= _parse(requirement.get("maxServerVersion", "999.999.999"))
            and self._is_one_of(requirement.get("topologies"))
            and all(
                self._parameters.get(name) == value for name, value in requirement.get("serverParameters", {}).items()
            )
            and requirement.get("auth", self._has_auth) is self._has_auth
            and requirement.get("authMechanism") in (None, *self.logins)
            and requirement.get("serverless") != "require"
            and has_library(requirement.get("csfle"))
        )

    def _is_one_of(self, topologies: list[str] | None) -> bool:
        if topologies is None:
            return True
        return self._topology in {name.replace("sharded-replicaset", "sharded") for name in topologies}

    def load(self, collections: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Make collections that hold just ``initialData``; the cluster time after that comes back."""
        self._await_idle()
        with self.client.start_session(causal_consistency=False) as session:
            for data in collections:
                concern = WriteConcern("majority")
                database = self.client.get_database(data["databaseName"], write_concern=concern)
                database.drop_collection(data["collectionName"], session=session)
                options = data.get("createOptions", {})
                if options or not data["documents"]:
                    database.create_collection(data["collectionName"], session=session, check_exists=False, **options)
                if data["documents"]:
                    database[data["collectionName"]].insert_many(data["documents"], session=session)
            cluster_time: Mapping[str, Any] | None = session.cluster_time
        return cluster_time

    def _await_idle(self) -> None:
        """Wait for what a test before this one has given up, and the server is still doing: it may be a write.

        A connection that was left open is listed with its last command for ever: nobody is waited for twice.
        """
        deadline = time.monotonic() + _IDLE_SECONDS
        while (busy := self._operations_of_tests() - self._given_up) and time.monotonic() < deadline:
            time.sleep(0.005)
        self._given_up |= busy

    def _operations_of_tests(self) -> set[tuple[int, str]]:
        operations = filter(_is_test, self.client.admin.command("currentOp")["inprog"])
        return {(operation["opid"], next(iter(operation["command"]))) for operation in operations}

    def documents(self, database: str, collection: str) -> list[dict[str, Any]]:
        """All documents of a collection, by their _id."""
        source = self.client[database].get_collection(collection, read_concern=ReadConcern("local"))
        return list(source.find(sort=[("_id", 1)]))

    def turn_off(self, fail_point: str) -> None:
        """Turn a fail point off."""
        self.client.admin.command({"configureFailPoint": fail_point, "mode": "off"})

    def kill_sessions(self) -> None:
        """End the transactions that a failed test may have left open."""
        # It may interrupt itself.
        with suppress(AutoReconnect, OperationFailure):
            self.client.admin.command("killAllSessions", [])


def _client(uri: str) -> MongoClient[dict[str, Any]]:
    # It asks for no heartbeats, which would use up fail points that are meant for the driver.
    heartbeats: dict[str, Any] = {"serverMonitoringMode": "poll", "heartbeatFrequencyMS": 10**7}
    return MongoClient(uri, appname=_APPLICATION, retryReads=False, retryWrites=False, **heartbeats)


def _is_test(operation: Mapping[str, Any]) -> bool:
    """Whether one of ``currentOp`` comes from a test's client. A monitor's hello may be listed for ever."""
    command = operation.get("command", {})
    client = operation.get("clientMetadata", {})
    return not command.keys() <= {"hello", "ismaster"} and client.get("application", {}).get("name") != _APPLICATION


def _topology(hello: Mapping[str, Any]) -> str:
    if hello.get("msg") == "isdbgrid":
        return "sharded"
    return "replicaset" if "setName" in hello else "single"


def _parse(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
