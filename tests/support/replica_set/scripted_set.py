"""Deployments whose every move a test decides: a replica set, a sharded cluster, a load balancer.

    async with ReplicaSet() as replica_set:
        client = AsyncIOMotorClient(replica_set.uri)
        ...
        await replica_set.kill(replica_set.primary)
        replica_set.elect()

The servers run in the test's own event loop. They say of themselves what servers in their state say, hold a few
documents, and never do anything of their own accord: no election, no failure, no delay that the test did not ask for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakKeyDictionary

import bson
from typing_extensions import Self

from tests.support.listener import Listener, Peer, Request
from tests.support.messages import GREETINGS
from tests.support.replica_set.data import Data
from tests.support.replica_set.errors import NOT_PRIMARY_OR_SECONDARY
from tests.support.replica_set.faults import Exchange, Fault
from tests.support.replica_set.member import Member, Recorded, Script
from tests.support.replica_set.view import MONGOS, STANDALONE, MemberConfig, View


class Deployment:
    """What all deployments have: members that share their data, and the control of each member.

    `commands` and `hellos` are what came to the members, in the order in which it came.
    """

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.data = Data()
        self.script = Script(self.data, [], [], [])

    @property
    def commands(self) -> list[Recorded]:
        """The commands that came, hellos aside."""
        return self.script.commands

    @property
    def hellos(self) -> list[Recorded]:
        """The hellos that came."""
        return self.script.hellos

    @property
    def uri(self) -> str:
        """A connection string that names every member."""
        raise NotImplementedError

    @property
    def peers(self) -> list[Peer]:
        """The connections that are open."""
        return [peer for member in self.members for peer in member.peers]

    def called(self, name: str) -> list[Recorded]:
        """The commands of that name that came."""
        return [command for command in self.commands if command.name == name]

    def fail_next(self, member: Member | None, command: str, fault: Fault, times: int = 1) -> None:
        """What becomes of the next such `command` on `member`, or on any: a function of `faults`, or the test's own.

        "hello" stands for a hello of any form.
        """
        self.script.faults.extend([(member, command, fault)] * times)

    def before_each(self, hook: Callable[[Exchange], Awaitable[None]] | None) -> None:
        """Have `hook` called before each command, hellos aside."""
        self.script.before = hook

    async def kill(self, member: Member, *, cleanly: bool = False) -> None:
        """End the server's process: its port refuses connections, those that are open are reset, or ended `cleanly`."""
        member.alive = False
        member.listener.cut(cleanly=cleanly)
        self._lost(member)
        await member.listener.gone()

    def _lost(self, member: Member) -> None:
        """The others notice that a server has gone."""

    async def restart(self, member: Member) -> None:
        """Start the server again, at the same port, as another process. Kills it first if need be."""
        raise NotImplementedError

    def partition(self, member: Member) -> None:
        """The server accepts connections and commands, but nothing passes it any more."""
        member.reachable.clear()

    def heal(self, member: Member) -> None:
        """End a partition. The commands that came during it are answered now."""
        member.reachable.set()

    def slow(self, member: Member, seconds: float) -> None:
        """Each reply of the server comes that much later; 0 makes it fast again."""
        member.delay = seconds

    def garbage(self, member: Member, noise: bytes | Callable[[Request], bytes] | None) -> None:
        """The server sends `noise` instead of each reply; ``None`` makes it sensible again."""
        member.noise = noise if callable(noise) or noise is None else lambda request: noise

    def recover(self, member: Member, code: int | None = NOT_PRIMARY_OR_SECONDARY) -> None:
        """The server is in recovery: reads and writes fail with `code`. ``None`` ends it.

        11600 and 91 are the codes of a server that shuts down, with which its hello fails, too.
        """
        member.recovering = code
        member.change()

    async def start(self) -> None:
        """Listen."""
        for member in self.members:
            await member.listener.open()

    async def close(self) -> None:
        """End all of it. Raises what went wrong inside the script."""
        for member in self.members:
            await member.listener.close()
        for member in self.members:
            for failure in member.listener.failures:
                raise failure

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class ReplicaSet(Deployment):
    """A replica set of so many members, or of members so configured. The first that can be is its primary."""

    def __init__(self, members: int | Sequence[MemberConfig] = 3, name: str = "rs") -> None:
        super().__init__()
        self.name = name
        configs = [MemberConfig()] * members if isinstance(members, int) else members
        self.members = [Member(self.script, None) for _ in configs]
        self._configs = dict(zip(self.members, configs, strict=True))
        self._version = 1
        self._term = 0
        self._primary: Member | None = None
        self._strangers: set[Member] = set()

    @property
    def uri(self) -> str:
        """A connection string that names every member."""
        return self.seed(*self._configs)

    def seed(self, *members: Member) -> str:
        """A connection string that names these members only."""
        return f"mongodb://{','.join(member.address for member in members)}/?replicaSet={self.name}"

    @property
    def primary(self) -> Member:
        """The primary; there must be one."""
        assert self._primary is not None, "there is no primary"
        return self._primary

    @property
    def has_primary(self) -> bool:
        """Whether there is one."""
        return self._primary is not None

    @property
    def secondaries(self) -> list[Member]:
        """The members that serve reads as secondaries, if they are up."""
        bearing = [member for member in self._configs if not self._configs[member].arbiter]
        return [member for member in bearing if member.alive and member is not self._primary]

    @property
    def view(self) -> View:
        """The set's true state."""
        primary = self._primary.address if self._primary is not None else None
        members = {member.address: config for member, config in self._configs.items()}
        return View(self.name, self._version, self._term, primary, members)

    async def start(self) -> None:
        """Listen, and elect the first primary."""
        await super().start()
        self.elect()

    def step_down(self) -> None:
        """The primary becomes a secondary, and there is no primary until one is elected."""
        self._primary = None
        self._publish()

    def elect(self, member: Member | None = None) -> Member:
        """`member`, else the first other that can, becomes primary. A primary cut off from the set learns it late."""
        candidates = [member] if member is not None else [other for other in self._configs if self._can_lead(other)]
        assert candidates, "no member can be elected"
        deposed, self._primary = self._primary, candidates[0]
        self._term += 1
        self._primary.lag = 0
        if deposed is not None and not deposed.reachable.is_set():
            deposed.deposed = True
        self._publish()
        return self._primary

    async def restart(self, member: Member, *, set_name: str | None = None, standalone: bool = False) -> None:
        """Start the server again, as another process: a secondary, the primary of another set, or a standalone."""
        await self.kill(member)
        member.become(STANDALONE if standalone else None)
        self._strangers.discard(member)
        if standalone:
            self._strangers.add(member)
        elif set_name is not None:
            self._strangers.add(member)
            member.learn(View(set_name, 1, 1, member.address, {member.address: MemberConfig()}))
        self._publish()
        await member.listener.open()

    def heal(self, member: Member, *, stale: bool = False) -> None:
        """End a partition; the member hears what became of the set, unless it is to be `stale` for a while."""
        super().heal(member)
        if not stale:
            self._publish()
        else:
            member.deposed = self._primary is not member

    def lag(self, member: Member, seconds: float) -> None:
        """The secondary has only the writes that are older than so many seconds."""
        assert member is not self._primary
        member.lag = seconds

    def recover(self, member: Member, code: int | None = NOT_PRIMARY_OR_SECONDARY) -> None:
        """The server is in recovery, or shuts down: see :meth:`Deployment.recover`. It is not primary any more."""
        if member is self._primary and code is not None:
            self.step_down()
        super().recover(member, code)

    async def add(self, config: MemberConfig | None = None) -> Member:
        """A new member: the others announce it from now on."""
        member = Member(self.script, None)
        await member.listener.open()
        self.members.append(member)
        self._configs[member] = config or MemberConfig()
        self._reconfigure()
        return member

    def remove(self, member: Member) -> None:
        """Take a member out of the configuration. Its server goes on, in no set."""
        assert member is not self._primary
        del self._configs[member]
        self._reconfigure()

    def _lost(self, member: Member) -> None:
        """There is no primary until one is elected, if it was the primary."""
        if member is self._primary:
            self.step_down()

    def _reconfigure(self) -> None:
        self._version += 1
        self._publish()

    def _can_lead(self, member: Member) -> bool:
        ready = member.alive and member.reachable.is_set() and member.recovering is None
        belongs = member is not self._primary and member not in self._strangers
        return ready and belongs and self._configs[member].electable

    def _publish(self) -> None:
        """Tell those who can hear it."""
        for member in self.members:
            if member.alive and member.reachable.is_set() and member not in self._strangers:
                member.learn(self.view)


