"""The hello command, and what a server says of itself in reply. That is read with suspicion: everything else is decided
by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from pymongo.client_options import ClientOptions
from pymongo.errors import ProtocolError
from pymongo.hello import Hello

from motor._pymongo import Address, add_server_api
from motor.driver.cmap.errors import ANOTHER_SERVER, format_address

_BACKPRESSURE = "2"
"""Says that the client knows what to do with the errors of an overloaded server. Source: the MongoDB specification
"Client Backpressure".
"""

MOST_MEMBERS = 50
"""How many members a replica set may have, by MongoDB's own limit; a hello names no more as hosts, as passives, or as
arbiters.
"""

_MEMBERS = ("hosts", "passives", "arbiters")

_LISTS = (*_MEMBERS, "compression", "saslSupportedMechs")

_LIMITS = ("maxBsonObjectSize", "maxMessageSizeBytes", "maxWriteBatchSize")

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_LISTS, list),
    **dict.fromkeys(_LIMITS, int),
    "minWireVersion": int,
    "maxWireVersion": int,
    "setName": str,
    "setVersion": int,
    "electionId": ObjectId,
    "primary": str,
    "me": str,
    "msg": str,
    "tags": Mapping,
    "lastWrite": Mapping,
    "logicalSessionTimeoutMinutes": (int, float),
    "topologyVersion": Mapping,
    "speculativeAuthenticate": Mapping,
    "connectionId": (int, float),
    "serviceId": ObjectId,
    "$clusterTime": Mapping,
}

_NESTED: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "lastWrite": ("lastWriteDate", (datetime, type(None))),
    "topologyVersion": ("counter", int),
    "$clusterTime": ("clusterTime", Timestamp),
}

_OPTIONAL = (
    "setName",
    "setVersion",
    "electionId",
    "primary",
    "me",
    "msg",
    "logicalSessionTimeoutMinutes",
    "topologyVersion",
    "lastWriteDate",
)
"""What may as well be null; of the fields of a document also what may not be there."""


def hello_command(options: ClientOptions, hello_ok: bool) -> dict[str, Any]:
    """The hello command, under the name that the server is known to understand."""
    pool_options = options.pool_options
    command: dict[str, Any]
    if hello_ok or pool_options.server_api or options.load_balanced:
        command = {"hello": 1}
    else:
        command = {"ismaster": 1, "helloOk": True}
    command["backpressure"] = _BACKPRESSURE
    add_server_api(command, pool_options.server_api)
    return command


def read_hello(document: dict[str, Any], address: Address, awaitable: bool = False) -> Hello[dict[str, Any]]:
    """The reply to a hello, once everything that is read of it is of the type that it has to be.

    Raises :class:`~pymongo.errors.ProtocolError` for one that makes no sense.
    """
    for name, kind in _TYPES.items():
        if name in document:
            value = document[name]
            if not isinstance(value, kind) and not (value is None and name in _OPTIONAL):
                raise _nonsense(address, name, value)
    for name in _MEMBERS:
        count = len(document.get(name, ()))
        if count > MOST_MEMBERS:
            raise _told(address, f"{count} {name}, where a replica set has {MOST_MEMBERS} members at most")
    for name in _LISTS:
        if not all(isinstance(item, str) for item in document.get(name, ())):
            raise _nonsense(address, name, document[name])
    for name in _LIMITS:
        if document.get(name, 1) <= 0:
            raise _nonsense(address, name, document[name])
    for name, (field, kind) in _NESTED.items():
        if document.get(name) is not None:
            value = document[name].get(field)
            if not isinstance(value, kind) and not (value is None and field in _OPTIONAL):
                raise _nonsense(address, name, document[name])
    return Hello(document, awaitable)


def _nonsense(address: Address, name: str, value: Any) -> ProtocolError:
    shown = repr(value)
    if len(shown) > 100:
        shown = f"{shown[:100]}..."
    return _told(address, f"a {name} of {shown}")


def _told(address: Address, what: str) -> ProtocolError:
    return ProtocolError(f"{format_address(address)} described itself with {what}{ANOTHER_SERVER}")
