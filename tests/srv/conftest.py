"""Fixtures: a DNS server with the specification's records, and Motor's lookups sent to it."""

import importlib.util
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from pymongo.errors import ConfigurationError

from tests.srv.records import RECORDS
from tests.support.dns_server import DNSServer
from tests.support.inside import replace

HAS_PUBLIC_SUFFIXES = importlib.util.find_spec("pymongo._psl") is not None
needs_public_suffixes = pytest.mark.skipif(not HAS_PUBLIC_SUFFIXES, reason="this PyMongo has no srvAllowedHostsSuffix")


@pytest.fixture
async def dns_server(monkeypatch) -> AsyncIterator[DNSServer]:
    """The server that every SRV and TXT lookup goes to."""
    async with DNSServer(RECORDS) as server:
        replace(monkeypatch, "srv.new_resolver", server.resolver)
        yield server


@contextmanager
def lookup_fails(kind: type[Exception]) -> Iterator[pytest.ExceptionInfo[ConfigurationError]]:
    """The block fails with what dnspython says, whose error is the cause."""
    with pytest.raises(ConfigurationError) as caught:
        yield caught
    assert type(caught.value.__cause__) is kind
    assert str(caught.value) == str(caught.value.__cause__)
