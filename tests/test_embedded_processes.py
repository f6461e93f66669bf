"""The processes of `motor.embedded`: none is left, whichever of them dies, and each has the port that it says."""

import errno
import os
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import motor.embedded
from motor import _embedded_supervisor
from motor.embedded import Server
from tests.support.waiting import block_until
from tests.test_embedded import ping

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")

HOST = "127.0.0.1"


def session(supervisor: int) -> set[int]:
    """The processes that are in the supervisor's session and have not ended: itself, and the server."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, leader = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(leader) == supervisor and state not in "ZX":
            found.add(int(folder.name))
    return found


def server_process(server: Server) -> int:
    supervisor = server._running.process.pid
    (pid,) = session(supervisor) - {supervisor}
    return pid


def wait_for_end(supervisor: int) -> None:
    block_until(lambda: not session(supervisor))


def start(source: str, temporary: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_while_it_runs_and_none_afterwards() -> None:
    with Server() as server:
        supervisor = server._running.process.pid
        assert len(session(supervisor)) == 2
        assert os.getsid(0) != supervisor  # a terminal's Ctrl-C is not for them
    assert not session(supervisor)


def test_parent_killed(tmp_path: Path) -> None:
    source = """
        import motor.embedded, time
        with motor.embedded.Server() as server:
            print(server._running.process.pid, flush=True)
            time.sleep(600)
        """
    with start(source, tmp_path) as parent:
        assert parent.stdout is not None
        supervisor = int(parent.stdout.readline())
        assert len(session(supervisor)) == 2
        assert list(tmp_path.iterdir())
        parent.kill()
    wait_for_end(supervisor)
    assert not list(tmp_path.iterdir())


def test_parent_killed_while_the_server_starts(tmp_path: Path) -> None:
    source = """
        import motor.embedded, os, signal, subprocess

        class Popen(subprocess.Popen):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                print(self.pid, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        subprocess.Popen = Popen
        motor.embedded.Server().__enter__()
        """
    with start(source, tmp_path) as parent:
        assert parent.stdout is not None
        supervisor = int(parent.stdout.readline())
    wait_for_end(supervisor)
    assert not list(tmp_path.iterdir())


def test_stopped_though_a_daemon_of_the_parent_lives(tmp_path: Path) -> None:
    source = """
        import motor.embedded, os, time
        with motor.embedded.Server() as server:
            supervisor = server._running.process.pid
            reading, writing = os.pipe()
            if not os.fork():
                os.setsid()
                if daemon := os.fork():
                    os.write(writing, str(daemon).encode())
                    os._exit(0)
                time.sleep(600)
            daemon = int(os.read(reading, 100))
            os.wait()
            started = time.monotonic()
        print(supervisor, time.monotonic() - started, flush=True)
        os.kill(daemon, 9)
        """
    with start(source, tmp_path) as parent:
        assert parent.stdout is not None
        supervisor, seconds = parent.stdout.readline().split()
    assert not session(int(supervisor))
    assert float(seconds) < 5
    assert not list(tmp_path.iterdir())


def test_supervisor_killed() -> None:
    with Server() as server:
        running = server._running
        running.process.kill()
        wait_for_end(running.process.pid)
        block_until(lambda: server._exit_status() == -signal.SIGKILL)
    assert not running.path.exists()


def test_supervisor_terminated() -> None:
    with Server() as server:
        running = server._running
        running.process.terminate()
        wait_for_end(running.process.pid)
        assert not running.path.exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGABRT, -signal.SIGABRT)])
def test_server_killed(number: signal.Signals, status: int) -> None:
    with Server() as server:
        running = server._running
        os.kill(server_process(server), number)
        block_until(lambda: server._exit_status() == status)
        assert not session(running.process.pid)
        assert not running.path.exists()


def test_server_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "stubborn.py"
    source.write_text(
        textwrap.dedent(
            f"""\
            import signal, socket, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            listening = socket.create_server(("{HOST}", int(sys.argv[sys.argv.index("--port") + 1])))
            time.sleep(600)
            """
        )
    )
    program = tmp_path / "stubborn"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(source))} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(motor.embedded, "_find_program", lambda: str(program))
    monkeypatch.setattr(motor.embedded, "_STOP_SECONDS", 0.5)
    with Server() as server:
        running = server._running
        assert len(session(running.process.pid)) == 2
    wait_for_end(running.process.pid)
    assert not running.path.exists()


def test_stops_at_once() -> None:
    with Server() as server:
        ping(server.uri)
        started = time.monotonic()
    # Two seconds more if nobody wakes the thread that accepts connections.
    assert time.monotonic() - started < 2


# Ports


def test_a_chosen_port_is_nobody_elses() -> None:
    with _embedded_supervisor._bind(HOST, 0) as held, socket.socket() as other:
        with pytest.raises(OSError, match="in use") as caught:
            other.bind(held.getsockname())
        assert caught.value.errno == errno.EADDRINUSE
        assert not _embedded_supervisor._listens(os.getpid(), held.getsockname())


def test_ready_is_who_listens() -> None:
    with socket.create_server((HOST, 0)) as listening, Server() as server:
        assert _embedded_supervisor._listens(os.getpid(), listening.getsockname())
        assert not _embedded_supervisor._listens(server_process(server), listening.getsockname())
        assert _embedded_supervisor._listens(server_process(server), (HOST, server.port))


def test_port_of_somebody_else() -> None:
    with socket.create_server((HOST, 0)) as listening:
        with pytest.raises(OSError, match="another port") as caught:
            Server(listening.getsockname()[1]).__enter__()
        assert caught.value.errno == errno.EADDRINUSE


def test_one_port_for_two_at_the_same_time() -> None:
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
    servers = [Server(port), Server(port)]
    with ThreadPoolExecutor() as threads:
        starts = [threads.submit(server.__enter__) for server in servers]
        errors = [start.exception() for start in starts]
    (error,) = filter(None, errors)
    assert isinstance(error, OSError)
    assert error.errno == errno.EADDRINUSE
    running = servers[errors.index(None)]
    ping(running.uri)
    running.__exit__(None, None, None)
