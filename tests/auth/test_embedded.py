"""On the embedded server, which lets in only its users: by password, and by certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import trustme
import uvloop
from cryptography import x509
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import ConfigurationError, OperationFailure

import motor.embedded
from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient
from tests.auth.scenarios import SECRET
from tests.support.families import closed, every_family, in_thread
from tests.support.fixtures import Connect
from tests.support.inside import connections, pool_of, socket_of
from tests.support.waiting import until
from tests.support.wording import raised_in

ODD = "us er:@/?#[]%+é"
ALIKE = ("I\u00adX\u00aa", "\u2168a")
"""SASLprep makes the same of them: without a soft hyphen, and with the Roman numeral and the ordinal spelt out."""

READ_SHOP = [{"role": "read", "db": "shop"}]

USERS: list[tuple[str, str, dict[str, Any]]] = [
    ("admin", "ann", {"pwd": SECRET, "roles": ["root"]}),
    ("admin", "old", {"pwd": SECRET, "roles": ["root"], "mechanisms": ["SCRAM-SHA-1"]}),
    ("admin", "both", {"pwd": SECRET, "roles": ["root"], "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"]}),
    ("admin", ODD, {"pwd": ODD, "roles": ["root"]}),
    ("admin", "prepared", {"pwd": "IXa", "roles": ["root"]}),
    ("shop", "bob", {"pwd": SECRET, "roles": READ_SHOP}),
]


def create_users(path: Path, users: list[tuple[str, str, dict[str, Any]]]) -> None:
    """Give the data in a folder users."""
    with motor.embedded.Server(path=path) as server, MongoClient[dict[str, Any]](server.uri) as client:
        for database, name, options in users:
            client[database].command("createUser", name, **options)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[motor.embedded.Server]:
    """A server that lets in only `USERS`."""
    path = tmp_path_factory.mktemp("users")
    create_users(path, USERS)
    with motor.embedded.Server(path=path, arguments=["--auth"]) as server:
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority's certificate, a server's, and two clients' with their keys."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(str(folder / "server-key.pem"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    for name in ("ann", "stranger"):
        client = authority.issue_cert(f"{name}@test", common_name=name, organization_name="Test")
        client.private_key_and_cert_chain_pem.write_to_path(str(folder / f"{name}.pem"))
    return folder


@pytest.fixture(scope="module")
def guarded_with_tls(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[motor.embedded.Server]:
    """A server that knows the subject of ann's certificate."""
    path = tmp_path_factory.mktemp("subjects")
    options = {"roles": [{"role": "root", "db": "admin"}], "mechanisms": ["MONGODB-X509"]}
    create_users(path, [("$external", subject(certificates), options)])
    arguments = [
        "--auth",
        *("--tls-cert-file", str(certificates / "server.pem")),
        *("--tls-key-file", str(certificates / "server-key.pem")),
        *("--tls-ca-file", str(certificates / "ca.pem")),
    ]
    with motor.embedded.Server(path=path, arguments=arguments) as server:
        yield server


def subject(certificates: Path) -> str:
    """What ann's certificate says that she is."""
    certificate = x509.load_pem_x509_certificates((certificates / "ann.pem").read_bytes())[0]
    # SecantusDB escapes a # wherever it stands, MongoDB where it is the first character.
    return certificate.subject.rfc4514_string().replace("#", r"\#")


def uri_with(server: motor.embedded.Server, user: str, password: str, rest: str = "/?authSource=admin") -> str:
    """A connection string with credentials in it."""
    return server.uri.replace("://", f"://{quote_plus(user)}:{quote_plus(password)}@") + rest


async def who(client: Any) -> list[tuple[str, str]]:
    """Who the server says that a client is."""
    status = await client.admin.command("connectionStatus")
    return [(user["db"], user["user"]) for user in status["authInfo"]["authenticatedUsers"]]


