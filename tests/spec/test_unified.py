"""The files in MongoDB's unified test format."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import PyMongoError

from .cases import Case, cases
from .differences import exception_for
from .unified.errors import UnsupportedError
from .unified.runner import run_test
from .unified.server import TestServer

_SECONDS = 15.0
_SEVERAL_MEMBERS = ("discovery_and_monitoring/unified/*replicaset*.json", "server_selection_logging/replica-set.json")


@cases(
    "causal_consistency/*.json",
    "change_streams/unified/*.json",
    "client-backpressure/*.json",
    "client-side-encryption/spec/unified/*.json",
    "collection_management/*.json",
    "command_logging/*.json",
    "command_monitoring/*.json",
    "connection_logging/*.json",
    "crud/unified/*.json",
    "csot/*.json",
    "discovery_and_monitoring/unified/*.json",
    "gridfs/*.json",
    "handshake/unified/*.json",
    "index_management/*.json",
    "load_balancer/*.json",
    "read_write_concern/operation/*.json",
    "read_write_concern/write-concern-errors/*.json",
    "retryable_reads/unified/*.json",
    "retryable_writes/unified/*.json",
    "run_command/unified/*.json",
    "server_selection_logging/*.json",
    "sessions/*.json",
    "transactions/unified/*.json",
    "transactions-convenient-api/unified/*.json",
    "unified-test-format/valid-pass/*.json",
    "versioned-api/*.json",
    but=_SEVERAL_MEMBERS,
)
async def test_unified(test_servers: list[TestServer], case: Case) -> None:
    # Timeouts of a few milliseconds: a busy machine may spend them elsewhere.
    attempts = 3 if case.name.startswith("csot/") and exception_for(case.name) is None else 1
    for left in reversed(range(attempts)):
        fresh = case.copy()
        if case.name.startswith("csot/retryability-legacy-timeouts: "):
            _block_longer(fresh)
        try:
            await asyncio.wait_for(run_test(test_servers, fresh.file, fresh.test), _SECONDS)
        except (AssertionError, PyMongoError):
            if not left:
                raise
        else:
            break


def _block_longer(case: Case) -> None:
    """A server that blocks for 125 ms against a socketTimeoutMS of 100 races with a busy machine; one that blocks for
    longer asks the same of the driver.
    """
    for operation in case.test["operations"]:
        if operation["name"] == "failPoint":
            data = operation["arguments"]["failPoint"]["data"]
            if data.get("blockTimeMS") == 125:
                data["blockTimeMS"] = 225


@cases(*_SEVERAL_MEMBERS)
async def test_several_members(three_members: TestServer, case: Case) -> None:
    """The files that wait until three members have been discovered."""
    case = case.copy()
    await asyncio.wait_for(run_test([three_members], case.file, case.test), _SECONDS)


@cases("unified-test-format/valid-fail/*.json")
async def test_runner_fails(test_servers: list[TestServer], case: Case) -> None:
    case = case.copy()
    with pytest.raises((AssertionError, LookupError, PyMongoError, TypeError, UnsupportedError, ValueError)):
        await asyncio.wait_for(run_test(test_servers, case.file, case.test), _SECONDS)
