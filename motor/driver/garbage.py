"""Decoding and encoding without the garbage collector in between.

Decoding makes objects by the thousand and none of them is garbage, but each few hundred set the collector off, and its
full passes over all that an application holds take tens of milliseconds. Paused while a piece is worked on, it runs
once a piece. So it is with giving ids, and with encoding.
"""

from __future__ import annotations

import gc
from types import TracebackType


class CollectorPaused:
    """A context in which the collector does not run; one that was switched off before stays so."""

    __slots__ = ("_was_enabled",)

    def __enter__(self) -> None:
        self._was_enabled = gc.isenabled()
        gc.disable()

    def __exit__(
        self, exc_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._was_enabled:
            gc.enable()
