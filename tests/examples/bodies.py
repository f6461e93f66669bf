"""Requests with a body that is larger than a server should take."""

import asyncio

from tests.examples.programs import PATIENCE


async def answer(port: int, request: str, body: bytes = b"") -> bytes:
    """All that the server on that port answers to a request with these lines, and this beginning of a body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = request.strip().splitlines()
    head = "\r\n".join([f"{lines[0]} HTTP/1.1", "Host: localhost", *map(str.strip, lines[1:])])
    writer.write(f"{head}\r\n\r\n".encode() + body)
    try:
        # Not all of the body has come: a server that waits for it, or takes it, answers nothing.
        return await asyncio.wait_for(reader.readline(), PATIENCE)
    finally:
        writer.close()


def chunked(size: int) -> bytes:
    """A body of so many bytes whose length is not announced, and which doesn't end there."""
    return f"{size:x}\r\n".encode() + size * b"x" + b"\r\n"
