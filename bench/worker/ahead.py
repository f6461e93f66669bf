"""Reading many batches from a server that is far away, with and without other work to be done for each."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from .documents import MANY
from .drivers import Opened


async def read_batches(driver: Opened, request: Mapping[str, Any]) -> dict[str, Any]:
    """The seconds that it takes, and how many documents there were."""
    cursor = await driver.find(driver.collection("batches"))
    if request["ahead"]:
        cursor.read_ahead()
    count, start = 0, time.perf_counter()
    async for _ in cursor:
        count += 1
        if count % MANY == 0 and request["work"]:
            # What an application waits for that passes the documents on.
            await asyncio.sleep(request["work"])
    return {"wall": time.perf_counter() - start, "count": count}
