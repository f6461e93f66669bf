"""Motor: the asynchronous Python driver for MongoDB, for asyncio and Tornado."""

from motor._version import version

__all__ = ["version"]
