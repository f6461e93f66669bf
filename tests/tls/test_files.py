"""The files that TLS needs: read off the loop, and complained of as PyMongo does."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import threading
from typing import Any

import pytest
from pymongo import AsyncMongoClient, client_options, ssl_support
from pymongo.errors import ConfigurationError, InvalidURI, ServerSelectionTimeoutError

from motor._pymongo import ssl_context_of
from motor.motor_asyncio import AsyncIOMotorClient
from tests.support.certificates import PASSPHRASE, Certificates
from tests.support.inside import has_begun
from tests.support.loops import on_every_loop
from tests.support.wording import raised_by

WRONG = "tiger, lion"

AT_ONCE: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "no such file": ({"tlsCAFile": "missing"}, FileNotFoundError),
    "no such list of revocations": ({"tlsCRLFile": "missing"}, FileNotFoundError),
    "no such client certificate": ({"tlsCertificateKeyFile": "missing"}, FileNotFoundError),
    "a folder": ({"tlsCAFile": "."}, IsADirectoryError),
    "no TLS": ({"tls": False, "tlsCAFile": "authority"}, ConfigurationError),
    "what insecure means": ({"tlsInsecure": True, "tlsAllowInvalidHostnames": True}, InvalidURI),
    "revocations and no checks": ({"tlsCRLFile": "revoking", "tlsInsecure": True}, InvalidURI),
    "two minds": ({"tls": True, "ssl": False}, InvalidURI),
    "a context": ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, ConfigurationError),
    "a passphrase of bytes": ({"tlsCertificateKeyFilePassword": b"tiger"}, TypeError),
}
"""What a client's constructor refuses, and with what."""

ON_READING: dict[str, tuple[dict[str, Any], type[Exception], str | None]] = {
    "no certificate": (
        {"tlsCAFile": "garbage"},
        ssl.SSLError,
        ": tlsCAFile=.*garbage",
    ),
    "no revocations": ({"tlsCRLFile": "garbage"}, ssl.SSLError, ": tlsCRLFile=.*garbage"),
    "no client certificate": ({"tlsCertificateKeyFile": "garbage"}, ConfigurationError, None),
    "no key": ({"tlsCertificateKeyFile": "keyless"}, ConfigurationError, None),
    "another's key": ({"tlsCertificateKeyFile": "mismatched"}, ConfigurationError, None),
    "wrong passphrase": (
        {"tlsCertificateKeyFile": "encrypted", "tlsCertificateKeyFilePassword": WRONG},
        ConfigurationError,
        None,
    ),
}
"""What is found out when the files are read, and what the error says besides PyMongo's words and OpenSSL's."""


def _options(certificates: Certificates, options: dict[str, Any]) -> dict[str, Any]:
    folder = certificates.folder
    return {
        name: str(folder if value == "." else folder / f"{value}.pem") if name.endswith("File") else value
        for name, value in options.items()
    }


def _reveals_nothing(error: BaseException) -> None:
    text = f"{error!r} {error} {error.__cause__!r} {error.__context__!r}"
    assert WRONG not in text
    assert "PRIVATE KEY" not in text


@pytest.mark.parametrize(("options", "kind"), AT_ONCE.values(), ids=AT_ONCE)
async def test_refused_at_once(certificates, options, kind):
    """In a running loop, too: nothing has to be read to see it."""
    given = _options(certificates, options)
    with pytest.raises(kind) as raised:
        AsyncIOMotorClient("mongodb://127.0.0.1:1", **given)
    with pytest.raises(kind) as expected:
        AsyncMongoClient("mongodb://127.0.0.1:1", **given)
    assert type(raised.value) is type(expected.value)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize(("options", "kind", "said"), ON_READING.values(), ids=ON_READING)
def test_refused_by_the_constructor_outside_a_loop(certificates, options, kind, said):
    given = _options(certificates, options)
    with pytest.raises(kind, match=said) as raised:
        AsyncIOMotorClient("mongodb://127.0.0.1:1", **given)
    _reveals_nothing(raised.value)
    with pytest.raises(kind) as expected:
        AsyncMongoClient("mongodb://127.0.0.1:1", **given)
    assert type(raised.value) is type(expected.value)
    assert str(raised.value).startswith(str(expected.value))


