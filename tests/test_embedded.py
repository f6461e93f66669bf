"""`motor.embedded` with real server processes: started, stopped, killed, misused."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

import motor.embedded
from motor.embedded import Server
from tests.support.waiting import block_until


@contextlib.contextmanager
def pymongo_client(uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(uri, serverSelectionTimeoutMS=5000)
    with client:
        yield client


def ping(uri: str) -> None:
    with pymongo_client(uri) as client:
        assert client.admin.command("ping")["ok"] == 1


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def parent() -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """Starts a Python process from source; what still runs at the end of the test is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(source: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_with_block() -> None:
    with Server() as server:
        port, path = server.port, server.path
        assert server.uri == f"mongodb://127.0.0.1:{port}"
        assert path.is_dir()
        ping(server.uri)
    assert not listens(port)
    assert not path.exists()


async def test_async_with_block_leaves_the_loop_free() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticker = asyncio.create_task(tick())
    async with Server() as server:
        started = ticks
        port, path = server.port, server.path
        await asyncio.to_thread(ping, server.uri)
    ticker.cancel()
    assert started > 5
    assert not listens(port)
    assert not path.exists()


def test_gone_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), Server() as server:
        port, path = server.port, server.path
        raise ZeroDivisionError
    assert not listens(port)
    assert not path.exists()


async def test_gone_after_an_exception_in_async_with() -> None:
    with pytest.raises(ZeroDivisionError):
        async with Server() as server:
            port, path = server.port, server.path
            raise ZeroDivisionError
    assert not listens(port)
    assert not path.exists()


@pytest.mark.parametrize("delay", [0, 0.05, 0.2])
async def test_cancelled_while_starting(delay: float, tmp_path: Path) -> None:
    server = Server(path=tmp_path)

    async def enter() -> None:
        async with server:
            await asyncio.sleep(60)

    task = asyncio.create_task(enter())
    await asyncio.sleep(delay)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    with server:  # the folder is free again, and so is the object
        ping(server.uri)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address only")
def test_loopback_only() -> None:
    with Server() as server, socket.socket() as sock:
        # Nobody else listens on this port if every other address of the machine can still be bound to it.
        sock.bind(("127.0.0.2", server.port))


def test_importing_does_not_import_the_server() -> None:
    source = "import motor.embedded, sys; assert not [name for name in sys.modules if name.startswith('secantus')]"
    subprocess.run([sys.executable, "-c", source], check=True)


def test_data_stays_in_a_given_path(tmp_path: Path) -> None:
    path = tmp_path / "made" / "when missing"
    server = Server(path=str(path))
    for expected in (1, 2):
        with server:
            assert server.path == path
            with pymongo_client(server.uri) as client:
                client.db.test.insert_one({})
                assert client.db.test.count_documents({}) == expected
    assert path.is_dir()


def test_each_time_without_a_path_starts_empty() -> None:
    server = Server()
    for _ in range(2):
        with server, pymongo_client(server.uri) as client:
            assert client.db.test.count_documents({}) == 0
            client.db.test.insert_one({})


def test_two_servers_are_independent() -> None:
    with Server() as one, Server() as two, pymongo_client(one.uri) as client, pymongo_client(two.uri) as other:
        client.db.test.insert_one({})
        assert other.db.test.count_documents({}) == 0


def test_fixed_port() -> None:
    with Server() as server:
        port = server.port
    with Server(port) as server:
        assert server.port == port
        ping(server.uri)


def test_a_config_file_in_the_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secantusd.toml").write_text("[server]\nauth = true\n")
    monkeypatch.chdir(tmp_path)
    with Server() as server, pymongo_client(server.uri) as client:
        client.db.test.insert_one({})


def test_a_config_file_in_the_home_folder_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".secantus").mkdir()
    (tmp_path / ".secantus" / "secantusd.toml").write_text("[server]\nauth = true\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Server() as server, pymongo_client(server.uri) as client:
        client.db.test.insert_one({})


@pytest.mark.parametrize("form", [["--config", "{}"], ["--config={}"]])
def test_a_config_file_that_is_named_is_read(form: list[str], tmp_path: Path) -> None:
    file = tmp_path / "named.toml"
    file.write_text("[server]\nauth = true\nport = 1\n")
    arguments = [part.format(file) for part in form]
    with (
        Server(arguments=arguments) as server,
        pymongo_client(server.uri) as client,
        pytest.raises(pymongo.errors.OperationFailure),
    ):
        client.db.test.insert_one({})


def test_more_arguments() -> None:
    fail_point = {"configureFailPoint": "failCommand", "mode": "off"}
    with Server(arguments=["--enable-test-commands", "--standalone"]) as server, pymongo_client(server.uri) as client:
        assert client.admin.command(fail_point)["ok"] == 1
        assert "setName" not in client.admin.command("hello")
    with (
        Server(arguments=["--auth"]) as server,
        pymongo_client(server.uri) as client,
        pytest.raises(pymongo.errors.OperationFailure),
    ):
        client.db.test.insert_one({})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--host", "0.0.0.0", "--port", "1", "--storage-path", os.devnull],
        ["--host=0.0.0.0", "--port=1", f"--storage-path={os.devnull}"],
    ],
)
def test_the_port_stays_ours_whatever_the_arguments_say(arguments: list[str]) -> None:
    with Server(arguments=arguments) as server:
        ping(server.uri)


# Misuse


def test_not_running() -> None:
    server = Server()
    for name in ("uri", "port", "path"):
        with pytest.raises(RuntimeError, match="not running"):
            getattr(server, name)


