"""A large file, up and down."""

import random
import resource
import time
import zlib
from collections.abc import Mapping
from typing import Any

from .drivers import Opened

BUCKET = "fs"
CHUNK_SIZE = 255 * 1024
CHUNK = random.Random(0).randbytes(CHUNK_SIZE)
"""Of which all files are made."""
PIECE = b"".join([CHUNK] * 4)
"""What the application writes at a time."""


async def transfer(driver: Opened, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write or read a file of `size` bytes: the seconds that it takes, on the clock and of CPU time; with `crc`, the
    checksum of what was read. `memory` is the most that the process has ever had, in bytes.
    """
    assert driver.bucket is not None
    bucket = driver.bucket()
    read = _read_checked if request["crc"] else _read
    wall, cpu = time.perf_counter(), time.process_time()
    result = await (_write if request["gridfs"] == "up" else read)(bucket, request["size"])
    result |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return result | {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


async def _write(bucket: Any, size: int) -> dict[str, Any]:
    grid_in = bucket.open_upload_stream("file")
    for _ in range(size // len(PIECE)):
        await grid_in.write(PIECE)
    await grid_in.write(PIECE[: size % len(PIECE)])
    await grid_in.close()
    return {"length": size}


async def _read(bucket: Any, size: int) -> dict[str, Any]:
    grid_out = await bucket.open_download_stream(size)
    length = 0
    while chunk := await grid_out.readchunk():
        length += len(chunk)
    return {"length": length}


async def _read_checked(bucket: Any, size: int) -> dict[str, Any]:
    grid_out = await bucket.open_download_stream(size)
    length = crc = 0
    while chunk := await grid_out.readchunk():
        length += len(chunk)
        crc = zlib.crc32(chunk, crc)
    return {"length": length, "crc": crc}
