"""Clients made wrongly, clients that are closed, servers that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import Int64
from pymongo.errors import ServerSelectionTimeoutError

from ..harness import Case, Target, got, outcome
from .data import ONE, TEN

NOWHERE = "mongodb://127.0.0.1:1"

BAD_URIS: tuple[Any, ...] = (
    "mongodb://",
    "mongodb:///db",
    "mongodb://a b",
    "mongodb://h:port",
    "mongodb://h:0",
    "mongodb://h:65536",
    "mongodb://h:-1",
    "mongodb://:27017",
    "mongodb://h,/db",
    "mongodb://[::1",
    "mongodb://u:p@@h",
    "mongodb://u/x:p@h",
    "mongodb://u:p%@h",
    "mongodb://@h",
    "mongodb://:p@h",
    "mongodb://h/a b",
    "mongodb://h/a$b",
    "mongodb://h/?",
    "mongodb://h/?x",
    "mongodb://h/?w=1&w=2",
    "mongodb://h/?w=1;readPreference=nearest",
    "mongodb://h/?a=1&b=2;c=3",
    "http://h",
    "mongo://h",
    "h/db",
    "",
    "%2Ftmp%2Fno.sock",
    "mongodb+srv://h.example.com:27017",
    "mongodb+srv://a.example.com,b.example.com",
    "mongodb://h/?readPreference=nonsense",
    "mongodb://h/?readPreference=primary&readPreferenceTags=dc:x",
    "mongodb://h/?maxStalenessSeconds=5&readPreference=nearest",
    "mongodb://h/?maxStalenessSeconds=100",
    "mongodb://h/?w=0&journal=true",
    "mongodb://h/?w=-1",
    "mongodb://h/?tls=true&ssl=false",
    "mongodb://h/?tlsInsecure=true&tlsAllowInvalidCertificates=true",
    "mongodb://h/?tls=false&tlsCAFile=x",
    "mongodb://a,b/?directConnection=true",
    "mongodb://h/?loadBalanced=true&replicaSet=rs",
    "mongodb://h/?loadBalanced=true&directConnection=true",
    "mongodb://h/?srvMaxHosts=1",
    "mongodb://h/?srvServiceName=x",
    "mongodb://h/?authMechanism=nonsense",
    "mongodb://h/?authMechanism=SCRAM-SHA-256",
    "mongodb://u@h/?authMechanism=MONGODB-X509&authSource=x",
    "mongodb://u:p@h/?authMechanismProperties=x",
    "mongodb://h/?compressors=nonsense",
    "mongodb://h/?zlibCompressionLevel=99",
    "mongodb://h/?uuidRepresentation=nonsense",
    "mongodb://h/?nonsense=1",
    "mongodb://h/?maxPoolSize=x",
    "mongodb://h/?retryWrites=maybe",
    "mongodb://h/?connectTimeoutMS=-1",
    "mongodb://h/?heartbeatFrequencyMS=1",
    "mongodb://h/?replicaSet=",
    "mongodb://h/?appname=" + "x" * 200,
    "mongodb://h/?timeoutMS=-1",
    "mongodb://h/?serverMonitoringMode=nonsense",
    5,
    b"mongodb://h",
    [],
    ["mongodb://a", "mongodb://b"],
    [5],
    {"host": "h"},
)

BAD_OPTIONS: tuple[dict[str, Any], ...] = (
    {"nonsense": 1},
    {"max_pool_size": 1},
    {"maxPoolSize": "x"},
    {"maxPoolSize": -1},
    {"maxPoolSize": 1.5},
    {"maxPoolSize": 1, "minPoolSize": 2},
    {"minPoolSize": -1},
    {"maxConnecting": 0},
    {"maxIdleTimeMS": -1},
    {"waitQueueTimeoutMS": -1},
    {"connectTimeoutMS": "x"},
    {"socketTimeoutMS": -1},
    {"serverSelectionTimeoutMS": -1},
    {"serverSelectionTimeoutMS": "x"},
    {"serverSelectionTimeoutMS": None},
    {"heartbeatFrequencyMS": 1},
    {"localThresholdMS": -1},
    {"timeoutMS": -1},
    {"timeoutMS": "x"},
    {"port": "27017"},
    {"port": -1},
    {"port": 70000},
    {"port": 1.5},
    {"document_class": 5},
    {"document_class": int},
    {"tz_aware": "x"},
    {"tz_aware": 5},
    {"tzinfo": 5},
    {"connect": "x"},
    {"type_registry": 5},
    {"uuidRepresentation": "nonsense"},
    {"datetime_conversion": "nonsense"},
    {"unicode_decode_error_handler": "nonsense"},
    {"w": -1},
    {"w": 1.5},
    {"w": []},
    {"w": 0, "journal": True},
    {"journal": "x"},
    {"wTimeoutMS": -1},
    {"wTimeoutMS": "x"},
    {"fsync": True, "j": True},
    {"readConcernLevel": 5},
    {"readPreference": "nonsense"},
    {"readPreference": 5},
    {"readPreference": "primary", "readPreferenceTags": "dc:x"},
    {"readPreference": "secondary", "maxStalenessSeconds": 1},
    {"readPreferenceTags": 5, "readPreference": "nearest"},
    {"replicaSet": 5},
    {"replicaSet": ""},
    {"retryWrites": "x"},
    {"retryReads": 5},
    {"directConnection": "x"},
    {"loadBalanced": True, "replicaSet": "rs"},
    {"appname": 5},
    {"appname": "x" * 200},
    {"event_listeners": 5},
    {"event_listeners": [5]},
    {"event_listeners": object},
    {"server_api": 5},
    {"server_selector": 5},
    {"auto_encryption_opts": 5},
    {"username": 5},
    {"username": "u", "authMechanism": "nonsense"},
    {"password": "p"},
    {"authMechanism": "GSSAPI"},
    {"authMechanism": "PLAIN", "username": "u"},
    {"authSource": 5},
    {"authMechanismProperties": 5},
    {"tls": "x"},
    {"ssl": True, "tls": False},
    {"tlsCAFile": "/no/such/file"},
    {"tlsCertificateKeyFile": "/no/such/file", "tls": True},
    {"tlsAllowInvalidCertificates": True},
    {"compressors": "nonsense"},
    {"compressors": 5},
    {"zlibCompressionLevel": 99},
    {"srvMaxHosts": 1},
    {"srvServiceName": "x"},
    {"serverMonitoringMode": "nonsense"},
)


def made(*hosts: Any, **options: Any) -> Callable[[Target], Any]:
    """A client from these: refused, or with which options."""

    def call(t: Target) -> Any:
        client = t.new_client(*(hosts or (NOWHERE,)), **options)
        pool = client.options.pool_options
        return client, pool.max_pool_size, pool.min_pool_size, client.options.direct_connection

    return call


async def closed(t: Target) -> Any:
    client = t.new_client()
    coll = client[t.db.name].c
    await coll.find_one()
    await got(client.close())
    t.recorder.commands.clear()  # what is sent on closing is another case
    steps: list[Callable[[], Any]] = [
        lambda: coll.find_one(),
        lambda: coll.find(),
        lambda: coll.insert_one({"_id": 9}),
        lambda: coll.insert_many([{"_id": 9}]),
        lambda: coll.update_one({}, {"$set": {"x": 1}}),
        lambda: coll.aggregate([]),
        lambda: coll.count_documents({}),
        lambda: coll.distinct("x"),
        lambda: coll.bulk_write([]),
        lambda: coll.create_index("x"),
        lambda: client.admin.command("ping"),
        lambda: client.list_database_names(),
        lambda: client.server_info(),
        lambda: coll.insert_one(5),
        lambda: coll.with_options().name,
        lambda: client.close(),
    ]
    return [await outcome(step) for step in steps]


async def closed_under_a_cursor(t: Target) -> Any:
    client = t.new_client()
    cursor = client[t.db.name].c.find(batch_size=2)
    await cursor.next()
    await got(client.close())
    rest = [repr(await outcome(cursor.next)), await outcome(cursor.next)]
    # Nobody can kill it any more: the server does, when its session ends.
    killed = await t.client[t.db.name].command("killCursors", "c", cursors=[Int64(cursor.cursor_id or 0)])
    return rest, sorted(killed)


async def closed_before_use(t: Target) -> Any:
    client = t.new_client()
    await got(client.close())
    return await outcome(lambda: client.admin.command("ping"))


async def closing_ends_sessions(t: Target) -> Any:
    client = t.new_client()
    await client[t.db.name].c.find_one()
    await got(client.close())


async def no_server(t: Target) -> Any:
    """What it says is Motor's own; that it names the address and the reason is common."""
    client = t.new_client(NOWHERE, serverSelectionTimeoutMS=100)
    coll = client.db.c
    steps: list[Callable[[], Any]] = [lambda: coll.find(), lambda: coll.insert_one({})]
    errors = [await outcome(step) for step in steps]
    return [
        (
            isinstance(error, ServerSelectionTimeoutError),
            "127.0.0.1:1" in str(error),
            "refused" in str(error) or "Connect call failed" in str(error),
        )
        for error in errors
    ]


async def wrong_replica_set(t: Target) -> Any:
    client = t.new_client(replicaSet="no_such_set", serverSelectionTimeoutMS=150)
    return type(await outcome(lambda: client.admin.command("ping")))


CASES = [
    *[Case(f"URI {uri!r:.90}", made(uri)) for uri in BAD_URIS],
    *[Case(f"options {options!r:.90}", made(**options)) for options in BAD_OPTIONS],
    Case("closed", closed, TEN),
    Case("closed under a cursor", closed_under_a_cursor, TEN),
    Case("closed before use", closed_before_use),
    Case("closing ends sessions", closing_ends_sessions, ONE),
    Case("no server", no_server),
    Case("wrong replica set", wrong_replica_set),
]
