"""What the clients work on: a scripted replica set and a real server behind a proxy, in a process of their own.

Members die and come back, step down, are cut off; connections break at any byte. The process prints both connection
strings. A line on standard input makes it calm: everything is mended, and it says so. The end of it ends the process.
"""

from __future__ import annotations

import asyncio
import random
import sys
from contextlib import AsyncExitStack

import motor.embedded
from tests.support.cuts import Cut, CuttingProxy, Sent
from tests.support.replica_set.scripted_set import ReplicaSet

_CUT_SHARE = 0.005
"""Of the commands that go through the proxy."""

_KEPT = 10_000
"""How many records the rigs keep, which write down all that comes."""


async def _trouble(replica_set: ReplicaSet, dice: random.Random) -> None:
    """One thing that happens to replica sets, and its end."""
    member = dice.choice(replica_set.members)
    kind = dice.choice(["election", "restart", "cut", "partition", "slow"])
    if kind == "election":
        replica_set.step_down()
        await asyncio.sleep(dice.random() * 0.3)
        replica_set.elect()
    elif kind == "restart":
        await replica_set.kill(member, cleanly=dice.random() < 0.5)
        await asyncio.sleep(dice.random() * 0.5)
        await replica_set.restart(member)
    elif kind == "cut":
        member.listener.cut(cleanly=dice.random() < 0.5)
        await member.listener.gone()
        await member.listener.open()
    elif kind == "partition":
        replica_set.partition(member)
        await asyncio.sleep(dice.random() * 0.5)
        replica_set.heal(member)
    else:
        replica_set.slow(member, dice.random() * 0.05)
        await asyncio.sleep(dice.random())
        replica_set.slow(member, 0)
    if not replica_set.has_primary:
        replica_set.elect()


async def _never_rest(replica_set: ReplicaSet, proxy: CuttingProxy, dice: random.Random) -> None:
    while True:
        await asyncio.sleep(0.2 + dice.random())
        trouble = asyncio.ensure_future(_trouble(replica_set, dice))
        try:
            await asyncio.shield(trouble)
        except asyncio.CancelledError:
            await trouble
            raise
        del replica_set.script.commands[:-_KEPT], replica_set.script.hellos[:-_KEPT], proxy.sent[:-_KEPT]


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


async def _main(seed: int) -> None:
    dice = random.Random(seed)

    def decide(sent: Sent) -> Cut | None:
        return dice.choice(list(Cut)) if dice.random() < _CUT_SHARE else None

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(motor.embedded.Server())
        proxy = await stack.enter_async_context(CuttingProxy(server.port, decide, dice=dice))
        replica_set = await stack.enter_async_context(ReplicaSet(3))
        print(replica_set.uri, proxy.uri, flush=True)
        troubles = asyncio.ensure_future(_never_rest(replica_set, proxy, dice))
        while await _line():
            troubles.cancel()
            await asyncio.wait([troubles])
            if not troubles.cancelled():
                troubles.result()
            proxy.decide = None
            print("calm", flush=True)
        troubles.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
