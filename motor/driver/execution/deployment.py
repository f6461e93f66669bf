"""A client's deployment: one topology and one executor for the event loop that the client lives on.

A client belongs to the loop that first uses it. When that loop is closed and the client is used in another, it starts
afresh there. After a fork the child starts afresh, too, and leaves the parent's connections alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError, ServerSelectionTimeoutError
from pymongo.topology_description import TopologyDescription

from motor._pymongo import Address
from motor.driver import timeouts
from motor.driver.cmap.errors import another
from motor.driver.cmap.pin import Pin
from motor.driver.codes import CLIENT_CLOSED
from motor.driver.execution.exchange import Encrypter
from motor.driver.execution.execution import Execution
from motor.driver.execution.executor import Executor
from motor.driver.operations.operation import Operation, Result, Target
from motor.driver.owner import Owner, after_fork
from motor.driver.sdam.settings import TopologySettings
from motor.driver.sdam.srv import SrvRecords, resolve_options, resolve_seedlist
from motor.driver.sdam.topology import Topology
from motor.driver.sessions.server_session import ServerSessionPool
from motor.driver.sessions.session import Session
from motor.driver.threads import WORK

_claiming = threading.RLock()
"""Held while a deployment gets or loses its owner: of two threads that use a client at once for the first time one must
find the other's. The garbage collector may close another client meanwhile, in the same thread.
"""


@after_fork
def _unlock() -> None:
    """The thread that held the lock is not there in the child."""
    global _claiming
    _claiming = threading.RLock()


class Deployment:
    """Holds the executor of the current loop, and makes it when it is first asked for."""

    def __init__(
        self,
        settings: TopologySettings,
        client_name: str,
        complete: Callable[[SrvRecords | None, dict[str, Any]], TopologySettings],
    ) -> None:
        """`complete` has the settings with the records that DNS has for a ``mongodb+srv://`` URI, and with TLS.

        An `encrypter` may be given before the first use.
        """
        self.settings = settings
        self.encrypter: Encrypter | None = None
        self._complete = complete
        self._awaiting = 0
        self._client_name = client_name
        self._owner: Owner | None = None
        self._executor: Executor | None = None
        self._resolving: asyncio.Task[Executor] | None = None
        self._closed = False

    @property
    def description(self) -> TopologyDescription:
        """What is known of the deployment now."""
        if self._executor is None:
            srv = self.settings.srv
            return self.settings.initial_description() if srv is None else self.settings.empty_description()
        return self._executor.topology.description

    @property
    def owner(self) -> Owner | None:
        """The owner of what there is, if there is anything, on whichever loop."""
        return self._owner

    @property
    def load_balanced(self) -> bool:
        """Whether there is a load balancer between the client and its servers."""
        return bool(self.settings.options.load_balanced)

    @property
    def sessions(self) -> ServerSessionPool:
        """The sessions that may be used again; an empty pool before the first use."""
        return ServerSessionPool() if self._executor is None else self._executor.topology.sessions

    def execute(self, operation: Operation[Result], session: Session | None = None) -> Coroutine[Any, Any, Result]:
        """Run `operation` in `session`, or in one that is its own, and return its result, once awaited.

        Raises what is wrong with the operation at once, and the exceptions of :mod:`pymongo.errors` when it is awaited.
        """
        execution = Execution(operation, session)
        executor = self.executor()
        return self._resolve_and_run(execution) if executor is None else executor.run(execution)

    def run(self, execution: Execution[Result]) -> Coroutine[Any, Any, Result]:
        """The same for an operation that belongs together with others, on a server or a connection of theirs."""
        executor = self.executor()
        return self._resolve_and_run(execution) if executor is None else executor.run(execution)

    async def _resolve_and_run(self, execution: Execution[Result]) -> Result:
        return await (await self.resolve()).run(execution)

    def run_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` in the background, from any thread; drop it if there is nothing left to run it on."""
        if self._executor is None:
            coroutine.close()
        else:
            self._executor.run_soon(coroutine)

    async def kill_cursor(
        self, address: Address, target: Target, cursor_id: int, session: Session | None, pin: Pin | None
    ) -> None:
        """Kill a cursor on the server at `address`, and give its session and connection back.

        If the server is gone, or the loop that the client was used on, so is the cursor: no error.
        """
        executor = self._executor
        try:
            if executor is not None and executor.loop is asyncio.get_running_loop():
                await executor.kill_cursor(address, target, cursor_id, session, pin)
        finally:
            if session is not None and session.implicit:
                session.end()
            if pin is not None:
                pin.release()

    def executor(self) -> Executor | None:
        """The executor of the running loop; ``None`` if it takes :meth:`resolve` to have one.

        Raises InvalidOperation after :meth:`close`, and RuntimeError if the client is in use in another loop that is
        alive.
        """
        loop = asyncio.get_running_loop()
        executor = self._executor
        if executor is not None and executor.loop is loop and executor.owner.open:
            return executor
        owner = self._claim(loop)
        if self.settings.srv is not None or self.settings.lacks_tls or owner.is_undisturbed:
            return None
        return self._start(owner)

    async def resolve(self) -> Executor:
        """Ask DNS for the servers, read the files that TLS needs; the executor for that. All who wait share it; its
        error each gets anew.

        Raises :class:`~pymongo.errors.ConfigurationError` for records or certificates that cannot be had or used; the
        next use asks anew.
        """
        owner = self._claim(asyncio.get_running_loop())
        task = self._resolving
        left_behind = task is not None and not self._awaiting
        if task is None:
            task = self._resolving = owner.start(self._resolve(owner), f"motor resolver {self._client_name}")
            task.add_done_callback(self._resolved)
        # Not the task itself: one who gives up must not end it for the others.
        timeout = timeouts.at_most(self.settings.options.server_selection_timeout)
        self._awaiting += 1
        try:
            await asyncio.wait([task], timeout=timeout)
        finally:
            self._awaiting -= 1
        if self._closed:
            raise InvalidOperation(CLIENT_CLOSED)
        if not task.done():
            srv = self.settings.srv
            what = "the files for TLS were not read" if srv is None else f"DNS did not answer for {srv.fqdn}"
            raise ServerSelectionTimeoutError(f"No servers found yet: {what}, Timeout: {timeout}s")
        error = task.exception()
        if error is None:
            return task.result()
        if left_behind:
            # It was the attempt of somebody who has given up: this one is due an attempt of its own.
            return await self.resolve()
        raise another(error) if isinstance(error, PyMongoError) else error

    async def _resolve(self, owner: Owner) -> Executor:
        srv = self.settings.srv
        records = await resolve_seedlist(srv) if srv is not None else None
        options = await resolve_options(srv) if srv is not None else {}
        self.settings = await WORK.call(self._complete, records, options)
        return self._start(owner)

    def _resolved(self, task: asyncio.Task[Executor]) -> None:
        if self._resolving is task:
            self._resolving = None

    def close(self) -> None:
        """Close every connection and stop monitoring; the client cannot be used any more."""
        owner = self._let_go()
        if owner is not None:
            owner.close()
        if self.encrypter is not None:
            self.encrypter.close()

    def abandon(self) -> None:
        """The same for the garbage collector, which may interrupt anything: a loop that runs does it in its next
        turn.
        """
        owner = self._owner
        if owner is None or not owner.hand_over(self.close):
            self.close()

    def close_and_settle(self) -> None:
        """Close, and run the loop, if it does not run and may be run here, until the tasks have come to their end."""
        owner = self._owner
        self.close()
        if owner is not None:
            owner.settle()

    def _let_go(self) -> Owner | None:
        with _claiming:
            self._closed = True
            owner, self._owner = self._owner, None
            self._executor = self._resolving = None
        return owner

    def _claim(self, loop: asyncio.AbstractEventLoop) -> Owner:
        """The owner of what the client has on `loop`.

        It is there before the topology is, and so a second thread finds it.
        """
        with _claiming:
            if self._closed:
                raise InvalidOperation(CLIENT_CLOSED)
            former = self._owner
            if former is not None and former.open:
                if former.loop is loop:
                    return former
                if not former.loop.is_closed():
                    raise RuntimeError(
                        f"This {self._client_name} is in use in another event loop that has not been closed. "
                        "Use a client of its own in each of several loops that run at the same time."
                    )
            owner = Owner(loop)
            if self._closed:
                # By the garbage collector, meanwhile.
                owner.close()
                raise InvalidOperation(CLIENT_CLOSED)
            self._owner = owner
            self._executor = self._resolving = None
        if former is not None:
            former.close()
        return owner

    def _start(self, owner: Owner) -> Executor:
        if self._executor is not None and self._executor.owner is owner:
            return self._executor
        try:
            with owner.undisturbed():
                executor = Executor(Topology(self.settings, owner), self.settings.options, self.encrypter)
                owner.end = executor.close
        except BaseException:
            owner.close()
            raise
        if not owner.open:
            raise InvalidOperation(CLIENT_CLOSED)
        self._executor = executor
        return executor