async def test_entering_twice() -> None:
    server = Server()
    with server:
        with pytest.raises(RuntimeError, match=f"running already, at {server.uri}"):
            server.__enter__()
        with pytest.raises(RuntimeError, match="running already"):
            await server.__aenter__()
        ping(server.uri)


async def test_entering_while_it_starts() -> None:
    server = Server()
    first = asyncio.create_task(server.__aenter__())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="is starting"):
        await server.__aenter__()
    await first
    await server.__aexit__(None, None, None)


@pytest.mark.parametrize("port", ["27017", 1.5, None, True])
def test_port_of_the_wrong_type(port: Any) -> None:
    with pytest.raises(TypeError, match="port must be an int"):
        Server(port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_port_out_of_range(port: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 65535"):
        Server(port)


def test_path_of_the_wrong_type() -> None:
    with pytest.raises(TypeError, match="path must be"):
        Server(path=b"data")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="path must name a folder"):
        Server(path="")


@pytest.mark.parametrize("arguments", ["--auth", [1], [None]])
def test_arguments_of_the_wrong_type(arguments: Any) -> None:
    with pytest.raises(TypeError, match="arguments must be a sequence of str"):
        Server(arguments=arguments)


def test_port_in_use() -> None:
    with Server() as server, pytest.raises(OSError, match=rf"127.0.0.1:{server.port} .*another port") as caught:
        Server(server.port).__enter__()
    assert caught.value.errno is not None


def test_path_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError, match=f"not a folder: '{file}'"):
        Server(path=file).__enter__()
    with pytest.raises(NotADirectoryError, match="cannot keep its data here"):
        Server(path=file / "below").__enter__()


def test_path_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, who may write anywhere.
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match=f"cannot keep its data here .Permission denied.: '{tmp_path}'"):
        Server(path=tmp_path).__enter__()


def test_path_in_use(tmp_path: Path) -> None:
    with (
        Server(path=tmp_path),
        pytest.raises(RuntimeError, match=r"(?s)before it was ready; the end of its log:.*busy"),
    ):
        Server(path=tmp_path).__enter__()


def test_server_that_ends_at_start() -> None:
    server = Server(arguments=["--no-such-flag"])
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"(?s)exit status 2 before it was ready.*--no-such-flag"):
            server.__enter__()


def test_server_that_never_gets_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motor.embedded, "_START_SECONDS", 0.01)
    with pytest.raises(RuntimeError, match="before it was ready"):
        Server().__enter__()


def test_failed_start_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError):
        Server(arguments=["--no-such-flag"]).__enter__()
    assert not list(tmp_path.iterdir())


def test_missing_secantusdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: None)
    monkeypatch.setattr(motor.embedded, "_PYTHON_WITHOUT_SECANTUSDB", (4,))
    with pytest.raises(ImportError, match=r'pip install "motor\[embedded\]"'):
        Server().__enter__()


# Processes that die


def test_parent_killed(parent: Callable[[str], "subprocess.Popen[str]"]) -> None:
    process = parent(
        """
        import motor.embedded, time
        with motor.embedded.Server() as server:
            print(server.port, server.path, flush=True)
            time.sleep(60)
        """
    )
    assert process.stdout is not None
    port, path = process.stdout.readline().split()
    assert listens(int(port))
    process.send_signal(signal.SIGKILL)
    block_until(lambda: not listens(int(port)))
    block_until(lambda: not Path(path).exists())


def test_parent_exits_without_leaving_the_block(parent: Callable[[str], "subprocess.Popen[str]"]) -> None:
    process = parent(
        """
        import motor.embedded
        server = motor.embedded.Server().__enter__()
        print(server.port, server.path, flush=True)
        import os; os._exit(0)
        """
    )
    assert process.stdout is not None
    port, path = process.stdout.readline().split()
    block_until(lambda: not listens(int(port)))
    block_until(lambda: not Path(path).exists())


def test_server_killed() -> None:
    with Server() as server:
        server._running.process.kill()
        path = server.path
        block_until(lambda: not listens(server.port))
    assert not path.exists()


def test_stopped_though_a_forked_process_lives(parent: Callable[[str], "subprocess.Popen[str]"]) -> None:
    process = parent(
        """
        import motor.embedded, os, time
        with motor.embedded.Server() as server:
            if not (child := os.fork()):
                time.sleep(600)
            started = time.monotonic()
        print(time.monotonic() - started)
        os.kill(child, 9)
        """
    )
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert float(stdout) < 5


# python -m motor.embedded


def start_standing(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "motor.embedded", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_standing_server(number: signal.Signals, tmp_path: Path) -> None:
    process = start_standing("--path", str(tmp_path / "data"))
    try:
        assert process.stdout is not None
        uri = process.stdout.readline().strip()
        ping(uri)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, stdout, stderr) == (0, "", "")
    assert not listens(int(uri.rpartition(":")[2]))
    assert (tmp_path / "data").is_dir()


def test_standing_server_on_a_port_in_use() -> None:
    with Server() as server:
        process = start_standing("--port", str(server.port))
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (1, "")
    assert stderr.startswith("motor.embedded: ")
    assert "cannot listen" in stderr


def test_standing_server_with_a_bad_port() -> None:
    process = start_standing("--port", "65536")
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (1, "")
    assert stderr == "motor.embedded: port must be between 0 and 65535, not 65536\n"


def test_standing_server_whose_server_dies(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real_start = motor.embedded._start

    def start_and_kill(*args: Any) -> Any:
        running = real_start(*args)
        running.process.kill()
        return running

    monkeypatch.setattr(motor.embedded, "_start", start_and_kill)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert motor.embedded.main([]) == 1
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert "ended with exit status -9" in capsys.readouterr().err
