"""A finished run: its figures and the conditions they were measured under."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from .ahead import NAME as AHEAD
from .ahead import AheadFigure, AheadTable
from .bandwidth import NAME as BANDWIDTH
from .bandwidth import BandwidthFigure, BandwidthTable
from .drivers import DRIVERS, LOOPS, Driver
from .figures import Figure, Figures
from .files import NAME as GRIDFS
from .files import GridFSFigure, GridFSTable
from .streams import NAME as STREAMS
from .streams import StreamsFigure, StreamsTable
from .targets import Outcome, outcomes
from .worker.cases import CASES, Case


def this_machine() -> str:
    """Python and the machine, in one line."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{platform.python_implementation()} {platform.python_version()}, {system}"


@dataclass(frozen=True)
class Results:
    drivers: list[Driver]
    loops: list[str]
    cases: list[Case]
    rounds: int
    figures: Figures
    versions: dict[str, dict[str, str]]
    """Driver to distribution to version."""
    unavailable: dict[tuple[str, str], str]
    streams: StreamsTable = field(default_factory=lambda: StreamsTable([], []))
    ahead: AheadTable = field(default_factory=lambda: AheadTable([], []))
    bandwidth: BandwidthTable = field(default_factory=lambda: BandwidthTable([], []))
    gridfs: GridFSTable = field(default_factory=lambda: GridFSTable(0, [], []))
    day: str = field(default_factory=lambda: date.today().isoformat())
    machine: str = field(default_factory=this_machine)

    def outcomes(self) -> list[Outcome]:
        found = outcomes(
            self.figures,
            self.drivers,
            self.loops,
            (case.name for case in self.cases),
        )
        return [*found, *self.streams.outcomes(), *self.bandwidth.outcomes(), *self.gridfs.outcomes()]

    def conditions(self) -> str:
        """Versions, Python, machine and day, in one line."""
        versions = {
            name: version for found in self.versions.values() for name, version in found.items() if name != "motor"
        }
        libraries = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        return f"{libraries}; {self.machine}, {self.day}"

    def json(self) -> str:
        content: dict[str, Any] = {
            "day": self.day,
            "machine": self.machine,
            "conditions": self.conditions(),
            "rounds": self.rounds,
            "versions": self.versions,
            "units": {"cpu": "us an operation, a round each", "wall": "the same", "stalls": "ms, a drain each"},
            "targets": [asdict(outcome) for outcome in self.outcomes()],
            "figures": [
                {
                    "driver": driver,
                    "loop": loop,
                    "case": case,
                    "cpu": [round(value, 2) for value in figure.cpu],
                    "wall": [round(value, 2) for value in figure.wall],
                    "stalls": [round(value, 2) for value in figure.stalls],
                }
                for driver, loop, case, figure in self.figures
            ],
            STREAMS: [figure.json() for figure in self.streams.figures],
            AHEAD: [figure.json() for figure in self.ahead.figures],
            BANDWIDTH: [figure.json() for figure in self.bandwidth.figures],
            GRIDFS: [figure.json() for figure in self.gridfs.figures],
        }
        return json.dumps(content, indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> "Results":
        """What `json` wrote down."""
        content = json.loads(text)
        figures = Figures()
        for line in content["figures"]:
            figure = Figure(line["cpu"], line["wall"], line["stalls"])
            figures.put(line["driver"], line["loop"], line["case"], figure)
        seen = {name for driver, loop, case, _ in figures for name in (driver, loop, case)}
        gridfs = [GridFSFigure.read(line) for line in content[GRIDFS]]
        return cls(
            [driver for name, driver in DRIVERS.items() if name in seen],
            [loop for loop in LOOPS if loop in seen],
            [case for name, case in CASES.items() if name in seen],
            content["rounds"],
            figures,
            content["versions"],
            {},
            StreamsTable([StreamsFigure.read(line) for line in content[STREAMS]], []),
            AheadTable([AheadFigure.read(line) for line in content[AHEAD]], []),
            BandwidthTable([BandwidthFigure.read(line) for line in content[BANDWIDTH]], []),
            GridFSTable(gridfs[0].size if gridfs else 0, gridfs, []),
            content["day"],
            content["machine"],
        )
