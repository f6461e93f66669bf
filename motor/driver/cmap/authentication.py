"""Authentication of a connection: PyMongo's mechanisms, over our connection.

They derive keys, ask Kerberos, the cloud's metadata servers or the application's callbacks, and so run in a thread.
Source: the MongoDB specification "Authentication".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.hello import Hello

from motor._pymongo import add_server_api, credentials_of, run_mechanism, speculative_authentication
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.handshake import hello_command

_PATIENCE = 5.0
"""Seconds more than connectTimeoutMS, after which a thread gives up a loop that does not run any more."""


class Authentication:
    """The authentication of one connection: its first step goes with the handshake, where the mechanism allows it."""

    def __init__(self, connection: Connection, options: ClientOptions) -> None:
        self._connection = connection
        self._options = options
        self._credentials = credentials_of(options)
        self._view = _View(connection, options)

    def begin(self, command: MutableMapping[str, Any]) -> None:
        """Add the first step to the handshake's `command`."""
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
        self._view.negotiated_mechs = hello.sasl_supported_mechs
        if self._view.auth_ctx is not None:
            self._view.auth_ctx.parse_response(hello)

    async def finish(self) -> None:
        """Prove who the client is, if it is anybody.

        Raises :class:`~pymongo.errors.OperationFailure` if the server does not believe it, and
        :class:`~pymongo.errors.ConfigurationError` if a package is missing that the mechanism needs.
        """
        if self._credentials is not None:
            await self._run(again=False)

    async def again(self) -> None:
        """Prove it once more: what was shown before has expired."""
        self._view.auth_ctx = None
        await self._run(again=True)

    async def _run(self, again: bool) -> None:
        view: Any = self._view
        await asyncio.to_thread(run_mechanism, self._credentials, view, again)


class _View:
    """A connection as PyMongo's mechanisms see it from their thread, with the names that they use."""

    def __init__(self, connection: Connection, options: ClientOptions) -> None:
        self.address = connection.address
        self.auth_ctx: Any = None
        self.negotiated_mechs: Sequence[str] | None = None
        self.oidc_token_gen_id: int | None = None
        self._connection = connection
        self._options = options
        self._loop = asyncio.get_running_loop()

    def command(self, database: str, command: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
        """Run a command and wait for its reply."""
        document = dict(command)
        add_server_api(document, self._options.pool_options.server_api)
        timeout = self._options.pool_options.connect_timeout
        running = asyncio.run_coroutine_threadsafe(self._connection.command(database, document, timeout), self._loop)
        return running.result(timeout + _PATIENCE if timeout else None)

    def hello_cmd(self) -> dict[str, Any]:
        """The command that asks again which mechanisms a user has."""
        return hello_command(self._options, hello_ok=True)
