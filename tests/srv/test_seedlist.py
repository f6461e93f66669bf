"""SRV records: which hosts come back, and every reason for which they don't."""

import asyncio
import threading
from collections import Counter
from typing import Any

import dns.asyncresolver
import dns.rcode
import dns.resolver
import pytest
from pymongo.errors import ConfigurationError

from motor.driver.sdam import srv
from motor.driver.sdam.srv import SrvSettings, resolve_seedlist
from tests.srv.conftest import lookup_fails, needs_public_suffixes
from tests.srv.records import RECORDS
from tests.support.dns_server import DNSServer
from tests.support.inside import replace
from tests.support.waiting import until

TEST1 = "test1.test.build.10gen.cc"
TEST1_HOSTS = [("localhost.test.build.10gen.cc", 27017), ("localhost.test.build.10gen.cc", 27018)]


def serve(server: DNSServer, fqdn: str, *targets: str) -> None:
    server.records = {(f"_mongodb._tcp.{fqdn}", "SRV"): [f"0 0 27017 {target}." for target in targets]}


async def hosts_of(fqdn: str, **settings: Any) -> list[str]:
    records = await resolve_seedlist(SrvSettings(fqdn, **settings))
    return [host for host, _ in records.hosts]


async def test_hosts_and_time_to_live(dns_server):
    dns_server.ttl = 77
    records = await resolve_seedlist(SrvSettings(TEST1))
    assert sorted(records.hosts) == TEST1_HOSTS
    assert records.min_ttl == 77


async def test_case_means_nothing(dns_server):
    serve(dns_server, "cluster.example.com", "A.Example.COM")
    assert await hosts_of("CLUSTER.example.Com") == ["a.example.com"]


async def test_service_name(dns_server):
    await hosts_of("test22.test.build.10gen.cc", service_name="customname")
    assert dns_server.queries == ["_customname._tcp.test22.test.build.10gen.cc SRV"]


async def test_a_host_named_twice_is_one_host(dns_server):
    dns_server.records = {("_mongodb._tcp.a.b.c", "SRV"): ["0 0 1 x.b.c.", "5 7 1 x.b.c.", "0 0 2 x.b.c."]}
    records = await resolve_seedlist(SrvSettings("a.b.c"))
    assert sorted(records.hosts) == [("x.b.c", 1), ("x.b.c", 2)]


async def test_an_answer_too_long_for_a_datagram(dns_server):
    targets = [f"shard-{number:03}-with-a-long-name.cluster.example.com" for number in range(200)]
    serve(dns_server, "cluster.example.com", *targets)
    assert sorted(await hosts_of("cluster.example.com")) == targets
    assert dns_server.tcp_queries == 1


@pytest.mark.parametrize(
    ("fqdn", "target"),
    [
        ("localhost", "mongo.localhost"),
        ("mongo.local", "a.mongo.local"),
        ("mongo.local", "a.b.mongo.local"),
        ("blogs.mongodb.com", "cluster.mongodb.com"),
        ("blogs.mongodb.com", "a.cluster.mongodb.com"),
        ("blogs.mongodb.com", "blogs.mongodb.com"),
        ("a.blogs.mongodb.com", "b.blogs.mongodb.com"),
    ],
)
async def test_hosts_of_the_domain(dns_server, fqdn, target):
    serve(dns_server, fqdn, target)
    assert await hosts_of(fqdn) == [target]


@pytest.mark.parametrize(
    ("fqdn", "target"),
    [
        ("localhost", "localhost.mongodb"),
        ("localhost", "test_1.cluster_1localhost"),
        ("mongo.local", "test_1.evil.local"),
        ("mongo.local", "test_1.my_hostmongo.local"),
        ("blogs.mongodb.com", "blogs.evil.com"),
        ("blogs.mongodb.com", "cluster.testmongodb.com"),
        ("blogs.mongodb.com", "mongodb.com"),
        ("a.blogs.mongodb.com", "b.mongodb.com"),
        ("a.blogs.mongodb.com", "blogs.mongodb.com"),
    ],
)
async def test_hosts_of_another_domain(dns_server, fqdn, target):
    serve(dns_server, fqdn, target)
    with pytest.raises(ConfigurationError, match=f"^Invalid SRV host: {target}$"):
        await hosts_of(fqdn)


@pytest.mark.parametrize("fqdn", ["localhost", "mongo.local"])
async def test_a_short_name_that_stands_for_itself(dns_server, fqdn):
    serve(dns_server, fqdn, fqdn)
    with pytest.raises(ConfigurationError, match="Invalid SRV host: return address is identical to SRV hostname"):
        await hosts_of(fqdn)


async def test_one_bad_host_is_enough(dns_server):
    serve(dns_server, "a.example.com", "b.example.com", "b.evil.com")
    with pytest.raises(ConfigurationError, match=r"Invalid SRV host: b\.evil\.com"):
        await hosts_of("a.example.com")


