"""The same client, Motor's and PyMongo's own, says the same to the same server: command for command, and in events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import bson
import pymongo
import pytest
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener

from motor.motor_asyncio import AsyncIOMotorClient
from tests.auth.scenarios import Scenario, every_scenario

pytestmark = pytest.mark.usefixtures("kerberos")

_MADE_UP = ("lsid", "$clusterTime", "client")
_OF_AUTHENTICATION = ("authenticate", "hello", "ismaster", "saslContinue", "saslStart")
_OPTIONS = {"maxPoolSize": 1, "retryReads": False, "serverSelectionTimeoutMS": 5000}


class Events(CommandListener):
    """What a listener learns."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def started(self, event: Any) -> None:
        if event.command_name in _OF_AUTHENTICATION:
            self.seen.append(("started", event.command_name, event.database_name, dict(event.command)))

    def succeeded(self, event: Any) -> None:
        if event.command_name in _OF_AUTHENTICATION:
            self.seen.append(("succeeded", event.command_name, event.database_name, dict(event.reply)))

    def failed(self, event: Any) -> None:
        self.seen.append(("failed", event.command_name, event.database_name, event.failure["code"]))


def without_chance(command: dict[str, Any]) -> dict[str, Any]:
    """`command`, without what is made up each time."""
    shown = {name: value for name, value in command.items() if name not in _MADE_UP}
    if pymongo.version_tuple < (4, 17) or ("saslSupportedMechs" in shown and "client" not in command):
        # Motor says it in every greeting, PyMongo not in this one, and before 4.17 in none.
        shown.pop("backpressure", None)
    if "speculativeAuthenticate" in shown:
        shown["speculativeAuthenticate"] = without_chance(shown["speculativeAuthenticate"])
    if isinstance(shown.get("payload"), bytes):
        shown["payload"] = _payload_without_chance(shown["payload"])
    return shown


def _payload_without_chance(payload: bytes) -> Any:
    try:
        document = bson.decode(payload)
    except BSONError:
        return re.sub(rb"\b([rp])=[^,]+", rb"\1=*", payload)
    return {name: value for name, value in document.items() if name not in ("r", "a", "d")}


async def run(make: Callable[..., Any], scenario: Scenario, wrong: bool) -> tuple[Any, ...]:
    """What the server heard, what listeners did, and how two reads ended; in between the server asks who it is."""
    events = Events()
    async with scenario.server() as server:
        options = {**scenario.options(), **(scenario.wrong if wrong else {}), **_OPTIONS}
        client = make(server.uri, event_listeners=[events], **options)
        outcomes = [await outcome(client)]
        if not wrong:
            server.forget()
            outcomes.append(await outcome(client))
        await client.close()
        heard = [[without_chance(one) for one in said if "endSessions" not in one] for said in server.working]
        return heard, events.seen, outcomes


async def outcome(client: Any) -> Any:
    """What a read returns or raises."""
    try:
        return await client.db.c.find_one({"_id": 1})
    except PyMongoError as error:
        return type(error), getattr(error, "code", None), (getattr(error, "details", None) or {}).get("errmsg")


@every_scenario
async def test_let_in(scenario: Scenario) -> None:
    theirs = await run(AsyncMongoClient, scenario, wrong=False)
    ours = await run(AsyncIOMotorClient, scenario, wrong=False)
    for of_motor, of_pymongo in zip(ours, theirs, strict=True):
        assert of_motor == of_pymongo
    assert ours[2] == [{"_id": 1}, {"_id": 1}]


@every_scenario
async def test_refused(scenario: Scenario) -> None:
    theirs = await run(AsyncMongoClient, scenario, wrong=True)
    ours = await run(AsyncIOMotorClient, scenario, wrong=True)
    for of_motor, of_pymongo in zip(ours, theirs, strict=True):
        assert of_motor == of_pymongo
    assert ours[2] == [(OperationFailure, 18, "Authentication failed.")]
