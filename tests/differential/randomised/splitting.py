"""Where a long write is cut into batches: by number, by size, at the limit and a byte on either side of it."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.database import Database

from tests.differential.harness import COLLECTION
from tests.differential.randomised.client_bulk import NO_PARTIAL_RESULT
from tests.differential.randomised.real import RealScene
from tests.differential.randomised.seen import Seen


class Splitting(RealScene):
    """`insert_many` and both kinds of bulk write, to a server that says it takes little."""

    excuses = NO_PARTIAL_RESULT

    def __init__(self, dice: Random) -> None:
        super().__init__(dice)
        largest = dice.randint(2500, 4000)
        self.limits = {
            "maxMessageSizeBytes": largest,
            "maxWriteBatchSize": dice.choice([5, 50, 1000, 1000, 1000, 1000]),
            "maxBsonObjectSize": 2000,
        }
        self.write = dice.choice([self._insert_many, self._bulk_write, self._client_bulk_write])
        self.acknowledged = dice.random() < 0.7
        self.options = {"w": 1 if self.acknowledged else 0}
        # PyMongo sends the documents before one that is too large, if nobody asks what became of them; else it doesn't.
        self.documents = _documents(dice, largest, 2000 if self.acknowledged else 1700)
        self.arguments: dict[str, Any] = {"ordered": dice.random() < 0.5}
        if not self.acknowledged:
            # The server says nothing: an ordered client bulk write has to hear of errors, and the others show the same.
            self.arguments["ordered"] = False
            # PyMongo leaves it out of unordered ones, where there is room for more then.
            self.cluster_time = False
        elif dice.random() < 0.5:
            self.arguments["comment"] = "c" * dice.randint(1, 50)

    def prepare(self, database: Database[Any]) -> None:
        """Nothing is there but the collection."""
        database.create_collection(COLLECTION)

    async def act(self, db: Any, seen: Seen) -> None:
        """Write, and wait until the server has done it."""
        await seen.attempt(self.write.__name__, lambda: self.write(db))
        await seen.attempt("command", lambda: db.command("ping"))

    async def _insert_many(self, db: Any) -> Any:
        return await db[COLLECTION].insert_many(copy.deepcopy(self.documents), **self.arguments)

    async def _bulk_write(self, db: Any) -> Any:
        return await db[COLLECTION].bulk_write([_request(document) for document in self.documents], **self.arguments)

    async def _client_bulk_write(self, db: Any) -> Any:
        models = [
            InsertOne(dict(document), namespace=f"{db.name}.c{document['_id'] % 3}") for document in self.documents
        ]
        return await db.client.bulk_write(models, **self.arguments)


def _request(document: dict[str, Any]) -> Any:
    """Runs of each kind, long ones of the small documents."""
    kind = document["_id"] // (5 if document["_id"] < 30 else 150) % 3
    if kind == 0:
        return InsertOne(dict(document))
    changed = {"s": document["s"]}
    where = {"_id": document["_id"]}
    return UpdateOne(where, {"$set": changed}, upsert=True) if kind == 1 else ReplaceOne(where, changed, upsert=True)


def _documents(dice: Random, largest: int, most: int) -> list[dict[str, Any]]:
    """Tiny ones, of which another would often just have fit, or just not; or some of all sizes, up to one's limit."""
    if dice.random() < 0.6:
        return [{"_id": number, "s": "x" * dice.randint(0, 9)} for number in range(dice.randint(200, 600))]
    sizes = [
        lambda: dice.randint(0, 300),
        lambda: dice.randint(900, 1100),
        lambda: largest // 3 - dice.randint(40, 70),
        lambda: most - dice.randint(-5, 200),
    ]
    weights = [3, 3, 3, 1]
    return [{"_id": n, "s": "x" * dice.choices(sizes, weights)[0]()} for n in range(dice.randint(1, 30))]
