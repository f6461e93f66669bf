"""One server of a scripted deployment: a member of a replica set, a mongos or a standalone."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import bson
from bson.int64 import Int64
from bson.timestamp import Timestamp

from tests.support.listener import Listener, Peer, Request
from tests.support.messages import EXHAUST_ALLOWED, GREETINGS, MORE_TO_COME, OWN_REQUEST_ID, message
from tests.support.replica_set.commands import ENDS, READS, Commands
from tests.support.replica_set.data import STATEMENTS, Data
from tests.support.replica_set.errors import (
    INTERRUPTED_AT_SHUTDOWN,
    INTERRUPTED_BY_STATE_CHANGE,
    LOAD_BALANCER_SUPPORT_MISMATCH,
    NOT_PRIMARY_NO_SECONDARY_OK,
    NOT_PRIMARY_OR_SECONDARY,
    NOT_WRITABLE_PRIMARY,
    SHUTDOWN_IN_PROGRESS,
    STATE_CHANGE_CODES,
    CommandError,
)
from tests.support.replica_set.faults import Exchange, Fault
from tests.support.replica_set.view import LIMITS, MONGOS, TopologyVersion, View

_SHUTTING_DOWN = (SHUTDOWN_IN_PROGRESS, INTERRUPTED_AT_SHUTDOWN)


@dataclass(frozen=True)
class Recorded:
    """A command as it came to a member. `time` is of the monotonic clock."""

    member: Member
    connection: int
    command: dict[str, Any]
    time: float

    @property
    def name(self) -> str:
        """The command's name."""
        return next(iter(self.command))

    @property
    def session(self) -> bytes | None:
        """The id in its ``lsid``."""
        lsid = self.command.get("lsid")
        return bytes(lsid["id"]) if lsid else None

    @property
    def txn_number(self) -> int | None:
        """Its ``txnNumber``."""
        return self.command.get("txnNumber")

    @property
    def read_preference(self) -> dict[str, Any] | None:
        """Its ``$readPreference``."""
        return self.command.get("$readPreference")

    @property
    def read_concern(self) -> dict[str, Any] | None:
        """Its ``readConcern``."""
        return self.command.get("readConcern")


@dataclass
class Script:
    """What the members of a deployment share."""

    data: Data
    commands: list[Recorded]
    hellos: list[Recorded]
    faults: list[tuple[Member | None, str, Fault]]
    before: Callable[[Exchange], Awaitable[None]] | None = None

    def fault_for(self, member: Member, name: str) -> Fault | None:
        """The fault that is due for this command, if any; it happens once."""
        for index, (chosen, command, fault) in enumerate(self.faults):
            if command == name and chosen in (member, None):
                del self.faults[index]
                return fault
        return None


