"""What a client's listeners hear, and whether that is what a test expects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo import monitoring
from pymongo.monitoring import CommandStartedEvent, CommandSucceededEvent

from .errors import UnsupportedError
from .matching import Matcher, MismatchError

_COMMAND = ("commandStartedEvent", "commandSucceededEvent", "commandFailedEvent")
CMAP_EVENTS = (
    "poolCreatedEvent",
    "poolReadyEvent",
    "poolClearedEvent",
    "poolClosedEvent",
    "connectionCreatedEvent",
    "connectionReadyEvent",
    "connectionClosedEvent",
    "connectionCheckOutStartedEvent",
    "connectionCheckOutFailedEvent",
    "connectionCheckedOutEvent",
    "connectionCheckedInEvent",
)
_SDAM = (
    "serverOpeningEvent",
    "serverClosedEvent",
    "serverDescriptionChangedEvent",
    "serverHeartbeatStartedEvent",
    "serverHeartbeatSucceededEvent",
    "serverHeartbeatFailedEvent",
    "topologyOpeningEvent",
    "topologyClosedEvent",
    "topologyDescriptionChangedEvent",
)
_BY_CATEGORY = {"command": _COMMAND, "cmap": CMAP_EVENTS, "sdam": _SDAM}
_PYMONGO_NAMES = {"topologyOpeningEvent": "TopologyOpenedEvent"}
_CLASSES: dict[str, type[Any]] = {
    name: getattr(monitoring, _PYMONGO_NAMES.get(name, name[0].upper() + name[1:]))
    for name in _COMMAND + CMAP_EVENTS + _SDAM
}
_NAMES = {event: name for name, event in _CLASSES.items()}

_SENSITIVE = {
    *("authenticate", "saslstart", "saslcontinue", "getnonce", "createuser", "updateuser"),
    *("copydbgetnonce", "copydbsaslstart", "copydb"),
}
_GREETINGS = {"hello", "ismaster"}

_ATTRIBUTES = {
    "awaited": "awaited",
    "commandName": "command_name",
    "databaseName": "database_name",
    "interruptInUseConnections": "interrupt_connections",
    "reason": "reason",
}


class EventRecorder(
    monitoring.CommandListener,
    monitoring.ConnectionPoolListener,
    monitoring.ServerListener,
    monitoring.ServerHeartbeatListener,
    monitoring.TopologyListener,
):
    """Keeps the events that a client entity is to observe, in order, with the names that the format has for them."""

    def __init__(self, spec: Mapping[str, Any], stored: Iterable[tuple[str, list[Any]]] = ()) -> None:
        self.events: list[tuple[str, Any]] = []
        self._observed = {str(name) for name in spec.get("observeEvents", ())}
        unknown = self._observed - _CLASSES.keys()
        if unknown:
            raise UnsupportedError(f"events {unknown}")
        self._ignored = {"configurefailpoint", *map(str.lower, spec.get("ignoreCommandMonitoringEvents", ()))}
        self._observes_sensitive = bool(spec.get("observeSensitiveCommands"))
        self._stored = list(stored)

    def of_category(self, category: str) -> list[tuple[str, Any]]:
        """The events about commands, connection pools or discovery."""
        return [(name, event) for name, event in self.events if name in _BY_CATEGORY[category]]

    def count(self, expected: Mapping[str, Any], matcher: Matcher) -> int:
        """How many events are as expected."""
        return sum(_is_match(expected, event, matcher) for event in self.events)

    def _record(self, event: Any) -> None:
        name = _NAMES[type(event)]
        if name in self._observed and not (name in _COMMAND and self._leaves_out(event)):
            self.events.append((name, event))
        for stored_name, entity in self._stored:
            if stored_name == name:
                entity.append({"name": name, "observedAt": time.time()})

    def _leaves_out(self, event: Any) -> bool:
        name = event.command_name.lower()
        if name in self._ignored:
            return True
        if self._observes_sensitive:
            return False
        hidden = getattr(event, "command", None) == {} or getattr(event, "reply", None) == {}
        return name in _SENSITIVE or (name in _GREETINGS and hidden)

    started = succeeded = failed = _record
    opened = closed = description_changed = _record
    pool_created = pool_ready = pool_cleared = pool_closed = _record
    connection_created = connection_ready = connection_closed = _record
    connection_check_out_started = connection_check_out_failed = _record
    connection_checked_out = connection_checked_in = _record


def check_events(expected: Mapping[str, Any], recorder: EventRecorder, matcher: Matcher) -> None:
    """Compare what a client's recorder has with one entry of ``expectEvents``."""
    actual = recorder.of_category(expected.get("eventType", "command"))
    events = expected["events"]
    if expected.get("ignoreExtraEvents"):
        actual = actual[: len(events)]
    for one, other in zip(events, actual, strict=False):
        _match(one, other, matcher)
    assert len(actual) == len(events), f"expected {len(events)} events, found {actual}"


def _is_match(expected: Mapping[str, Any], actual: tuple[str, Any], matcher: Matcher) -> bool:
    try:
        _match(expected, actual, matcher)
    except MismatchError:
        return False
    return True


def _match(expected: Mapping[str, Any], actual: tuple[str, Any], matcher: Matcher) -> None:
    ((expected_name, fields),) = expected.items()
    name, event = actual
    if name != expected_name:
        raise MismatchError(f"expected {expected_name}, found {event!r}")
    try:
        for field, value in fields.items():
            _match_field(field, value, event, matcher)
    except MismatchError as error:
        raise MismatchError(f"{event!r}: {error}") from None


def _match_field(field: str, expected: Any, event: Any, matcher: Matcher) -> None:
    if field == "command" and isinstance(event, CommandStartedEvent):
        matcher.match(expected, event.command)
    elif field == "reply" and isinstance(event, CommandSucceededEvent):
        matcher.match(expected, event.reply)
    elif field == "hasServiceId":
        _check_presence(event.service_id, expected, field)
    elif field == "hasServerConnectionId":
        _check_presence(event.server_connection_id, expected, field)
    elif field in ("previousDescription", "newDescription"):
        description = event.previous_description if field == "previousDescription" else event.new_description
        for part, value in expected.items():
            if part != "type":
                raise UnsupportedError(f"{field}.{part}")
            is_topology = hasattr(description, "topology_type_name")
            actual = description.topology_type_name if is_topology else description.server_type_name
            matcher.match(value, actual)
    elif field in _ATTRIBUTES:
        matcher.match(expected, getattr(event, _ATTRIBUTES[field]))
    else:
        raise UnsupportedError(f"the field {field} of {type(event).__name__}")


def _check_presence(value: Any, expected: bool, field: str) -> None:
    if (value is not None) is not expected:
        raise MismatchError(f"expected {field} {expected}, found {value!r}")
