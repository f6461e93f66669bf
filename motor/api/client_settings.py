"""From the arguments of a client's constructor to its options: PyMongo's URI parser and validators, in PyMongo's
order.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bson.objectid import ObjectId
from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError

from motor._pymongo import (
    SRV_SERVICE_NAME,
    Address,
    CaseInsensitiveDictionary,
    ClientOptions,
    append_metadata,
    check_options,
    handle_option_deprecations,
    handle_security_options,
    normalize_options,
    split_hosts,
    validate_option,
    validate_uri,
)
from motor._version import version
from motor.driver.confidential import confidential
from motor.driver.sdam.monitor import MIN_HEARTBEAT_INTERVAL
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sdam.srv import SrvRecords, SrvSettings, merge_options


@dataclass(frozen=True)
class ClientSettings:
    """All that a client was asked to be.

    `given` are its options by name, before what follows from them was worked out; `libraries` those whose names go into
    the handshake.
    """

    topology: TopologySettings
    default_database: str | None
    username: str | None
    password: str | None = field(repr=False)
    given: CaseInsensitiveDictionary = field(repr=False)
    libraries: list[DriverInfo]

    @property
    def options(self) -> ClientOptions:
        """PyMongo's view of the options, before DNS was asked."""
        return self.topology.options

    @confidential
    def completed(self, records: SrvRecords | None, from_dns: dict[str, Any]) -> TopologySettings:
        """The settings with the hosts and the options that DNS has for a ``mongodb+srv://`` URI, and with TLS, for
        which files are read.
        """
        options, topology = self.given, self.topology
        if records is not None:
            assert topology.srv is not None
            options = merge_options(options, from_dns, records.hosts, topology.srv.max_hosts)
            topology = replace(topology, seeds=frozenset(records.hosts), srv_min_ttl=records.min_ttl)
        if len(options) == len(self.given) and not topology.lacks_tls:
            return topology
        client_options = _client_options(
            options, topology.seeds, self.username, self.password, self.default_database, self.libraries
        )
        return replace(topology, options=client_options, lacks_tls=False)

    def for_encryption(self) -> ClientSettings:
        """The same for the client that encryption has for its own reads: itself not encrypted, and without a connection
        that nobody needs.
        """
        given = CaseInsensitiveDictionary(dict(self.given.items()))
        given.pop("auto_encryption_opts")
        given["minPoolSize"] = 0
        topology = self.topology
        options = _client_options(
            given,
            topology.seeds,
            self.username,
            self.password,
            self.default_database,
            self.libraries,
            with_tls=not topology.lacks_tls,
        )
        return replace(self, topology=replace(topology, options=options, _topology_id=ObjectId()), given=given)


def parse_settings(
    host: str | Sequence[str] | None, port: int | None, keywords: dict[str, Any], framework: str
) -> ClientSettings:
    """Parse a URI or hosts, with keyword options, which win over the URI's.

    Raises :class:`~pymongo.errors.ConfigurationError`, :class:`~pymongo.errors.InvalidURI`, TypeError or ValueError, as
    PyMongo does. Nothing is resolved or connected to.
    """
    if host is None:
        host = "localhost"
    hosts = [host] if isinstance(host, str) else list(host)
    if port is None:
        port = 27017
    if not isinstance(port, int):
        raise TypeError(f"port must be an instance of int, not {type(port)}")
    library = keywords.get("driver")
    # Motor's entry in the handshake; that of a library built on it goes behind it.
    validate_option("driver", library)
    keywords["driver"] = DriverInfo("Motor", version, framework)
    given = CaseInsensitiveDictionary(keywords)
    uri = _parse_hosts(hosts, port, given)
    options = uri["options"]
    _set_defaults(given, options)
    given = handle_option_deprecations(given)
    options.update(CaseInsensitiveDictionary(dict(validate_option(given.cased_key(k), v) for k, v in given.items())))
    max_hosts = options.get("srvMaxHosts") or 0
    if uri["fqdn"] is not None:
        options = merge_options(options, {}, uri["nodelist"], max_hosts)
    username = options.get("username", uri["username"] or None)
    password = options.get("password", uri["password"] or None)
    libraries = [] if library is None else [library]
    lacks_tls = _wants_tls(options) and _loop_is_running()
    client_options = _client_options(
        options, uri["nodelist"], username, password, uri["database"], libraries, with_tls=not lacks_tls
    )
    srv = _srv_settings(uri["fqdn"], options, client_options)
    topology = TopologySettings(frozenset(uri["nodelist"]), client_options, srv, lacks_tls)
    return ClientSettings(topology, uri["database"], username, password, options, libraries)


