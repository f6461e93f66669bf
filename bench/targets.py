"""The figures Motor has to reach, and whether it did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from .drivers import DRIVERS, LOOPS, MONGOJET, MOTOR_3, OURS, PYMONGO_ASYNC, Driver
from .figures import Figure, Figures
from .worker.cases import CASES

SHARES = (
    ("uvloop", MOTOR_3, 4),
    ("uvloop", PYMONGO_ASYNC, 4),
    ("uvloop", MONGOJET, 1),
    ("asyncio", PYMONGO_ASYNC, 3),
)
"""find_one@100 takes at most this part of that peer's CPU time; less than all of it where the part is the whole."""
FASTEST = ("async_for", "to_list", "insert_many")
LONGEST_STALL = 10.0
"""Milliseconds."""
STALLS = {"drain_for": LONGEST_STALL, "drain_list": LONGEST_STALL, "insert_large": 5.0}
"""How long the event loop may stand still in a case, in milliseconds."""
DEADLINE_COST = 10.0
"""Microseconds that timeoutMS may add to a find_one."""
SLOWER = 1.02
"""How many times the CPU time of the commit before an operation may take."""


_IN_TIME = "find_one_in_time@100"


@dataclass(frozen=True)
class Outcome:
    target: str
    passed: bool | None
    """None if something it needs was not measured."""
    detail: str


def outcomes(figures: Figures, drivers: Sequence[Driver], loops: Iterable[str], cases: Iterable[str]) -> list[Outcome]:
    """The targets that concern the chosen drivers, loops and cases."""
    loops, cases = set(loops), set(cases)
    if OURS not in drivers:
        return []
    shares = [
        _share(figures, loop, peer, share)
        for loop, peer, share in SHARES
        if "find_one@100" in cases and loop in loops and peer in drivers
    ]
    fastest = [
        _fastest(figures, loop, case)
        for loop in LOOPS
        for case in FASTEST
        if loop in loops and case in cases and any(driver.checkout is None for driver in drivers)
    ]
    stalls = [_stall(figures, loop, case) for loop in LOOPS for case in STALLS if loop in loops and case in cases]
    deadline = [_deadline(figures, loop) for loop in LOOPS if loop in loops and {"find_one@100", _IN_TIME} <= cases]
    before = [
        _before(figures, loop, case, driver)
        for driver in drivers
        if driver.checkout is not None and driver is not OURS
        for loop in LOOPS
        for case in CASES
        if loop in loops and case in cases
    ]
    return [*shares, *fastest, *stalls, *deadline, *before]


def _share(figures: Figures, loop: str, peer: Driver, share: int) -> Outcome:
    part = {1: "less than", 3: "at most a third of", 4: "at most a quarter of"}[share]
    target = f"find_one@100 on {loop}: {part} {peer.title}"
    ours, theirs = (figures.get(driver.name, loop, "find_one@100") for driver in (OURS, peer))
    if not ours or not theirs:
        return Outcome(target, None, "not measured")
    passed = ours.median < theirs.median if share == 1 else ours.median <= theirs.median / share
    times = theirs.median / ours.median
    return Outcome(target, passed, f"{ours.median:.1f} us against {theirs.median:.1f} us: {times:.2f} times")


def _deadline(figures: Figures, loop: str) -> Outcome:
    target = f"timeoutMS on {loop}: at most {DEADLINE_COST:.0f} us more a find_one"
    without, within = (figures.get(OURS.name, loop, case) for case in ("find_one@100", _IN_TIME))
    if not without or not within:
        return Outcome(target, None, "not measured")
    cost = within.median - without.median
    return Outcome(target, cost <= DEADLINE_COST, f"{within.median:.1f} us against {without.median:.1f} us without")


def _before(figures: Figures, loop: str, case: str, former: Driver) -> Outcome:
    target = f"{case} on {loop}: at most {SLOWER - 1:.0%} slower than {former.title}"
    ours, theirs = (figures.get(driver.name, loop, case) for driver in (OURS, former))
    if not ours or not theirs:
        return Outcome(target, None, "not measured")
    # Round by round: what slows a round down slows both.
    times = median(now / before for now, before in zip(ours.cpu, theirs.cpu, strict=True))
    return Outcome(target, times <= SLOWER, f"{ours.median:.1f} us against {theirs.median:.1f} us: {times:.3f} times")


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
    longest = STALLS[case]
    target = f"{case} on {loop}: longest stall of the loop at most {longest:.0f} ms"
    ours = figures.get(OURS.name, loop, case)
    if not ours:
        return Outcome(target, None, "not measured")
    others = [
        f"{driver.title} {figure.stall:.0f}"
        for driver in DRIVERS.values()
        if driver is not OURS and (figure := _with_stalls(figures, driver, loop, case))
    ]
    detail = f"{ours.stall:.1f} ms (worst {max(ours.stalls):.1f}); {', '.join(others)}"
    return Outcome(target, ours.stall <= longest, detail)


def _with_stalls(figures: Figures, driver: Driver, loop: str, case: str) -> Figure | None:
    figure = figures.get(driver.name, loop, case)
    return figure if figure and figure.stalls else None
