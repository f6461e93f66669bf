"""Fixtures: clients that leave nothing behind, Kerberos, and a monitor that looks at once whether a server is back."""

import pytest

from tests.auth.scenarios import kerberos
from tests.driver.conftest import Connect, connect
from tests.support.inside import look_again_soon

__all__ = ["Connect", "connect", "kerberos"]


@pytest.fixture(autouse=True)
def quick_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose authentication failed is looked at again before it is used: after half a second otherwise."""
    look_again_soon(monkeypatch)
