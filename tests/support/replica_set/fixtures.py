"""Fixtures: scripted deployments, and Motor's clients of them, that must leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol, TypeVar

import pytest

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.fixtures import Connect
from tests.support.replica_set.scripted_set import Deployment, LoadBalancer, ReplicaSet, ShardedCluster
from tests.support.waiting import until

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
