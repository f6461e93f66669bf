"""From the arguments of a client's constructor to its options: PyMongo's URI parser and validators, in PyMongo's
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.driver_info import DriverInfo
from pymongo.errors import ConfigurationError

from motor._pymongo import (
    SRV_SCHEME,
    SRV_SERVICE_NAME,
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
from motor.driver.sdam.monitor import MIN_HEARTBEAT_INTERVAL
from motor.driver.sdam.settings import TopologySettings


@dataclass(frozen=True)
class ClientSettings:
    """All that a client was asked to be."""

    topology: TopologySettings
    default_database: str | None

    @property
    def options(self) -> ClientOptions:
        """PyMongo's view of the options."""
        return self.topology.options


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
    options = normalize_options(handle_security_options(options))
    check_options(uri["nodelist"], options)
    username = options.get("username", uri["username"] or None)
    password = options.get("password", uri["password"] or None)
    client_options = ClientOptions(username, password, uri["database"], options, False)
    if client_options.heartbeat_frequency < MIN_HEARTBEAT_INTERVAL:
        raise ConfigurationError(f"heartbeatFrequencyMS cannot be less than {MIN_HEARTBEAT_INTERVAL * 1000}")
    if library is not None:
        append_metadata(client_options, library)
    topology = TopologySettings(
        frozenset(uri["nodelist"]),
        client_options,
        uri["fqdn"],
        options.get("srvServiceName", SRV_SERVICE_NAME),
        options.get("srvMaxHosts") or 0,
    )
    return ClientSettings(topology, uri["database"])


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
            if entry.startswith(SRV_SCHEME):
                raise ConfigurationError("mongodb+srv:// URIs are not supported by this version of Motor yet")
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
