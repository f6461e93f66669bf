"""`scripts/bench`: choose, measure, print, and on request write what the README and the documentation show."""

import argparse
import asyncio
import sys
from dataclasses import replace

from rich.console import Console

from . import ahead, bandwidth, chart, files, pages, report, streams
from .drivers import DRIVERS, LOOPS, OURS, ROOT, Unavailable, install, motor_at
from .figures import Figures
from .measure import Bench
from .processes import Server, Worker, cores
from .results import Results
from .worker.cases import CASES

OWN_TABLES = (streams.NAME, ahead.NAME, bandwidth.NAME, files.NAME)
"""The measurements that are more than what an operation costs."""
CHART = ROOT / "docs" / "bench.svg"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure what an operation costs in Motor and in its peers."
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="3 rounds of a quarter of the operations, and shorter measurements of the rest",
    )
    parser.add_argument("--rounds", type=int, help="how many rounds (5, or 3 with --quick)")
    names = [*CASES, *OWN_TABLES]
    parser.add_argument("--case", action="append", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--driver", action="append", choices=DRIVERS, metavar="NAME", help=f"one of {', '.join(DRIVERS)}"
    )
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="Motor as of that commit beside Motor; the peers only if --driver names them",
    )
    parser.add_argument("--loop", action="append", choices=LOOPS, help="this event loop only")
    parser.add_argument("--assert", action="store_true", dest="strict", help="exit with 1 unless every target is met")
    parser.add_argument(
        "--write", action="store_true", help="write docs/bench.json, the chart, and the pages that show it"
    )
    parser.add_argument(
        "--profile", choices=CASES, metavar="CASE", help="profile that case of Motor alone (or of --driver), and stop"
    )
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    if arguments.write and (
        arguments.case or arguments.driver or arguments.loop or arguments.quick or arguments.against
    ):
        parser.error("--write shows a whole run: leave --quick, --case, --driver, --against and --loop out")
    return arguments


async def measure(arguments: argparse.Namespace, console: Console) -> Results:
    drivers = [driver for name, driver in DRIVERS.items() if name in (arguments.driver or DRIVERS)]
    if arguments.against:
        drivers = [OURS, motor_at(arguments.against), *(peer for peer in drivers if arguments.driver and peer != OURS)]
    loops = [loop for loop in LOOPS if loop in (arguments.loop or LOOPS)]
    cases = [case for name, case in CASES.items() if name in (arguments.case or CASES)]
    rounds = arguments.rounds or (3 if arguments.quick else 5)
    wanted = [name for name in OWN_TABLES if name in (arguments.case or OWN_TABLES)]
    results = Results(drivers, loops, cases, rounds, Figures(), {}, {})
    if cases:
        async with Bench(drivers, loops, console) as bench:
            results.versions.update({worker.driver.name: worker.versions for worker in bench.workers})
            figures = await bench.run(cases, rounds, quick=arguments.quick)
        results = replace(results, figures=figures, unavailable=bench.unavailable)
    if streams.NAME in wanted:
        results = replace(results, streams=await streams.measure(drivers, loops, console, quick=arguments.quick))
    if ahead.NAME in wanted:
        results = replace(results, ahead=await ahead.measure(drivers, loops, console, quick=arguments.quick))
    if bandwidth.NAME in wanted:
        results = replace(results, bandwidth=await bandwidth.measure(drivers, loops, console, quick=arguments.quick))
    if files.NAME in wanted:
        results = replace(results, gridfs=await files.measure(drivers, loops, console, quick=arguments.quick))
    return results


async def profile(arguments: argparse.Namespace) -> None:
    case = CASES[arguments.profile]
    worker_core, server_core = cores()
    server = await Server.start(server_core)
    try:
        for driver in [DRIVERS[name] for name in arguments.driver or [OURS.name]]:
            await install(driver)
            for loop in [loop for loop in driver.loops if loop in (arguments.loop or driver.loops)]:
                worker = await Worker.start(driver, loop, server.uri, worker_core, quiet=False)
                try:
                    await worker.measure(case.name, case.quick_operations())
                    print(f"\n{driver.title} on {loop}: {case.title}", file=sys.stderr)
                    await worker.measure(case.name, case.quick_operations(), profile=True)
                finally:
                    await worker.stop()
    finally:
        await server.stop()


def write(results: Results, console: Console) -> None:
    if not results.figures.of(OURS.name):
        console.print("Motor 4 was not measured: nothing is written")
        return
    # What is shown is what was written down, to the last digit.
    results = Results.read(results.json())
    pages.FIGURES.write_text(results.json(), "utf-8")
    chart.write(results, CHART)
    console.print(f"written: docs/bench.json, docs/bench.svg, {', '.join(pages.write())}")


def main() -> int:
    arguments = parse()
    # Without a terminal there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 140)
    if arguments.profile:
        try:
            asyncio.run(profile(arguments))
        except Unavailable as reason:
            print(f"bench: unavailable: {reason}", file=sys.stderr)
            return 1
        return 0
    try:
        results = asyncio.run(measure(arguments, console))
    except Unavailable as reason:
        print(f"bench: unavailable: {reason}", file=sys.stderr)
        return 1
    report.print_tables(results, console)
    outcomes = results.outcomes()
    report.print_targets(outcomes, console)
    if arguments.write:
        write(results, console)
    return 1 if arguments.strict and not all(outcome.passed for outcome in outcomes) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
