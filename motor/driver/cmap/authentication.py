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
        self._mechanisms: Sequence[str] | None = None
        self._speculation: Any = None

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
            self._speculation = speculation

    def take(self, hello: Hello[dict[str, Any]]) -> None:
        """Take the server's answer to the first step."""
        self._mechanisms = hello.sasl_supported_mechs
        if self._speculation is not None:
            self._speculation.parse_response(hello)
            if not self._speculation.speculate_succeeded():
                self._speculation = None

    async def finish(self) -> None:
        """Prove who the client is, if it is anybody.

        Raises :class:`~pymongo.errors.OperationFailure` if the server does not believe it, and
        :class:`~pymongo.errors.ConfigurationError` if a package is missing that the mechanism needs.
        """
        if self._credentials is not None:
            view: Any = _View(self._connection, self._options, self._mechanisms, self._speculation)
            await asyncio.to_thread(run_mechanism, self._credentials, view)


class _View:
    """A connection as PyMongo's mechanisms see it from their thread, with the names that they use."""

    def __init__(
        self, connection: Connection, options: ClientOptions, mechanisms: Sequence[str] | None, speculation: Any
    ) -> None:
        self.address = connection.address
        self.auth_ctx = speculation
        self.negotiated_mechs = mechanisms
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
