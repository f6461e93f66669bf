"""How an event gets to its listeners, and a line into the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from motor._pymongo import LogMessage

_client_log = logging.getLogger("pymongo.client")

Listener = TypeVar("Listener")


def listeners_of(kind: type[Listener], listeners: Sequence[object]) -> list[Listener]:
    """Those of a client's listeners that are of one kind, each once: PyMongo lists one of several kinds for each."""
    distinct = {id(listener): listener for listener in listeners if isinstance(listener, kind)}
    return list(distinct.values())


def publish(call: Callable[[Any], None], event: Any) -> None:
    """Hand an event to a listener. One that raises must not break what it listens to."""
    try:
        call(event)
    except Exception:
        _client_log.exception("An event listener raised")


def log(logger: logging.Logger, message: str, **fields: Any) -> None:
    """A structured line at debug level; its text is JSON, and is made only if a handler wants it."""
    logger.debug(LogMessage(message=message, **fields))
