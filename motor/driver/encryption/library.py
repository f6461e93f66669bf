"""A handle of libmongocrypt: its options, and its cache of keys and schemas."""

from __future__ import annotations

import threading
from typing import Any

import bson
from pymongocrypt.asynchronous.state_machine import AsyncMongoCryptCallback
from pymongocrypt.mongocrypt import MongoCrypt
from pymongocrypt.options import MongoCryptOptions

from motor.driver.threads import WORK


def crypt_options(kms_providers: Any, key_expiration_ms: int | None, **options: Any) -> MongoCryptOptions:
    """The options of a handle. Raises TypeError or ValueError for what cannot be right."""
    if key_expiration_ms is not None:
        options["key_expiration_ms"] = key_expiration_ms
    return MongoCryptOptions(kms_providers, enable_multiple_collinfo=True, **options)


class Library:
    """Makes the handle when it is first asked for: that may load the library crypt_shared, which is large."""

    def __init__(self, options: MongoCryptOptions) -> None:
        self._options = options
        self._handle: MongoCrypt | None = None
        self._making = threading.Lock()

    async def handle(self) -> MongoCrypt:
        """The handle. Who works with it keeps a reference: without any it is freed.

        Raises :class:`pymongocrypt.errors.MongoCryptError` for options that libmongocrypt does not like, or if it
        cannot have crypt_shared although that is required.
        """
        if self._handle is not None:
            return self._handle
        return await WORK.finish("loading the library for encryption", self.load)

    def load(self) -> MongoCrypt:
        """The handle, made in this thread."""
        with self._making:
            if self._handle is None:
                self._handle = MongoCrypt(self._options, _Encoder())
            return self._handle

    def close(self) -> None:
        """Let go of the handle, and of what it has cached."""
        self._handle = None


class _Encoder(AsyncMongoCryptCallback):  # type: ignore[misc]  # it has no types
    """All that a handle itself needs of a driver. The rest, which its class wants to be there, nobody calls: the state
    machine is our own.
    """

    def bson_encode(self, doc: Any) -> bytes:
        return bson.encode(doc)

    async def kms_request(self, kms_context: Any) -> None:
        raise NotImplementedError

    async def collection_info(self, database: str, filter: bytes) -> Any:
        raise NotImplementedError

    async def mark_command(self, database: str, cmd: bytes) -> Any:
        raise NotImplementedError

    async def fetch_keys(self, filter: bytes) -> Any:
        raise NotImplementedError

    async def insert_data_key(self, data_key: bytes) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError
