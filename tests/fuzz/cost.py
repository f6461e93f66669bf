"""What an input costs: the lines of the driver that are run, which no busy machine changes, and memory."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import motor.driver
from tests.fuzz.virtual import Finding

_DRIVER = str(Path(motor.driver.__file__).parent)

BYTES_A_LINE = 16
"""A loop over each byte, or over each of the smallest things that bytes make, runs one line for fewer of them."""

MEMORY_A_BYTE = 32
"""No more than BSON's smallest values take as Python's objects, and some copies of what came."""


@dataclass
class Cost:
    """`lines` that were run in the loop's thread, and the most `memory` that there was at once, in bytes."""

    lines: int = 0
    memory: int = 0

    def check(self, size: int, lines: int, memory: int) -> None:
        """Raises a Finding if it is more than `size` bytes may cost, beside the `lines` and the `memory` that anything
        costs.
        """
        if self.lines > lines + size // BYTES_A_LINE:
            raise Finding(f"{self.lines} lines were run for {size} bytes")
        if self.memory > memory + size * MEMORY_A_BYTE:
            raise Finding(f"{self.memory} bytes of memory were taken for {size} bytes")


@contextmanager
def measured() -> Iterator[Cost]:
    """What its block costs."""
    cost = Cost()

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return step if frame.f_code.co_filename.startswith(_DRIVER) else None

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        cost.lines += event == "line"
        return step

    before = sys.gettrace()
    tracemalloc.start()
    started, _ = tracemalloc.get_traced_memory()
    sys.settrace(enter)
    try:
        yield cost
    finally:
        sys.settrace(before)
        cost.memory = tracemalloc.get_traced_memory()[1] - started
        tracemalloc.stop()