class Member:
    """A server. The test controls it through its deployment, which alone calls what changes it here.

    `overrides` go into its hello at last, whatever they mean. `service_id` is for a mongos behind a load balancer.
    """

    def __init__(self, script: Script, role: dict[str, Any] | None, service_id: bson.ObjectId | None = None) -> None:
        self.script = script
        self.listener = Listener(self.answer)
        self.overrides: dict[str, Any] = {}
        self.service_id = service_id
        self.view: View | None = None
        self.deposed = False
        self.version = TopologyVersion()
        self.lag = 0.0
        self.delay = 0.0
        self.noise: Callable[[Request], bytes] | None = None
        self.recovering: int | None = None
        self.reachable = asyncio.Event()
        self.reachable.set()
        self.alive = True
        self._role = role
        self._commands = Commands(script.data)
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<member {self.address}>"

    @property
    def address(self) -> str:
        """``host:port``."""
        return self.listener.address

    @property
    def peers(self) -> list[Peer]:
        """The connections that are open."""
        return list(self.listener.peers)

    @property
    def is_primary(self) -> bool:
        """Whether it believes that it is."""
        return self.view is not None and self.view.primary == self.address

    @property
    def last_applied(self) -> Timestamp:
        """The time of the last write that it has."""
        return self.script.data.time_at(time.monotonic() - self.lag)

    def learn(self, view: View) -> None:
        """Hear of the set's present state."""
        if view != self.view:
            self.view, self.deposed = view, False
            self.change()

    def become(self, role: dict[str, Any] | None) -> None:
        """Start anew as another process: a mongos, a standalone, or a member that has still to learn of its set."""
        self.version = TopologyVersion()
        self._role = role
        self.view, self.deposed, self.recovering = None, False, None
        self.lag, self.delay, self.noise = 0.0, 0.0, None
        self.reachable.set()
        self._commands = Commands(self.script.data)
        self.alive = True

    def change(self) -> None:
        """Something in its hello has changed: tell those who wait for that."""
        self.version.counter += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def answer(self, request: Request) -> None:
        """Answer a command, as far as the network lets it."""
        await self.reachable.wait()
        command = request.command
        greeting = request.name in GREETINGS
        log = self.script.hellos if greeting else self.script.commands
        log.append(Recorded(self, self.listener.peers.get(request.peer, 0), command, time.monotonic()))
        exchange = Exchange(self, request)
        if self.script.before is not None and not greeting:
            await self.script.before(exchange)
            if not self.alive:
                return
        fault = self.script.fault_for(self, "hello" if greeting else request.name)
        if fault is not None:
            reply = await fault(exchange)
        elif greeting and "topologyVersion" in command:
            await self._report_changes(request)
            return
        else:
            reply = await self.apply(request)
        if reply is not None and request.wants_answer:
            await self._send(request, message(reply, request.id))

    async def apply(self, request: Request) -> dict[str, Any]:
        """Do what a command says; its reply."""
        command = request.command
        try:
            if request.name in GREETINGS:
                return self._hello(request)
            await self._check_state(command)
            reply = await self._commands.run(command, self)
        except CommandError as error:
            return self.failed(command, error)
        if "autocommit" in command and self._role is MONGOS:
            # What another mongos needs to end the transaction.
            reply = {**reply, "recoveryToken": {"recoveryShardId": self.address}}
        return {**reply, "ok": 1.0, **self._times()}

    def failed(self, command: dict[str, Any], error: CommandError) -> dict[str, Any]:
        """The reply to a command that fails."""
        reply = {**error.reply(command), **self._times()}
        if error.code in STATE_CHANGE_CODES:
            reply["topologyVersion"] = self.version.document()
        return reply

    async def _check_state(self, command: dict[str, Any]) -> None:
        name = next(iter(command))
        if self.recovering is not None and (name in STATEMENTS or name in READS):
            raise CommandError(self.recovering)
        if self._role is not None:
            return
        if self.deposed and name in STATEMENTS:
            # Cut off from the majority: the write waits for it, until the member hears of its successor.
            while self.deposed:
                await self._changed.wait()
            raise CommandError(INTERRUPTED_BY_STATE_CHANGE)
        if self.is_primary:
            return
        if name in STATEMENTS or name in ENDS:
            raise CommandError(NOT_WRITABLE_PRIMARY)
        if name in READS:
            if not self._describe()["secondary"]:
                raise CommandError(NOT_PRIMARY_OR_SECONDARY)
            if command.get("$readPreference", {}).get("mode", "primary") == "primary":
                raise CommandError(NOT_PRIMARY_NO_SECONDARY_OK)

    async def _report_changes(self, request: Request) -> None:
        """Answer once something has changed, or the client's time is up; again and again if the client takes it."""
        known, seconds = request.command["topologyVersion"], request.command["maxAwaitTimeMS"] / 1000
        streams = bool(request.flags & EXHAUST_ALLOWED)
        response_to = request.id
        while True:
            if self.version.equals(known):
                with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), seconds)
            reply = await self.apply(request)
            more = streams and reply["ok"] == 1
            await self._send(request, message(reply, response_to, flags=MORE_TO_COME if more else 0))
            if not more:
                return
            # Each reply of a stream answers the one before it.
            known, response_to = reply["topologyVersion"], OWN_REQUEST_ID

    async def _send(self, request: Request, data: bytes) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        await self.reachable.wait()
        await request.peer.send(self.noise(request) if self.noise is not None else data)

    def _describe(self) -> dict[str, Any]:
        if self._role is not None:
            return self._role
        assert self.view is not None
        fields = self.view.describe(self.address)
        if self.recovering is not None:
            fields |= {"isWritablePrimary": False, "secondary": False}
        return fields

    def _hello(self, request: Request) -> dict[str, Any]:
        if self.recovering in _SHUTTING_DOWN:
            raise CommandError(SHUTDOWN_IN_PROGRESS)
        command = request.command
        fields = self._describe()
        reply: dict[str, Any] = {**fields, "topologyVersion": self.version.document()}
        if request.name != "hello":
            reply["ismaster"] = reply.pop("isWritablePrimary")
        if command.get("helloOk"):
            reply["helloOk"] = True
        if "setName" in fields and not fields.get("arbiterOnly"):
            reply["lastWrite"] = self._last_write()
        if self.service_id is not None and "client" in command:
            if not command.get("loadBalanced"):
                raise CommandError(LOAD_BALANCER_SUPPORT_MISMATCH)
            reply["serviceId"] = self.service_id
        reply |= {**LIMITS, "connectionId": self.listener.peers.get(request.peer, 0), "localTime": _now()}
        return {**reply, "ok": 1.0, **self._times(), **self.overrides}

    def _last_write(self) -> dict[str, Any]:
        assert self.view is not None
        # As if there were always something to write: so the difference between two members is how far one lags.
        date = _now() - datetime.timedelta(seconds=self.lag)
        time = {"ts": self.last_applied, "t": Int64(self.view.term)}
        return {"opTime": time, "lastWriteDate": date, "majorityOpTime": time, "majorityWriteDate": date}

    def _times(self) -> dict[str, Any]:
        fields = MONGOS if self._role is MONGOS else self._describe() if self._role is None else {}
        if "msg" not in fields and "setName" not in fields:
            return {}
        signature = {"hash": bytes(20), "keyId": Int64(0)}
        clock = {"clusterTime": self.script.data.time, "signature": signature}
        return {"operationTime": self.last_applied, "$clusterTime": clock}


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
