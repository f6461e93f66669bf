"""The engine's fixtures: a scripted server, and clients that leave nothing behind."""

from tests.driver.conftest import connect, impatient_monitors, server

__all__ = ["connect", "impatient_monitors", "server"]
