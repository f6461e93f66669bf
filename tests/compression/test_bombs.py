"""Compressed messages that lie: refused before they are expanded, with an error that says so, and the pool lives."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, ProtocolError

from motor.driver.wire.compression import decompress
from motor.motor_asyncio import AsyncIOMotorClient
from tests.compression.proxy import CompressingProxy
from tests.support.envelope import CODECS, NUMBERS, OP_COMPRESSED, PREFIX, envelope, wrap, zstd
from tests.support.inside import at_rest, check_books, pool_of
from tests.support.loops import on_every_loop
from tests.support.messages import HEADER, OP_MSG
from tests.support.waiting import until

MEGABYTE = 1024 * 1024
LIMIT = 48_000_000
ROOT = Path(__file__).parents[2]
COMPRESSORS = ("noop", "snappy", "zlib", "zstd")

Answer = Callable[[bytes, str], bytes]


def _body(reply: bytes) -> bytes:
    return reply[HEADER.size :]


def _packed(content: bytes, compressor: str) -> bytes:
    return CODECS[compressor][0](content)


ANSWERS: dict[str, tuple[Answer, str]] = {
    "claims too much": (
        lambda reply, name: envelope(reply, NUMBERS[name], LIMIT + 1, _packed(_body(reply), name)),
        "claims to hold 48000001 bytes, where no more than 48000000 are allowed",
    ),
    "claims gigabytes": (
        lambda reply, name: envelope(reply, NUMBERS[name], 2**31 - 1, _packed(_body(reply), name)),
        "claims to hold 2147483647 bytes",
    ),
    "claims less than nothing": (
        lambda reply, name: envelope(reply, NUMBERS[name], -1, _packed(_body(reply), name)),
        "claims to hold -1 bytes",
    ),
    "claims less": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)) - 1, _packed(_body(reply), name)),
        "OP_COMPRESSED",
    ),
    "claims nothing": (
        lambda reply, name: envelope(reply, NUMBERS[name], 0, _packed(_body(reply), name)),
        "OP_COMPRESSED",
    ),
    "claims more": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)) + 1, _packed(_body(reply), name)),
        "OP_COMPRESSED",
    ),
    "claims much more": (
        lambda reply, name: envelope(reply, NUMBERS[name], LIMIT, _packed(_body(reply), name)),
        "OP_COMPRESSED",
    ),
    "is another within": (
        lambda reply, name: envelope(
            reply, NUMBERS[name], len(_body(wrap(reply, name))), _packed(_body(wrap(reply, name)), name), OP_COMPRESSED
        ),
        "OP_COMPRESSED within another",
    ),
    "is of an unknown kind": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)), _packed(_body(reply), name), 2004),
        "Got opcode 2004 but expected 2013",
    ),
    "has an unknown compressor": (
        lambda reply, name: envelope(reply, 4, len(_body(reply)), _packed(_body(reply), name)),
        "unknown compressor: 4",
    ),
    "is cut": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)), _packed(_body(reply), name)[:-1]),
        "OP_COMPRESSED",
    ),
    "goes on": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)), _packed(_body(reply), name) + b"more"),
        "OP_COMPRESSED",
    ),
    "is empty": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)), b""),
        "OP_COMPRESSED",
    ),
    "is garbage": (
        lambda reply, name: envelope(reply, NUMBERS[name], len(_body(reply)), b"\xff" * 50),
        "OP_COMPRESSED",
    ),
    "is too short": (
        lambda reply, name: HEADER.pack(HEADER.size + 8, *HEADER.unpack_from(reply)[1:3], OP_COMPRESSED) + bytes(8),
        "OP_COMPRESSED of 8 bytes is too short",
    ),
}


@pytest.mark.parametrize("compressor", COMPRESSORS)
@on_every_loop
async def test_refused(target, compressor):
    """Each kind of lie: its connection is closed, the next command gets another and its own answer."""
    async with CompressingProxy(target) as proxy:
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", retryReads=False) as client:
            for case, (answer, said) in ANSWERS.items():
                assert (await client.admin.command("ping"))["ok"] == 1
                opened = proxy.opened

                def spoiled(reply: bytes, answer: Answer = answer) -> bytes:
                    return answer(reply, compressor)

                proxy.answers["buildinfo"] = spoiled
                with pytest.raises((ProtocolError, AutoReconnect), match=said):
                    await client.server_info()
                await until(lambda: at_rest(pool_of(client)), "the pool is at rest")
                del proxy.answers["buildinfo"]
                assert (await client.server_info())["ok"] == 1, case
                assert proxy.opened > opened, case
                check_books(pool_of(client))
        await proxy.all_closed()


@pytest.mark.parametrize("compressor", ["snappy", "zlib", "zstd"])
def test_no_more_memory_than_claimed(compressor):
    """A hundred megabytes in a small message that claims one: not even for a moment are they there."""
    right = PREFIX.pack(OP_MSG, 1000, NUMBERS[compressor]) + CODECS[compressor][0](bytes(1000))
    bomb = PREFIX.pack(OP_MSG, MEGABYTE, NUMBERS[compressor]) + CODECS[compressor][0](bytes(100 * MEGABYTE))
    program = """
        import resource, sys
        from pymongo.errors import ProtocolError
        from motor.driver.wire.compression import decompress

        def most_memory():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        right, bomb = sys.stdin.buffer.read(int(sys.argv[1])), sys.stdin.buffer.read()
        decompress(right, 48_000_000)
        before = most_memory()
        try:
            decompress(bomb, 48_000_000)
        except ProtocolError as error:
            print(most_memory() - before, error)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(program), str(len(right))]
    ended = subprocess.run(arguments, input=right + bomb, stdout=subprocess.PIPE, check=True, cwd=ROOT, timeout=60)
    kilobytes, _, said = ended.stdout.decode().partition(" ")
    assert said.startswith("OP_COMPRESSED claims to hold 1048576 bytes, ")
    assert int(kilobytes) < 10_000


