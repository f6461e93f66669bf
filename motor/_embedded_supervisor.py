"""The process between `motor.embedded` and its server: starts the server, says when it listens, ends it, and tidies up.

Run as a script that needs only the standard library: ``_embedded_supervisor.py HOST PORT PATH keep|remove PROGRAM
[flags]``. The server is a program of its own, of which only the command line is known here. The first line on standard
output is ``port N`` once the server listens, or ``errno N`` when it cannot. The server is ended as soon as standard
input has a byte or ends, which also happens when the parent is killed; and this process ends as the server did.
"""

import contextlib
import ctypes
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.01
_WAKE_SECONDS = 0.02
_REPEAT_SECONDS = 0.5

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LISTEN = "0A"  # TCP_LISTEN, as /proc/net/tcp has it

_Events = queue.SimpleQueue[None]
"""Each entry says that the server has ended, or else that it shall. A signal handler may put one, too."""


def _bind(host: str, port: int) -> socket.socket:
    sock = socket.socket()
    try:
        # Windows would let it take the port from whoever listens.
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _report(kind: str, number: int) -> None:
    os.write(1, f"{kind} {number}\n".encode())


def _tied_to_this_process() -> Callable[[], None] | None:
    """What the server's process does before it becomes the server: ask to be killed when this one dies.

    Only Linux has that. Elsewhere the server outlives a supervisor that is killed by SIGKILL; no other death of the
    supervisor, and none of the parent, leaves one behind.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    supervisor = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:  # died before it was asked
            os._exit(1)

    return tie


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    # Whatever the server prints belongs to its log; only reports go to the parent.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=_tied_to_this_process())


def _tell(events: _Events, wait: Callable[[], object]) -> None:
    def run() -> None:
        wait()
        events.put(None)

    threading.Thread(target=run, daemon=True).start()


def _listens(pid: int, address: tuple[str, int]) -> bool:
    """Whether the process listens there: it, and not another that has got hold of the port."""
    try:
        table = Path("/proc/self/net/tcp").read_text()
    except FileNotFoundError:
        # Not on Linux, where nobody tells whose socket it is.
        return _connects(address)
    rows = [line.split() for line in table.splitlines()[1:]]
    port = f":{address[1]:04X}"
    listening = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == _LISTEN}
    return bool(listening) and not listening.isdisjoint(_descriptors(pid))


def _descriptors(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # it has just ended
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it has just closed this one
                found.add(str(descriptor.readlink()))
    return found


def _connects(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def _becomes_ready(pid: int, address: tuple[str, int], events: _Events) -> bool:
    while not _listens(pid, address):
        with contextlib.suppress(queue.Empty):
            events.get(timeout=_LOOK_SECONDS)
            return False
    _see_accepted(address)
    return True


def _see_accepted(address: tuple[str, int]) -> None:
    """Wait until the server accepts connections, not only listens: told to end in between, it may hang."""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1) as connection:
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # it has nothing to say, and closes its side, too


def _end(server: "subprocess.Popen[bytes]", address: tuple[str, int], events: _Events) -> None:
    repeat = time.monotonic()
    deadline = repeat + _PATIENCE_SECONDS
    accepts = True
    while server.returncode is None and time.monotonic() < deadline:
        # A Python process that is just about to wait notices a signal only when the next one ends its wait.
        if accepts and time.monotonic() >= repeat:
            server.terminate()
            repeat += _REPEAT_SECONDS
        with contextlib.suppress(queue.Empty):
            events.get(timeout=_WAKE_SECONDS)
        # A thread that is blocked in accept() isn't woken when its socket is closed; one more connection does it. Once
        # it is refused, the port may be somebody else's.
        accepts = accepts and server.returncode is None and _connects(address)
    server.kill()


def _supervise(host: str, wanted_port: int, command: list[str]) -> int:
    """Run the server until it ends by itself or is to end; its exit status comes back."""
    try:
        held = _bind(host, wanted_port)
    except OSError as error:
        _report("errno", error.errno or 0)
        return 1
    address = host, held.getsockname()[1]
    if sys.platform != "linux":
        held.close()
    # On Linux the port stays bound: nobody is given it as a free one, and the server, which sets SO_REUSEADDR as well,
    # can bind it nevertheless, because nobody listens. Others don't allow that.
    events: _Events = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: events.put(None))
    server = _start([*command, "--host", host, "--port", str(address[1])])
    # Only now, since the server is killed when the thread ends that has started it, and there must be just one then.
    _tell(events, server.wait)
    _tell(events, lambda: os.read(0, 1))
    if _becomes_ready(server.pid, address, events):
        held.close()
        _report("port", address[1])
        events.get()
        _end(server, address, events)
    elif server.returncode is None:
        server.kill()
    elif (code := _listening_error(held, address)) is not None:
        _report("errno", code)
    return server.wait()


def _listening_error(held: socket.socket, address: tuple[str, int]) -> int | None:
    """Why the server, which has ended, could not listen; None if that was not the reason."""
    try:
        with held if sys.platform == "linux" else _bind(*address) as sock:
            sock.listen()
    except OSError as error:
        return error.errno
    return None


def _end_as(status: int) -> int:
    """Die of the signal that the server has died of, if any; otherwise its exit status comes back."""
    if status < 0:
        import resource  # which Windows has not, nor a status like this one

        # A core file of this process might be written over the server's.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with contextlib.suppress(OSError):  # SIGKILL has no handler to be reset
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def main(arguments: list[str]) -> int:
    """Run the server that the arguments say; its exit status comes back."""
    host, port, path, keep_or_remove, *command = arguments
    try:
        status = _supervise(host, int(port), [*command, "--storage-path", path])
    finally:
        if keep_or_remove == "remove":
            shutil.rmtree(path, ignore_errors=True)
    return _end_as(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
