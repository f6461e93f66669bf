"""From PyMongo's AutoEncryptionOpts to what encrypts a client's commands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bson.binary import STANDARD
from bson.codec_options import CodecOptions
from pymongo.errors import ConfigurationError
from pymongo.mongo_client import MongoClient

from motor._pymongo import auto_encryption_settings, encode_document
from motor.api.client_settings import ClientSettings, parse_settings
from motor.api.deployment_view import DeploymentView
from motor.driver.execution.deployment import Deployment

if TYPE_CHECKING:
    from motor.api.client import AgnosticClient
    from motor.driver.encryption.auto import AutoEncrypter
    from motor.driver.encryption.key_vault import KeyVault
    from motor.driver.encryption.kms import Kms

_MONGOCRYPTD_TIMEOUT_MS = 10_000

_MAP_CODEC: CodecOptions[Any] = CodecOptions(uuid_representation=STANDARD)


def require_pymongocrypt() -> None:
    """Raises ConfigurationError, which names the extra, if pymongocrypt is not installed."""
    try:
        import pymongocrypt  # noqa: F401  # only to see whether it is there
    except ImportError:
        raise ConfigurationError(
            "client-side field level encryption requires the pymongocrypt library: "
            "install a compatible version with: python -m pip install 'motor[encryption]'"
        ) from None


def auto_encrypter(
    client: AgnosticClient[Any], client_settings: ClientSettings, deployment: Deployment
) -> AutoEncrypter:
    """What encrypts the commands of `client`, as its option `auto_encryption_opts` says."""
    require_pymongocrypt()
    from motor.driver.encryption.auto import AutoEncrypter
    from motor.driver.encryption.library import crypt_options
    from motor.driver.encryption.mongocryptd import Mongocryptd

    settings = auto_encryption_settings(client_settings.options.auto_encryption_opts)
    options = crypt_options(
        settings["kms_providers"],
        settings["key_expiration_ms"],
        schema_map=_encoded(settings["schema_map"]),
        encrypted_fields_map=_encoded(settings["encrypted_fields_map"]),
        bypass_encryption=settings["bypass_auto_encryption"],
        bypass_query_analysis=settings["bypass_query_analysis"],
        crypt_shared_lib_path=settings["crypt_shared_lib_path"],
        crypt_shared_lib_required=settings["crypt_shared_lib_required"],
    )
    kms = kms_for(settings["kms_tls_options"], settings["kms_connect_callback"])
    name = type(client).__name__
    # What a command needs while it holds a connection must not wait for the same pool: that could wait for ever.
    limited = client_settings.options.pool_options.max_pool_size is not None
    internal = _internal(client_settings, name) if limited else None
    metadata = internal or deployment
    vault = settings["key_vault_client"]
    key_vault = key_vault_for(metadata if vault is None else vault, settings["key_vault_namespace"])
    arguments = None
    if not settings["mongocryptd_bypass_spawn"]:
        arguments = [settings["mongocryptd_spawn_path"] or "mongocryptd", *settings["mongocryptd_spawn_args"]]
    mongocryptd = Mongocryptd(_mongocryptd(settings["mongocryptd_uri"], name, client), arguments)
    return AutoEncrypter(options, key_vault, kms, metadata, mongocryptd, internal)


def key_vault_for(client: Any, namespace: str) -> KeyVault:
    """The key vault that is the collection `namespace` of `client`.

    Raises TypeError for a client that is neither Motor's nor a :class:`pymongo.MongoClient`, ValueError for what is no
    namespace.
    """
    from motor.driver.encryption.key_vault import DeployedKeyVault, PyMongoKeyVault

    if not isinstance(namespace, str):
        raise TypeError(f"key_vault_namespace must be an instance of str, not {type(namespace)}")
    if "." not in namespace:
        raise ValueError(f"key_vault_namespace must be 'database.collection', not {namespace!r}")
    if isinstance(client, DeploymentView):
        client = client._deployment
    if isinstance(client, Deployment):
        return DeployedKeyVault(client, namespace)
    if isinstance(client, MongoClient):
        return PyMongoKeyVault(client, namespace)
    raise TypeError(f"key_vault_client must be a client of Motor's or a pymongo.MongoClient, not {type(client)}")


def kms_for(tls_options: Any, connect_callback: Any) -> Kms:
    """What sends requests to key management services. The files that `tls_options` name are read now if no loop runs,
    else when they are needed, in a thread.
    """
    from motor.driver.encryption.kms import Kms

    kms = Kms(tls_options, connect_callback)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        kms.read_tls_options()
    return kms


def _internal(settings: ClientSettings, name: str) -> Deployment:
    internal = settings.for_encryption()
    return Deployment(internal.topology, name, internal.completed)


def _mongocryptd(uri: str, name: str, client: AgnosticClient[Any]) -> Deployment:
    keywords = {"connect": False, "serverSelectionTimeoutMS": _MONGOCRYPTD_TIMEOUT_MS}
    settings = parse_settings(uri, None, keywords, client._family.framework.platform_info())
    return Deployment(settings.topology, name, settings.completed)


def _encoded(schemas: Any) -> bytes | None:
    return None if schemas is None else encode_document(schemas, False, _MAP_CODEC)