class ShardedCluster(Deployment):
    """So many mongos, and nothing behind them but the data."""

    def __init__(self, mongoses: int = 2) -> None:
        super().__init__()
        self.members = [Member(self.script, MONGOS) for _ in range(mongoses)]

    @property
    def uri(self) -> str:
        """A connection string that names every mongos."""
        return f"mongodb://{','.join(member.address for member in self.members)}/"

    async def restart(self, member: Member) -> None:
        """Start the mongos again, at the same port, as another process."""
        await self.kill(member)
        member.become(MONGOS)
        await member.listener.open()


class LoadBalancer(Deployment):
    """One address with so many mongos behind it, among which connections are dealt out in turn."""

    def __init__(self, mongoses: int = 2) -> None:
        super().__init__()
        self._listener = Listener(self._answer)
        self._services: WeakKeyDictionary[Peer, Member] = WeakKeyDictionary()
        self._dealt = 0
        for _ in range(mongoses):
            member = Member(self.script, MONGOS, bson.ObjectId())
            member.listener = self._listener
            self.members.append(member)

    @property
    def uri(self) -> str:
        """The connection string."""
        return f"mongodb://{self._listener.address}/?loadBalanced=true"

    @property
    def peers(self) -> list[Peer]:
        """The connections that are open."""
        return list(self._listener.peers)

    def peers_of(self, member: Member) -> list[Peer]:
        """The connections that lead to one mongos."""
        return [peer for peer in self._listener.peers if self._services.get(peer) is member]

    async def start(self) -> None:
        """Listen, at the balancer."""
        await self._listener.open()

    async def kill(self, member: Member, *, cleanly: bool = False) -> None:
        """End one mongos: its connections fail, and it gets no more."""
        member.alive = False
        for peer in self.peers_of(member):
            peer.cut(cleanly=cleanly)

    async def restart(self, member: Member) -> None:
        """Start the mongos again, as another process with another service id."""
        await self.kill(member)
        member.service_id = bson.ObjectId()
        member.become(MONGOS)

    async def _answer(self, request: Request) -> None:
        service = self._services.get(request.peer)
        if service is None:
            assert request.name in GREETINGS, "a connection that does not start with a hello"
            alive = [member for member in self.members if member.alive]
            if not alive:
                request.peer.cut()
                return
            service = self._services[request.peer] = alive[self._dealt % len(alive)]
            self._dealt += 1
        await service.answer(request)