async def test_a_service_that_is_not_offered(dns_server):
    dns_server.records = {("_mongodb._tcp.a.example.com", "SRV"): ["0 0 0 ."]}
    with pytest.raises(ConfigurationError, match="Invalid SRV host"):
        await hosts_of("a.example.com")


@pytest.mark.parametrize("max_hosts", [0, 2, 3])
async def test_max_hosts_that_all_fit_in(dns_server, max_hosts):
    records = await resolve_seedlist(SrvSettings(TEST1, max_hosts=max_hosts))
    assert sorted(records.hosts) == TEST1_HOSTS


async def test_max_hosts_chooses_at_random(dns_server):
    serve(dns_server, "a.example.com", "x.example.com", "y.example.com", "z.example.com")
    chosen: Counter[str] = Counter()
    for _ in range(60):
        hosts = await hosts_of("a.example.com", max_hosts=2)
        assert len(set(hosts)) == 2
        chosen.update(hosts)
    assert len(chosen) == 3


async def test_a_bad_host_counts_though_it_might_not_be_chosen(dns_server):
    serve(dns_server, "a.example.com", *(f"h{number}.example.com" for number in range(20)), "evil.com")
    with pytest.raises(ConfigurationError, match=r"Invalid SRV host: evil\.com"):
        await hosts_of("a.example.com", max_hosts=1)


async def test_unknown_name(dns_server):
    with lookup_fails(dns.resolver.NXDOMAIN):
        await hosts_of("test4.test.build.10gen.cc")


async def test_a_name_without_srv_records(dns_server):
    dns_server.records = {("_mongodb._tcp.a.example.com", "TXT"): ['"no"']}
    with lookup_fails(dns.resolver.NoAnswer):
        await hosts_of("a.example.com")


async def test_a_server_that_fails(dns_server):
    dns_server.rcode = dns.rcode.SERVFAIL
    with lookup_fails(dns.resolver.NoNameservers):
        await hosts_of(TEST1)


async def test_a_server_that_is_silent(dns_server):
    dns_server.silent = True
    with lookup_fails(dns.resolver.LifetimeTimeout) as caught:
        await hosts_of(TEST1, timeout=0.2)
    cause: Any = caught.value.__cause__
    assert 0.2 <= cause.kwargs["timeout"] < 0.4


async def test_no_server_at_all(monkeypatch):
    def no_configuration():
        raise dns.resolver.NoResolverConfiguration

    replace(monkeypatch, "srv.new_resolver", no_configuration)
    with lookup_fails(dns.resolver.NoResolverConfiguration):
        await hosts_of(TEST1)


async def test_cancelled(dns_server):
    before = asyncio.all_tasks()
    dns_server.silent = True
    task = asyncio.create_task(hosts_of(TEST1))
    await until(lambda: bool(dns_server.queries))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ip_addresses(host):
    with pytest.raises(ConfigurationError, match="Invalid URI host: an IP address is not a valid hostname"):
        SrvSettings(host)


@needs_public_suffixes
class TestAllowedHostsSuffix:
    """srvAllowedHostsSuffix takes the place of the domain that was asked for."""

    @pytest.mark.parametrize("suffix", ["example.net", ".example.net", ".example.net.", "Example.NET", "b.example.net"])
    async def test_hosts_that_end_with_it(self, dns_server, suffix):
        serve(dns_server, "a.example.com", "a.b.example.net")
        assert await hosts_of("a.example.com", allowed_hosts_suffix=suffix) == ["a.b.example.net"]

    @pytest.mark.parametrize("suffix", ["example.com", "xample.net", "a.b.example.net"])
    async def test_hosts_that_do_not(self, dns_server, suffix):
        serve(dns_server, "a.example.com", "a.b.example.net")
        with pytest.raises(ConfigurationError, match=r"^Invalid SRV host: a\.b\.example\.net$"):
            await hosts_of("a.example.com", allowed_hosts_suffix=suffix)

    async def test_an_international_name(self, dns_server):
        serve(dns_server, "a.example.com", "a.xn--bcher-kva.example")
        assert await hosts_of("a.example.com", allowed_hosts_suffix="Bücher.example") == ["a.xn--bcher-kva.example"]

    @pytest.mark.parametrize("label", ["internal", "LOCAL", ".test"])
    async def test_a_private_top_level_domain(self, dns_server, label):
        serve(dns_server, "a.example.com", f"x.{label.strip('.')}")
        assert await hosts_of("a.example.com", allowed_hosts_suffix=label) == [f"x.{label.strip('.').lower()}"]

    @pytest.mark.parametrize(
        ("suffix", "message"),
        [
            ("", "must not be empty, got: ''"),
            (".", "must not be empty, got: '.'"),
            ("cc", "must contain at least two '.' separated labels, got: cc"),
            (".COM", "must contain at least two '.' separated labels, got: .COM"),
            ("co.uk", "must not be a public suffix, got: co.uk"),
            ("a" * 64, "must contain at least two"),
        ],
    )
    async def test_one_that_says_nothing(self, dns_server, suffix, message):
        with pytest.raises(ConfigurationError) as caught:
            await hosts_of(TEST1, allowed_hosts_suffix=suffix)
        assert f"srvAllowedHostsSuffix {message}" in str(caught.value)
        assert not dns_server.queries

    def test_not_with_a_validator(self):
        with pytest.raises(ConfigurationError, match="both srv_host_validator and srvAllowedHostsSuffix"):
            SrvSettings(TEST1, allowed_hosts_suffix="example.com", host_validator=bool)


