"""What is found in a file."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A place in a file that would behave differently on Motor 4.

    .. versionadded:: 4.0
    """

    path: str
    """The file, as it was named or found."""
    line: int
    """The line, from 1."""
    column: int
    """The column in characters, from 1."""
    code: str
    """The rule: a key of :data:`motor.migrate.RULES`."""
    message: str
    """What is there, in one line."""
    remedy: str
    """What to do about it, in one line."""
