"""The records are looked up again and again, and what fails changes nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator

import dns.rcode
import pytest

from motor.driver.owner import Owner
from motor.driver.sdam.srv import SrvPoller, SrvSettings
from tests.support.inside import replace, task_of
from tests.support.leaks import drivers_tasks
from tests.support.waiting import until

NAME = "a.example.com"
HOSTS = [("x.example.com", 27017), ("y.example.com", 27017)]


class Deployment:
    """What a poller reports to."""

    def __init__(self) -> None:
        self.polled = True
        self.updates: asyncio.Queue[list[tuple[str, int | None]]] = asyncio.Queue()
        self.owner = Owner(asyncio.get_running_loop())

    def poll(self, settings: SrvSettings, min_ttl: float = 0, heartbeat_frequency: float = 0.01) -> SrvPoller:
        return SrvPoller(
            settings, min_ttl, heartbeat_frequency, lambda: self.polled, self.updates.put_nowait, self.owner
        )


@pytest.fixture
async def deployment(monkeypatch) -> AsyncIterator[Deployment]:
    replace(monkeypatch, "srv.MIN_RESCAN_INTERVAL", 0.02)
    deployment = Deployment()
    yield deployment
    deployment.owner.close()
    await until(lambda: not drivers_tasks())


def serve(server, *hosts: tuple[str, int]) -> None:
    server.ttl = 0
    server.records = {(f"_mongodb._tcp.{NAME}", "SRV"): [f"0 0 {port} {host}." for host, port in hosts]}


async def test_hosts_come_and_go(dns_server, deployment):
    serve(dns_server, *HOSTS)
    deployment.poll(SrvSettings(NAME))
    assert sorted(await deployment.updates.get()) == HOSTS
    serve(dns_server, ("z.example.com", 1))
    await until(lambda: not deployment.updates.empty() and deployment.updates.get_nowait() == [("z.example.com", 1)])


async def test_max_hosts_is_left_to_the_receiver(dns_server, deployment):
    serve(dns_server, *HOSTS)
    deployment.poll(SrvSettings(NAME, max_hosts=1))
    assert sorted(await deployment.updates.get()) == HOSTS


async def test_failures_change_nothing_and_end_nothing(dns_server, deployment, caplog):
    caplog.set_level(logging.DEBUG, "pymongo.topology")
    serve(dns_server, *HOSTS)
    dns_server.rcode = dns.rcode.SERVFAIL
    deployment.poll(SrvSettings(NAME))
    await until(lambda: len(caplog.messages) >= 2)
    assert all('"message": "SRV monitor check failed"' in message for message in caplog.messages)
    assert "NoNameservers" in caplog.messages[0]
    assert deployment.updates.empty()
    dns_server.rcode = dns.rcode.NOERROR
    assert sorted(await deployment.updates.get()) == HOSTS


@pytest.mark.parametrize("records", [{}, {(f"_mongodb._tcp.{NAME}", "TXT"): ['"x"']}])
async def test_no_records_change_nothing(dns_server, deployment, records):
    dns_server.records = records
    deployment.poll(SrvSettings(NAME, timeout=0.5))
    await until(lambda: len(dns_server.queries) >= 3)
    assert deployment.updates.empty()


async def test_silence_changes_nothing(dns_server, deployment):
    dns_server.silent = True
    deployment.poll(SrvSettings(NAME, timeout=0.05))
    await until(lambda: len(dns_server.queries) >= 3)
    assert deployment.updates.empty()


async def test_a_host_of_another_domain_is_skipped(dns_server, deployment, caplog):
    caplog.set_level(logging.DEBUG, "pymongo.topology")
    serve(dns_server, HOSTS[0], ("x.evil.com", 27017))
    deployment.poll(SrvSettings(NAME))
    assert await deployment.updates.get() == [HOSTS[0]]
    message = next(message for message in caplog.messages if "skipped" in message)
    assert '"message": "SRV monitor skipped invalid host"' in message
    assert '"serverHost": "x.evil.com"' in message
    assert "Invalid SRV host: x.evil.com" in message


async def test_only_hosts_of_another_domain(dns_server, deployment, caplog):
    caplog.set_level(logging.DEBUG, "pymongo.topology")
    serve(dns_server, ("x.evil.com", 27017))
    deployment.poll(SrvSettings(NAME))
    await until(lambda: any("SRV polling returned no valid hosts." in message for message in caplog.messages))
    assert deployment.updates.empty()


async def test_nothing_is_logged_for_nobody(dns_server, deployment, monkeypatch):
    replace(monkeypatch, "srv.log", None)
    dns_server.records = {}
    deployment.poll(SrvSettings(NAME))
    await until(lambda: len(dns_server.queries) >= 3)


@pytest.mark.parametrize("failing", [lambda host: False, lambda host: 1 / 0])
async def test_the_validator_is_asked_each_time(dns_server, deployment, failing):
    rules = [lambda host: True]
    serve(dns_server, *HOSTS)
    deployment.poll(SrvSettings(NAME, host_validator=lambda host: rules[0](host)))
    await deployment.updates.get()
    rules[0] = failing
    asked = len(dns_server.queries)
    await until(lambda: len(dns_server.queries) >= asked + 4)
    while not deployment.updates.empty():
        deployment.updates.get_nowait()
    asked = len(dns_server.queries)
    await until(lambda: len(dns_server.queries) >= asked + 3)
    assert deployment.updates.empty()
    rules[0] = lambda host: True
    assert sorted(await deployment.updates.get()) == HOSTS


async def test_the_service_name(dns_server, deployment):
    deployment.poll(SrvSettings("test22.test.build.10gen.cc", service_name="customname"))
    assert len(await deployment.updates.get()) == 2


async def test_it_ends_by_itself(dns_server, deployment):
    serve(dns_server, *HOSTS)
    poller = deployment.poll(SrvSettings(NAME))
    await deployment.updates.get()
    deployment.polled = False
    await asyncio.wait_for(task_of(poller), 10)
    asked = len(dns_server.queries)
    await asyncio.sleep(0.06)
    assert len(dns_server.queries) == asked


async def test_a_lookup_that_comes_too_late_is_dropped(dns_server, deployment):
    serve(dns_server, *HOSTS)

    def validator(host: str) -> bool:
        deployment.polled = False
        return True

    poller = deployment.poll(SrvSettings(NAME, host_validator=validator))
    await asyncio.wait_for(task_of(poller), 10)
    assert deployment.updates.empty()


async def test_closed_in_the_middle_of_a_lookup(dns_server, deployment):
    dns_server.silent = True
    poller = deployment.poll(SrvSettings(NAME))
    await until(lambda: bool(dns_server.queries))
    poller.close()
    await asyncio.wait_for(asyncio.wait([task_of(poller)]), 10)


async def test_closed_while_the_cancellation_is_swallowed(deployment, monkeypatch):
    entered = asyncio.Event()

    class Deaf:
        async def resolve(self, *arguments: object, **keywords: object) -> None:
            entered.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise TimeoutError from None

    replace(monkeypatch, "srv.new_resolver", Deaf)
    poller = deployment.poll(SrvSettings(NAME))
    await entered.wait()
    poller.close()
    await asyncio.wait_for(task_of(poller), 10)


class TestIntervals:
    """Seconds between two lookups."""

    @pytest.fixture
    def slept(self, monkeypatch) -> list[float]:
        """What the poller sleeps, in no time."""
        slept: list[float] = []
        original = asyncio.sleep

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            await original(0)

        monkeypatch.setattr(asyncio, "sleep", sleep)
        return slept

    async def run(self, server, slept: list[float], ttls: list[int | None], first: float) -> list[float]:
        """Poll once for each time to live, and fail for ``None``."""
        done = asyncio.Event()

        def wanted() -> bool:
            # Asked before each lookup, and after one that found something.
            if len(slept) > len(ttls):
                done.set()
                return False
            ttl = ttls[len(slept) - 1]
            server.rcode = dns.rcode.SERVFAIL if ttl is None else dns.rcode.NOERROR
            server.ttl = ttl or 0
            return True

        owner = Owner(asyncio.get_running_loop())
        SrvPoller(SrvSettings(NAME, timeout=1), first, 10, wanted, lambda hosts: None, owner)
        await asyncio.wait_for(done.wait(), 30)
        owner.close()
        return slept

    async def test_a_minute_at_least(self, dns_server, slept):
        serve(dns_server, *HOSTS)
        assert await self.run(dns_server, slept, [0, 59, 61, 86400], 5) == [60, 60, 60, 61, 86400]

    async def test_the_first_time_to_live_counts(self, dns_server, slept):
        serve(dns_server, *HOSTS)
        assert await self.run(dns_server, slept, [90], 3600) == [3600, 90]

    async def test_the_heartbeats_after_a_failure(self, dns_server, slept):
        serve(dns_server, *HOSTS)
        assert await self.run(dns_server, slept, [None, None, 70, None], 60) == [60, 10, 10, 70, 10]
