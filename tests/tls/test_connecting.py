"""Connections that TLS lets through: with every option of PyMongo's, on both loops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any
from urllib.parse import quote_plus

import pytest
from pymongo.uri_parser import parse_uri

from motor._pymongo import ssl_context_of
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import PASSPHRASE
from tests.support.dns_server import DNSServer
from tests.support.inside import replace
from tests.support.loops import on_every_loop
from tests.support.proxy import Proxy

OPTIONS: dict[str, dict[str, Any]] = {
    "in the URI": {"uri": "&tls=true&tlsCAFile={authority}"},
    "under the old name": {"uri": "&ssl=true", "tlsCAFile": "{authority}"},
    "as keywords": {"tls": True, "tlsCAFile": "{authority}"},
    "implied": {"tlsCAFile": "{authority}"},
    "a client certificate": {"tlsCAFile": "{authority}", "tlsCertificateKeyFile": "{client}"},
    "an encrypted key": {
        "tlsCAFile": "{authority}",
        "tlsCertificateKeyFile": "{encrypted}",
        "tlsCertificateKeyFilePassword": PASSPHRASE,
    },
    "revocations": {"tlsCAFile": "{authority}", "tlsCRLFile": "{revoking}"},
    "no OCSP endpoint": {"tlsCAFile": "{authority}", "tlsDisableOCSPEndpointCheck": True},
    "an OCSP endpoint": {"tlsCAFile": "{authority}", "tlsDisableOCSPEndpointCheck": False},
    "any certificate": {"tls": True, "tlsAllowInvalidCertificates": True},
    "insecure": {"tls": True, "tlsInsecure": True},
    "a replica set": {"uri": "&directConnection=false&replicaSet=secantus", "tlsCAFile": "{authority}"},
}


STRICT = ("a client certificate", "an encrypted key")
"""What a server accepts that insists on a client's certificate."""

CASES = [*OPTIONS.items()]


def _client(port: int, certificates: Any, options: dict[str, Any]) -> AsyncIOMotorClient:
    files = {name: value for name, value in vars(certificates).items() if isinstance(value, str)}
    uri = f"mongodb://127.0.0.1:{port}/?maxPoolSize=9{options.get('uri', '')}"
    uri = uri.format_map({name: quote_plus(path) for name, path in files.items()})
    keywords: dict[str, Any] = {
        name: value.format_map(files) if isinstance(value, str) else value
        for name, value in options.items()
        if name != "uri"
    }
    return AsyncIOMotorClient(uri, **keywords)


@pytest.mark.parametrize(("case", "options"), CASES, ids=OPTIONS)
@on_every_loop
async def test_let_in(certificates, port, strict_port, case, options):
    """Made in a running loop, where the files are read at the first use. The servers speak nothing but TLS."""
    async with _client(strict_port if case in STRICT else port, certificates, options) as client:
        assert ssl_context_of(client.options) is None
        replies = await asyncio.gather(*(client.admin.command("ping") for _ in range(5)))
        assert all(reply["ok"] == 1 for reply in replies)
        context = ssl_context_of(client.options)
        assert context is not None
        assert context.minimum_version >= ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).minimum_version
        assert context.check_hostname == (case not in ("any certificate", "insecure"))


@pytest.mark.parametrize(("case", "options"), CASES, ids=OPTIONS)
def test_let_in_when_made_before_the_loop(certificates, port, strict_port, case, options):
    client = _client(strict_port if case in STRICT else port, certificates, options)
    context = ssl_context_of(client.options)
    assert isinstance(context, ssl.SSLContext), "not PyOpenSSL's, which asyncio cannot use"

    async def main() -> None:
        assert (await client.admin.command("ping"))["ok"] == 1

    asyncio.run(main())
    asyncio.run(main())
    assert ssl_context_of(client.options) is context
    client.close()


@pytest.mark.parametrize(
    ("options", "certificate"),
    [
        ({"tlsAllowInvalidHostnames": "true"}, "of_another_host"),
        ({"tlsAllowInvalidCertificates": "true"}, "of_a_stranger"),
        ({"tlsAllowInvalidCertificates": "true"}, "expired"),
        ({"tlsInsecure": "true"}, "of_another_host"),
        ({"tlsInsecure": "true"}, "of_a_stranger"),
    ],
)
@on_every_loop
async def test_what_is_allowed(certificates, uri, options, certificate):
    async with _in_front(uri, certificates.context(getattr(certificates, certificate))) as proxy:
        options = certificates.options(**options)
        async with AsyncIOMotorClient(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&{options}") as client:
            assert (await client.admin.command("ping"))["ok"] == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@on_every_loop
async def test_versions_and_server_names(certificates, uri, version):
    context = certificates.context(certificates.good)
    context.minimum_version = context.maximum_version = version
    names = []
    context.sni_callback = lambda connection, name, _: names.append(name)
    async with _in_front(uri, context) as proxy:
        for host in ("localhost", "127.0.0.1"):
            names.clear()
            address = f"mongodb://{host}:{proxy.port}/?directConnection=true&{certificates.options()}"
            async with AsyncIOMotorClient(address) as client:
                await client.admin.command("ping")
            assert len(names) >= 2, "the monitor's and the operation's"
            # An address is no name (RFC 6066).
            assert set(names) == {"localhost" if host == "localhost" else None}
            await proxy.all_closed()


@on_every_loop
async def test_the_systems_certificates_are_trusted_by_default(certificates, port, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificates.authority)
    async with AsyncIOMotorClient(f"mongodb://127.0.0.1:{port}/?tls=true") as client:
        assert (await client.admin.command("ping"))["ok"] == 1


@pytest.mark.parametrize("options", ["tlsCAFile={authority}", "tls=true&tlsInsecure=true"])
async def test_srv_means_tls(certificates, port, monkeypatch, options):
    """DNS names a server whose certificate is of that name: that is the name to be checked."""
    host, cluster = "db.example.com", "cluster.example.com"
    ask_system = socket.getaddrinfo

    def getaddrinfo(name: Any, *args: Any, **kwargs: Any) -> Any:
        return ask_system("127.0.0.1" if name == host else name, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with DNSServer({(f"_mongodb._tcp.{cluster}", "SRV"): [f"0 0 {port} {host}."]}) as dns_server:
        replace(monkeypatch, "srv.new_resolver", dns_server.resolver)
        options = options.format(authority=quote_plus(certificates.authority))
        async with AsyncIOMotorClient(f"mongodb+srv://{cluster}/?{options}") as client:
            assert (await client.admin.command("ping"))["ok"] == 1
            assert "tls=True" in repr(client)


def _in_front(uri: str, context: ssl.SSLContext) -> Proxy:
    ((_, port),) = parse_uri(uri)["nodelist"]
    return Proxy(port, tls=context)
