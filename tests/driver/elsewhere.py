"""A scripted server in a thread of its own: it goes on while no loop of the test's runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from tests.driver.scripted import PATIENCE, Request, ScriptedServer

STREAMS = {"topologyVersion": {"processId": ObjectId("6f0000000000000000000001"), "counter": Int64(0)}}
"""What a server adds to its hello that can stream: then a client has two monitors."""


@contextlib.contextmanager
def serving(*, hello: dict[str, Any] | None = None, **options: Any) -> Iterator[ScriptedServer]:
    """A server that streams, besides what `hello` says."""
    server = ScriptedServer(hello={**STREAMS, **(hello or {})}, **options)
    greet = server.on_hello

    async def patiently(request: Request) -> None:
        if "topologyVersion" in request.command:
            await asyncio.sleep(request.command["maxAwaitTimeMS"] / 1000)
        await greet(request)

    server.on_hello = patiently
    with _running_loop() as loop:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(PATIENCE)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE)


@contextlib.contextmanager
def _running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait, without a loop, until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.005)
