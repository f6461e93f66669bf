"""Entities that encrypt: their options, and the services that they need, which are those of tests/encryption.

mongocryptd and the key management services are played by servers of ours.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme
from bson.codec_options import DEFAULT_CODEC_OPTIONS
from pymongo.encryption_options import AutoEncryptionOpts
from pymongocrypt.binding import libmongocrypt_version

from motor.api.client import AgnosticClient
from motor.motor_asyncio import AsyncIOMotorClientEncryption
from tests.encryption.key_management import KeyManagement, providers
from tests.encryption.query_analysis import Mongocryptd

from .methods import snake_case, snake_case_arguments

_LOCAL_KEY = "Mng0NCt4ZHVUYUJCa1kxNkVyNUR1QURhZ2h2UzR2d2RrZzh0cFBwM3R6NmdWMDFBMUN3YkQ5aXRRMkhGRGdQV09wOGVNYUMxT2k3NjZKelhaQmRCZGJkTXVyZG9uSjFk"  # noqa: E501  # the specification's own
_WAY = "kms_connect_callback"
_SERVICES = ("aws", "azure", "gcp", "kmip")
_HOSTS = (
    *("kms.us-east-1.amazonaws.com", "kms.us-east-2.amazonaws.com"),
    *("key-vault-csfle.vault.azure.net", "drivers-3392-key-vault.vault.azure.net", "login.microsoftonline.com"),
    *("cloudkms.googleapis.com", "oauth2.googleapis.com", "127.0.0.1"),
)


def has_library(requirement: Any) -> bool:
    """Whether the library is the one that a test's ``csfle`` asks for."""
    if not requirement:
        return requirement is None
    minimum = "0" if requirement is True else requirement["minLibmongocryptVersion"]
    return _parse(minimum) <= _parse(libmongocrypt_version())


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.partition("-")[0].partition("+")[0].split("."))


async def auto_encryption(spec: Mapping[str, Any], closing: AsyncExitStack) -> AutoEncryptionOpts:
    """What a client's ``autoEncryptOpts`` say."""
    options = {snake_case(name): value for name, value in spec.items()}
    options.pop("extra_options", None)
    names = {"schema_map", "encrypted_fields_map", "key_vault_namespace", "bypass_auto_encryption"}
    names |= {"bypass_query_analysis", "key_expiration_ms"}
    arguments: dict[str, Any] = {name: value for name, value in options.items() if name in names}
    if "bypass_auto_encryption" not in arguments:
        mongocryptd = await closing.enter_async_context(Mongocryptd())
        arguments |= {"mongocryptd_uri": mongocryptd.uri, "mongocryptd_bypass_spawn": True}
    services = await _services(spec["kmsProviders"], closing)
    if _WAY in services and pymongo.version_tuple < (4, 19):
        pytest.skip(f"the way to a key management service of ours is {_WAY}, which AutoEncryptionOpts has since 4.19")
    return AutoEncryptionOpts(**arguments, **services)


async def client_encryption(
    spec: Mapping[str, Any], client: AgnosticClient[Any], closing: AsyncExitStack
) -> AsyncIOMotorClientEncryption[Any]:
    """What ``clientEncryptionOpts`` say."""
    encryption: AsyncIOMotorClientEncryption[Any] = AsyncIOMotorClientEncryption(
        key_vault_namespace=spec["keyVaultNamespace"],
        key_vault_client=client,
        codec_options=DEFAULT_CODEC_OPTIONS,
        key_expiration_ms=spec.get("keyExpirationMS"),
        **await _services(spec["kmsProviders"], closing),
    )
    await closing.enter_async_context(encryption)
    return encryption


async def _services(specs: Mapping[str, Any], closing: AsyncExitStack) -> dict[str, Any]:
    """The options that lead to the key management services which a test names."""
    found = {name: _credentials(name, spec) for name, spec in specs.items()}
    if not any(name.partition(":")[0] in _SERVICES for name in found):
        return {"kms_providers": found}
    ca = _authority()
    folder = closing.enter_context(tempfile.TemporaryDirectory())
    path = Path(folder, "ca.pem")
    ca.cert_pem.write_to_path(str(path))
    service = await closing.enter_async_context(KeyManagement(ca=ca, certificate_for=_HOSTS))

    async def connect(context: Any) -> socket.socket:
        return socket.create_connection(("127.0.0.1", service.port))

    tls = {name: {"tlsCAFile": str(path)} for name in found if name.partition(":")[0] != "local"}
    return {"kms_providers": found, "kms_tls_options": tls, _WAY: connect}


def _credentials(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A provider's credentials, with ours in the places of those that are secret."""
    ours: dict[str, Any] = {"local": {"key": _LOCAL_KEY}, **_of_services(), "kmip": {"endpoint": "127.0.0.1:5698"}}
    kind = name.partition(":")[0]
    return {field: ours[kind].get(field, "x") if _is_secret(value) else value for field, value in spec.items()}


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and "$$placeholder" in value


@cache
def _of_services() -> dict[str, Any]:
    return providers("oauth2.googleapis.com")


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


async def create_data_key(encryption: Any, arguments: dict[str, Any]) -> Any:
    """createDataKey, whose options stand in a document of their own."""
    options = snake_case_arguments(arguments.get("opts", {}))
    return await encryption.create_data_key(arguments["kmsProvider"], **options)


async def rewrap_many_data_key(encryption: Any, arguments: dict[str, Any]) -> Any:
    """rewrapManyDataKey, likewise."""
    options = snake_case_arguments(arguments.get("opts", {}))
    return await encryption.rewrap_many_data_key(arguments["filter"], **options)


async def encrypt(encryption: Any, arguments: dict[str, Any]) -> Any:
    """encrypt, likewise."""
    return await encryption.encrypt(arguments["value"], **snake_case_arguments(arguments["opts"]))


async def get_keys(encryption: Any, arguments: dict[str, Any]) -> Any:
    """getKeys, all of them."""
    return await (await encryption.get_keys()).to_list()
