"""Authentication of a connection: PyMongo's mechanisms, over our connection.

They derive keys, ask Kerberos, the cloud's metadata servers or the application's callbacks, and so run in a thread.
Source: the MongoDB specification "Authentication".
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.errors import OperationFailure
from pymongo.hello import Hello

from motor._pymongo import add_server_api, credentials_of, run_mechanism, speculative_authentication
from motor.driver import timeouts
from motor.driver.cmap.authentication_errors import explained
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.errors import connection_failure
from motor.driver.cmap.hello import hello_command
from motor.driver.cmap.own_thread import call_in_own_thread
from motor.driver.confidential import without_secrets
from motor.driver.events.command import CommandPublisher
from motor.driver.wire.header import next_request_id

_SCRAM = ("DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256")

_MOST_ITERATIONS = 10_000_000
"""Key derivations with so many iterations take some seconds. MongoDB's defaults are 10,000 and 15,000."""

_CLOSED_LOOP_INTERVAL = 1.0
"""Seconds between two looks of a thread at whether the event loop that it waits for is closed."""


class Authentication:
    """The authentication of one connection: its first step goes with the handshake, where the mechanism allows it."""

    def __init__(self, connection: Connection, options: ClientOptions) -> None:
        self._connection = connection
        self._options = options
        self._credentials = credentials_of(options)
        self._view = _View(connection, options, self._is_scram)

    @property
    def _is_scram(self) -> bool:
        return self._credentials is not None and self._credentials.mechanism in _SCRAM

    def begin(self, command: MutableMapping[str, Any]) -> None:
        """Add the first step to the handshake's `command`.

        Raises :class:`~pymongo.errors.ConfigurationError` for a server that the user has not allowed to be asked for
        a human's token.
        """
        credentials = self._credentials
        if credentials is None:
            return
        if credentials.mechanism == "DEFAULT" and credentials.username:
            command["saslSupportedMechs"] = f"{credentials.source}.{credentials.username}"
        speculation = speculative_authentication(credentials, self._connection.address)
        step = speculation.speculate_command() if speculation is not None else None
        if step is not None:
            command["speculativeAuthenticate"] = step
            self._view.auth_ctx = speculation

    def take(self, hello: Hello[dict[str, Any]]) -> None:
        """Take the server's answer to the first step."""
        view = self._view
        view.hello_ok = hello.hello_ok
        view.negotiated_mechs = hello.sasl_supported_mechs
        if view.auth_ctx is not None:
            view.auth_ctx.parse_response(hello)

    async def finish(self) -> None:
        """Prove who the client is, if it is anybody.

        Raises :class:`~pymongo.errors.OperationFailure` if the server does not believe it, or does not prove who it is
        itself, and :class:`~pymongo.errors.ConfigurationError` if a package is missing that the mechanism needs.
        """
        await self._run(again=False)

    async def again(self) -> None:
        """Prove it once more, before the operation's deadline: what was shown before has expired."""
        self._view.auth_ctx = None
        await self._run(again=True)

    async def _run(self, again: bool) -> None:
        if self._credentials is None:
            return
        # Not the credentials as an argument of anything: asyncio's debug mode shows those.
        ended = call_in_own_thread(lambda: self._call_mechanism(again), "motor authentication")
        await asyncio.wait([ended], timeout=timeouts.remaining())
        if not ended.done():
            raise connection_failure(self._connection.address, self._options, TimeoutError("timed out"))
        failure = ended.result()
        if isinstance(failure, Exception):
            error = explained(failure, self._credentials, self._connection.address)
            without_secrets(error)
            raise error
        if failure is not None:
            raise failure

    def _call_mechanism(self, again: bool) -> None:
        view: Any = self._view
        if self._is_scram and view.auth_ctx is not None and view.auth_ctx.speculate_succeeded():
            _check_cost(view.auth_ctx.speculative_authenticate)
            _check_bargain(view.auth_ctx.mechanism, view.negotiated_mechs)
        run_mechanism(self._credentials, view, again)


class _View:
    """A connection as PyMongo's mechanisms see it from their thread, with the names that they use."""

    def __init__(self, connection: Connection, options: ClientOptions, is_scram: bool) -> None:
        self.address = connection.address
        self.auth_ctx: Any = None
        self.hello_ok = False
        self.negotiated_mechs: Sequence[str] | None = None
        self.oidc_token_gen_id: int | None = None
        self._connection = connection
        self._options = options
        self._is_scram = is_scram
        self._events = CommandPublisher(options.event_listeners, None)
        self._loop = connection.loop

    @property
    def max_wire_version(self) -> int:
        """What the server speaks; PyMongo 4.16 still asks for it."""
        return self._connection.facts.max_wire_version

    def command(
        self, database: str, command: Mapping[str, Any], publish_events: bool = True, no_reauth: bool = True
    ) -> Mapping[str, Any]:
        """Run a command and wait for its reply. It is never cause for another authentication."""
        document = dict(command)
        add_server_api(document, self._options.pool_options.server_api)
        outcome: concurrent.futures.Future[dict[str, Any]] = concurrent.futures.Future()

        def begin() -> None:
            exchange = self._exchange(database, document, publish_events, outcome)
            task = self._connection.owner.start(exchange, "motor authentication")
            task.add_done_callback(ended)

        def ended(_: asyncio.Task[None]) -> None:
            if not outcome.done():
                # The task did not even begin.
                outcome.set_exception(self._interrupted("the client was closed"))

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            raise self._interrupted("the event loop was closed") from None
        while not concurrent.futures.wait([outcome], _CLOSED_LOOP_INTERVAL).done:
            if self._loop.is_closed():
                raise self._interrupted("the event loop was closed")
        reply = outcome.result()
        if self._is_scram:
            _check_cost(reply)
        return reply

    def hello_cmd(self) -> dict[str, Any]:
        """The command that asks again which mechanisms a user has."""
        return hello_command(self._options, self.hello_ok)

    async def _exchange(
        self,
        database: str,
        command: dict[str, Any],
        publish_events: bool,
        outcome: concurrent.futures.Future[dict[str, Any]],
    ) -> None:
        published = None
        if publish_events and self._events.watched:
            request_id = next_request_id()
            published = self._events.start(
                next(iter(command)), database, command, request_id, request_id, self._connection
            )
        try:
            reply = await self._connection.command(database, command, self._options.pool_options.connect_timeout)
        except BaseException as error:
            if published is not None:
                published.failed(error)
            outcome.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            if published is not None:
                published.succeeded(reply)
            outcome.set_result(reply)

    def _interrupted(self, how: str) -> Exception:
        return connection_failure(self.address, self._options, f"{how} during the authentication")


def _check_bargain(begun: str, known: Sequence[str] | None) -> None:
    """Raises OperationFailure when somebody between here and the server would like a weaker mechanism to be used."""
    if known and begun not in known:
        raise OperationFailure(
            f"The server has begun {begun}, and says that the user does not have it. "
            "If that is so, name the mechanism that the user has: authMechanism."
        )


def _check_cost(reply: Mapping[str, Any]) -> None:
    """Raises OperationFailure for a server that wants the client to be busy for hours."""
    payload = reply.get("payload")
    if not isinstance(payload, bytes):
        return
    for item in payload.split(b","):
        if item.startswith(b"i=") and (len(item) > 10 or int(item[2:]) > _MOST_ITERATIONS):
            raise OperationFailure("Server returned an invalid iteration count.")
