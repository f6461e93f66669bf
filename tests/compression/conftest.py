"""The server that compresses, and what is watched while it does."""

from __future__ import annotations

import pytest
from pymongo.uri_parser import parse_uri

from motor.driver.wire import compression
from tests.compression.watched import Watched
from tests.support.inside import module, replace


@pytest.fixture
def target(uri) -> int:
    """The port of the tests' server, for a proxy in front of it."""
    ((_, port),) = parse_uri(uri)["nodelist"]
    return int(port)


@pytest.fixture
def compressing(monkeypatch) -> Watched:
    """What is compressed."""
    watched = Watched(compression.compress)
    replace(monkeypatch, "exchange.compress", watched)
    return watched


@pytest.fixture
def expanding(monkeypatch) -> Watched:
    """What is expanded."""
    watched = Watched(module("compression").decompress)
    replace(monkeypatch, "compression.decompress", watched)
    return watched
