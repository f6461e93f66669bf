"""MongoDB's tests of "Initial DNS Seedlist Discovery": from a URI to seeds and options. Nothing is connected to."""

from collections.abc import Mapping
from typing import Any

import pytest
from pymongo.errors import ConfigurationError

from motor._pymongo import split_hosts
from motor.api.client_settings import parse_settings
from motor.driver.sdam.srv import resolve_options, resolve_seedlist
from tests.spec.cases import Case, cases
from tests.srv.conftest import HAS_PUBLIC_SUFFIXES

_PARSED = {
    "user": "username",
    "password": "password",
    "db": "database",
    "auth_database": "database",
    "defaultDatabase": "database",
}


async def discover(uri: str) -> tuple[list[Any], Mapping[str, Any], dict[str, Any]]:
    """The seeds, the options, and the URI's other parts: as a client finds them out."""
    settings = parse_settings(uri, None, {}, "asyncio")
    srv = settings.topology.srv
    assert srv is not None
    resolved = settings.completed(await resolve_seedlist(srv), await resolve_options(srv))
    parts = {"username": settings.username, "password": settings.password, "database": settings.default_database}
    return list(resolved.seeds), resolved.options._options, parts


@cases("srv_seedlist/*/*.json")
async def test_seedlist(dns_server, case: Case) -> None:
    test = case.test
    if "srvAllowedHostsSuffix" in test["uri"] and not HAS_PUBLIC_SUFFIXES:
        pytest.skip("this PyMongo has no srvAllowedHostsSuffix")
    if test.get("error"):
        with pytest.raises(ConfigurationError):
            await discover(test["uri"])
        return
    hosts, options, parsed = await discover(test["uri"])
    if "seeds" in test:
        assert sorted(hosts) == sorted(split_hosts(",".join(test["seeds"])))
    assert len(hosts) == test.get("numSeeds", len(hosts))
    for name, value in test.get("options", {}).items():
        assert options[name if name in options or name != "ssl" else "tls"] == value
    for name, value in test.get("parsed_options", {}).items():
        assert parsed[_PARSED[name]] == value
