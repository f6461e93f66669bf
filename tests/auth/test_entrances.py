"""Whatever takes a secret fails without showing it: every public constructor and method, at every wrong argument."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote_plus

import pytest
from bson.codec_options import CodecOptions
from pymongo.common import VALIDATORS
from pymongo.encryption import Algorithm  # type: ignore[attr-defined]  # it is there by a star
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import PyMongoError

from motor import motor_asyncio, motor_tornado
from motor.core import AgnosticClient, AgnosticClientEncryption, AgnosticDatabase
from motor.driver.operations.operation import Operation, Target
from motor.driver.operations.run_command import RunCommand
from tests.auth.scenarios import SECRET
from tests.auth.shown import check, check_frames
from tests.support.fixtures import ONCE
from tests.support.server import Action, ScriptedServer, close, reply

CARRIERS = {"host", "command", "kms_providers", "kms_tls_options", "master_key", "key_material"}
"""The names of the parameters by which a secret may come."""

PLAINTEXT = {"value", "expression"}
"""Those by which explicit encryption is given one."""

LIKE_A_CARRIER = re.compile("password|passphrase|secret|token|credential|material|master|kms_(providers|tls)")

PUBLIC = {
    "resume_token",  # of a change stream
}
"""What is called like one of them and is none."""

KEY = SECRET.encode() * 10
QUOTED = quote_plus(SECRET)
PROVIDERS = {"local": {"key": KEY[:96]}, "aws": {"accessKeyId": "ann", "secretAccessKey": SECRET}}
MASTER_KEY = {"region": "nowhere", "key": SECRET, "endpoint": "127.0.0.1:1"}
KEY_FILE = {"tls": True, "tlsCertificateKeyFile": "/nowhere.pem", "tlsCertificateKeyFilePassword": SECRET}

REFUSED = {"ok": 0, "code": 13, "errmsg": "no"}

every_answer = pytest.mark.parametrize(
    "answer", [reply(REFUSED), close, reply({"ok": 1, "cursor": 5})], ids=["refused", "lost", "nonsense"]
)

every_family = pytest.mark.parametrize("family", [motor_asyncio, motor_tornado], ids=["asyncio", "tornado"])


def public_methods(family: ModuleType) -> Iterator[tuple[type, str, list[str]]]:
    """Every class of a family, each of its constructor and methods, and their parameters' names."""
    for kind in (getattr(family, name) for name in family.__all__):
        for name in dir(kind):
            method = inspect.getattr_static(kind, name)
            if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
                yield kind, name, list(inspect.signature(method).parameters)[1:]


def entrances(family: ModuleType, base: type) -> list[tuple[type, str, list[str]]]:
    """Those of the subclass of `base` that take a secret."""
    carriers = CARRIERS | PLAINTEXT if base is AgnosticClientEncryption else CARRIERS
    return [each for each in public_methods(family) if issubclass(each[0], base) and carriers & set(each[2])]


def class_of(family: ModuleType, base: type) -> Any:
    """The family's class of that kind."""
    (found,) = {kind for kind, _, _ in public_methods(family) if issubclass(kind, base)}
    return found


def arguments(client: Any) -> dict[str, Any]:
    """Right ones, secrets among them, by the names of parameters."""
    return {
        "host": f"mongodb://ann:{SECRET}@127.0.0.1:1",
        "command": {"createUser": "bob", "pwd": SECRET, "roles": []},
        "kms_providers": PROVIDERS,
        "kms_tls_options": {"aws": {key: KEY_FILE[key] for key in KEY_FILE if key != "tls"}},
        "key_vault_namespace": "keys.vault",
        "key_vault_client": client,
        "codec_options": CodecOptions(),
        "kms_provider": "aws",
        "provider": "aws",
        "master_key": MASTER_KEY,
        "key_material": KEY[:96],
        "value": SECRET,
        "expression": {"$and": [{"word": {"$gt": SECRET}}]},
        "algorithm": Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random,
        "key_alt_name": "one",
        "filter": {},
        "database": client.db,
        "name": "words",
        "encrypted_fields": {"fields": [{"path": "word", "bsonType": "string", "keyId": None}]},
    }


async def failure(call: Callable[..., Any], given: dict[str, Any]) -> Exception | None:
    try:
        result = call(**given)
        if inspect.isawaitable(result):
            await result
    except Exception as error:
        return error
    return None


async def check_call(call: Callable[..., Any], parameters: list[str], right: dict[str, Any]) -> None:
    """Call with right arguments, and with one after the other wrong, beside the secret or around it."""
    given = {name: right[name] for name in parameters if name in right}
    failures = 0
    for name in (None, *parameters):
        if name in ("self", "args", "kwargs"):
            continue
        wrong = {} if name is None else {name: [SECRET, object()] if name in CARRIERS | PLAINTEXT else object()}
        error = await failure(call, {**given, **wrong})
        if error is not None:
            failures += 1
            check_frames(error)
    assert failures >= len(parameters) / 3


@every_family
def test_they_are_all_known(family: ModuleType) -> None:
    found = {name for _, _, names in public_methods(family) for name in names if LIKE_A_CARRIER.search(name)}
    assert found - PUBLIC <= CARRIERS
    taking = {(kind, name) for kind, name, names in public_methods(family) if CARRIERS & set(names)}
    assert taking == {
        (class_of(family, AgnosticClient), "__init__"),
        (class_of(family, AgnosticDatabase), "command"),
        (class_of(family, AgnosticDatabase), "cursor_command"),
        (class_of(family, AgnosticClientEncryption), "__init__"),
        (class_of(family, AgnosticClientEncryption), "create_data_key"),
        (class_of(family, AgnosticClientEncryption), "create_encrypted_collection"),
        (class_of(family, AgnosticClientEncryption), "rewrap_many_data_key"),
    }


