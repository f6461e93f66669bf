"""What a client says of its servers, before it is connected and after; how it connects and closes."""

from __future__ import annotations

from typing import Any

from ..harness import Case, Target, got, outcome

PROPERTIES = ("address", "primary", "secondaries", "arbiters", "is_primary", "is_mongos")


async def each(client: Any) -> dict[str, Any]:
    return {name: await outcome(lambda name=name: got(getattr(client, name))) for name in PROPERTIES}


async def connected(t: Target) -> Any:
    await t.client.admin.command("ping")
    return await each(t.client), t.client.nodes


async def new(t: Target) -> Any:
    """Some wait for a server; those that don't find none yet."""
    return {
        name: await outcome(lambda name=name: got(getattr(t.new_client(), name)))
        for name in ("address", "is_primary", "is_mongos", "primary", "secondaries", "arbiters")
    }


async def nowhere(t: Target) -> Any:
    shown = await each(t.new_client("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50))
    # What the operating system calls it differs.
    return {name: type(value) if isinstance(value, Exception) else value for name, value in shown.items()}


async def direct(t: Target) -> Any:
    return await each(t.new_client(directConnection=True))


async def closed(t: Target) -> Any:
    client = t.new_client()
    await client.admin.command("ping")
    await client.aclose()
    await got(client.close())
    return await outcome(client.admin.command, "ping")


async def connecting(t: Target) -> Any:
    client = t.new_client()
    results = [await client.aconnect(), await client.aconnect(), await client.admin.command("ping")]
    async with t.new_client() as entered:
        results.append(await entered.aconnect())
    nowhere = t.new_client("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50)
    return results, await nowhere.aconnect()


async def equal(t: Target) -> Any:
    uris = (
        "mongodb://127.0.0.1:1",
        "mongodb://127.0.0.1:1/db",
        "mongodb://b:2,a:1/?replicaSet=rs",
        "mongodb://a:1,b:2/?replicaSet=rs",
        "mongodb://a:1,b:2/?replicaSet=other",
    )
    clients = [t.new_client(uri) for uri in uris]
    return [client.eq_props() for client in clients], [[a == b for a in clients] for b in clients]


async def not_callable(t: Target) -> Any:
    return [await outcome(lambda: t.db.no_such_method()), await outcome(lambda: t.coll.no_such_method(1, x=2))]


CASES = [
    Case("connected", connected),
    Case("new", new),
    Case("nowhere", nowhere),
    Case("direct", direct),
    Case("closed", closed),
    Case("connecting", connecting),
    Case("equal", equal),
    Case("not callable", not_callable),
]
