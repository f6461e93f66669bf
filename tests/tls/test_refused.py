"""Connections that TLS refuses: the error says why, and nothing of what is secret; no socket is left open."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pymongo
import pytest
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError
from pymongo.uri_parser import parse_uri

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import PASSPHRASE
from tests.support.listening import Connections
from tests.support.loops import on_every_loop
from tests.support.proxy import Proxy
from tests.support.waiting import until

BAD_CERTIFICATES = {
    "expired": 10,
    "premature": 9,
    "of_another_host": 64,
    "of_a_stranger": 20,
    "revoked": 23,
}
"""What OpenSSL has against them: its numbers are the same in every version, other than its words."""

NOT_TRUSTED = 19
NO_REVOCATIONS = 3


async def refusal(port: int, *options: str) -> str:
    """What an operation says that fails."""
    return (await refused(port, *options))[0]


async def verdict(port: int, *options: str) -> int:
    """OpenSSL's number for what is wrong with the server's certificate."""
    said, cause = await refused(port, *options)
    assert "SSL handshake failed: " in said
    assert isinstance(cause, ssl.SSLCertVerificationError)
    assert cause.verify_message in said
    return cause.verify_code


async def refused(port: int, *options: str) -> tuple[str, BaseException | None]:
    """What an operation says that fails, and why, once it is seen that it says where, and reveals no secret."""
    uri = "&".join((f"mongodb://127.0.0.1:{port}/?directConnection=true", *options))
    async with AsyncIOMotorClient(uri) as client:
        patient = asyncio.ensure_future(client.admin.command("ping"))
        await until(lambda: error_of(client) is not None, "an error")
        with pytest.raises(ServerSelectionTimeoutError) as raised, pymongo.timeout(0.02):
            await client.admin.command("ping")
        error = error_of(client)
        patient.cancel()
    assert isinstance(error, AutoReconnect)
    text = f"{raised.value!r} {raised.value} {error!r} {error.__cause__!r}"
    assert f"127.0.0.1:{port}: " in text
    assert "PRIVATE KEY" not in text
    assert PASSPHRASE not in text
    return str(raised.value), error.__cause__


def error_of(client: AsyncIOMotorClient) -> Exception | None:
    """Why the one server that the client knows is not reached."""
    (server,) = client.topology_description.server_descriptions().values()
    return server.error


@pytest.mark.parametrize(("name", "expected"), BAD_CERTIFICATES.items(), ids=BAD_CERTIFICATES)
@on_every_loop
async def test_bad_certificates(certificates, name, expected):
    options = certificates.options(**{"tlsCRLFile": certificates.revoking} if name == "revoked" else {})
    async with Proxy(1, tls=certificates.context(getattr(certificates, name))) as proxy:
        assert await verdict(proxy.port, options) == expected
        await proxy.all_closed()


async def test_not_trusted_without_being_told(port):
    assert await verdict(port, "tls=true") == NOT_TRUSTED


async def test_revocations_of_another_authority_say_nothing(certificates):
    async with Proxy(1, tls=certificates.context(certificates.good)) as proxy:
        assert await verdict(proxy.port, certificates.options(tlsCRLFile=certificates.authority)) == NO_REVOCATIONS


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, "ALERT_CERTIFICATE_REQUIRED"), ({"tlsCertificateKeyFile": "impostor"}, "ALERT_UNKNOWN_CA")],
    ids=["none", "impostor"],
)
@on_every_loop
async def test_bad_client_certificates(certificates, strict_port, options, expected):
    files = {name: getattr(certificates, file) for name, file in options.items()}
    said = await refusal(strict_port, certificates.options(**files))
    # The server's complaint may be lost: it closes while the client's greeting is under way.
    assert expected in said or "does it expect another client certificate (tlsCertificateKeyFile)?" in said


@on_every_loop
async def test_no_client_certificate_before_tls_1_3(certificates):
    context = certificates.context(certificates.good, wants_client=True)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Proxy(1, tls=context) as proxy:
        assert_cut(await refusal(proxy.port, certificates.options()))
        await proxy.all_closed()


@pytest.mark.parametrize("insecure", [False, True])
@on_every_loop
async def test_tls_1_1(certificates, insecure):
    """A server that speaks it with whoever wants to: on some systems only OpenSSL's configuration forbids it."""
    async with Proxy(1, tls=certificates.outdated_context()) as proxy:
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=certificates.outdated_client_context())
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.transport.abort()
        assert_cut(await refusal(proxy.port, "tls=true&tlsInsecure=true" if insecure else certificates.options()))
        await proxy.all_closed()


@on_every_loop
async def test_tls_where_none_is_expected(port):
    assert "before the server said anything: does it expect TLS (tls=true)?" in await refusal(port)


@on_every_loop
async def test_a_tls_alert_where_no_tls_is_expected():
    async def complain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"\x15\x03\x01\x00\x02\x02\x46")

    async with listening(complain) as port:
        assert "connection closed before the server said anything: does it expect TLS" in await refusal(port)


@on_every_loop
async def test_no_tls_where_it_is_expected(certificates):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(b"It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n")

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with listening(answer) as port:
        said, cause = await refused(port, certificates.options())
        assert "SSL handshake failed: " in said
        assert isinstance(cause, ssl.SSLError)
    for action in (close, reset):
        async with listening(action) as port:
            assert_cut(await refusal(port, certificates.options()))


@on_every_loop
async def test_a_server_that_never_shakes_hands(certificates):
    async with Proxy(1, mute=True) as proxy:
        said = await refusal(proxy.port, certificates.options(connectTimeoutMS="200"))
        assert "timed out before the TLS handshake was done" in said
        await proxy.all_closed()


@on_every_loop
async def test_a_server_that_knows_no_tls(certificates, uri):
    """It reads the first four bytes as a message's length, the greeting's among them: it waits for the rest, or closes.

    Since OpenSSL 3.5 the greeting is so long, for its keys of two kinds, that the message would be longer than any.
    """
    ((_, plain_port),) = parse_uri(uri)["nodelist"]
    said = await refusal(plain_port, certificates.options(connectTimeoutMS="200"))
    if "timed out before the TLS handshake was done" not in said:
        assert_cut(said)


def assert_cut(said: str) -> None:
    """The handshake failed, for the server closed without a word: what may have been wrong is said instead."""
    assert "SSL handshake failed: " in said
    assert "connection closed: does the server speak TLS 1.2 or later, and accept this client's certificate?" in said


@contextlib.asynccontextmanager
async def listening(
    action: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """The port of a server that does `action` with whoever connects, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await action(reader, writer)

    connections = Connections(serve)
    server = await asyncio.start_server(connections.accept, "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await connections.end(server)
