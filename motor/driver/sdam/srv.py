"""``mongodb+srv://``: the seed list and some options come from DNS, and are looked up again for a sharded cluster.

Sources: the MongoDB specifications "Initial DNS Seedlist Discovery" and "Polling SRV Records for mongos Discovery".
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pymongo.errors import ConfigurationError, InvalidURI

from motor._pymongo import (
    CONNECT_TIMEOUT,
    SRV_SERVICE_NAME,
    Address,
    CaseInsensitiveDictionary,
    check_options,
    is_public_suffix,
    split_options,
)
from motor.driver.events.publishing import log
from motor.driver.owner import Owner
from motor.driver.threads import WORK

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.rdtypes.IN.SRV import SRV
    from dns.rdtypes.txtbase import TXTBase
    from dns.resolver import Answer

MIN_RESCAN_INTERVAL = 60.0
"""Seconds that pass between two lookups that succeed, however short the records live."""

# Top-level domains for private use, of which srvAllowedHostsSuffix may name a whole one.
_PRIVATE_DOMAINS = {"corp", "example", "home", "internal", "invalid", "local", "localhost", "mail", "test"}
_ALLOWED_IN_TXT = {"authsource", "replicaset", "loadbalanced"}
_logger = logging.getLogger("pymongo.topology")


@dataclass(frozen=True)
class SrvSettings:
    """What to look up, and which hosts may be found.

    Raises :class:`~pymongo.errors.ConfigurationError` for a host that is an IP address, and for two rules at once
    about the hosts to accept.
    """

    fqdn: str
    service_name: str = SRV_SERVICE_NAME
    max_hosts: int = 0
    allowed_hosts_suffix: str | None = None
    host_validator: Callable[[str], bool] | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fqdn", self.fqdn.lower())
        if self.host_validator is not None and self.allowed_hosts_suffix is not None:
            raise ConfigurationError("Cannot specify both srv_host_validator and srvAllowedHostsSuffix")
        if _is_ip_address(self.fqdn):
            raise ConfigurationError(
                "Invalid URI host: an IP address is not a valid hostname for 'mongodb+srv://'. "
                "Did you mean to use 'mongodb://'?"
            )


@dataclass(frozen=True)
class SrvRecords:
    """The hosts that DNS named, and for how many seconds that holds."""

    hosts: list[Address]
    min_ttl: float


async def resolve_seedlist(settings: SrvSettings) -> SrvRecords:
    """The hosts in the SRV records, at most ``max_hosts`` of them, chosen at random.

    Raises :class:`~pymongo.errors.ConfigurationError` if there are none, if the lookup fails, or if any of them is not
    of the domain that was asked for.
    """
    accept = await _host_rule(settings)
    try:
        records = await _lookup(settings)
    except Exception as error:
        raise ConfigurationError(str(error)) from error
    for host, _ in records.hosts:
        accept(host)
    if 0 < settings.max_hosts < len(records.hosts):
        return SrvRecords(random.sample(records.hosts, settings.max_hosts), records.min_ttl)
    return records


async def resolve_options(settings: SrvSettings) -> dict[str, Any]:
    """The options in the TXT record, validated, by their lower-case names; empty if there is no such record.

    Raises :class:`~pymongo.errors.ConfigurationError` for more than one record, for an option that may not come from
    DNS, and for a lookup that fails.
    """
    try:
        answer = await _resolve(settings.fqdn, "TXT", settings.timeout)
    except Exception as error:
        from dns.resolver import NXDOMAIN, NoAnswer

        if isinstance(error, (NXDOMAIN, NoAnswer)):
            return {}
        raise ConfigurationError(str(error)) from error
    if len(answer) > 1:
        raise ConfigurationError("Only one TXT record is supported")
    try:
        text = b"".join(cast("TXTBase", answer[0]).strings).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"The TXT record of {settings.fqdn} is not UTF-8: {error}") from error
    if not text:
        return {}
    if set(split_options(text, validate=False, normalize=False)) - _ALLOWED_IN_TXT:
        raise ConfigurationError("Only authSource, replicaSet, and loadBalanced are supported from DNS")
    return dict(split_options(text, validate=True, warn=True, normalize=False))


def merge_options(
    given: CaseInsensitiveDictionary,
    from_dns: dict[str, Any],
    hosts: Collection[Address],
    max_hosts: int,
) -> CaseInsensitiveDictionary:
    """A client's options with those from DNS behind them, and TLS unless told otherwise.

    Raises :class:`~pymongo.errors.ConfigurationError` for options that exclude each other, or the number of hosts.
    """
    options = CaseInsensitiveDictionary({"tls": True} if "tls" not in given and "ssl" not in given else {})
    options.update(from_dns)
    options.update(given)
    for name in ("loadBalanced", "replicaSet"):
        if max_hosts and options.get(name):
            raise InvalidURI(f"You cannot specify {name} with srvMaxHosts")
    check_options(hosts, options)
    return options


class SrvPoller:
    """Looks the hosts up anew whenever the records' time to live has passed, and hands them over.

    It ends by itself when a lookup is due and `wanted` says that the deployment is not of a type that is polled.
    """

    def __init__(
        self,
        settings: SrvSettings,
        min_ttl: float,
        heartbeat_frequency: float,
        wanted: Callable[[], bool],
        on_hosts: Callable[[list[Address]], None],
        owner: Owner,
    ) -> None:
        """`min_ttl` is that of the records already found. `on_hosts` gets all hosts: ``max_hosts`` is left to it."""
        self._settings = settings
        self._interval = max(min_ttl, MIN_RESCAN_INTERVAL)
        self._heartbeat_frequency = heartbeat_frequency
        self._wanted = wanted
        self._on_hosts = on_hosts
        self._closed = False
        self._service = owner.keep_running(self._run, f"motor SRV poller {settings.fqdn}")

    def close(self) -> None:
        """Stop."""
        # Before Python 3.12, asyncio.wait_for, which dnspython uses, can swallow a cancellation.
        self._closed = True
        self._service.stop()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            if not self._wanted():
                return
            hosts = await self._rescan()
            if self._closed:
                return
            if hosts and self._wanted():
                self._on_hosts(hosts)

    async def _rescan(self) -> list[Address]:
        """The hosts now; none if that cannot be said, which leaves the deployment as it is."""
        try:
            accept = await _host_rule(self._settings)
            records = await _lookup(self._settings)
            hosts = [address for address in records.hosts if _is_accepted(address[0], accept)]
            if not hosts:
                raise ConfigurationError("SRV polling returned no valid hosts.")
        except Exception as error:
            self._interval = self._heartbeat_frequency
            _log("SRV monitor check failed", failure=repr(error))
            return []
        self._interval = max(records.min_ttl, MIN_RESCAN_INTERVAL)
        return hosts


def new_resolver() -> Resolver:
    """A resolver with the application's configuration of dnspython, or else the system's as it is now.

    It is called in a thread, as it reads files; and so dnspython, too, is imported here: that takes a while, and is of
    no use to an application without ``mongodb+srv://``.
    """
    import dns.asyncresolver
    import dns.resolver

    if dns.asyncresolver.default_resolver is not None:
        return dns.asyncresolver.default_resolver
    resolver = dns.asyncresolver.Resolver(configure=dns.resolver.default_resolver is None)
    if dns.resolver.default_resolver is not None:
        # Where the system has no configuration that dnspython can read, applications set the synchronous default: it
        # is what PyMongo's MongoClient looks at, and Motor before 4.0.
        vars(resolver).update(vars(dns.resolver.default_resolver))
    return resolver


async def _resolve(name: str, kind: str, timeout: float | None) -> Answer:
    resolver = await WORK.call(new_resolver)
    return await resolver.resolve(name, kind, lifetime=timeout or CONNECT_TIMEOUT)


async def _lookup(settings: SrvSettings) -> SrvRecords:
    """All hosts, whatever their domain. Raises dnspython's errors."""
    answer = await _resolve(f"_{settings.service_name}._tcp.{settings.fqdn}", "SRV", settings.timeout)
    records = [cast("SRV", record) for record in answer]
    hosts: list[Address] = [(record.target.to_text(omit_final_dot=True).lower(), record.port) for record in records]
    # The same host and port may be there with several priorities or weights, which mean nothing to MongoDB.
    return SrvRecords(list(dict.fromkeys(hosts)), answer.rrset.ttl if answer.rrset is not None else 0)


