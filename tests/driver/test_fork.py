"""What a forked process does with the connections of its parent: nothing that the parent or the server could notice."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.certificates import Certificates
from tests.support.server import ScriptedServer, serving
from tests.support.waiting import block_until

ROOT = Path(__file__).parents[2]

PROGRAM = """
    import asyncio, gc, os, sys, uvloop
    from motor.motor_asyncio import AsyncIOMotorClient
    from tests.support import inside
    client = AsyncIOMotorClient({uri!r})
    until, end = os.pipe()
    def opening():
        return any(task.get_name().startswith(("motor opening", "motor connection")) for task in asyncio.all_tasks())
    async def main():
        await asyncio.gather(*(client.db.c.find_one({{"_id": number}}) for number in range(3)))
        # Two monitors' and an operation's, and none half open, of which nobody knows yet.
        while inside.connections_of_all(client) < 3 or opening():
            await asyncio.sleep(0.01)
        tasks = asyncio.all_tasks() - {{asyncio.current_task()}}
        if os.fork() == 0:
            {child}
            print("child", flush=True)
            os.close(end)
            os.read(until, 1)
            os._exit(0)
        sys.stdin.readline()
        for number in range(3):
            await client.db.c.find_one({{"_id": number}})
        await client.close()
    {run}(main())
    print("closed", flush=True)
    sys.stdin.read()
    os.close(end)
    os.wait()
"""

CHILDREN = {
    "it does nothing": "pass",
    "it closes the client": "inside.close_at_once(client)",
    "it lets go of the client": "globals().update(client=None); gc.collect()",
    "it ends the operations of its parent": "for task in tasks: task.get_coro().close()",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("run", ["asyncio.run", "uvloop.run"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("what", CHILDREN)
def test_the_parent_goes_on_and_the_child_keeps_nothing_open(what: str, tls: bool, run: str, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    certificates = Certificates(tmp_path)
    context = certificates.context(certificates.good) if tls else None
    with serving(ScriptedServer(streams=True, tls=context)) as server:
        uri = server.uri + (f"&{certificates.options()}" if tls else "")
        program = textwrap.dedent(PROGRAM).format(uri=uri, child=CHILDREN[what], run=run)
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "child\n"
            opened = server.opened
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "closed\n"
            # The child is still there.
            block_until(lambda: not server.peers, "the end of every connection")
            assert server.opened == opened, "the parent has lost a connection"
            process.stdin.close()
            assert process.stderr.read() == ""
        assert process.returncode == 0
