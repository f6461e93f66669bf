"""The documents that the server replays and the workers write."""

from datetime import datetime
from typing import Any

from bson import Int64, ObjectId

Document = dict[str, Any]

ID = ObjectId("656f1a2b3c4d5e6f70819200")
MANY = 1000
"""Documents in the batch of the 1000-document cases, and in each insert_many."""
LARGE = 7000
"""Documents of about 1 KB in the 7 MB batch."""
CROWD = 100_000
"""Documents in the large insert_many."""


def small(number: int) -> Document:
    """Ten fields, about 250 bytes: what an application stores about a user."""
    return {"_id": ObjectId(f"656f1a2b3c4d5e6f{0x70819200 + number:x}"), **unsaved(number)}


def unsaved(number: int) -> Document:
    """The same without an _id, for inserts: the driver has to add one."""
    return {
        "name": f"Ada Lovelace {number:06}",
        "email": f"ada{number:06}@example.com",
        "age": 36,
        "score": 0.875,
        "active": True,
        "visits": Int64(4_294_967_296 + number),
        "created": datetime(2024, 5, 17, 12, 30, 45),
        "tags": ["analysis", "engine", "poetry"],
        "address": {"city": "London", "zip": "W1J 8DE"},
    }


def large(number: int) -> Document:
    """About 1 KB: the small document with a list of twelve order lines."""
    lines = [{"sku": f"sku-{number:06}-{line:02}", "quantity": line, "price": 19.5} for line in range(12)]
    return {**small(number), "lines": lines}
