"""Which expressions are taken to be Motor collections, and which are not because they may be something else."""

from __future__ import annotations

import pytest

from motor.migrate import check_source

PREAMBLE = """
from typing import Annotated, Optional, cast
import motor.motor_asyncio as m
from motor.motor_asyncio import AsyncIOMotorClient as C, AsyncIOMotorDatabase as D
client = C()
"""

KNOWN = {
    "item and attribute": "client['a'].b['c'].d.insert({})",
    "options": "client.get_default_database().with_options().get_collection('x').with_options().insert({})",
    "backwards": "client.a.b.database.client.c.d.insert({})",
    "walrus": "(users := client.a.b)\nusers.insert({})",
    "conditional": "users = client.a.b if client else None\nusers.insert({})",
    "or": "users = None or client.a.b\nusers.insert({})",
    "or, of which one is unknown": "def f(users):\n    (users or client.a.b).insert({})",
    "conditional, of which one is unknown": "def f(a):\n    (a.b if a else client.a.b).insert({})",
    "and": "users = client and client.a.b\nusers.insert({})",
    "parameter without a value": "def f(users=None):\n    if users is None:\n        users = client.a.b\n"
    "    users.insert({})",
    "given or made": "class A:\n    def __init__(self, db=None):\n        self.db = db or client.a\n"
    "    def f(self):\n        self.db.x.insert({})",
    "given and made later": "class A:\n    def __init__(self, users):\n        self.users = users\n"
    "    def f(self):\n        self.users = client.a.b\n        self.users.insert({})",
    "cast": "cast(D, open('x')).x.insert({})",
    "cast by name": "import typing as t\nt.cast('m.AsyncIOMotorCollection | None', open('x')).insert({})",
    "pairs": "users, orders = client.a.b, client.a.c\norders.insert({})",
    "optional": "def f(db: Optional[D] = None):\n    db.x.insert({})",
    "union": "def f(db: 'D | None'):\n    db.x.insert({})",
    "annotated": "def f(db: Annotated[m.AsyncIOMotorDatabase[dict], 1]):\n    db.x.insert({})",
    "declared": "db: D\ndb.x.insert({})",
    "with": "async def f():\n    async with C() as c:\n        c.a.b.insert({})",
    "awaited": "async def f():\n    users = await client.a.create_collection('x')\n    users.insert({})",
    "of a cursor": "client.a.b.find().limit(1).collection.insert({})",
    "of a session": "async def f():\n    (await client.start_session()).client.a.b.insert({})",
    "factory": "async def users():\n    return client.a.b\nasync def f():\n    (await users()).insert({})",
    "closure": "def f():\n    users = client.a.b\n    def g():\n        users.insert({})",
    "nonlocal": "def f():\n    users = None\n    def g():\n        nonlocal users\n        users = client.a.b\n"
    "    users.insert({})",
    "inherited": "class A:\n    def __init__(self):\n        self.x = client.a.b\n"
    "class B(A):\n    def f(self):\n        self.x.insert({})",
    "instance": "class A:\n    def __init__(self, db: D):\n        self.db = db\nA(client.a).db.x.insert({})",
    "attribute of anything": "app.state.db = client.a\ndef f():\n    app.state.db.x.insert({})",
    "attribute that others reach": "app.state.x = client.a.b\ndef f(request):\n    request.app.state.x.insert({})",
    "attribute of an imported application": "from .application import app\napp.x = client.a.b\napp.x.insert({})",
    "item": "app['x'] = client.a.b\ndef f(request):\n    request.app['x'].insert({})",
    "item with a key by name": "app[keys.x] = client.a.b\ndef f(request):\n    request.app[x].insert({})",
    "item of a display": "settings = {'x': client.a.b}\ndef f(self):\n    self.settings['x'].insert({})",
    "item in a dict that is passed": "web.Application(**{'x': client.a.b})\ndef f(self):\n"
    "    self.settings.get('x').insert({})",
    "set later": "def f():\n    users.insert({})\nusers = client.a.b",
    "in a comprehension": "[client.a.b.insert({'n': n}) for n in range(3)]",
    "in a lambda": "f = lambda n: client.a.b.insert(n)",
    "in a decorator": "@client.a.b.insert({})\ndef f():\n    pass",
    "in a default": "def f(x=client.a.b.insert({})):\n    pass",
    "yielded": "def f():\n    users = yield client.a.create_collection('x')\n    users.insert({})",
}

UNKNOWN = {
    "two meanings": "users = client.a.b\nusers = []\nusers.insert(0, 1)",
    "parameter": "users = client.a.b\ndef f(users):\n    users.insert(0, 1)",
    "loop": "for users in client.a.b, []:\n    users.insert(0, 1)",
    "comprehension": "users = client.a.b\n[users.insert(0, 1) for users in []]",
    "not awaited": "client.a.create_collection('x').insert({})",
    "class attribute from outside": "class A:\n    x = client.a.b\ndef f():\n    x.insert({})",
    "own class": "class C:\n    pass\nC().a.b.insert({})",
    "result": "async def f():\n    (await client.a.b.find_one()).insert(0, 1)",
    "recursion": "def f():\n    return f()\nf().insert(0, 1)",
    "itself": "x = x\nx.insert(0, 1)",
    "star": "users = client.a.b\ndef f(*users):\n    users.insert(0, 1)",
    "no annotation at all": "def f(users: 'not python'):\n    users.insert(0, 1)",
    "a list of them": "def f(users: list[m.AsyncIOMotorCollection]):\n    users.insert(0, 1)",
    "or a list": "users = client.a.b if client else []\nusers.insert(0, 1)",
    "and something else": "users = client and []\nusers.insert(0, 1)",
    "or another": "users = client.a.b if client else C()\nusers.remove(1)",
    "cast to something else": "cast(list, client.a.b).insert(0, 1)",
    "given only": "class A:\n    def __init__(self, users):\n        self.users = users\n"
    "    def f(self):\n        self.users.insert(0, 1)",
    "another item": "app['x'] = client.a.b\napp['y'].insert(0, 1)",
    "an item that changes": "app['x'] = client.a.b\napp['x'] = []\napp['x'].insert(0, 1)",
    "an argument of another class": "class A(B):\n    def __init__(self):\n        super().__init__(x=client.a.b)\n"
    "settings['x'].insert(0, 1)",
    "an item of something else": "things['x'] = client.a.b\nthings['x'].insert(0, 1)",
    "added to": "users = client.a.b\nusers += 1\nusers.insert(0, 1)",
}


@pytest.mark.parametrize("source", KNOWN.values(), ids=KNOWN)
def test_known(source):
    assert [finding.code for finding in check_source(PREAMBLE + source)] == ["M101"]


@pytest.mark.parametrize("source", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown(source):
    assert check_source(PREAMBLE + source) == []
