"""Keys and clients that the tests of encryption share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bson.binary import STANDARD, Binary
from bson.codec_options import CodecOptions
from pymongo.encryption import Algorithm  # type: ignore[attr-defined]  # it is there by a star
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import EncryptionError
from pymongocrypt.errors import MongoCryptError

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientEncryption

LOCAL = {"local": {"key": bytes(range(96))}}
OTHER = {"local": {"key": bytes(reversed(range(96)))}}

CODEC: CodecOptions[Any] = CodecOptions(uuid_representation=STANDARD)

DETERMINISTIC = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Deterministic
RANDOM = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random


@contextmanager
def refused(by: type[Exception] = MongoCryptError) -> Iterator[pytest.ExceptionInfo[EncryptionError]]:
    """The block fails with what libmongocrypt says, or somebody else, in words that are not the driver's."""
    with pytest.raises(EncryptionError) as caught:
        yield caught
    assert isinstance(caught.value.cause, by)


def encryption(client: AsyncIOMotorClient[Any], vault: str, providers: dict[str, Any] = LOCAL, **options: Any) -> Any:
    """Explicit encryption with the key vault `vault`."""
    return AsyncIOMotorClientEncryption(providers, vault, client, CODEC, **options)


def encrypted_client(
    uri: str, vault: str, *, listeners: Any = (), client: Any = None, **options: Any
) -> AsyncIOMotorClient[Any]:
    """A client that encrypts by itself, or only decrypts; `client` holds its other options."""
    settings = {"kms_providers": LOCAL, "key_vault_namespace": vault, **options}
    return AsyncIOMotorClient(
        uri,
        auto_encryption_opts=AutoEncryptionOpts(**settings),
        event_listeners=list(listeners),
        **{"uuidRepresentation": "standard", **(client or {})},
    )


def schema(namespace: str, key: Binary, **algorithms: Algorithm) -> dict[str, Any]:
    """A schema map that has the fields of a collection encrypted, each by its algorithm."""
    properties = {
        name: {"encrypt": {"keyId": [key], "algorithm": algorithm.value}} for name, algorithm in algorithms.items()
    }
    for field in properties.values():
        if field["encrypt"]["algorithm"] == DETERMINISTIC.value:
            field["encrypt"]["bsonType"] = "string"
    return {namespace: {"bsonType": "object", "properties": properties}}
