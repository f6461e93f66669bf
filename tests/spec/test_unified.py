"""The files in MongoDB's unified test format."""

from __future__ import annotations

import asyncio

import pytest
from pymongo.errors import PyMongoError

from .cases import Case, cases
from .unified.errors import UnsupportedError
from .unified.runner import run_test
from .unified.server import TestServer

_SECONDS = 15.0
_SEVERAL_MEMBERS = ("discovery_and_monitoring/unified/*replicaset*.json", "server_selection_logging/replica-set.json")


@cases(
    "collection_management/*.json",
    "command_logging/*.json",
    "command_monitoring/*.json",
    "connection_logging/*.json",
    "crud/unified/*.json",
    "discovery_and_monitoring/unified/*.json",
    "handshake/unified/*.json",
    "index_management/*.json",
    "load_balancer/*.json",
    "read_write_concern/operation/*.json",
    "read_write_concern/write-concern-errors/*.json",
    "run_command/unified/*.json",
    "server_selection_logging/*.json",
    "unified-test-format/valid-pass/*.json",
    "versioned-api/*.json",
    but=_SEVERAL_MEMBERS,
)
async def test_unified(test_servers: list[TestServer], case: Case) -> None:
    case = case.copy()
    await asyncio.wait_for(run_test(test_servers, case.file, case.test), _SECONDS)


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
