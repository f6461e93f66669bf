"""Credentials in connection strings; and logging in by MONGODB-OIDC, as far as a server is there for it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pymongo.auth_oidc import OIDCCallback, OIDCCallbackContext, OIDCCallbackResult
from pymongo.errors import ConfigurationError

from motor._pymongo import credentials_of
from motor.api.client_settings import parse_settings

from .cases import Case, cases
from .disguises import Relay, doorman, relays
from .unified.runner import run_test
from .unified.server import TestServer

_SECONDS = 15.0


@cases("auth/legacy/connection-string.json")
def test_connection_string(case: Case) -> None:
    spec = case.test
    if not spec["valid"]:
        with pytest.raises((ConfigurationError, ValueError)), warnings.catch_warnings():
            # PyMongo warns of a property that it does not know, and then misses what it does need.
            warnings.simplefilter("ignore")
            parse_settings(spec["uri"], None, {}, "asyncio")
        return
    credentials = credentials_of(parse_settings(spec["uri"], None, {}, "asyncio").topology.options)
    expected = spec.get("credential")
    assert (credentials is None) is (expected is None)
    if expected is None:
        return
    assert (credentials.username, credentials.password) == (expected["username"], expected["password"])
    assert credentials.source == expected["source"]
    assert credentials.mechanism == (expected["mechanism"] or "DEFAULT")
    _check_properties(credentials.mechanism_properties, expected["mechanism_properties"])


def _check_properties(properties: Any, expected: Mapping[str, Any] | None) -> None:
    if expected is None:
        assert properties is None or not any(properties)
        return
    for name, value in expected.items():
        assert getattr(properties, name.lower()) == value


class _Callback(OIDCCallback):
    def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
        return OIDCCallbackResult(access_token="token")


@pytest.fixture(scope="module")
def guarded(test_server: TestServer) -> Iterator[TestServer]:
    """The server that every test may use, behind a door."""
    assert test_server.client.address is not None
    relay = Relay(test_server.client.address, [doorman()])
    with relays(relay):
        logins = {"MONGODB-OIDC": {"OIDC_CALLBACK": _Callback()}}
        server = TestServer(f"mongodb://{relay.address}/?directConnection=true", logins=logins)
        yield server
        server.close()


@cases("auth/unified/*.json")
async def test_oidc(guarded: TestServer, case: Case) -> None:
    case = case.copy()
    await asyncio.wait_for(run_test([guarded], case.file, case.test), _SECONDS)
