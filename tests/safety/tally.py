"""What was acknowledged, what is unknown, and whether the data agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.safety.writes import Write
from tests.support.cuts import Sent


@dataclass
class Tally:
    """The operations of one run, by their numbers, and what became of them."""

    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    cuts: int = 0
    doubled: int = 0
    lost: int = 0
    written: int = 0

    def count(self, write: Write, sent: Iterable[Sent], found: Mapping[int, Mapping[str, Any]]) -> None:
        """Compare with what went over the wire, and with the documents that were `found` afterwards by ``_id``.

        A statement is doubled if it was done twice. It is lost if it was not done although its operation was
        acknowledged or the server got its command whole, and no less so if it was done although the server didn't.
        """
        log = list(sent)
        self.cuts += sum(each.cut is not None for each in log)
        executed = executed_statements(log)
        for number in self.acknowledged | self.unknown:
            times = write.times(number, found)
            self.written += sum(times)
            self.doubled += sum(each > 1 for each in times)
            expected = len(times) if number in self.acknowledged else executed.get(number, 0)
            self.lost += abs(expected - sum(min(each, 1) for each in times))

    def check(self) -> None:
        """Raises AssertionError unless all that was acknowledged was done once, and nothing else."""
        assert not self.doubled, str(self)
        assert not self.lost, str(self)
        assert not self.acknowledged & self.unknown

    def __str__(self) -> str:
        operations = len(self.acknowledged) + len(self.unknown)
        return (
            f"{operations} operations, {self.cuts} cuts: {len(self.acknowledged)} acknowledged, "
            f"{len(self.unknown)} unknown, {self.written} statements done, {self.doubled} doubled, {self.lost} lost"
        )


def executed_statements(sent: Iterable[Sent]) -> dict[int, int]:
    """How many statements of each operation the server got, however often it got them."""
    done = [each for each in sent if each.passed and "comment" in each.command]
    executed: dict[int, int] = {}
    for each in {each.key or id(each): each for each in done}.values():
        number = each.command["comment"]
        executed[number] = executed.get(number, 0) + max(each.statements, 1)
    return executed
