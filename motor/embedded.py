"""A MongoDB-compatible server for development and tests, started and stopped by a ``with`` block.

The server is SecantusDB, which ``pip install "motor[embedded]"`` installs. It runs in a process of its own, listens on
loopback only, and is gone when the block is left, or when the process that started it dies.

SecantusDB is under the GPL, version 2 only (``GPL-2.0-only``), Motor under the Apache License. SecantusDB is a program
of its own, ``secantusd-py``: Motor starts it by its command line and imports nothing of it. Motor does not require it
either; who wants this server installs it.

    async with motor.embedded.Server() as server:
        client = AsyncIOMotorClient(server.uri)

``python -m motor.embedded [--port N] [--path DIR]`` runs one until it is interrupted.

The program is looked for where this Python's ``pip`` puts programs, then on the ``PATH``. So it may also be installed
on its own, with another Python.

.. versionadded:: 4.0
"""

import argparse
import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, NamedTuple

__all__ = ["Server"]

_HOST = "127.0.0.1"
_PROGRAM = "secantusd-py"
_UMASK = 0o077  # nobody else reads what the server writes
_PYTHON_WITHOUT_SECANTUSDB = (3, 14)  # as the marker in pyproject.toml has it
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LOG_TAIL_BYTES = 4000


class _Running(NamedTuple):
    """A server that answers, the process that supervises it, and where it does."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    port: int
    path: Path


class Server:
    """A server that runs while its ``with`` or ``async with`` block does.

    One object is one server at a time; it may be entered again after it was left. Without `path`, each time starts
    with no data. A plain ``with`` waits for the server to start (about 0.3 s) and so blocks an event loop;
    ``async with`` doesn't.

    - `port`: the port to listen on, 0 for a free one.
    - `path`: a folder for the data, made if missing and kept afterwards; ``None`` for a temporary one, which is
      removed. Its files are for this user only, and so is the folder, unless it is there already and has something in
      it.
    - `arguments`: more command line flags for the server, such as ``"--auth"``; ``secantusd-py --help`` lists them. A
      configuration file is read only if one of them names it, and host, port and folder stay as they are.

    Raises TypeError for an argument of the wrong type, ValueError for a port that is not between 0 and 65535, and for
    an empty path.

    .. versionadded:: 4.0
    """

    def __init__(
        self, port: int = 0, path: str | os.PathLike[str] | None = None, *, arguments: Sequence[str] = ()
    ) -> None:
        if not isinstance(port, int) or isinstance(port, bool):
            raise TypeError(f"port must be an int, not {type(port).__name__}")
        if not 0 <= port <= 65535:
            raise ValueError(f"port must be between 0 and 65535, not {port}")
        if path is not None and not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be a str or a path, not {type(path).__name__}")
        if path == "":
            raise ValueError("path must name a folder; leave it out for a temporary one")
        if isinstance(arguments, str) or not all(isinstance(argument, str) for argument in arguments):
            raise TypeError('arguments must be a sequence of str, such as ["--auth"]')
        self._wanted_port = port
        self._wanted_path = None if path is None else Path(path).absolute()
        self._arguments = tuple(arguments)
        self._entered = False
        self._server: _Running | None = None

    @property
    def uri(self) -> str:
        """The connection string of the running server, such as ``mongodb://127.0.0.1:27017``.

        Raises RuntimeError when the server is not running.
        """
        return f"mongodb://{_HOST}:{self.port}"

    @property
    def port(self) -> int:
        """The port that the running server listens on.

        Raises RuntimeError when the server is not running.
        """
        return self._running.port

    @property
    def path(self) -> Path:
        """The folder that holds the running server's data.

        Raises RuntimeError when the server is not running.
        """
        return self._running.path

    def __enter__(self) -> "Server":
        """Start the server and wait until it answers.

        Raises ImportError when the program of SecantusDB is not found, OSError when the port cannot be listened on or
        the path cannot be used, RuntimeError when this object's server is running already, or ends before it answers.
        """
        self._enter()
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, and remove its data if the folder was temporary."""
        self._stop()

    async def __aenter__(self) -> "Server":
        """Start the server and wait until it answers, without blocking the event loop. Raises as `__enter__`."""
        self._enter()
        start = asyncio.ensure_future(asyncio.to_thread(self._start))
        try:
            await asyncio.shield(start)
        except asyncio.CancelledError:
            # The thread can't be cancelled: let it finish, then undo what it did.
            while not start.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([start])
            if start.exception() is None:
                await asyncio.to_thread(self._stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, without blocking the event loop."""
        await asyncio.to_thread(self._stop)

    @property
    def _running(self) -> _Running:
        if self._server is None:
            raise RuntimeError("the embedded server is not running: use it inside its `with` or `async with` block")
        return self._server

    def _enter(self) -> None:
        if self._entered:
            where = "is starting" if self._server is None else f"is running already, at {self.uri}"
            raise RuntimeError(f"this embedded server {where}; make another motor.embedded.Server for a second one")
        self._entered = True

    def _start(self) -> None:
        try:
            self._server = _start(self._wanted_port, self._wanted_path, self._arguments)
        except BaseException:
            self._entered = False
            raise

    def _stop(self) -> None:
        server = self._running
        try:
            _stop(server.process)
        finally:
            server.log.close()
            if self._wanted_path is None:
                # The supervisor has removed it, unless it was killed.
                shutil.rmtree(server.path, ignore_errors=True)
            self._server = None
            self._entered = False

    def _exit_status(self) -> int | None:
        return self._running.process.poll()

    def _log_tail(self) -> str:
        return _tail(self._running.log)


def _find_program() -> str:
    own_folders = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))]
    for folders in (*own_folders, None):  # None is the PATH
        if program := shutil.which(_PROGRAM, path=folders):
            return program
    remedy = 'pip install "motor[embedded]"'
    if sys.version_info >= _PYTHON_WITHOUT_SECANTUSDB:
        remedy = (
            f"it has no release for Python {sys.version_info.major}.{sys.version_info.minor}. Install it with an "
            f"earlier one, so that {_PROGRAM} is on the PATH (pipx install --python python3.13 secantusdb, or "
            "uv tool install --python 3.13 secantusdb), or use another server, such as a MongoDB in a container"
        )
    raise ImportError(f"motor.embedded needs SecantusDB, which is not installed: {remedy}", name="secantus")


def _start(port: int, wanted_path: Path | None, arguments: Sequence[str]) -> _Running:
    program = _find_program()
    path = Path(tempfile.mkdtemp(prefix="motor-embedded-")) if wanted_path is None else wanted_path
    log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the server)
    supervisor = Path(__file__).with_name("_embedded_supervisor.py")
    configuration = Path(__file__).with_name("_embedded_server.toml")
    process: subprocess.Popen[bytes] | None = None
    try:
        if wanted_path is not None:
            _prepare(path)
        process = subprocess.Popen(
            [
                # Isolated and without packages, it starts in no time.
                *(sys.executable, "-I", "-S", str(supervisor)),
                *(_HOST, str(port), str(path), "remove" if wanted_path is None else "keep"),
                # What is said later counts: the caller's arguments, and after them the supervisor's.
                *(program, "--config", str(configuration), "--log-level", "WARNING", *arguments),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            umask=_UMASK,
            # Ctrl-C in a terminal is for the parent, which may still need the server to clean up.
            start_new_session=True,
        )
        return _Running(process, log, _await_ready(process, log, port), path)
    except BaseException:
        if process is not None:
            _kill(process)
            _close(process)
        log.close()
        if wanted_path is None:
            shutil.rmtree(path, ignore_errors=True)
        raise


def _prepare(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(path.iterdir()):
            with suppress(PermissionError):  # it is somebody else's, who lets this user in
                path.chmod(0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "the embedded server's path is not a folder", str(path)) from None
    except OSError as error:
        message = f"the embedded server cannot keep its data here ({error.strerror})"
        raise OSError(error.errno, message, str(path)) from error


def _await_ready(process: subprocess.Popen[bytes], log: IO[bytes], port: int) -> int:
    assert process.stdout is not None
    timer = threading.Timer(_START_SECONDS, _kill, [process])
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    kind, _, number = line.partition(b" ")
    if kind == b"port":
        return int(number)
    if kind == b"errno":
        raise OSError(
            int(number),
            f"the embedded server cannot listen on {_HOST}:{port} ({os.strerror(int(number))}); "
            "choose another port, or 0 for a free one",
        )
    raise RuntimeError(
        f"the embedded server ended with exit status {process.wait()} before it was ready; "
        f"the end of its log:\n{_tail(log)}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    # A byte rather than only the end of the pipe, whose other end a forked process may hold open too.
    with suppress(OSError):
        process.stdin.write(b"\n")
        process.stdin.flush()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
    finally:
        _close(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the supervisor, and with it the server, which is in its process group."""
    if os.name != "posix":
        process.kill()
    elif process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _close(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _tail(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
    return log.read().decode(errors="replace").strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a server until SIGINT or SIGTERM; its URI is printed once it answers. The exit status comes back."""
    parser = argparse.ArgumentParser(
        prog="python -m motor.embedded", description="Run a MongoDB-compatible server for development and tests."
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port to listen on (default: a free one)")
    parser.add_argument(
        "--path", metavar="DIR", help="folder for the data (default: a temporary one, removed at the end)"
    )
    options = parser.parse_args(arguments)

    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    try:
        with Server(options.port, options.path) as server:
            print(server.uri, flush=True)
            while not stop.wait(0.2):
                if (status := server._exit_status()) is not None:
                    raise RuntimeError(
                        f"the embedded server ended with exit status {status}; "
                        f"the end of its log:\n{server._log_tail()}"
                    )
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"motor.embedded: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
