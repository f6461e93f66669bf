"""Which servers suit an operation, and what to say when none does.

Source: the MongoDB specification "Server Selection". PyMongo's topology description applies the read preference.
"""

from __future__ import annotations

from collections.abc import Collection

from pymongo.server_description import ServerDescription
from pymongo.topology_description import TOPOLOGY_TYPE, TopologyDescription

from motor._pymongo import Address, Selection, writable_server_selector
from motor.driver.cmap.errors import format_address
from motor.driver.operations.operation import Selector
from motor.driver.sdam.settings import TopologySettings


class AddressSelector:
    """Selects one server, whatever it is."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def __call__(self, selection: Selection) -> Selection:
        servers = [server for server in selection.server_descriptions if server.address == self._address]
        return selection.with_server_descriptions(servers)

    def __str__(self) -> str:
        return f"address {self._address}"


def suitable_addresses(
    description: TopologyDescription,
    settings: TopologySettings,
    selector: Selector,
    deprioritized: Collection[Address] = (),
) -> list[Address]:
    """The addresses of the servers that suit, within the latency window; `deprioritized` ones if there are no others.

    Raises :class:`~pymongo.errors.ConfigurationError` for servers too old or too new to talk to.
    """
    description.check_compatible()
    servers = description.server_descriptions()
    selected = description.apply_selector(
        selector,
        custom_selector=settings.options.server_selector,
        deprioritized_servers=[servers[address] for address in deprioritized if address in servers],
    )
    return [server.address for server in selected]


def selection_error(
    description: TopologyDescription, settings: TopologySettings, selector: Selector, reached: Collection[Address]
) -> str:
    """Why there is no suitable server: which were found, and what happened to each of those that were not.

    `reached` are those that have answered before.
    """
    replica_set = description.topology_type in (
        TOPOLOGY_TYPE.ReplicaSetNoPrimary,
        TOPOLOGY_TYPE.ReplicaSetWithPrimary,
    )
    if replica_set:
        servers = "replica set members"
    elif description.topology_type == TOPOLOGY_TYPE.Sharded:
        servers = "mongoses"
    else:
        servers = "servers"
    if description.known_servers:
        if selector is writable_server_selector:
            return "No primary available for writes" if replica_set else f"No {servers} available for writes"
        return f'No {servers} match selector "{selector}"'
    descriptions = description.server_descriptions()
    if not descriptions:
        if replica_set:
            return f'No {servers} available for replica set name "{settings.options.replica_set_name}"'
        return f"No {servers} available"
    if not any(server.error for server in descriptions.values()):
        return f"No {servers} found yet"
    told = ", ".join(_what_happened(server) for server in descriptions.values())
    if replica_set and not set(descriptions) & {*settings.seeds, *reached}:
        return (
            f"Could not reach any servers in {list(descriptions)}. "
            f"Replica set is configured with internal hostnames or IPs? {told}"
        )
    return told


def _what_happened(server: ServerDescription) -> str:
    return f"{format_address(server.address)}: no answer yet" if server.error is None else str(server.error)
