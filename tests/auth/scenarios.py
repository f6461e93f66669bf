"""A server and a client that fits it, for every mechanism."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pymongo.auth_oidc import OIDCCallback, OIDCCallbackContext, OIDCCallbackResult

from tests.auth.mechanisms import X509, Aws, Gssapi, Oidc, Plain, StubbedKerberos
from tests.auth.scram import Scram
from tests.auth.server import GuardedServer

SECRET = "S3cret,=/%Word"
TOKEN = "eyJ-the-token-that-nobody-may-see"
ODD = "us er:@/?#[]%,=+é"
SUBJECT = "CN=ann,OU=test"


class Tokens(OIDCCallback):
    """A callback that hands out tokens one after the other, the last one again and again."""

    def __init__(self, *tokens: str, refresh: str | None = None) -> None:
        self.asked: list[OIDCCallbackContext] = []
        self._tokens = list(tokens)
        self._refresh = refresh

    def fetch(self, context: OIDCCallbackContext) -> OIDCCallbackResult:
        """The next one."""
        self.asked.append(context)
        token = self._tokens.pop(0) if len(self._tokens) > 1 else self._tokens[0]
        return OIDCCallbackResult(access_token=token, refresh_token=self._refresh)


@dataclass(frozen=True)
class Scenario:
    """How to make the server, and the options of a client that it lets in."""

    name: str
    server: Callable[[], GuardedServer]
    options: Callable[[], dict[str, Any]]
    secret: str = SECRET
    wrong: dict[str, Any] = field(default_factory=dict)
    """What changes the options so that the client is refused."""

    def __str__(self) -> str:
        return self.name


def scram_server(*digests: str, known: bool = True, speculates: bool = True, **options: Any) -> GuardedServer:
    """A server that knows admin's user ann by the mechanisms of these digests."""
    names = {"sha1": "SCRAM-SHA-1", "sha256": "SCRAM-SHA-256"}
    users = {"admin.ann": SECRET}
    server = GuardedServer(
        {names[digest]: Scram(digest, users, **options) for digest in digests}, speculates=speculates
    )
    if known:
        server.known = {"admin.ann": [names[digest] for digest in digests]}
    return server


def _ann(**options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"username": "ann", "password": SECRET, **options}


def _oidc(properties: Callable[[], dict[str, Any]], **options: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {"authMechanism": "MONGODB-OIDC", "authMechanismProperties": properties(), **options}


WRONG_PASSWORD = {"password": f"wrong-{SECRET}"}

SCENARIOS = [
    Scenario("default", lambda: scram_server("sha1", "sha256"), _ann(), wrong=WRONG_PASSWORD),
    Scenario("default-sha1", lambda: scram_server("sha1"), _ann(), wrong=WRONG_PASSWORD),
    Scenario("default-unknown", lambda: scram_server("sha1", known=False), _ann(), wrong=WRONG_PASSWORD),
    Scenario("default-slow", lambda: scram_server("sha256", speculates=False), _ann(), wrong=WRONG_PASSWORD),
    Scenario(
        "scram-sha-256", lambda: scram_server("sha256"), _ann(authMechanism="SCRAM-SHA-256"), wrong=WRONG_PASSWORD
    ),
    Scenario(
        "odd-name",
        lambda: GuardedServer({"SCRAM-SHA-256": Scram("sha256", {f"shop.{ODD}": ODD})}),
        lambda: {"username": ODD, "password": ODD, "authMechanism": "SCRAM-SHA-256", "authSource": "shop"},
        secret=ODD,
        wrong=WRONG_PASSWORD,
    ),
    Scenario("scram-sha-1", lambda: scram_server("sha1"), _ann(authMechanism="SCRAM-SHA-1"), wrong=WRONG_PASSWORD),
    Scenario(
        "plain",
        lambda: GuardedServer({"PLAIN": Plain("ann", SECRET)}),
        _ann(authMechanism="PLAIN"),
        wrong=WRONG_PASSWORD,
    ),
    Scenario(
        "plain-source",
        lambda: GuardedServer({"PLAIN": Plain("ann", SECRET, "ldap")}),
        _ann(authMechanism="PLAIN", authSource="ldap"),
        wrong={"authSource": "admin"},
    ),
    Scenario(
        "x509",
        lambda: GuardedServer({"MONGODB-X509": X509(SUBJECT)}),
        lambda: {"authMechanism": "MONGODB-X509"},
        wrong={"username": "CN=somebody else"},
    ),
    Scenario(
        "x509-user-slow",
        lambda: GuardedServer({"MONGODB-X509": X509(SUBJECT)}, speculates=False),
        lambda: {"authMechanism": "MONGODB-X509", "username": SUBJECT},
        wrong={"username": "CN=somebody else"},
    ),
    Scenario(
        "aws",
        lambda: GuardedServer({"MONGODB-AWS": Aws("AKIAEXAMPLE", SECRET)}),
        lambda: {"authMechanism": "MONGODB-AWS", "username": "AKIAEXAMPLE", "password": SECRET},
        wrong=WRONG_PASSWORD,
    ),
    Scenario(
        "aws-session",
        lambda: GuardedServer({"MONGODB-AWS": Aws("AKIAEXAMPLE", SECRET, TOKEN)}),
        lambda: {
            "authMechanism": "MONGODB-AWS",
            "username": "AKIAEXAMPLE",
            "password": SECRET,
            "authMechanismProperties": {"AWS_SESSION_TOKEN": TOKEN},
        },
        wrong={"authMechanismProperties": {"AWS_SESSION_TOKEN": f"wrong-{TOKEN}"}},
    ),
    Scenario(
        "gssapi",
        lambda: GuardedServer({"GSSAPI": Gssapi("ann@REALM.TEST")}),
        lambda: {"authMechanism": "GSSAPI", "username": "ann@REALM.TEST"},
        wrong={"username": "bob@REALM.TEST"},
    ),
    Scenario(
        "gssapi-password",
        lambda: GuardedServer({"GSSAPI": Gssapi("ann@REALM.TEST")}),
        lambda: {
            "authMechanism": "GSSAPI",
            "username": "ann@REALM.TEST",
            "password": SECRET,
            "authMechanismProperties": "SERVICE_NAME:other,SERVICE_HOST:host.test,SERVICE_REALM:REALM.TEST",
        },
        wrong={"username": "bob@REALM.TEST"},
    ),
    Scenario(
        "oidc-machine",
        lambda: GuardedServer({"MONGODB-OIDC": Oidc(TOKEN)}),
        _oidc(lambda: {"OIDC_CALLBACK": Tokens(TOKEN)}),
        secret=TOKEN,
        wrong={"authMechanismProperties": {"OIDC_CALLBACK": Tokens(f"wrong-{TOKEN}")}},
    ),
    Scenario(
        "oidc-human",
        lambda: GuardedServer({"MONGODB-OIDC": Oidc(TOKEN, principal="ann@test")}),
        _oidc(lambda: {"OIDC_HUMAN_CALLBACK": Tokens(TOKEN, refresh="refresh")}, username="ann@test"),
        secret=TOKEN,
        wrong={"username": "bob@test"},
    ),
]

every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=str)


@pytest.fixture
def kerberos(monkeypatch: pytest.MonkeyPatch) -> StubbedKerberos:
    """The package kerberos, which PyMongo would have found when it was imported."""
    stub = StubbedKerberos()
    for module in ("pymongo.synchronous.auth", "pymongo.asynchronous.auth"):
        monkeypatch.setattr(f"{module}.kerberos", stub, raising=False)
        monkeypatch.setattr(f"{module}.HAVE_KERBEROS", True)
    return stub
