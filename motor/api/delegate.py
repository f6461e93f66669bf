"""The synchronous client that does what a Motor client would: for libraries that take nothing else."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.driver_info import DriverInfo

from motor._pymongo import with_key_vault_client
from motor.driver.confidential import confidential


class Delegate:
    """PyMongo's :class:`~pymongo.MongoClient` with the options of a Motor client, made when it is first asked for."""

    def __init__(
        self,
        host: str | Sequence[str] | None,
        port: int | None,
        keywords: Mapping[str, Any],
        libraries: list[DriverInfo],
    ) -> None:
        """`libraries` are those that the Motor client names in its handshake."""
        self._arguments = (host, port)
        self._keywords = keywords
        self._libraries = libraries
        self._client: MongoClient[Any] | None = None
        self._finalizer: weakref.finalize[..., Delegate] | None = None
        self._closing: threading.Thread | None = None
        self._closed = False

    @confidential
    def client(self) -> MongoClient[Any]:
        """The synchronous client; after :meth:`close` one that has been closed."""
        if self._client is None:
            keywords = {**self._keywords, "connect": False}
            encryption = keywords.get("auto_encryption_opts")
            if encryption is not None:
                keywords["auto_encryption_opts"] = with_key_vault_client(encryption, _synchronous)
            client: MongoClient[Any] = MongoClient(*self._arguments, **keywords)
            for library in self._libraries:
                client.append_metadata(library)
            if self._closed:
                # It has not connected: this is done at once.
                client.close()
            self._client = client
            self._finalizer = weakref.finalize(self, _close_in_thread, client)
            self._finalizer.atexit = False
        return self._client

    def close(self) -> threading.Thread | None:
        """Close it in a thread, because that blocks: the thread, or ``None`` if there is nothing to close."""
        self._closed = True
        if self._finalizer is not None and self._finalizer.alive:
            self._closing = self._finalizer()
        return self._closing


def _synchronous(key_vault_client: Any) -> MongoClient[Any]:
    return key_vault_client if isinstance(key_vault_client, MongoClient) else key_vault_client.delegate


def _close_in_thread(client: MongoClient[Any]) -> threading.Thread:
    thread = threading.Thread(target=client.close, name="motor delegate closer")
    thread.start()
    return thread
