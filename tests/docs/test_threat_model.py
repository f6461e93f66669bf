"""The numbers on the page about the threat model, and in the guide to the handlers, are those of the code."""

from __future__ import annotations

import pytest

from motor import file_response
from tests.docs.pages import DOCS
from tests.support.inside import module

grid_out, chunk_reader = module("grid_out"), module("chunk_reader")
authentication, expanding, hello = module("authentication"), module("expanding"), module("hello")
topology, cluster_clock = module("topology"), module("cluster_clock")
batch, reader = module("batch"), module("reader")

KB = 1024

NUMBERS = {
    "threat-model.md": [
        f"| A message | {reader.MAX_MESSAGE_SIZE:,} bytes",
        f"whatever a monitor reads | {reader.STRANGERS_MESSAGE_SIZE:,} bytes |",
        f"| {hello.MOST_MEMBERS}, as many as a replica set can have members;",
        f"of all servers together {topology._MOST_SERVERS} at once, and {topology._MOST_SERVERS} new ones in each",
        f"Fields beside the batch of a large cursor reply | {batch.MOST_FIELDS} |",
        f"A cluster time that is passed on | {cluster_clock.LARGEST_CLUSTER_TIME:,} bytes;",
        f"larger than {expanding._LARGE_EXPANDED // KB} KB |",
        f"batch of more than {batch.LARGE_REPLY // KB} KB | decoded {batch.PIECE // KB} KB at a time",
        f"as many as were asked for, {chunk_reader._MAX_BATCH_COUNT:,} at most",
        f"SCRAM iterations is {authentication._MOST_ITERATIONS:,} at",
        f"`write_timeout`, {file_response.WRITE_TIMEOUT:.0f} seconds for each {grid_out._PIECE_SIZE // KB} KB;",
        f"a batch of {('', 'one', 'two', 'three')[chunk_reader._FRUGAL_BATCH_SIZE // (255 * KB)]} chunks of 255 KB",
    ],
    "guides/gridfs.md": [
        f"A client has {file_response.WRITE_TIMEOUT:.0f} seconds for each {grid_out._PIECE_SIZE // KB} KB",
    ],
}


@pytest.mark.parametrize("page", NUMBERS)
def test_numbers(page: str) -> None:
    text = " ".join((DOCS / page).read_text("utf-8").split())
    assert [each for each in NUMBERS[page] if each not in text] == []