@pytest.mark.parametrize("compressor", ["snappy", "zlib", "zstd"])
async def test_the_pool_lives_after_a_bomb(target, compressor):
    async with CompressingProxy(target) as proxy:
        bomb = CODECS[compressor][0](bytes(100 * MEGABYTE))
        proxy.answers["buildinfo"] = lambda reply: envelope(reply, NUMBERS[compressor], LIMIT, bomb)
        async with AsyncIOMotorClient(proxy.uri, compressors="zlib", retryReads=False) as client:
            for _ in range(2):
                with pytest.raises(ProtocolError, match=r"OP_COMPRESSED (claims|holds)"):
                    await client.server_info()
                assert (await client.admin.command("ping"))["ok"] == 1
        await proxy.all_closed()


def test_a_stream_of_zlib_is_stopped():
    press = zlib.compressobj()
    bomb = b"".join(press.compress(bytes(MEGABYTE)) for _ in range(256)) + press.flush()
    body = PREFIX.pack(OP_MSG, LIMIT, NUMBERS["zlib"]) + bomb
    with pytest.raises(ProtocolError, match="claims to hold 48000000 bytes, but holds 48000001 or more"):
        decompress(body, LIMIT)


@pytest.mark.parametrize("compressor", COMPRESSORS)
def test_what_is_right(compressor):
    for content in (b"x", bytes(range(256)), bytes(MEGABYTE)):
        body = PREFIX.pack(OP_MSG, len(content), NUMBERS[compressor]) + CODECS[compressor][0](content)
        for given in (body, memoryview(bytearray(body))):
            assert decompress(given, LIMIT) == (OP_MSG, content)
            assert decompress(given, len(content)) == (OP_MSG, content)
            with pytest.raises(ProtocolError, match="where no more than"):
                decompress(given, len(content) - 1)


def test_a_frame_of_zstd_need_not_say_its_size():
    press = zstd.ZstdCompressor()
    stream = press.compress(b"x" * 1000) + press.flush()
    assert decompress(struct.pack("<iiB", OP_MSG, 1000, 3) + stream, LIMIT) == (OP_MSG, b"x" * 1000)
    for size in (999, 1001):
        with pytest.raises(ProtocolError, match="OP_COMPRESSED"):
            decompress(struct.pack("<iiB", OP_MSG, size, 3) + stream, LIMIT)
