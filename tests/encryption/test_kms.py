"""Key management services: over TLS, on the loop, with all that may go wrong with them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme
import uvloop
from bson.binary import Binary
from pymongo.errors import ConfigurationError, EncryptionError, NetworkTimeout
from pymongocrypt.errors import MongoCryptError

from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.inside import replace
from tests.support.waiting import until
from tests.support.wording import raised_by

from .key_management import KeyManagement, close, master_keys, providers, respond, send, silence
from .keys import RANDOM, encrypted_client, encryption, refused

Client = AsyncIOMotorClient[Any]


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, str]:
    """An authority, and the file with its certificate."""
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("kms") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca, str(path)


@pytest.fixture
async def service(ca_file: tuple[trustme.CA, str]) -> AsyncIterator[KeyManagement]:
    """The services."""
    async with KeyManagement(ca=ca_file[0]) as service:
        yield service


def tls(ca_file: tuple[trustme.CA, str], **more: Any) -> dict[str, Any]:
    """TLS options for all of them."""
    return {name: {"tlsCAFile": ca_file[1], **more} for name in ("aws", "azure", "gcp", "kmip", "aws:second")}


@pytest.fixture
async def cloud(client: Client, vault: str, service: KeyManagement, ca_file: Any) -> AsyncIterator[Any]:
    """Encryption with keys from the services."""
    async with encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as cloud:
        yield cloud


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp"])
async def test_each_service(
    client: Client, vault: str, cloud: Any, service: KeyManagement, ca_file: Any, provider: str
) -> None:
    key = await cloud.create_data_key(provider, master_key=master_keys(service.address)[provider])
    encrypted = await cloud.encrypt("secret", RANDOM, key)
    before = len(service.requests)
    async with encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as others:
        # In pieces of any size, and all at once.
        service.script(*([respond({"access_token": "t", "expires_in": 9}, 200, 40)] if provider != "aws" else []))
        assert await asyncio.gather(*(others.decrypt(encrypted) for _ in range(3))) == ["secret"] * 3
    assert len(service.requests) > before
    assert all(request.headers["host"].strip() in (service.address, "127.0.0.1") for request in service.requests)


@pytest.mark.parametrize("master_key", [None, {"delegated": True}], ids=["", "delegated"])
async def test_kmip(
    client: Client, vault: str, cloud: Any, service: KeyManagement, ca_file: Any, master_key: Any
) -> None:
    key = await cloud.create_data_key("kmip", master_key=master_key)
    encrypted = await cloud.encrypt("secret", RANDOM, key)
    async with encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as others:
        assert await others.decrypt(encrypted) == "secret"
    assert service.connections >= 3


async def test_rewrap_from_one_to_the_other(cloud: Any, service: KeyManagement) -> None:
    keys = master_keys(service.address)
    made = [await cloud.create_data_key("aws", master_key=keys["aws"]) for _ in range(3)]
    encrypted = await cloud.encrypt("secret", RANDOM, made[0])
    result = await cloud.rewrap_many_data_key({}, "gcp", keys["gcp"])
    assert result.bulk_write_result.modified_count == 3
    assert {key["masterKey"]["provider"] async for key in await cloud.get_keys()} == {"gcp"}
    assert await cloud.decrypt(encrypted) == "secret"


async def test_another_attempt(cloud: Any, service: KeyManagement) -> None:
    """After a connection that breaks, and after an answer that says so."""
    master_key = master_keys(service.address)["aws"]
    service.script(close, send(b"HTTP/1.1 200 OK\r\nContent-Le"))
    key = await cloud.create_data_key("aws", master_key=master_key)
    assert len(service.requests) == 3
    service.script(respond({}, 500), respond({"__type": "ThrottlingException"}, 503))
    assert await cloud.encrypt("x", RANDOM, key)
    assert len(service.requests) == 6


async def test_no_more_attempts(cloud: Any, service: KeyManagement) -> None:
    master_key = master_keys(service.address)["aws"]
    service.script(*[close] * 10)
    with pytest.raises(EncryptionError, match=f"last attempt failed with: {service.address}: ") as caught:
        await cloud.create_data_key("aws", master_key=master_key)
    assert isinstance(caught.value.cause, MongoCryptError)
    assert not caught.value.timeout
    tried = len(service.requests)
    assert 2 <= tried <= 5


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"__type": "AccessDeniedException", "message": "no"}),
        (500, {}),
        (200, {"strange": 1}),
        (200, {"CiphertextBlob": "!"}),
    ],
    ids=["denied", "broken", "strange", "garbled"],
)
async def test_bad_answers(cloud: Any, service: KeyManagement, status: int, body: Any) -> None:
    service.script(*[respond(body, status)] * 10)
    with refused():
        await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])


async def test_no_http(cloud: Any, service: KeyManagement) -> None:
    service.script(*[send(b"\0\1\2\3 no HTTP \r\n\r\n")] * 10)
    with pytest.raises(EncryptionError):
        await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])


async def test_nobody_there(client: Client, vault: str, ca_file: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    async with encryption(client, vault, providers(address), kms_tls_options=tls(ca_file)) as cloud:
        with pytest.raises(EncryptionError, match=f"last attempt failed with: {address}: "):
            await cloud.create_data_key("aws", master_key=master_keys(address)["aws"])


async def test_time_limit(cloud: Any, service: KeyManagement) -> None:
    """timeoutMS holds for the KMS, too; what has timed out is not tried again. The loop goes on meanwhile."""
    master_key = master_keys(service.address)["aws"]
    service.script(silence)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    turning = asyncio.ensure_future(turn())
    with pytest.raises(EncryptionError, match="timed out") as caught, pymongo.timeout(0.2):
        await cloud.create_data_key("aws", master_key=master_key)
    turning.cancel()
    assert isinstance(caught.value.cause, NetworkTimeout)
    assert caught.value.timeout
    assert len(service.requests) == 1
    assert turns > 10
    assert await cloud.create_data_key("aws", master_key=master_key)


async def test_time_limit_of_its_own(cloud: Any, service: KeyManagement, monkeypatch: Any) -> None:
    """A KMS that never answers, without timeoutMS."""
    replace(monkeypatch, "kms.CONNECT_TIMEOUT", 0.1)
    service.script(silence)
    with pytest.raises(EncryptionError, match="the KMS did not answer within 100ms"):
        await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])


async def test_no_handshake(client: Client, vault: str, ca_file: Any, monkeypatch: Any) -> None:
    """A server that takes the connection and says nothing."""
    replace(monkeypatch, "kms.CONNECT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        async with encryption(client, vault, providers(address), kms_tls_options=tls(ca_file)) as cloud:
            with pytest.raises(EncryptionError, match="timed out"):
                await cloud.create_data_key("aws", master_key=master_keys(address)["aws"])


async def test_cancelled(cloud: Any, service: KeyManagement) -> None:
    """The connection is closed, and the next call is none the worse for it."""
    service.script(silence)
    future = cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
    await until(lambda: service.requests)
    future.cancel()
    with pytest.raises(asyncio.CancelledError):
        await future
    assert await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])


@pytest.mark.parametrize("trouble", ["unknown authority", "another host"])
async def test_certificates(client: Client, vault: str, ca_file: Any, trouble: str) -> None:
    """Who the service says it is has to be who was asked for, by an authority that is trusted."""
    other = {"ca": trustme.CA()} if trouble == "unknown authority" else {"certificate_for": ["another.example"]}
    async with KeyManagement(**{"ca": ca_file[0], **other}) as service:
        async with encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as cloud:
            with pytest.raises(EncryptionError, match="CERTIFICATE_VERIFY_FAILED"):
                await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
        # Without options the system's authorities are trusted, and not this one.
        async with encryption(client, vault, providers(service.address)) as cloud:
            with pytest.raises(EncryptionError, match="CERTIFICATE_VERIFY_FAILED"):
                await cloud.create_data_key("gcp", master_key=master_keys(service.address)["gcp"])
        assert service.requests == []


async def test_client_certificate(client: Client, vault: str, ca_file: Any, tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    ca_file[0].issue_cert("me@example.com").private_key_and_cert_chain_pem.write_to_path(str(pem))
    async with KeyManagement(ca=ca_file[0], wants_certificate=True) as service:
        master_key = master_keys(service.address)["aws"]
        async with encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as without:
            with pytest.raises(EncryptionError, match="last attempt failed with"):
                await without.create_data_key("aws", master_key=master_key)
        options = tls(ca_file, tlsCertificateKeyFile=str(pem))
        async with encryption(client, vault, providers(service.address), kms_tls_options=options) as cloud:
            assert await cloud.create_data_key("aws", master_key=master_key)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"aws": {"tlsInsecure": True}}, ConfigurationError),
        ({"aws": {"tlsAllowInvalidHostnames": True}}, ConfigurationError),
        ({"aws": {"tls": False}}, ConfigurationError),
        ({"aws": 1}, TypeError),
        (1, TypeError),
    ],
    ids=["insecure", "hostnames", "no TLS", "no dict", "no dict at all"],
)
def test_options_that_cannot_be(uri: str, vault: str, options: Any, error: type[Exception]) -> None:
    """Refused at once where no loop runs; where one does, before anything is sent, since files may have to be read."""
    client: Client = AsyncIOMotorClient(uri)
    address = "127.0.0.1:1"
    at_once = raised_by(lambda: encryption(client, vault, providers(address), kms_tls_options=options))
    assert type(at_once) is error

    async def main() -> None:
        cloud = encryption(client, vault, providers(address), kms_tls_options=options)
        with refused(error) as caught:
            await cloud.create_data_key("aws", master_key=master_keys(address)["aws"])
        assert str(caught.value) == str(at_once)

    asyncio.run(main())
    client.close()


async def test_options_stay_the_applications(client: Client, vault: str, service: KeyManagement, ca_file: Any) -> None:
    options = tls(ca_file)
    async with encryption(client, vault, providers(service.address), kms_tls_options=options) as cloud:
        await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
    assert options == tls(ca_file)


async def test_a_named_provider(client: Client, vault: str, service: KeyManagement, ca_file: Any) -> None:
    named = {"aws:second": providers(service.address)["aws"]}
    async with encryption(client, vault, named, kms_tls_options=tls(ca_file)) as cloud:
        key = await cloud.create_data_key("aws:second", master_key=master_keys(service.address)["aws"])
        assert (await cloud.get_key(key))["masterKey"]["provider"] == "aws:second"


async def test_endpoints_that_cannot_be(cloud: Any) -> None:
    for endpoint in ("nodots", "a.sock", "127.0.0.1:x"):
        key = {**master_keys("127.0.0.1:1")["aws"], "endpoint": endpoint}
        with pytest.raises(EncryptionError):
            await cloud.create_data_key("aws", master_key=key)
    with refused(ValueError):
        await cloud.create_data_key("aws")
    with refused(ValueError):
        await cloud.create_data_key("azure", master_key={})


async def test_connect_callback(client: Client, vault: str, service: KeyManagement, ca_file: Any) -> None:
    """PyMongo 4.19's: the application opens the connection. The certificate has to be the service's all the same."""
    asked: list[Any] = []

    async def connect(context: Any) -> socket.socket:
        asked.append((context.host, context.port))
        assert 0 < context.timeout <= 20
        return socket.create_connection(("127.0.0.1", service.port))

    # Nobody resolves this name: the connection goes where the callback says.
    async with KeyManagement(ca=ca_file[0], certificate_for=["kms.example.com"]) as far:
        service.port = far.port
        key = {**master_keys("kms.example.com:1234")["aws"]}
        arguments: dict[str, Any] = {"kms_tls_options": tls(ca_file), "kms_connect_callback": connect}
        async with encryption(client, vault, providers("login.example.com"), **arguments) as cloud:
            assert await cloud.create_data_key("aws", master_key=key)
            assert asked == [("kms.example.com", 1234)]
            with pytest.raises(EncryptionError, match="CERTIFICATE_VERIFY_FAILED"):
                await cloud.create_data_key("aws", master_key=master_keys("other.example.com:1")["aws"])

    async def strange(context: Any) -> Any:
        return None

    async def unconnected(context: Any) -> socket.socket:
        return socket.socket()

    with pytest.raises(TypeError, match="kms_connect_callback must be callable"):
        encryption(client, vault, kms_connect_callback=5)
    for callback, message in (
        (strange, "must return a connected socket"),
        (unconnected, "must return a socket that is connected"),
        (lambda context: socket.socket(), "must be a coroutine function"),
    ):
        async with encryption(client, vault, providers("login.example.com"), kms_connect_callback=callback) as cloud:
            with pytest.raises(EncryptionError, match=message) as caught:
                await cloud.create_data_key("aws", master_key=key)
            assert isinstance(caught.value.cause, ConfigurationError)


async def test_credentials_on_demand(
    client: Client, vault: str, service: KeyManagement, ca_file: Any, monkeypatch: Any
) -> None:
    """A provider without any: the machine is asked for them, in a thread."""
    asked: list[Any] = []

    def credentials(kms_providers: Any) -> dict[str, Any]:
        assert threading.current_thread() is not threading.main_thread()
        asked.append(kms_providers)
        return {"aws": {"accessKeyId": "id", "secretAccessKey": "secret", "sessionToken": "token"}}

    replace(monkeypatch, "state_machine.kms_credentials", credentials)
    async with encryption(client, vault, {"aws": {}}, kms_tls_options=tls(ca_file)) as cloud:
        key = await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
        assert await cloud.encrypt("x", RANDOM, key)
    assert asked[0] == {"aws": {}}
    assert service.requests[-1].headers["x-amz-security-token"].strip() == "token"


async def test_automatically(uri: str, db: Any, vault: str, cloud: Any, service: KeyManagement, ca_file: Any) -> None:
    """A client that decrypts with keys from a service, under a time limit."""
    key = await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
    await db.c.insert_one({"a": await cloud.encrypt("secret", RANDOM, key)})
    options = {"kms_providers": providers(service.address), "kms_tls_options": tls(ca_file)}
    client = encrypted_client(uri, vault, client={"timeoutMS": 300}, bypass_auto_encryption=True, **options)
    collection: Any = client[db.name].c
    service.script(silence)
    started = time.monotonic()
    with pytest.raises(EncryptionError, match="timed out") as caught:
        await collection.find_one()
    assert caught.value.timeout
    assert time.monotonic() - started < 10
    assert (await collection.find_one())["a"] == "secret"
    await client.close()


def test_under_uvloop(uri: str, vault: str, ca_file: Any) -> None:
    async def main() -> None:
        client: Client = AsyncIOMotorClient(uri)
        async with (
            KeyManagement(ca=ca_file[0]) as service,
            encryption(client, vault, providers(service.address), kms_tls_options=tls(ca_file)) as cloud,
        ):
            service.script(close)
            key: Binary = await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
            assert await cloud.decrypt(await cloud.encrypt("x", RANDOM, key)) == "x"
            service.script(silence)
            with pytest.raises(EncryptionError, match="timed out"), pymongo.timeout(0.2):
                await cloud.create_data_key("aws", master_key=master_keys(service.address)["aws"])
        await client.close()

    uvloop.run(main())