def _client_options(
    given: CaseInsensitiveDictionary,
    hosts: Collection[Address],
    username: Any,
    password: Any,
    database: str | None,
    libraries: list[DriverInfo],
    with_tls: bool = True,
) -> ClientOptions:
    """PyMongo's view of the options. To have them `with_tls` reads certificates from files, the system's own at least:
    it may take a twentieth of a second.
    """
    options = CaseInsensitiveDictionary({given.cased_key(name): value for name, value in given.items()})
    options = normalize_options(handle_security_options(options))
    check_options(hosts, options)
    handed = CaseInsensitiveDictionary({name: options[name] for name in options if with_tls or not _is_of_tls(name)})
    if "tlsCertificateKeyFile" in handed and handed.get("tlsCertificateKeyFilePassword") is None:
        # Without any, OpenSSL asks for the passphrase of an encrypted key on the terminal, and waits.
        handed["tlsCertificateKeyFilePassword"] = ""
    try:
        client_options = ClientOptions(username, password, database, handed, False)
    except ssl.SSLError as error:
        error.strerror = f"{error.strerror}: {_trusted_files(options)}"
        raise
    # PyMongo keeps the dictionary, to show it: it is to show what was asked for.
    handed.clear()
    handed.update(options)
    if client_options.heartbeat_frequency < MIN_HEARTBEAT_INTERVAL:
        raise ConfigurationError(f"heartbeatFrequencyMS cannot be less than {MIN_HEARTBEAT_INTERVAL * 1000}")
    for library in libraries:
        append_metadata(client_options, library)
    return client_options


def _is_of_tls(name: str) -> bool:
    return name.lower().startswith(("tls", "ssl"))


def _trusted_files(options: CaseInsensitiveDictionary) -> str:
    """Which files were to say whom to trust, for an error that does not name the one that it did not like."""
    names = [name for name in ("tlsCAFile", "tlsCRLFile") if options.get(name)]
    return ", ".join(f"{name}={options[name]!r}" for name in names) or "the system's certificates"


def _wants_tls(options: CaseInsensitiveDictionary) -> bool:
    return any(_is_of_tls(name) for name in options) and options.get("tls", options.get("ssl", True)) is not False


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _srv_settings(
    fqdn: str | None, options: CaseInsensitiveDictionary, client_options: ClientOptions
) -> SrvSettings | None:
    validator = options.get("srv_host_validator")
    if fqdn is None:
        if validator is not None:
            raise ConfigurationError("The srv_host_validator option is only allowed with 'mongodb+srv://' URIs")
        return None
    return SrvSettings(
        fqdn,
        options.get("srvServiceName") or SRV_SERVICE_NAME,
        options.get("srvMaxHosts") or 0,
        options.get("srvAllowedHostsSuffix"),
        validator,
        client_options.pool_options.connect_timeout,
    )


def _parse_hosts(hosts: list[str], port: int, given: CaseInsensitiveDictionary) -> dict[str, Any]:
    uris = [entry for entry in hosts if "/" in entry]
    if len(uris) > 1:
        raise ConfigurationError("host must not contain multiple MongoDB URIs")
    merged: dict[str, Any] = {
        "nodelist": set(), "username": None, "password": None, "database": None, "fqdn": None,
        "options": CaseInsensitiveDictionary(),
    }  # fmt: skip
    nodes: set[Any] = set()
    for entry in hosts:
        if entry in uris:
            parsed = validate_uri(
                entry, port, validate=True, warn=True, normalize=False, srv_max_hosts=given.get("srvmaxhosts")
            )
            merged.update(parsed)
            nodes.update(parsed["nodelist"])
        else:
            nodes.update(split_hosts(entry, port))
    if not nodes:
        raise ConfigurationError("need to specify at least one host")
    merged["nodelist"] = nodes
    return merged


def _set_defaults(given: CaseInsensitiveDictionary, options: CaseInsensitiveDictionary) -> None:
    if given.get("document_class") is None:
        given["document_class"] = dict
    if given.get("tz_aware") is None:
        given["tz_aware"] = options.get("tz_aware", False)
    if given.get("connect") is None:
        given["connect"] = options.get("connect", False)
    if given.get("type_registry") is None:
        given.pop("type_registry", None)