@every_family
@pytest.mark.parametrize("mechanism", [None, "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_password(family: Any, guarded: motor.embedded.Server, mechanism: str | None) -> None:
    async def main() -> None:
        client = family.client(guarded.uri, username="both", password=SECRET, authMechanism=mechanism or "DEFAULT")
        assert await who(client) == [("admin", "both")]
        await asyncio.gather(*(client.db.c.find_one() for _ in range(20)))
        client.close()

    in_thread(lambda: family.run(main))


async def test_user_of_the_older_mechanism(connect: Connect, guarded: motor.embedded.Server) -> None:
    """SecantusDB begins the newer one with anybody, which MongoDB does not, and which an attack would look like."""
    with pytest.raises(OperationFailure, match="name the mechanism that the user has: authMechanism"):
        await connect(guarded.uri, username="old", password=SECRET).db.c.find_one()
    client = connect(guarded.uri, username="old", password=SECRET, authMechanism="SCRAM-SHA-1")
    assert await who(client) == [("admin", "old")]


@pytest.mark.parametrize(
    ("user", "password"), [("ann", SECRET), (ODD, ODD), *(("prepared", password) for password in ("IXa", *ALIKE))]
)
async def test_special_characters(connect: Connect, guarded: motor.embedded.Server, user: str, password: str) -> None:
    assert await who(connect(guarded.uri, username=user, password=password)) == [("admin", user)]
    assert await who(connect(uri_with(guarded, user, password))) == [("admin", user)]


async def test_keywords_win_over_the_uri(connect: Connect, guarded: motor.embedded.Server) -> None:
    client = connect(uri_with(guarded, "ann", "outdated", "/shop"), password=SECRET, authSource="admin")
    assert await who(client) == [("admin", "ann")]


async def test_auth_source(connect: Connect, guarded: motor.embedded.Server) -> None:
    """That of the option, else the URI's database, else admin."""
    assert await who(connect(uri_with(guarded, "bob", SECRET, "/?authSource=shop"))) == [("shop", "bob")]
    assert await who(connect(uri_with(guarded, "bob", SECRET, "/shop"))) == [("shop", "bob")]
    assert await who(connect(uri_with(guarded, "ann", SECRET, "/shop?authSource=admin"))) == [("admin", "ann")]
    assert await who(connect(uri_with(guarded, "ann", SECRET, "/"))) == [("admin", "ann")]
    assert await who(connect(uri_with(guarded, "bob", SECRET, "/"), authSource="shop")) == [("shop", "bob")]


REFUSED: dict[str, dict[str, Any]] = {
    "wrong-password": {"username": "ann", "password": f"wrong-{SECRET}"},
    "unknown-user": {"username": "eve", "password": SECRET},
    "wrong-source": {"username": "bob", "password": SECRET},
    "wrong-source-too": {"username": "ann", "password": SECRET, "authSource": "shop"},
    "no-such-mechanism-sha-1": {"username": "ann", "password": SECRET, "authMechanism": "SCRAM-SHA-1"},
    "no-such-mechanism-sha-256": {"username": "old", "password": SECRET, "authMechanism": "SCRAM-SHA-256"},
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
async def test_refused(connect: Connect, guarded: motor.embedded.Server, options: Mapping[str, Any]) -> None:
    """With PyMongo's error and its code, where it happened and what to look at."""
    error = await refusal(connect(guarded.uri, **options))
    assert error.code == 18
    assert error.details is not None
    assert error.details["codeName"] == "AuthenticationFailed"
    text = str(error)
    assert text.startswith(f"{guarded.uri.removeprefix('mongodb://')}: {error.details['errmsg']} (")
    assert f"with authSource={options.get('authSource', 'admin')}: check the user name, the password" in text
    assert SECRET not in text
    assert options["username"] not in text
    pymongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(guarded.uri, **options)
    theirs = await refusal(pymongo)
    await pymongo.close()
    assert (type(error), error.code) == (type(theirs), theirs.code)


async def refusal(client: Any) -> OperationFailure:
    """What a read raises."""
    with pytest.raises(OperationFailure) as caught:
        await client.db.c.find_one()
    return caught.value


async def test_refused_again(connect: Connect, guarded: motor.embedded.Server) -> None:
    client = connect(guarded.uri, heartbeatFrequencyMS=50, **REFUSED["wrong-password"])
    for _ in range(3):
        assert (await refusal(client)).code == 18


async def test_nobody(connect: Connect, guarded: motor.embedded.Server) -> None:
    with pytest.raises(OperationFailure) as caught:
        await connect(guarded.uri).db.c.find_one()
    assert caught.value.code == 13


async def test_without_rights(connect: Connect, guarded: motor.embedded.Server) -> None:
    client = connect(uri_with(guarded, "bob", SECRET, "/shop"))
    assert await client.shop.c.find_one() is None
    for refused in (client.other.c.find_one(), client.shop.c.insert_one({}), client.shop.c.drop()):
        with pytest.raises(OperationFailure) as caught:
            await refused
        assert caught.value.code == 13


async def test_password_that_cannot_be(connect: Connect, guarded: motor.embedded.Server) -> None:
    """What SASLprep prohibits is the application's mistake, and not the server's."""
    client = connect(guarded.uri, username="ann", password="bell\x07", authMechanism="SCRAM-SHA-256")
    error = await raised_in(client.db.c.find_one())
    assert type(error) is ValueError
    assert "bell" not in str(error)


def test_one_client_in_several_loops(guarded: motor.embedded.Server) -> None:
    client: AsyncIOMotorClient = AsyncIOMotorClient(guarded.uri, username="ann", password=SECRET)
    for run in (asyncio.run, uvloop.run, asyncio.run):
        assert run(who(client)) == [("admin", "ann")]
    asyncio.run(_close(client))


async def _close(client: AsyncIOMotorClient) -> None:
    await client.close()


@pytest.mark.parametrize("client_type", [AsyncIOMotorClient, MotorClient])
@pytest.mark.parametrize("named", [False, True])
async def test_certificate(
    guarded_with_tls: motor.embedded.Server, certificates: Path, client_type: type[Any], named: bool
) -> None:
    name = {"username": subject(certificates)} if named else {}
    client = client_type(guarded_with_tls.uri, **x509_options(certificates, "ann"), **name)
    assert await who(client) == [("$external", subject(certificates))]
    assert await client.db.c.find_one() is None
    sockets = [socket_of(connection) for connection in connections(pool_of(client))]
    await closed(client)
    # TLS says goodbye, and waits for the server to say it, too.
    await until(lambda: all(socket.fileno() == -1 for socket in sockets))


def x509_options(certificates: Path, name: str | None) -> dict[str, Any]:
    """What a client with one of the certificates needs."""
    key = {} if name is None else {"tlsCertificateKeyFile": str(certificates / f"{name}.pem")}
    return {
        "tls": True,
        "tlsCAFile": str(certificates / "ca.pem"),
        "authMechanism": "MONGODB-X509",
        **key,
    }


@pytest.mark.parametrize(
    ("certificate", "options"),
    [(None, {}), ("stranger", {}), ("ann", {"username": "CN=stranger"})],
    ids=["no-certificate", "stranger", "another-name"],
)
async def test_certificate_refused(
    connect: Connect,
    guarded_with_tls: motor.embedded.Server,
    certificates: Path,
    certificate: str | None,
    options: dict[str, Any],
) -> None:
    client = connect(guarded_with_tls.uri, **x509_options(certificates, certificate), **options)
    with pytest.raises(OperationFailure, match=r"MONGODB-X509 with authSource=\$external: check that") as caught:
        await client.db.c.find_one()
    assert caught.value.code == 18


async def test_certificate_without_tls(connect: Connect, guarded: motor.embedded.Server) -> None:
    with pytest.raises(OperationFailure) as caught:
        await connect(guarded.uri, authMechanism="MONGODB-X509").db.c.find_one()
    assert caught.value.code == 18


@pytest.mark.parametrize(
    "options",
    [
        {"username": "ann"},
        {"username": "ann", "password": SECRET, "authMechanism": "MONGODB-X509"},
        {"username": "ann", "password": SECRET, "authMechanism": "MONGODB-OIDC"},
        {"username": "AKIA", "authMechanism": "MONGODB-AWS"},
        {"password": SECRET, "authMechanism": "PLAIN"},
        {"authMechanism": "GSSAPI"},
        {"authMechanism": "MONGODB-OIDC"},
        {"username": "ann", "password": SECRET, "authMechanism": "MONGODB-CR"},
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    """PyMongo's errors, before anything is connected."""
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        AsyncIOMotorClient("mongodb://127.0.0.1:1", **options)
    with pytest.raises(type(caught.value)) as theirs:
        MongoClient("mongodb://127.0.0.1:1", connect=False, **options)
    assert str(caught.value) == str(theirs.value)
    assert SECRET not in str(caught.value)
