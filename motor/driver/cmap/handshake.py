"""The first command on a connection: hello, with who we are, answered with what the server is.

Source: the MongoDB specification "MongoDB Handshake".
"""

from __future__ import annotations

from typing import Any

from pymongo.client_options import ClientOptions
from pymongo.errors import ConfigurationError
from pymongo.hello import Hello

from motor._pymongo import client_metadata, compressor_for, compressors_of
from motor.driver.cmap.authentication import Authentication
from motor.driver.cmap.connection import Connection
from motor.driver.cmap.hello import hello_command, read_hello
from motor.driver.confidential import confidential
from motor.driver.server_facts import ServerFacts


async def shake_hands(
    connection: Connection, options: ClientOptions, authentication: Authentication | None = None
) -> Hello[dict[str, Any]]:
    """Introduce ourselves, and take from the reply what the connection has to know about its server.

    For a connection that operations use there is an `authentication`, which takes its first step with it. Raises
    :class:`~pymongo.errors.ConnectionFailure` when the connection fails before the reply is there.
    """
    hello = await _say_hello(connection, options, authentication)
    if options.load_balanced and not hello.service_id:
        raise ConfigurationError(
            "Driver attempted to initialize in load balancing mode, but the server does not support this mode"
        )
    connection.service_id = hello.service_id
    connection.facts = ServerFacts.of(hello)
    connection.server_connection_id = hello.connection_id
    if authentication is not None:
        connection.compressor = compressor_for(options, hello.compressors)
        authentication.take(hello)
    return hello


@confidential
async def _say_hello(
    connection: Connection, options: ClientOptions, authentication: Authentication | None
) -> Hello[dict[str, Any]]:
    command = hello_command(options, hello_ok=False)
    command["client"] = client_metadata(options)
    if options.load_balanced:
        command["loadBalanced"] = True
    if authentication is not None:
        command["compression"] = compressors_of(options)
        authentication.begin(command)
    reply = await connection.command("admin", command, timeout=options.pool_options.connect_timeout)
    return read_hello(reply, connection.address)
