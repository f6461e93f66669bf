"""Connection strings and their options, as a client reads them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from motor._pymongo import validate_option
from motor.api.client_settings import ClientSettings, parse_settings

from .cases import Case, cases
from .unified.methods import write_concern

_NEWER = ("client-backpressure-options", "srvAllowedHostsSuffix")


@cases("connection_string/test/*.json", "uri_options/*.json")
def test_uri(case: Case, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if pymongo.version_tuple < (4, 18) and any(newer in case.name for newer in _NEWER):
        pytest.skip("the option is newer than this PyMongo")
    monkeypatch.chdir(certificates)
    spec = case.test
    if "snappy" in (spec["options"] or {}).get("compressors", ()):
        pytest.importorskip("snappy", reason="without python-snappy there is one more warning")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not spec.get("valid", True):
            with pytest.raises((PyMongoError, ValueError)):
                parse_settings(spec["uri"], None, {}, "asyncio")
            return
        settings = parse_settings(spec["uri"], None, {}, "asyncio")
    assert bool(caught) is bool(spec.get("warning")), [str(one.message) for one in caught]
    if spec["hosts"] is not None:
        _check_hosts(settings, spec["hosts"])
    _check_credentials(settings, spec["auth"] or {})
    _check_options(settings, spec["options"] or {})


@cases("read_write_concern/connection-string/*.json")
def test_concerns(case: Case) -> None:
    spec = case.test
    if not spec["valid"]:
        with pytest.raises((PyMongoError, ValueError)):
            parse_settings(spec["uri"], None, {}, "asyncio")
        return
    options = parse_settings(spec["uri"], None, {}, "asyncio").topology.options
    assert options.read_concern == ReadConcern(**spec.get("readConcern", {}))
    assert options.write_concern == write_concern(spec.get("writeConcern", {}))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that some of the URIs name."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    return folder


def _check_hosts(settings: ClientSettings, expected: list[Mapping[str, Any]]) -> None:
    seeds = dict(settings.topology.seeds)
    assert seeds.keys() == {host["host"] for host in expected}
    for host in expected:
        if host["port"] is not None:
            assert seeds[host["host"]] == host["port"]


def _check_credentials(settings: ClientSettings, expected: Mapping[str, Any]) -> None:
    credentials = settings.topology.options.pool_options._credentials
    for name in ("username", "password"):
        if expected.get(name) is not None:
            assert getattr(credentials, name) == expected[name]
    if expected.get("db") is not None:
        assert settings.default_database == expected["db"]


def _check_options(settings: ClientSettings, expected: Mapping[str, Any]) -> None:
    actual = settings.topology.options._options
    for name, value in expected.items():
        found = actual.get(name.lower())
        assert found == value or found == validate_option(name.lower(), value)[1], name
