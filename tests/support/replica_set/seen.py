"""What a client has found out about its deployment, in a form that tests compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from tests.support.replica_set.member import Member
from tests.support.waiting import until


def preference(mode: str, tag_sets: Sequence[Mapping[str, str]] | None = None, max_staleness: int = -1) -> Any:
    """The read preference of that name."""
    tags: Any = tag_sets
    return make_read_preference(read_pref_mode_from_name(mode), tags, max_staleness)


def kinds(client: Any) -> dict[str, str]:
    """The type of each server that the client knows, by address."""
    servers = client.topology_description.server_descriptions()
    return {f"{host}:{port}": server.server_type_name for (host, port), server in servers.items()}


def members(client: Any, kind: str) -> set[str]:
    """The addresses of the servers of a type."""
    return {address for address, found in kinds(client).items() if found == kind}


async def found(client: Any, primary: Member, *secondaries: Member) -> None:
    """Wait until the client knows that primary and those secondaries."""
    if not members(client, "RSPrimary"):
        await client.db.command("ping")
    await until(
        lambda: (
            members(client, "RSPrimary") == {primary.address}
            and members(client, "RSSecondary") == {secondary.address for secondary in secondaries}
        ),
        f"the discovery of {primary} and {secondaries}",
    )
