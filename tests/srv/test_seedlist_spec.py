"""MongoDB's tests of "Initial DNS Seedlist Discovery": from a URI to seeds and options. Nothing is connected to."""

from typing import Any

import pytest
from pymongo.errors import ConfigurationError

from motor._pymongo import SRV_SERVICE_NAME, CaseInsensitiveDictionary, split_hosts, validate_uri
from motor.driver.sdam.srv import SrvSettings, merge_options, resolve_options, resolve_seedlist
from tests.spec.cases import Case, cases
from tests.srv.conftest import HAS_PUBLIC_SUFFIXES

_PARSED = {
    "user": "username",
    "password": "password",
    "db": "database",
    "auth_database": "database",
    "defaultDatabase": "database",
}


async def discover(uri: str) -> tuple[list[Any], CaseInsensitiveDictionary, dict[str, Any]]:
    """The seeds, the options, and the URI's other parts."""
    parsed = validate_uri(uri, 27017, validate=True, warn=False, normalize=False)
    options = CaseInsensitiveDictionary(parsed["options"])
    max_hosts = options.get("srvMaxHosts") or 0
    settings = SrvSettings(
        parsed["fqdn"],
        options.get("srvServiceName", SRV_SERVICE_NAME),
        max_hosts,
        options.get("srvAllowedHostsSuffix"),
    )
    hosts = (await resolve_seedlist(settings)).hosts
    return hosts, merge_options(options, await resolve_options(settings), hosts, max_hosts), parsed


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
