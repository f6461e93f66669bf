"""What was measured: every round of every case, and the medians that are quoted."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from .drivers import NO_LOOP
from .processes import Measurement


@dataclass
class Figure:
    """One case of one driver on one loop. Microseconds an operation; stalls in milliseconds, one for each drain."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.cpu)

    @property
    def stall(self) -> float:
        """Of the longest stall of each drain, the median."""
        return median(self.stalls)

    def add(self, measurement: Measurement) -> None:
        self.cpu.append(measurement.cpu * 1e6)
        self.wall.append(measurement.wall * 1e6)
        self.stalls.extend(stall * 1e3 for stall in measurement.stalls)


class Figures:
    def __init__(self) -> None:
        self._figures: dict[tuple[str, str, str], Figure] = defaultdict(Figure)
        self.failures: dict[tuple[str, str, str], str] = {}
        """The reason why a driver on a loop could not do a case."""

    def add(self, driver: str, loop: str, case: str, measurement: Measurement) -> None:
        self._figures[driver, loop, case].add(measurement)

    def put(self, driver: str, loop: str, case: str, figure: Figure) -> None:
        self._figures[driver, loop, case] = figure

    def get(self, driver: str, loop: str, case: str) -> Figure | None:
        """A driver without a loop has the same figures whatever the loop."""
        key = (driver, loop, case)
        return self._figures.get(key) or self._figures.get((driver, NO_LOOP, case))

    def of(self, driver: str) -> list[Figure]:
        return [figure for (name, _, _), figure in self._figures.items() if name == driver]

    def __iter__(self) -> Iterator[tuple[str, str, str, Figure]]:
        for (driver, loop, case), figure in self._figures.items():
            yield driver, loop, case, figure
