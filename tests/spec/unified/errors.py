"""What can be wrong with a test itself."""

from __future__ import annotations


class UnsupportedError(Exception):
    """A file asks for something that this runner, or the driver, does not have. No test expects this error."""
