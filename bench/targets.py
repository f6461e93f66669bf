"""The figures Motor has to reach, and whether it did."""

from collections.abc import Iterable
from dataclasses import dataclass

from .drivers import DRIVERS, LOOPS, MONGOJET, MOTOR_3, OURS, PYMONGO_ASYNC, Driver
from .figures import Figure, Figures

SHARES = (
    ("uvloop", MOTOR_3, 4),
    ("uvloop", PYMONGO_ASYNC, 4),
    ("uvloop", MONGOJET, 1),
    ("asyncio", PYMONGO_ASYNC, 3),
)
"""find_one@100 takes at most this part of that peer's CPU time; less than all of it where the part is the whole."""
FASTEST = ("async_for", "to_list", "insert_many")
DRAINS = ("drain_for", "drain_list")
LONGEST_STALL = 10.0
"""Milliseconds."""


@dataclass(frozen=True)
class Outcome:
    target: str
    passed: bool | None
    """None if something it needs was not measured."""
    detail: str


def outcomes(figures: Figures, drivers: Iterable[str], loops: Iterable[str], cases: Iterable[str]) -> list[Outcome]:
    """The targets that concern the chosen drivers, loops and cases."""
    drivers, loops, cases = set(drivers), set(loops), set(cases)
    if OURS.name not in drivers:
        return []
    shares = [
        _share(figures, loop, peer, share)
        for loop, peer, share in SHARES
        if "find_one@100" in cases and loop in loops and peer.name in drivers
    ]
    fastest = [_fastest(figures, loop, case) for loop in LOOPS for case in FASTEST if loop in loops and case in cases]
    stalls = [_stall(figures, loop, case) for loop in LOOPS for case in DRAINS if loop in loops and case in cases]
    return [*shares, *fastest, *stalls]


def _share(figures: Figures, loop: str, peer: Driver, share: int) -> Outcome:
    part = {1: "less than", 3: "at most a third of", 4: "at most a quarter of"}[share]
    target = f"find_one@100 on {loop}: {part} {peer.title}"
    ours, theirs = (figures.get(driver.name, loop, "find_one@100") for driver in (OURS, peer))
    if not ours or not theirs:
        return Outcome(target, None, "not measured")
    passed = ours.median < theirs.median if share == 1 else ours.median <= theirs.median / share
    times = theirs.median / ours.median
    return Outcome(target, passed, f"{ours.median:.1f} us against {theirs.median:.1f} us: {times:.2f} times")


def _fastest(figures: Figures, loop: str, case: str) -> Outcome:
    target = f"{case} on {loop}: no slower than the fastest peer"
    ours = figures.get(OURS.name, loop, case)
    peers: list[tuple[float, Driver]] = []
    for driver in DRIVERS.values():
        figure = figures.get(driver.name, loop, case)
        if driver is not OURS and figure:
            peers.append((figure.median, driver))
    if not ours or not peers:
        return Outcome(target, None, "not measured")
    ranked = sorted(peers, key=lambda peer: peer[0])
    against = ", ".join(f"{driver.title} {cpu:,.0f} ({cpu / ours.median:.2f})" for cpu, driver in ranked)
    return Outcome(target, ours.median <= ranked[0][0], f"{ours.median:,.0f} us against {against}")


def _stall(figures: Figures, loop: str, case: str) -> Outcome:
    target = f"{case} on {loop}: longest stall of the loop at most {LONGEST_STALL:.0f} ms"
    ours = figures.get(OURS.name, loop, case)
    if not ours:
        return Outcome(target, None, "not measured")
    others = [
        f"{driver.title} {figure.stall:.0f}"
        for driver in DRIVERS.values()
        if driver is not OURS and (figure := _with_stalls(figures, driver, loop, case))
    ]
    detail = f"{ours.stall:.1f} ms (worst {max(ours.stalls):.1f}); {', '.join(others)}"
    return Outcome(target, ours.stall <= LONGEST_STALL, detail)


def _with_stalls(figures: Figures, driver: Driver, loop: str, case: str) -> Figure | None:
    figure = figures.get(driver.name, loop, case)
    return figure if figure and figure.stalls else None
