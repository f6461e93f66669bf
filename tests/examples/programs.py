"""Runs an example as its reader would, in a process of its own."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from motor.motor_asyncio import AsyncIOMotorCollection

EXAMPLES = Path(__file__).parents[2] / "examples"
TORNADO = EXAMPLES / "tornado_change_stream" / "app.py"
FASTAPI = EXAMPLES / "fastapi_server_sent_events" / "app.py"

PATIENCE = 30.0
"""How long anything may take, in seconds, on a machine that does much else."""

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Program:
    """A running example. `output` is what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.output = ""
        self.port = 0
        self._process = process
        self._ready = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self) -> None:
        """Wait until it listens."""
        await asyncio.wait_for(self._ready.wait(), PATIENCE)
        if not self.port:
            raise RuntimeError(f"the example ended with status {await self._process.wait()}:\n{self.output}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; what comes back is its exit status."""
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            return await asyncio.wait_for(self._process.wait(), PATIENCE)
        except asyncio.TimeoutError:
            self._process.kill()
            raise
        finally:
            await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output += line.decode()
            if match := _ADDRESS.search(line.decode()):
                self.port = int(match[1])
                self._ready.set()
        self._ready.set()


async def launch(example: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Start an example, a file. What it prints comes by a pipe."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(example), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # So that a line is written in one piece, also by one of several that share the pipe, or that is killed.
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


async def finish(process: asyncio.subprocess.Process, patience: float = PATIENCE) -> tuple[int, str]:
    """Wait until it ends by itself; what comes back is its exit status, and what it has printed."""
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), patience)
    except asyncio.TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def start(example: Path, *arguments: str) -> Program:
    """Start an example that is a web server, a file."""
    program = Program(await launch(example, *arguments))
    await program.ready()
    return program


@asynccontextmanager
async def running(example: Path, *arguments: str) -> AsyncIterator[Program]:
    """It runs while the block does, and ends well; a warning is no failure of its own."""
    program = await start(example, *arguments)
    try:
        yield program
    finally:
        status = await program.stop()
    assert status in (0, -signal.SIGTERM), program.output
    assert "Traceback" not in program.output, program.output
    assert "ERROR" not in program.output, program.output


def free_port() -> int:
    """A port that nothing listens on just now: for what has to be found again after it was started anew."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def watching(uri: str, collection: AsyncIOMotorCollection, port: int = 0) -> list[str]:
    """The arguments that make an example watch `collection`."""
    return [
        *("--uri", uri, "--db", collection.database.name, "--collection", collection.name),
        *("--port", str(port)),
    ]
