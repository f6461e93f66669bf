"""A long-lived worker: one JSON request a line on stdin, one JSON answer a line on stdout, until stdin ends.

A request is {"case": ..., "operations": ..., "profile": ...}. Its answer is {"cpu": ..., "wall": ..., "stalls": [...]},
in seconds: CPU (user and system, of all threads) and wall time an operation, and the longest stall of each drain; or
{"error": ...}. One with a "step" is for the change streams, one with "ahead" reads many batches, one with "gridfs"
moves a file, one with "readings" reads a large collection; they are answered as `streams`, `ahead`, `files` and
`bandwidth` say. The first line says which versions run, or why none does.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from .ahead import read_batches
from .async_cases import prepare as prepare_async
from .bandwidth import read_all, read_all_sync
from .cases import CASES
from .drivers import Opened, open_driver, open_sync
from .files import transfer
from .streams import Streams
from .sync_cases import prepare as prepare_sync

PROFILE_LINES = 40


class Stopwatch:
    """Times one block of operations, and profiles it if asked to."""

    def __init__(self, operations: int, profile: bool) -> None:
        self._operations = operations
        self._profile = cProfile.Profile() if profile else None

    def __enter__(self) -> "Stopwatch":
        # What the preparation left behind is not this driver's garbage.
        gc.collect()
        if self._profile:
            self._profile.enable()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cpu = (time.process_time() - self._cpu) / self._operations
        self.wall = (time.perf_counter() - self._wall) / self._operations
        if self._profile:
            self._profile.disable()
            stats = pstats.Stats(self._profile, stream=sys.stderr)
            calls: int = stats.total_calls  # type: ignore[attr-defined]
            print(f"{calls / self._operations:.1f} calls an operation", file=sys.stderr)
            stats.sort_stats("tottime").print_stats(PROFILE_LINES)

    def answer(self, stalls: list[float]) -> dict[str, Any]:
        return {"cpu": self.cpu, "wall": self.wall, "stalls": stalls}


async def answer_async(driver: Opened, request: dict[str, Any]) -> dict[str, Any]:
    try:
        timed = prepare_async(driver, CASES[request["case"]], request["operations"])
        with Stopwatch(request["operations"], request["profile"]) as stopwatch:
            stalls = await timed()
    except Exception as error:
        return failure(error)
    return stopwatch.answer(stalls)


def answer_sync(database: Any, request: dict[str, Any]) -> dict[str, Any]:
    try:
        if "readings" in request:
            return read_all_sync(database, request)
        timed = prepare_sync(database, CASES[request["case"]], request["operations"])
        with Stopwatch(request["operations"], request["profile"]) as stopwatch:
            timed()
    except Exception as error:
        return failure(error)
    return stopwatch.answer([])


async def serve_async(driver_name: str, uri: str, say: Callable[[dict[str, Any]], None]) -> None:
    # Read through the loop: a loop blocked on stdin would leave the driver's monitors unattended.
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    try:
        driver = await open_driver(driver_name, uri)
    except Exception as error:
        say(failure(error))
        return
    say({"versions": driver.versions})
    streams = Streams(driver)
    while line := await requests.readline():
        say(await answer_any(driver, streams, json.loads(line)))


async def answer_any(driver: Opened, streams: Streams, request: dict[str, Any]) -> dict[str, Any]:
    if "case" in request:
        return await answer_async(driver, request)
    try:
        if "step" in request:
            return await streams.answer(request)
        if "readings" in request:
            return await read_all(driver, request)
        return await (transfer if "gridfs" in request else read_batches)(driver, request)
    except Exception as error:
        return failure(error)


def serve_sync(uri: str, say: Callable[[dict[str, Any]], None]) -> None:
    try:
        versions, database = open_sync(uri)
    except Exception as error:
        say(failure(error))
        return
    say({"versions": versions})
    for line in sys.stdin:
        say(answer_sync(database, json.loads(line)))


def failure(error: Exception) -> dict[str, Any]:
    return {"error": f"{type(error).__name__}: {error}"}


def answers() -> TextIO:
    """The pipe to the benchmark; whatever else prints to stdout goes to stderr from now on."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return pipe


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--loop", required=True, choices=["asyncio", "uvloop", "none"])
    parser.add_argument("--uri", required=True)
    parser.add_argument("--core", type=int)
    arguments = parser.parse_args()
    if arguments.core is not None:
        os.sched_setaffinity(0, {arguments.core})
    pipe = answers()

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=pipe, flush=True)

    if arguments.loop == "none":
        serve_sync(arguments.uri, say)
        return
    serving = serve_async(arguments.driver, arguments.uri, say)
    if arguments.loop == "asyncio":
        asyncio.run(serving)
        return
    try:
        import uvloop
    except ImportError as error:
        serving.close()
        say(failure(error))
        return
    uvloop.run(serving)


if __name__ == "__main__":
    main()
