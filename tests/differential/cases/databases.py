"""Databases listed, dropped, got; what the server says of itself."""

from __future__ import annotations

from typing import Any

from bson import SON, CodecOptions
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from ..harness import Case, Target, got, outcome
from .collections import EVERY_OPTION
from .data import THREE


async def listed(t: Target, **options: Any) -> Any:
    """The case's own database among the server's: others come and go."""
    cursor = await got(t.client.list_databases(**options))
    return [each async for each in cursor if each["name"] == t.db.name]


async def listed_by_name(t: Target, **options: Any) -> Any:
    return await listed(t, filter={"name": t.db.name}, **options)


async def names(t: Target, **options: Any) -> Any:
    return t.db.name in await t.client.list_database_names(**options)


async def drop_by_name(t: Target, **options: Any) -> Any:
    result = await t.client.drop_database(t.db.name, **options)
    return result, await names(t)


async def drop_by_handle(t: Target) -> Any:
    return await t.client.drop_database(t.db), await names(t)


async def drop_with_concern(t: Target) -> Any:
    client = t.new_client(w="majority", wTimeoutMS=5000)
    return await client.drop_database(t.db.name), await client.drop_database(client[t.db.name])


async def handles(t: Target) -> Any:
    client = t.client
    return (
        client.get_database("x"),
        client.get_database("x", **EVERY_OPTION),
        client.get_database("x").with_options(**EVERY_OPTION),
        client.get_database("x", **EVERY_OPTION).with_options(read_concern=ReadConcern()),
        client.x,
        client["x"],
        client["x"] == client.x,
        client["$external"].name,
        client.get_default_database("x", **EVERY_OPTION),
        client.get_default_database(default="x"),
    )


async def default_database(t: Target) -> Any:
    client = t.new_client("mongodb://127.0.0.1:1/inuri?readPreference=nearest&w=2")
    return (
        client.get_default_database(),
        client.get_default_database("other"),
        client.get_default_database(write_concern=WriteConcern(w=1)),
        client.get_database(),
        client.get_database("other"),
        client.get_database(codec_options=CodecOptions(document_class=SON)),
    )


async def client_options(t: Target) -> Any:
    client = t.new_client(
        "mongodb://127.0.0.1:1,127.0.0.1:2/db?appname=a&readPreference=secondary"
        "&readPreferenceTags=dc:x&readPreferenceTags=&maxStalenessSeconds=120&w=majority"
        "&wtimeoutMS=5&journal=true&readConcernLevel=majority&uuidRepresentation=standard"
        "&replicaSet=rs&maxPoolSize=7&minPoolSize=1&serverSelectionTimeoutMS=99",
        tz_aware=True,
        document_class=SON,
    )
    pool = client.options.pool_options
    return (
        client,
        client.options.server_selection_timeout,
        client.options.replica_set_name,
        client.options.retry_writes,
        (pool.max_pool_size, pool.min_pool_size, pool.appname),
        client.db.c,
        client.HOST,
        client.PORT,
    )


async def where_it_is(t: Target) -> Any:
    client = t.client
    await client.admin.command("ping")
    properties = ("address", "primary", "secondaries", "arbiters", "is_primary", "is_mongos")
    shown = {name: await got(getattr(client, name)) for name in properties}
    description = client.topology_description
    return shown, client.nodes, description.topology_type_name, description.replica_set_name


async def uri_options_reach_commands(t: Target) -> Any:
    client = t.new_client(w="majority", readConcernLevel="local", readPreference="secondaryPreferred")
    coll = client[t.db.name].c
    return await coll.insert_one({"_id": 9}), await coll.find_one({"_id": 9})


async def server_api(t: Target) -> Any:
    from pymongo.server_api import ServerApi

    db = t.own_db(server_api=ServerApi("1", strict=False, deprecation_errors=True))
    return await db.c.find({}, batch_size=2).to_list(), await db.c.insert_many([{"_id": 9}])


async def direct_connection(t: Target) -> Any:
    db = t.own_db(directConnection=True)
    secondary = db.c.with_options(read_preference=ReadPreference.SECONDARY)
    return (
        await db.c.find_one(),
        await secondary.find_one(),
        await outcome(lambda: secondary.aggregate([{"$limit": 1}])),
        await secondary.count_documents({}),
        await db.command("ping"),
        await db.c.insert_one({"_id": 9}),
    )


async def replica_set_by_name(t: Target) -> Any:
    hello = await t.client.admin.command("hello")
    db = t.own_db(replicaSet=hello["setName"])
    return await db.c.find_one(), await got(db.client.primary), await got(db.client.secondaries)


CASES = [
    Case("list", listed, THREE),
    Case("list, filter", listed_by_name, THREE),
    Case("list, nameOnly", lambda t: listed_by_name(t, nameOnly=True), THREE),
    Case("list, comment", lambda t: listed_by_name(t, comment="why"), THREE),
    Case("list, authorizedDatabases", lambda t: listed_by_name(t, authorizedDatabases=True), THREE),
    Case("list, nothing there", listed_by_name),
    Case("names", names, THREE),
    Case("names, comment", lambda t: names(t, comment="why"), THREE),
    Case("drop by name", drop_by_name, THREE),
    Case("drop by name, comment", lambda t: drop_by_name(t, comment="why"), THREE),
    Case("drop by handle", drop_by_handle, THREE),
    Case("drop, not there", drop_by_name),
    Case("drop, write concern", drop_with_concern, THREE),
    Case("server_info", lambda t: t.client.server_info()),
    Case("handles", handles),
    Case("default database", default_database),
    Case("client options", client_options),
    Case("where it is", where_it_is),
    Case("URI options reach commands", uri_options_reach_commands, THREE),
    Case("server_api", server_api, THREE),
    Case("directConnection", direct_connection, THREE),
    Case("replicaSet", replica_set_by_name, THREE),
]
