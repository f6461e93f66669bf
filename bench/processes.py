"""The processes beside the benchmark: the replay server on one core, the workers on another."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, Any

from .drivers import ENVIRONMENTS, ROOT, Driver, Unavailable, environment_variables, last_line
from .replies import REPLICA_SET

START_TIMEOUT = 60.0
ANSWER_TIMEOUT = 300.0


@dataclass(frozen=True)
class Measurement:
    """One answer of a worker, in seconds: CPU and wall time an operation, and the longest stall of each drain."""

    cpu: float
    wall: float
    stalls: list[float]


def cores() -> tuple[int | None, int | None]:
    """One core for the workers and one for the server, where the system lets a process choose and has two."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


@dataclass
class Server:
    process: asyncio.subprocess.Process
    port: int

    @classmethod
    async def start(cls, core: int | None, module: str = "replay_server") -> "Server":
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"bench.{module}", *_on_core(core)),
            stdin=subprocess.PIPE,
            # An interrupt is ours to handle: these end when their stdin does.
            start_new_session=True,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdout is not None
        return cls(process, int(await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT)))

    @property
    def uri(self) -> str:
        # 100 is what PyMongo and Motor default to; mongojet's default is 10.
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}&maxPoolSize=100"

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """For a server that takes requests."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(self.process.stdout.readline(), START_TIMEOUT))
        return answer

    async def stop(self) -> None:
        await _stop(self.process)


@dataclass
class Worker:
    """One driver on one loop."""

    driver: Driver
    loop: str
    process: asyncio.subprocess.Process
    log: IO[bytes] | None
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def start(cls, driver: Driver, loop: str, uri: str, core: int | None, *, quiet: bool = True) -> "Worker":
        """Raises Unavailable. What the driver prints goes to a log beside its environment, unless not `quiet`."""
        log = (ENVIRONMENTS / f"{driver.name}-{loop}.log").open("w+b") if quiet else None
        process = await asyncio.create_subprocess_exec(
            *(str(driver.python), "-m", "worker", "--driver", driver.name, "--loop", loop, "--uri", uri),
            *_on_core(core),
            stdin=subprocess.PIPE,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT / "bench",
            env=environment_variables(driver),
        )
        worker = cls(driver, loop, process, log)
        try:
            worker.versions = (await worker._answer(START_TIMEOUT))["versions"]
        except Unavailable:
            await worker.stop()
            raise
        return worker

    async def measure(self, case: str, operations: int, *, profile: bool = False) -> Measurement:
        """Raises Unavailable if the driver fails at it."""
        answer = await self.ask({"case": case, "operations": operations, "profile": profile})
        return Measurement(answer["cpu"], answer["wall"], answer["stalls"])

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raises Unavailable if the driver fails at it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        return await self._answer(ANSWER_TIMEOUT)

    async def stop(self) -> None:
        await _stop(self.process)
        if self.log:
            self.log.close()

    async def _answer(self, timeout: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), timeout)
        except asyncio.TimeoutError:
            # It would answer this request when the next one is asked.
            self.process.kill()
            raise Unavailable(f"no answer in {timeout:.0f} seconds") from None
        if not line:
            raise Unavailable(f"the worker ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer

    def _last_words(self) -> str:
        if self.log is None:
            return "see above"
        self.log.seek(0)
        return last_line(self.log.read().decode(errors="replace")) or "without a word"


def _on_core(core: int | None) -> tuple[str, ...]:
    return () if core is None else ("--core", str(core))


async def _stop(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 5)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
