"""The ids of documents to be inserted: one without gets an ObjectId, made here at a third of what ``ObjectId()`` costs.

Source: the MongoDB specification "ObjectID": seconds since the epoch, a random number of the process, a counter.
"""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from motor._pymongo import validate_is_document_type

_COUNTER_MASK = 0xFFFFFF
_SECONDS_MASK = 0xFFFFFFFF

_process = 0
_counter = itertools.count()


def _start() -> None:
    """A process starts with numbers of its own: also one that was forked."""
    global _process, _counter
    _process = secrets.randbits(40) << 24
    _counter = itertools.count(secrets.randbits(24))


_start()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start)


def new_object_id() -> ObjectId:
    """An ObjectId that no other process and no other call makes."""
    value = (int(time.time()) & _SECONDS_MASK) << 64 | _process | next(_counter) & _COUNTER_MASK
    return ObjectId(value.to_bytes(12, "big"))


def is_raw(document: Any) -> bool:
    """Whether `document` is BSON already. Raises TypeError if it is no document at all."""
    # Nearly all are plain dicts, and to ask an abstract class takes longer than to look at the type.
    if type(document) is dict:
        return False
    validate_is_document_type("document", document)
    return isinstance(document, RawBSONDocument)


def ensure_id(document: Any) -> None:
    """Give `document` an ``_id`` if it has none. Raises TypeError if it is no document at all."""
    if not is_raw(document) and "_id" not in document:
        document["_id"] = new_object_id()


def id_first(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """`document` with its ``_id`` in front, where the server wants it."""
    if is_raw(document) or next(iter(document)) == "_id":
        return document
    return {"_id": document["_id"], **document}
