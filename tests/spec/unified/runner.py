"""Runs one test of a file in MongoDB's unified test format.

Source: the MongoDB specification "Unified Test Format". In a test's life: the server is asked whether the test suits it
and gets its data (`server.py`), entities are made (`entities.py`), operations run (`operations.py`,
`runner_operations.py`) and their results compared (`matching.py`, `failures.py`), then events (`events.py`), log
messages (`logs.py`) and what is in the collections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.support import inside

from . import operations, runner_operations
from .entities import Entities
from .errors import UnsupportedError
from .events import check_events
from .failures import EXPECTABLE, check_error
from .logs import check_log_messages, collected_messages
from .matching import Matcher
from .results import as_document
from .server import TestServer

_SCHEMA = (1, 28)
_TRANSACTIONS = ("startTransaction", "withTransaction")

Spec = Mapping[str, Any]


async def run_test(servers: Iterable[TestServer], file: Spec, test: Spec) -> None:
    """Run one test of a file, on the first of the servers that suits it; skips it if there is none.

    Raises UnsupportedError for what this runner or the driver does not have.
    """
    version = tuple(map(int, file["schemaVersion"].split(".")[:2]))
    if version[0] != _SCHEMA[0] or version > _SCHEMA:
        raise UnsupportedError(f"schema version {file['schemaVersion']}")
    if "skipReason" in test:
        pytest.skip(test["skipReason"])
    requirements = [spec.get("runOnRequirements", ()) for spec in (file, test)]
    server = next((server for server in servers if all(map(server.suits, requirements))), None)
    if server is None:
        pytest.skip(f"there is no server that the test is for: {requirements}")
    entities = Entities(server)
    async with entities.closing:
        await Run(server, entities).run(file, test)


class Run:
    """What the parts of one run share."""

    def __init__(self, server: TestServer, entities: Entities) -> None:
        self.server = server
        self.entities = entities
        self.matcher = Matcher(entities)
        self.closing: AsyncExitStack = entities.closing

    async def run(self, file: Spec, test: Spec) -> None:
        """From the data to the outcome."""
        if any(operation["name"] in _TRANSACTIONS for operation in test["operations"]):
            self.closing.callback(self.server.kill_sessions)
        with ExitStack() as stack:
            messages = stack.enter_context(collected_messages()) if "expectLogMessages" in test else []
            self.entities.cluster_time = self.server.load(file.get("initialData", ()))
            await self.entities.create(file.get("createEntities", ()))
            await self.run_operations(test["operations"])
        for expected in test.get("expectEvents", ()):
            check_events(expected, self.entities.recorder(expected["client"]), self.matcher)
        for expected in test.get("expectLogMessages", ()):
            topology_id = inside.topology_id_of(self.entities.client(expected["client"]))
            check_log_messages(expected, topology_id, messages, self.matcher)
        for expected in test.get("outcome", ()):
            documents = self.server.documents(expected["databaseName"], expected["collectionName"])
            assert documents == sorted(expected["documents"], key=lambda document: document["_id"])

    async def run_operations(self, specs: Iterable[Spec], raises: bool = False) -> None:
        """Run operations one after the other; `raises` lets an error out also when it was expected."""
        for spec in specs:
            if spec["object"] == "testRunner":
                await runner_operations.run(self, spec["name"], spec.get("arguments", {}))
            else:
                await self._run_operation(spec, raises)

    async def _run_operation(self, spec: Spec, raises: bool) -> None:
        target = self.entities[spec["object"]]
        arguments = dict(spec.get("arguments", {}))
        expected = spec.get("expectError")
        if spec["name"] == "withTransaction":
            arguments["callback"] = self._callback(arguments["callback"])
        ignored = spec.get("ignoreResultAndError", False)
        try:
            result = await operations.run(target, spec["name"], arguments, self.entities)
        except EXPECTABLE as error:
            if ignored and isinstance(error, PyMongoError):
                # But a callback has to raise it, or with_transaction() would not know.
                if raises:
                    raise
                return
            if expected is None:
                raise
            check_error(expected, error, self.matcher)
            if raises:
                raise
            return
        assert expected is None, f"expected {expected}, but {spec['name']} succeeded: {result!r}"
        if "expectResult" in spec:
            self.matcher.match(spec["expectResult"], as_document(result))
        if "saveResultAsEntity" in spec:
            self.entities[spec["saveResultAsEntity"]] = result

    def _callback(self, specs: Iterable[Spec]) -> Any:
        async def callback(session: Any) -> None:
            await self.run_operations(specs, raises=True)

        return callback
