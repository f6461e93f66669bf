"""A copy of a client would be a second, broken one: there is none. Databases and collections may be copied, with their
client.
"""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from tests.support.families import closed, in_every_family


@dataclasses.dataclass
class Settings:
    """As applications have them."""

    database: Any


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "asdict": lambda one: dataclasses.asdict(Settings(one)),
}


@in_every_family
async def test_it_is_refused_and_nothing_happens_to_the_client(collection):
    client = type(collection.database.client)("127.0.0.1", 1)
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copy.copy(client)
    for used in (client, collection.database.client):
        for what in (used, used.db, used.db.c):
            for how in COPIES.values():
                with pytest.raises(TypeError, match=f"{type(used).__name__} cannot be copied or pickled"):
                    how(what)
    await collection.find_one()
    await closed(client)


@in_every_family
async def test_a_shallow_copy_of_what_belongs_to_a_client(collection):
    for what in (collection, collection.database):
        same = copy.copy(what)
        assert same is not what
        assert same == what
    assert copy.copy(collection).database.client is collection.database.client
    await copy.copy(collection).insert_one({"_id": 1})
    assert await copy.copy(collection.database)[collection.name].find_one() == {"_id": 1}