@every_family
@every_answer
async def test_commands(family: ModuleType, answer: Action) -> None:
    async with ScriptedServer() as server:
        server.default = answer
        client = class_of(family, AgnosticClient)(server.uri, **ONCE)
        for _, name, parameters in entrances(family, AgnosticDatabase):
            await check_call(getattr(client.db, name), parameters, arguments(client))
        await client.close()


@every_family
@every_answer
async def test_encryption(family: ModuleType, answer: Action) -> None:
    async with ScriptedServer() as server:
        server.default = answer
        client = class_of(family, AgnosticClient)(server.uri, **ONCE)
        encryption = class_of(family, AgnosticClientEncryption)
        right = arguments(client)
        given = {name: right[name] for name in inspect.signature(encryption).parameters if name in right}
        # The certificate for a provider is read when that is first asked, and is not there.
        uncertified, closed = encryption(**given), encryption(**given)
        del given["kms_tls_options"]
        asking = encryption(**given)
        await closed.close()
        for _, name, parameters in entrances(family, AgnosticClientEncryption):
            for each in (asking, uncertified, closed):
                call = encryption if name == "__init__" else getattr(each, name)
                await check_call(call, parameters, right)
        await client.close()


SECRETS_OF_A_CLIENT = [
    {"username": "ann", "password": SECRET},
    {"host": f"mongodb://ann:{SECRET}@127.0.0.1:1/?tls=true"},
    {
        "username": "ann",
        "password": SECRET,
        "authMechanism": "MONGODB-AWS",
        "authMechanismProperties": {"AWS_SESSION_TOKEN": SECRET},
    },
    KEY_FILE,
    {"auto_encryption_opts": AutoEncryptionOpts(PROVIDERS, "keys.vault", mongocryptd_bypass_spawn=True)},
]


@every_family
@pytest.mark.parametrize("secret", SECRETS_OF_A_CLIENT, ids=lambda secret: list(secret)[-1])
async def test_no_wrong_option_shows_a_secret(family: ModuleType, secret: dict[str, Any]) -> None:
    kind = class_of(family, AgnosticClient)
    failures = 0
    for option in (*VALIDATORS, "nosuchoption"):
        error = await failure(kind, {**secret, option: object()})
        if error is not None:
            failures += 1
            check_frames(error)
    assert failures > 40


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://ann:{SECRET}@127.0.0.1:1",  # to be quoted
        f"mongodb://ann:{QUOTED}@127.0.0.1:99999",
        f"mongodb://ann:{QUOTED}@127.0.0.1:1/?nosuch",
        f"mongodb://ann:{QUOTED}@127.0.0.1:1/?authMechanism=MONGODB-X509",
        f"mongodb+srv://ann:{QUOTED}@127.0.0.1",
        f"mongo://ann:{QUOTED}@127.0.0.1:1",
        f"mongodb://127.0.0.1:1/?tls=true&tlsInsecure=true&tlsAllowInvalidCertificates=true&tlsCertificateKeyFilePassword={QUOTED}",
    ],
)
def test_no_wrong_uri_shows_its_password(uri: str) -> None:
    with pytest.raises((PyMongoError, ValueError)) as caught:
        motor_asyncio.AsyncIOMotorClient(uri)
    check_frames(caught.value)


@every_family
async def test_a_certificate_that_is_none(family: ModuleType, tmp_path: Path) -> None:
    """It is read at the first use, which fails."""
    certificate = tmp_path / "broken.pem"
    certificate.write_text("none")
    kind = class_of(family, AgnosticClient)
    client = kind(username="ann", password=SECRET, **{**KEY_FILE, "tlsCertificateKeyFile": str(certificate)})
    for call in (client.aconnect, client.db.words.find_one, client.db.list_collection_names, lambda: client.delegate):
        error = await failure(call, {})
        assert error is not None
        check_frames(error)
    await client.close()


async def test_an_operation_of_a_client_that_encrypts() -> None:
    async with ScriptedServer() as server:
        server.default = reply(REFUSED)
        options = AutoEncryptionOpts(
            {"local": {"key": KEY[:96]}, "aws": {}},
            "keys.vault",
            mongocryptd_bypass_spawn=True,
            mongocryptd_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1",
        )
        client = class_of(motor_asyncio, AgnosticClient)(server.uri, auto_encryption_opts=options, **ONCE)
        for call in (
            lambda: client.db.words.insert_one({"_id": 1}),
            lambda: client.db.words.find_one(),
            lambda: client.db.command({"createUser": "bob", "pwd": SECRET, "roles": []}),
        ):
            error = await failure(call, {})
            assert error is not None
            check_frames(error)
        await client.close()


@every_family
def test_what_was_not_made_can_be_shown(family: ModuleType) -> None:
    for name in family.__all__:
        kind = getattr(family, name)
        assert kind.__name__ in repr(kind.__new__(kind))


def test_no_operation_shows_what_it_carries() -> None:
    pending: list[type] = [Operation]
    seen = 0
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        assert inspect.getattr_static(kind, "__repr__") is vars(Operation)["__repr__"]
        seen += 1
    assert seen > 20


@pytest.mark.parametrize(
    "command",
    [{"createUser": "bob", "pwd": SECRET}, {"ping": 1, "x": SECRET}],
)
def test_a_command_is_shown_by_its_place(command: dict[str, Any]) -> None:
    shown = repr(RunCommand(Target("shop"), command, 1, {"pwd": SECRET}, comment=SECRET))
    check(shown)
    assert "shop" in shown
