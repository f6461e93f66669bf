"""Fixtures: clients that leave nothing behind, Kerberos, and a monitor that looks at once whether a server is back."""

import pytest

from tests.auth.scenarios import kerberos

__all__ = ["kerberos"]


@pytest.fixture(autouse=True)
def _quick_heartbeats(impatient_monitors: None) -> None:
    """A server whose authentication failed is looked at again before it is used."""