class TestHostValidator:
    """srv_host_validator takes the place of the domain that was asked for."""

    @pytest.mark.parametrize(
        ("fqdn", "target"), [("blogs.mongodb.com", "blogs.evil.com"), ("mongo.local", "mongo.local")]
    )
    async def test_it_accepts(self, dns_server, fqdn, target):
        serve(dns_server, fqdn, target)
        assert await hosts_of(fqdn, host_validator=lambda host: host == target) == [target]

    async def test_it_refuses(self, dns_server):
        serve(dns_server, "blogs.mongodb.com", "cluster.mongodb.com")
        with pytest.raises(ConfigurationError) as caught:
            await hosts_of("blogs.mongodb.com", host_validator=lambda host: False)
        assert str(caught.value) == "Invalid SRV host: cluster.mongodb.com was rejected by srv_host_validator"

    async def test_it_raises(self, dns_server):
        def fail(host: str) -> bool:
            raise KeyError("boom")

        serve(dns_server, "blogs.mongodb.com", "cluster.mongodb.com")
        message = "srv_host_validator raised an exception for SRV host cluster.mongodb.com: 'boom'"
        with pytest.raises(ConfigurationError) as caught:
            await hosts_of("blogs.mongodb.com", host_validator=fail)
        assert str(caught.value) == message
        assert isinstance(caught.value.__cause__, KeyError)

    async def test_it_gives_no_bool(self, dns_server):
        serve(dns_server, "blogs.mongodb.com", "cluster.mongodb.com")
        message = "srv_host_validator must return a bool for SRV host cluster.mongodb.com, not str"
        with pytest.raises(ConfigurationError) as caught:
            await hosts_of("blogs.mongodb.com", host_validator=lambda host: "yes")
        assert str(caught.value) == message


class TestNothingBlocks:
    """What reads files does it in a thread."""

    async def test_resolver(self, dns_server, monkeypatch):
        threads: list[threading.Thread] = []

        def new_resolver():
            threads.append(threading.current_thread())
            return dns_server.resolver()

        replace(monkeypatch, "srv.new_resolver", new_resolver)
        await hosts_of(TEST1)
        assert threads
        assert threading.current_thread() not in threads

    @needs_public_suffixes
    async def test_public_suffixes(self, dns_server, monkeypatch):
        threads: list[threading.Thread] = []
        replace(monkeypatch, "srv.is_public_suffix", lambda suffix: threads.append(threading.current_thread()))
        await hosts_of(TEST1, allowed_hosts_suffix="10gen.cc")
        assert threads
        assert threading.current_thread() not in threads


class TestResolver:
    """Where the lookups go when no test says so."""

    @pytest.fixture(autouse=True)
    def no_defaults(self, monkeypatch):
        monkeypatch.setattr(dns.asyncresolver, "default_resolver", None)
        monkeypatch.setattr(dns.resolver, "default_resolver", None)

    def test_the_applications_asynchronous_default(self, monkeypatch):
        default = dns.asyncresolver.Resolver(configure=False)
        monkeypatch.setattr(dns.asyncresolver, "default_resolver", default)
        assert srv.new_resolver() is default

    def test_the_applications_synchronous_default(self, monkeypatch):
        default = dns.resolver.Resolver(configure=False)
        default.nameservers = ["192.0.2.1"]
        default.port = 5353
        monkeypatch.setattr(dns.resolver, "default_resolver", default)
        resolver = srv.new_resolver()
        assert isinstance(resolver, dns.asyncresolver.Resolver)
        assert resolver.nameservers == ["192.0.2.1"]
        assert resolver.port == 5353

    def test_the_systems(self, monkeypatch):
        read: list[bool] = []
        original = dns.asyncresolver.Resolver.__init__

        def init(self: dns.asyncresolver.Resolver, configure: bool = True) -> None:
            read.append(configure)
            original(self, configure=False)

        monkeypatch.setattr(dns.asyncresolver.Resolver, "__init__", init)
        srv.new_resolver()
        assert read == [True]
        assert dns.asyncresolver.default_resolver is None


def test_under_uvloop(monkeypatch):
    uvloop = pytest.importorskip("uvloop")

    async def resolve() -> None:
        async with DNSServer(RECORDS) as server:
            replace(monkeypatch, "srv.new_resolver", server.resolver)
            assert sorted((await resolve_seedlist(SrvSettings(TEST1))).hosts) == TEST1_HOSTS
            targets = [f"shard-{number:03}-with-a-long-name.cluster.example.com" for number in range(50)]
            serve(server, "cluster.example.com", *targets)
            assert sorted(await hosts_of("cluster.example.com")) == targets

    uvloop.run(resolve())