async def _host_rule(settings: SrvSettings) -> Callable[[str], None]:
    """What raises ConfigurationError for a host that may not be in the seed list."""
    validator = settings.host_validator
    if validator is not None:
        return lambda host: _ask_validator(validator, host)
    if settings.allowed_hosts_suffix is not None:
        # The list of public suffixes is read from a file.
        suffix = await WORK.call(_checked_suffix, settings.allowed_hosts_suffix)
        return lambda host: _check_suffix(host, suffix)
    return lambda host: _check_parent_domain(host, settings.fqdn)


def _ask_validator(validator: Callable[[str], bool], host: str) -> None:
    try:
        allowed = validator(host)
    except Exception as error:
        raise ConfigurationError(f"srv_host_validator raised an exception for SRV host {host}: {error}") from error
    if not isinstance(allowed, bool):
        raise ConfigurationError(
            f"srv_host_validator must return a bool for SRV host {host}, not {type(allowed).__name__}"
        )
    if not allowed:
        raise ConfigurationError(f"Invalid SRV host: {host} was rejected by srv_host_validator")


def _check_suffix(host: str, suffix: str) -> None:
    if not host.endswith(suffix):
        raise ConfigurationError(f"Invalid SRV host: {host}")


def _check_parent_domain(host: str, fqdn: str) -> None:
    """`host` lies below the parent of `fqdn`, or below `fqdn` itself if its parent is a top-level domain or nothing."""
    labels = fqdn.split(".")
    if len(labels) < 3 and host == fqdn:
        raise ConfigurationError("Invalid SRV host: return address is identical to SRV hostname")
    parent = labels[1:] if len(labels) > 2 else labels
    if host.split(".")[1:][-len(parent) :] != parent:
        raise ConfigurationError(f"Invalid SRV host: {host}")


