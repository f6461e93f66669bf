"""Fixtures: scripted deployments, and clients of Motor and of PyMongo that must leave nothing behind."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pymongo
import pytest
from pymongo import AsyncMongoClient

from tests.support.leaks import drivers_tasks
from tests.support.replica_set.fixtures import (
    FAST,
    connect_motor,
    deploy,
    load_balancer,
    nothing_left,
    replica_set,
    sharded_cluster,
)
from tests.support.waiting import until

__all__ = ["connect_motor", "deploy", "load_balancer", "nothing_left", "replica_set", "sharded_cluster"]

Connect = Callable[..., Any]
"""Makes clients of either driver."""


@pytest.fixture
async def connect_pymongo(nothing_left: None) -> AsyncIterator[Connect]:
    """Makes PyMongo's clients, and closes them afterwards."""
    clients: list[AsyncMongoClient[Any]] = []

    def make(uri: str, **options: Any) -> AsyncMongoClient[Any]:
        clients.append(AsyncMongoClient(uri, **{**FAST, **options}))
        return clients[-1]

    before = drivers_tasks(pymongo)
    yield make
    while clients:
        await clients.pop().close()
    await until(lambda: not drivers_tasks(pymongo) - before)
    # It leaves a connection that it was just about to open, and what it had to a server that it refused.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def lets_go(request) -> None:
    """For a test in which a client drops a member."""
    if "pymongo" in request.node.callspec.params.values() and pymongo.version_tuple < (4, 20):
        pytest.skip("PyMongo before 4.20 leaves open its connections to a member that it drops")


@pytest.fixture(params=["pymongo", "motor"])
def connect(request) -> Connect:
    """Makes clients of either driver: what PyMongo shows to be true of the script is asked of Motor."""
    make: Connect = request.getfixturevalue(f"connect_{request.param}")
    return make
