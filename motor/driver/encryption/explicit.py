"""Explicit encryption: single values are encrypted and decrypted, data keys made and wrapped anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import bson
from bson.binary import Binary
from bson.codec_options import CodecOptions
from pymongocrypt.mongocrypt import MongoCrypt, MongoCryptContext
from pymongocrypt.options import DataKeyOpts, ExplicitEncryptOpts, MongoCryptOptions

from motor.driver.encryption.commands import RAW
from motor.driver.encryption.errors import encryption_errors
from motor.driver.encryption.key_vault import KeyVault
from motor.driver.encryption.kms import Kms
from motor.driver.encryption.library import Library
from motor.driver.encryption.state_machine import StateMachine


class ExplicitEncrypter:
    """Encrypts and decrypts values with the data keys of one key vault."""

    def __init__(
        self, options: MongoCryptOptions, key_vault: KeyVault, kms: Kms, codec_options: CodecOptions[Any]
    ) -> None:
        """Raises :class:`pymongocrypt.errors.MongoCryptError` for what libmongocrypt does not like."""
        self._library = Library(options)
        # Without crypt_shared this loads nothing, and what is wrong with the options is said at once.
        self._library.load()
        self._key_vault = key_vault
        self._machine = StateMachine(key_vault, kms)
        self._codec_options = codec_options

    async def create_data_key(
        self,
        kms_provider: str,
        master_key: Mapping[str, Any] | None,
        key_alt_names: Sequence[str] | None,
        key_material: bytes | None,
    ) -> Binary:
        """Make a data key and keep it in the key vault; its ``_id``."""
        names = [bson.encode({"keyAltName": name}) for name in key_alt_names or ()]
        material = None if key_material is None else bson.encode({"keyMaterial": key_material})
        options = DataKeyOpts(master_key, names, material)
        with encryption_errors():
            key = await self._run(lambda handle: handle.data_key_context(kms_provider, options))
            assert key is not None
            return await self._key_vault.insert(key)

    async def encrypt(
        self,
        value: Any,
        algorithm: str,
        key_id: Binary | None,
        key_alt_name: str | None,
        query_type: str | None,
        contention_factor: int | None,
        range_options: Mapping[str, Any] | None,
        string_options: Mapping[str, Any] | None,
        is_expression: bool,
    ) -> Any:
        """`value` encrypted; an expression with its values encrypted if it `is_expression`."""
        document = bson.encode({"v": value}, codec_options=self._codec_options)
        more = [] if string_options is None else [self._encoded(string_options)]
        name = None if key_alt_name is None else bson.encode({"keyAltName": key_alt_name})
        with encryption_errors():
            options = ExplicitEncryptOpts(
                algorithm,
                key_id,
                name,
                query_type,
                contention_factor,
                self._encoded(range_options),
                is_expression,
                *more,
            )
            encrypted = await self._run(
                lambda handle: handle.explicit_encryption_context(document, options), len(document)
            )
            assert encrypted is not None
            return bson.decode(encrypted)["v"]

    async def decrypt(self, value: Binary) -> Any:
        """The value that `value` is the encryption of."""
        document = bson.encode({"v": value})
        with encryption_errors():
            decrypted = await self._run(lambda handle: handle.explicit_decryption_context(document), len(document))
            assert decrypted is not None
            return bson.decode(decrypted, codec_options=self._codec_options)["v"]

    async def rewrap(
        self, filter: Mapping[str, Any], provider: str | None, master_key: Mapping[str, Any] | None
    ) -> list[Mapping[str, Any]]:
        """The data keys that match `filter`, wrapped anew: with the provider's master key, or else each with its
        own.
        """
        with encryption_errors():
            rewrapped = await self._run(
                lambda handle: handle.rewrap_many_data_key_context(filter, provider, master_key)
            )
        return [] if rewrapped is None else list(bson.decode(rewrapped, RAW)["v"])

    def close(self) -> None:
        """Forget the keys."""
        self._library.close()

    def _encoded(self, options: Mapping[str, Any] | None) -> bytes | None:
        return None if options is None else bson.encode(options, codec_options=self._codec_options)

    async def _run(self, make_context: Callable[[MongoCrypt], MongoCryptContext], size: int = 0) -> bytes | None:
        handle = await self._library.handle()
        return await self._machine.run(lambda: make_context(handle), size)