def _checked_suffix(given: str) -> str:
    """srvAllowedHostsSuffix as hosts end with it. Raises ConfigurationError for one that says nothing of the owner."""
    suffix = given.strip(".")
    if not suffix:
        raise ConfigurationError(f"srvAllowedHostsSuffix must not be empty, got: {given!r}")
    # What cannot be encoded is no name that DNS could return: no host is going to end with it.
    with contextlib.suppress(UnicodeError):
        suffix = suffix.encode("idna").decode("ascii")
    suffix = suffix.lower()
    if suffix not in _PRIVATE_DOMAINS:
        if "." not in suffix:
            raise ConfigurationError(
                f"srvAllowedHostsSuffix must contain at least two '.' separated labels, got: {given}"
            )
        if is_public_suffix(suffix):
            raise ConfigurationError(f"srvAllowedHostsSuffix must not be a public suffix, got: {given}")
    return f".{suffix}"


def _is_accepted(host: str, accept: Callable[[str], None]) -> bool:
    try:
        accept(host)
    except ConfigurationError as error:
        _log("SRV monitor skipped invalid host", serverHost=host, failure=repr(error))
        return False
    return True


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _log(message: str, **fields: Any) -> None:
    if _logger.isEnabledFor(logging.DEBUG):
        log(_logger, message, **fields)
