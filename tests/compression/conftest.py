"""The server that compresses."""

from __future__ import annotations

import pytest
from pymongo.uri_parser import parse_uri


@pytest.fixture
def target(uri) -> int:
    """The port of the tests' server, for a proxy in front of it."""
    ((_, port),) = parse_uri(uri)["nodelist"]
    return int(port)
