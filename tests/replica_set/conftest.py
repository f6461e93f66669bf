"""Fixtures: scripted deployments, and clients of Motor and of PyMongo that must leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeVar

import pymongo
import pytest
from pymongo import AsyncMongoClient

from motor.motor_asyncio import AsyncIOMotorClient
from tests.leaks import drivers_tasks
from tests.replica_set.scripted_set import Deployment, LoadBalancer, ReplicaSet, ShardedCluster, until

Connect = Callable[..., Any]
AnyDeployment = TypeVar("AnyDeployment", bound=Deployment)


class Deploy(Protocol):
    """Starts a deployment and returns it."""

    def __call__(self, deployment: AnyDeployment) -> Awaitable[AnyDeployment]: ...


FAST = {
    "heartbeatFrequencyMS": 500,
    "connectTimeoutMS": 1000,
    "serverSelectionTimeoutMS": 10_000,
    "localThresholdMS": 10_000,
}
"""Options with which a client notices everything soon, and takes no server for slower than another."""


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Checks that no task is left, and nothing that warns when it is collected."""
    before = asyncio.all_tasks()
    yield
    here = asyncio.current_task()
    await until(lambda: not asyncio.all_tasks() - before - {here}, "the end of every task")
    gc.collect()


@pytest.fixture
async def deploy(nothing_left: None) -> AsyncIterator[Deploy]:
    """Starts deployments, and ends them when the clients have been closed."""
    deployments: list[Deployment] = []

    async def start(deployment: AnyDeployment) -> AnyDeployment:
        await deployment.start()
        deployments.append(deployment)
        return deployment

    yield start
    for deployment in deployments:
        await until(lambda deployment=deployment: not deployment.peers, "the end of every connection")  # type: ignore[misc]
        await deployment.close()


@pytest.fixture
async def replica_set(deploy: Deploy) -> ReplicaSet:
    """Three members."""
    return await deploy(ReplicaSet())


@pytest.fixture
async def sharded_cluster(deploy: Deploy) -> ShardedCluster:
    """Three mongos."""
    return await deploy(ShardedCluster(3))


@pytest.fixture
async def load_balancer(deploy: Deploy) -> LoadBalancer:
    """Two mongos behind one address."""
    return await deploy(LoadBalancer(2))


@pytest.fixture
async def connect_motor(nothing_left: None) -> AsyncIterator[Connect]:
    """Makes Motor's clients, and closes them afterwards."""
    clients: list[AsyncIOMotorClient] = []

    def make(uri: str, **options: Any) -> AsyncIOMotorClient:
        clients.append(AsyncIOMotorClient(uri, **{**FAST, **options}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


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
