"""A server that describes itself in nonsense: each field of its hello with a value of every type, in every mode."""

from __future__ import annotations

import pytest
from bson import encode

from tests.fuzz.client_targets import MODES, fuzz_hello, fuzz_stream
from tests.fuzz.mutation import ONE_OF_EACH
from tests.fuzz.server import TOPOLOGY_VERSION, honest_hello

FIELDS = (
    "ok", "helloOk", "isWritablePrimary", "secondary", "arbiterOnly", "hidden", "msg", "setName", "setVersion",
    "electionId", "hosts", "passives", "arbiters", "primary", "me", "tags", "lastWrite", "minWireVersion",
    "maxWireVersion", "maxBsonObjectSize", "maxMessageSizeBytes", "maxWriteBatchSize", "logicalSessionTimeoutMinutes",
    "connectionId", "topologyVersion", "compression", "saslSupportedMechs", "speculativeAuthenticate", "serviceId",
    "$clusterTime", "operationTime", "errmsg", "code", "errorLabels",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_any_type(field):
    for number, value in enumerate(ONE_OF_EACH):
        told = encode(honest_hello(topologyVersion=TOPOLOGY_VERSION) | {field: value})
        # In another mode for each type, and for each field another one.
        fuzz_hello(bytes([(number + FIELDS.index(field)) % len(MODES)]) + told)


@pytest.mark.parametrize("field", FIELDS)
def test_in_the_stream_of_a_monitor(field):
    told = [encode(honest_hello(topologyVersion=TOPOLOGY_VERSION) | {field: value}) for value in ONE_OF_EACH]
    for start in range(0, len(told), 3):
        fuzz_stream(b"\0" + b"".join(told[start : start + 3]))


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field(field):
    told = {name: value for name, value in honest_hello().items() if name != field}
    for mode in range(0, len(MODES), 2):
        fuzz_hello(bytes([mode]) + encode(told))


@pytest.mark.parametrize("minutes", [0, 1, -1, -(2**31)])
def test_sessions_that_end_at_once(minutes):
    """A session that is given back may be the only one, and too old already."""
    fuzz_hello(b"\0" + encode(honest_hello(logicalSessionTimeoutMinutes=minutes)))


@pytest.mark.parametrize("size", [1, 16, True])
def test_a_server_that_takes_next_to_nothing(size):
    """Closing the client would like to end its sessions, in a message that is too large."""
    fuzz_hello(b"\0" + encode(honest_hello(maxBsonObjectSize=size)))
