"""How long a round trip to a server takes: an average that remembers, and the shortest of late.

Source: the MongoDB specifications "Server Selection" (the average) and "Server Monitoring" (the minimum).
"""

from __future__ import annotations

from collections import deque

_WEIGHT = 0.2
_RECENT = 10
_FEWEST = 2


class RoundTripTimes:
    """Samples, in seconds."""

    __slots__ = ("_recent", "average")

    def __init__(self) -> None:
        self.average: float | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)

    @property
    def minimum(self) -> float:
        """The shortest of the last ten; 0 while there are not two of them."""
        return min(self._recent) if len(self._recent) >= _FEWEST else 0.0

    def add(self, sample: float) -> None:
        """Take in a sample."""
        previous = self.average
        self.average = sample if previous is None else _WEIGHT * sample + (1 - _WEIGHT) * previous
        self._recent.append(sample)

    def reset(self) -> None:
        """Forget: the server was gone, and may be another one now."""
        self.average = None
        self._recent.clear()
