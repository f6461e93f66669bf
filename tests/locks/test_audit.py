"""`scripts/check --slow` finds what is vulnerable, and never says that nothing is when it could not look."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests import locks
from tests.environments import clean_variables, environment
from tests.locks.audit import audited, findings

_ROOT = Path(__file__).parents[2]


class Osv(ThreadingHTTPServer):
    """A database of vulnerabilities, with the API of osv.dev: it knows one in the packages that it was given."""

    def __init__(self, vulnerable: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Query)
        self.vulnerable = vulnerable
        self.asked: set[tuple[str, str]] = set()

    @property
    def url(self) -> str:
        """What it is asked at."""
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Query(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package, version = query["package"], query["version"]
        self.server.asked.add((package["name"], version))
        answer: dict[str, Any] = {}
        if version == self.server.vulnerable.get(package["name"]):
            ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}]
            affected = [{"package": package, "ranges": ranges}]
            answer = {"vulns": [{"id": "PYSEC-2026-1", "summary": "It leaks.", "affected": affected}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not to the terminal."""


@contextmanager
def osv(**vulnerable: str) -> Iterator[Osv]:
    with Osv(vulnerable) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


Audit = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def audit() -> Audit:
    """Asks the database at a URL. Without a network nobody audits anything, and that is no fault of a change."""
    try:
        python = environment("audit", ["packaging", "pip-audit"], locks.AUDIT)
    except RuntimeError as error:
        pytest.skip(f"pip-audit cannot be installed here: {error}")

    def run(url: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "tests.locks.audit", f"--osv-url={url}"]
        return subprocess.run(command, cwd=_ROOT, env=clean_variables(), capture_output=True, text=True)

    return run


def test_every_version_is_looked_up(audit: Audit) -> None:
    with osv() as database:
        done = audit(database.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == f"{len(audited())} versions: 0 vulnerable, 0 not looked up\n"
    assert database.asked == {(canonicalize_name(name), version) for name, version in audited()}


def test_it_is_all_that_is_installed_anywhere() -> None:
    versions = {
        (pin.name, str(pin.specifier)[2:]) for lock in locks.ALL if lock != locks.LOWEST for pin in locks.pins(lock)
    }
    assert set(audited()) == versions
    # What pip-audit does not see of a lock: it is for another Python than the one that runs, whichever that is.
    assert len({name for name, _ in versions}) < len(versions)


def test_a_vulnerable_one_is_found(audit: Audit) -> None:
    version = locks.versions(locks.DEVELOPMENT)["pymongo"]
    with osv(pymongo=version) as database:
        done = audit(database.url)
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith(f"vulnerable: pymongo {version} (in requirements/: dev, ")
    assert first.endswith(": PYSEC-2026-1, fixed in 99.1")
    assert last == f"{len(audited())} versions: 1 vulnerable, 0 not looked up"


def test_a_database_that_is_not_there_is_no_good_news(audit: Audit) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = audit(f"http://127.0.0.1:{port}/v1/query")
    assert done.returncode == 1
    *reasons, last = done.stdout.splitlines()
    assert all(reason.startswith("not looked up: ") for reason in reasons)
    assert sum(reason.count(", ") + 1 for reason in reasons) >= len(audited())
    assert last == f"{len(audited())} versions: 0 vulnerable, {len(audited())} not looked up"


@pytest.mark.parametrize("answers", [[], [{"name": "a", "skip_reason": "not found"}]])
def test_what_is_left_out_of_an_answer_was_not_looked_up(answers: list[dict[str, Any]]) -> None:
    vulnerable, unknown = findings([("a", "1")], answers)
    assert vulnerable == {}
    assert unknown.keys() == {("a", "1")}
