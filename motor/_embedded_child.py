"""The process behind `motor.embedded`: one SecantusDB server that lives no longer than its parent.

Run as a script, so that Motor itself need not be imported: ``_embedded_child.py PATH keep|remove [server flags]``. Its
first line on standard output is a JSON object: ``{"port": ...}`` once the server answers, or ``{"errno": ...}`` when it
cannot listen. It serves until its standard input has a byte or ends, which also happens when the parent is killed.
"""

import contextlib
import json
import os
import shutil
import socket
import sys
import threading
from pathlib import Path
from typing import ClassVar

# A script's folder is on the path, where Motor's own modules would hide others of the same name, such as aiohttp.
sys.path = [entry for entry in sys.path if entry != str(Path(__file__).parent)]

import secantus.cli
from secantus.config import SecantusConfig, load_config
from secantus.server import SecantusDBServer


def _config(explicit: Path | None) -> tuple[SecantusConfig, Path | None]:
    # A secantusd.toml that happens to lie about must not change this server: read one only when a flag names it.
    return load_config(explicit) if explicit else (SecantusConfig(), None)


def _wake(address: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):
        socket.create_connection(address, timeout=1).close()


class _Server(SecantusDBServer):  # type: ignore[misc, unused-ignore]
    """A server that tells the parent when it is ready, and stops when the parent says so or is gone."""

    reports: ClassVar[int]  # the file descriptor of the pipe to the parent

    def start(self) -> None:
        try:
            super().start()
        except OSError as error:
            self._report(errno=error.errno or 0)
            raise
        self._report(port=self.port)

    def _report(self, **fields: int) -> None:
        os.write(self.reports, json.dumps(fields).encode() + b"\n")

    def wait(self) -> None:
        os.read(sys.stdin.fileno(), 1)
        self.stop()

    def stop(self) -> None:
        # Closing a socket doesn't wake a thread that is blocked in accept() on it; one more connection does.
        waker = threading.Timer(0.02, _wake, [self.address])
        waker.start()
        super().stop()


def main(path: str, keep_or_remove: str, arguments: list[str]) -> int:
    """Serve from the folder `path` until told to stop; the exit status comes back."""
    # Whatever the server prints belongs to its log; only reports go to the parent.
    _Server.reports = os.dup(1)
    os.dup2(2, 1)
    secantus.cli.SecantusDBServer = _Server
    secantus.cli.load_config = _config
    try:
        return int(secantus.cli.main(arguments))
    finally:
        if keep_or_remove == "remove":
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
