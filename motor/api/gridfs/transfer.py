"""From an application's source to a file, and from a file to an application's destination: whatever these are.

What may block is read and written in a thread. What is asynchronous is awaited.
"""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Awaitable, Callable
from typing import Any

from motor.api.base import AgnosticBase
from motor.driver.threads import APPLICATION

_TRANSFER_SIZE = 1024 * 1024


def transfer_size(chunk_size: int) -> int:
    """How many bytes are read or written at a time: whole chunks, a megabyte of them if they are not larger."""
    return max(1, _TRANSFER_SIZE // chunk_size) * chunk_size


def check_source(source: Any) -> None:
    """Raises TypeError for what cannot be written to a file."""
    if not isinstance(source, (bytes, bytearray, memoryview)) and not (
        hasattr(source, "read") or hasattr(source, "__aiter__")
    ):
        raise TypeError("can only write strings or file-like objects")


async def copy_from(source: Any, write: Callable[[bytes], Awaitable[None]], size: int) -> None:
    """Give all of `source` to `write`: bytes, what has a ``read()``, which is asked for `size` bytes at a time, or an
    asynchronous iterable of bytes.
    """
    if isinstance(source, bytes):
        await write(source)
    elif isinstance(source, (bytearray, memoryview)):
        # The application may change it afterwards.
        view = memoryview(source).cast("B")
        for position in range(0, len(view), size):
            await write(bytes(view[position : position + size]))
    elif hasattr(source, "read"):
        read = _reader(source)
        while data := _checked(await read(size), "read()"):
            await write(data)
    else:
        async for data in source:
            await write(_checked(data, "the iterable"))


def writer_to(destination: Any) -> Callable[[bytes], Awaitable[None]]:
    """A coroutine function that writes all of what it is given to `destination`, which has a ``write()``."""
    write = destination.write
    if isinstance(destination, asyncio.StreamWriter):

        async def write_and_drain(data: bytes) -> None:
            write(data)
            await destination.drain()

        return write_and_drain
    if _is_direct(destination, write):

        async def write_here(data: bytes) -> None:
            await _awaited(write(data))

        return write_here

    async def write_in_thread(data: bytes) -> None:
        await _awaited(await APPLICATION.finish("writing to the destination", _write_all, write, data))

    return write_in_thread


def _reader(source: Any) -> Callable[[int], Awaitable[Any]]:
    read = source.read
    if _is_direct(source, read):

        async def read_here(size: int) -> Any:
            return await _awaited(read(size))

        return read_here

    async def read_in_thread(size: int) -> Any:
        return await _awaited(await APPLICATION.finish("reading from the source", read, size))

    return read_in_thread


def _is_direct(file: Any, method: Any) -> bool:
    """Whether a method of `file` may be called on the event loop: what it does there cannot block."""
    return isinstance(file, (io.BytesIO, AgnosticBase)) or inspect.iscoroutinefunction(method)


async def _awaited(result: Any) -> Any:
    """A method that was not known to be asynchronous has turned out to be."""
    return await result if inspect.isawaitable(result) else result


def _write_all(write: Callable[[Any], Any], data: bytes) -> Any:
    """An unbuffered file may take a part only, and says so."""
    result = write(data)
    view = memoryview(data)
    while isinstance(result, int) and 0 < result < len(view):
        view = view[result:]
        result = write(view)
    return result


def _checked(data: Any, source: str) -> bytes:
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    if not isinstance(data, bytes):
        raise TypeError(f"{source} should have given bytes, not {type(data)}")
    return data