@pytest.mark.parametrize(("options", "kind", "said"), ON_READING.values(), ids=ON_READING)
@on_every_loop
async def test_refused_by_each_operation_in_a_loop(certificates, options, kind, said):
    given = _options(certificates, options)
    theirs = raised_by(lambda: AsyncMongoClient("mongodb://127.0.0.1:1", **given))
    async with AsyncIOMotorClient("mongodb://127.0.0.1:1", **given) as client:
        at_once: list[asyncio.Future[Any]] = [client.admin.command("ping") for _ in range(3)]
        for future in [*at_once, client.db.test.find_one()]:
            with pytest.raises(kind, match=said) as raised:
                await future
            assert type(raised.value) is kind
            assert str(raised.value).startswith(str(theirs))
            _reveals_nothing(raised.value)
        assert client.nodes == frozenset()
        assert not has_begun(client)


@on_every_loop
async def test_a_file_that_is_mended_is_read_anew(certificates, port, tmp_path):
    file = tmp_path / "authority.pem"
    shutil.copy(certificates.garbage, file)
    async with AsyncIOMotorClient(f"mongodb://127.0.0.1:{port}/?tls=true", tlsCAFile=str(file)) as client:
        with pytest.raises(ssl.SSLError):
            await client.admin.command("ping")
        file.unlink()
        with pytest.raises(FileNotFoundError):
            await client.admin.command("ping")
        shutil.copy(certificates.authority, file)
        assert (await client.admin.command("ping"))["ok"] == 1
        file.unlink()
        assert (await client.admin.command("ping"))["ok"] == 1


@on_every_loop
async def test_read_in_a_thread(certificates, port, monkeypatch):
    threads = []
    module: Any = client_options
    make = module.get_ssl_context

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return make(*arguments)

    monkeypatch.setattr(module, "get_ssl_context", noted)
    uri = f"mongodb://127.0.0.1:{port}/?{certificates.options()}"
    async with AsyncIOMotorClient(uri) as client:
        assert not threads
        await asyncio.gather(*(client.admin.command("ping") for _ in range(5)))
        (thread,) = threads
        assert thread is not threading.current_thread()


@pytest.mark.parametrize("passphrase", [{}, {"tlsCertificateKeyFilePassword": None}], ids=["not given", "none"])
def test_a_passphrase_that_is_not_given_is_not_asked_for(certificates, passphrase):
    """OpenSSL would ask on the terminal, and the application would stand still; without a terminal it is an OSError."""
    with pytest.raises(ConfigurationError):
        AsyncIOMotorClient("mongodb://127.0.0.1:1", tlsCertificateKeyFile=certificates.encrypted, **passphrase)


def test_pyopenssl_is_left_alone(certificates, monkeypatch):
    """PyMongo takes it for its synchronous clients once it is installed; asyncio has no use for its contexts."""

    class Untouchable:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"PyOpenSSL's {name} is used")

    monkeypatch.setattr(ssl_support, "HAVE_PYSSL", True)
    monkeypatch.setattr(ssl_support, "_pyssl", Untouchable(), raising=False)
    everything: list[dict[str, Any]] = [
        {"tlsCAFile": "authority"},
        {"tlsCAFile": "authority", "tlsCRLFile": "revoking"},
        {"tlsCAFile": "authority", "tlsDisableOCSPEndpointCheck": True},
        {"tlsCAFile": "authority", "tlsDisableOCSPEndpointCheck": False},
    ]
    for options in everything:
        client: AsyncIOMotorClient = AsyncIOMotorClient("mongodb://127.0.0.1:1", **_options(certificates, options))
        assert type(ssl_context_of(client.options)) is ssl.SSLContext


OPTIONS = {
    "tls": True,
    "tlsCAFile": "authority",
    "tlsCertificateKeyFile": "encrypted",
    "tlsCertificateKeyFilePassword": PASSPHRASE,
    "tlsCRLFile": "revoking",
}


def test_representation(certificates):
    """It is the same before the first use in a loop, and after, and outside one; the passphrase is in none."""
    given = _options(certificates, OPTIONS)
    outside = repr(AsyncIOMotorClient("mongodb://127.0.0.1:1", **given))

    async def main() -> tuple[str, str]:
        async with AsyncIOMotorClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=1000, **given) as client:
            before = repr(client)
            assert ssl_context_of(client.options) is None
            with pytest.raises(ServerSelectionTimeoutError):
                await client.admin.command("ping")
            assert ssl_context_of(client.options) is not None
            return before, repr(client)

    before, after = asyncio.run(main())
    assert before == after
    assert before.replace(", serverselectiontimeoutms=1000", "") == outside
    assert "connect=False, tls=True, tlscafile=" in outside
    assert f"tlscrlfile={certificates.revoking!r}" in outside
    assert PASSPHRASE not in before
    assert "assword" not in before
