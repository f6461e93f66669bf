"""Key management services of our own: AWS KMS, Azure Key Vault, Google Cloud KMS, and one that speaks KMIP, as far as a
driver sees them.

One server is all of them. What it "encrypts" it only marks. A test may say what it does with the next requests instead.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typing_extensions import Self

from tests.support.listening import Connections

from . import kmip

HOST = "127.0.0.1"
_MARK = b"wrapped:"
_SIZE = 96

Action = Callable[["HttpRequest", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HttpRequest:
    """What a client asked."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """What it asked for."""
        return self.line.split(" ")[1]


@dataclass
class KeyManagement:
    """The server, while its ``async with`` block runs. `requests` are those that came; `ca` has signed its
    certificate.
    """

    certificate_for: Sequence[str] = (HOST,)
    ca: trustme.CA = field(default_factory=trustme.CA)
    wants_certificate: bool = False
    requests: list[HttpRequest] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _script: deque[Action] = field(default_factory=deque)
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self._connections = Connections(self._accept)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{HOST}:{self.port}"

    def script(self, *actions: Action) -> None:
        """What to do with the next requests."""
        self._script.extend(actions)

    async def __aenter__(self) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*self.certificate_for).configure_cert(context)
        if self.wants_certificate:
            self.ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        self._server = await asyncio.start_server(self._connections.accept, HOST, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        await self._connections.end(self._server)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                start = await reader.readexactly(8)
                if start.startswith(kmip.REQUEST):
                    request = start + await reader.readexactly(int.from_bytes(start[4:], "big"))
                    writer.write(kmip.answer_to(request))
                    await writer.drain()
                    return
                await self._serve(await _read(start, reader), writer)
        finally:
            writer.transport.abort()

    async def _serve(self, request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        self.requests.append(request)
        action = self._script.popleft() if self._script else answer
        await action(request, writer)


async def _read(start: bytes, reader: asyncio.StreamReader) -> HttpRequest:
    head = (start + await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(":") for one in rest)}
    return HttpRequest(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


async def answer(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
    """Answer as the service that was asked would."""
    await respond(_answer_to(request), 200)(request, writer)


def respond(document: Any, status: int, pieces: int = 1) -> Action:
    """Answer with a status and a document, in that many pieces."""

    async def act(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(document).encode()
        message = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        size = -(-len(message) // pieces)
        for start in range(0, len(message), size):
            writer.write(message[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)

    return act


def send(data: bytes) -> Action:
    """Send these bytes, and close."""

    async def act(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    return act


async def silence(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def close(request: HttpRequest, writer: asyncio.StreamWriter) -> None:
    """Close instead of an answer."""
    writer.transport.abort()


def _answer_to(request: HttpRequest) -> dict[str, Any]:
    if "token" in request.path:
        return {"access_token": "a token", "expires_in": 3600, "expires_on": "2000000000", "token_type": "Bearer"}
    asked = json.loads(request.body)
    target = request.headers.get("x-amz-target", "")
    if target.endswith("Encrypt"):
        return {"CiphertextBlob": _encoded(_MARK + base64.b64decode(asked["Plaintext"]))}
    if target.endswith("Decrypt"):
        return {"Plaintext": _encoded(_unwrapped(base64.b64decode(asked["CiphertextBlob"])))}
    if "wrapkey" in request.path:
        value = base64.urlsafe_b64decode(asked["value"] + "==")
        changed = _unwrapped(value) if "unwrapkey" in request.path else _MARK + value
        return {"value": base64.urlsafe_b64encode(changed).rstrip(b"=").decode(), "kid": "a key"}
    if request.path.endswith(":encrypt"):
        return {"ciphertext": _encoded(_MARK + base64.b64decode(asked["plaintext"]))}
    return {"plaintext": _encoded(_unwrapped(base64.b64decode(asked["ciphertext"])))}


def _unwrapped(wrapped: bytes) -> bytes:
    """What was wrapped; what comes from a real service is taken for a key of zeros."""
    return wrapped[len(_MARK) :] if wrapped.startswith(_MARK) else bytes(_SIZE)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def providers(address: str) -> dict[str, Any]:
    """Credentials for all of them, of no value anywhere; tokens come from `address`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    azure = {"tenantId": "tenant", "clientId": "client", "clientSecret": "secret"}
    return {
        "aws": {"accessKeyId": "id", "secretAccessKey": "secret"},
        "azure": {**azure, "identityPlatformEndpoint": address},
        "gcp": {"email": "me@example.com", "privateKey": private, "endpoint": address},
        "kmip": {"endpoint": address},
    }


def master_keys(address: str) -> dict[str, dict[str, Any]]:
    """A master key of each, at `address`."""
    return {
        "aws": {"region": "us-east-1", "key": "arn:aws:kms:us-east-1:1:key/1", "endpoint": address},
        "azure": {"keyVaultEndpoint": address, "keyName": "name"},
        "gcp": {"projectId": "p", "location": "l", "keyRing": "r", "keyName": "k", "endpoint": address},
        "kmip": {"endpoint": address, "delegated": True},
    }
