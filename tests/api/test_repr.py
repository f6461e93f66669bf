"""What a client says it is: where it connects to and with what, and never a secret."""

from __future__ import annotations

import pytest
from bson import SON
from pymongo.driver_info import DriverInfo
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import ConfigurationError

from motor.motor_asyncio import AsyncIOMotorClient
from motor.motor_tornado import MotorClient

SECRET = "s3cr3t"


@pytest.mark.parametrize("client_type", [AsyncIOMotorClient, MotorClient])
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([f"mongodb://user:{SECRET}@127.0.0.1:1"], {}),
        ([f"mongodb://user:{SECRET}@127.0.0.1:1/shop?authSource=admin"], {}),
        ([f"mongodb://user:{SECRET}%40@127.0.0.1:1/?authMechanism=SCRAM-SHA-256"], {}),
        (["127.0.0.1", 1], {"username": "user", "password": SECRET}),
        (["mongodb://127.0.0.1:1"], {"username": "user", "password": SECRET, "authSource": "admin"}),
        (["mongodb://127.0.0.1:1"], {"USERNAME": "user", "PassWord": SECRET}),
        (
            [
                (
                    "mongodb://127.0.0.1:1/?authMechanism=MONGODB-AWS&authSource=%24external"
                    f"&authMechanismProperties=AWS_SESSION_TOKEN:{SECRET}"
                )
            ],
            {"username": "user", "password": SECRET},
        ),
        (
            ["mongodb://127.0.0.1:1"],
            {
                "username": "user",
                "password": SECRET,
                "authMechanism": "MONGODB-AWS",
                "authMechanismProperties": {"AWS_SESSION_TOKEN": SECRET},
            },
        ),
        ([f"mongodb://u:{SECRET}@127.0.0.1:1,127.0.0.1:2/?replicaSet=rs"], {}),
        ([[f"mongodb://u:{SECRET}@127.0.0.1:1", "127.0.0.1:2"]], {}),
    ],
)
def test_no_secret(client_type, arguments, options):
    client = client_type(*arguments, **options)
    for thing in (client, client.db, client.db.c, client.db.c.find(), client.db.c.aggregate([]), client.options):
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)
        assert SECRET not in f"{thing}"
    assert repr(client).startswith(f"{client_type.__name__}(host=['127.0.0.1:1'")


def test_no_secret_of_encryption():
    pytest.importorskip("pymongocrypt")
    options = AutoEncryptionOpts({"local": {"key": SECRET.encode() * 16}}, "keys.vault")
    assert SECRET not in repr(AsyncIOMotorClient(auto_encryption_opts=options))


@pytest.mark.parametrize(
    "uri",
    [
        f"mongodb://user:{SECRET}@127.0.0.1:port",
        f"mongodb://user:{SECRET}@",
        f"mongodb://user:{SECRET}@127.0.0.1/a b",
        f"mongodb://user:{SECRET}@127.0.0.1/?tls=true&ssl=false",
    ],
)
def test_no_secret_in_an_error(uri):
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        AsyncIOMotorClient(uri)
    assert SECRET not in str(caught.value)


def test_driver_is_not_shown():
    shown = repr(AsyncIOMotorClient("mongodb://127.0.0.1:1", driver=DriverInfo("MyDriver", "1.2", "MyPlatform")))
    assert "MyDriver" not in shown
    assert "driver=" not in shown
    assert "DriverInfo" not in shown


def test_whole():
    client = AsyncIOMotorClient("mongodb://127.0.0.1:1")
    assert repr(client) == (
        "AsyncIOMotorClient(host=['127.0.0.1:1'], document_class=dict, tz_aware=False, connect=False)"
    )
    assert repr(client.db) == f"AsyncIOMotorDatabase({client!r}, 'db')"
    assert repr(client.db.c.sub) == f"AsyncIOMotorCollection({client.db!r}, 'c.sub')"


def test_tornados():
    client = MotorClient("mongodb://127.0.0.1:1")
    assert repr(client.db.c).startswith("MotorCollection(MotorDatabase(MotorClient(host=['127.0.0.1:1']")


def test_options_are_shown():
    client = AsyncIOMotorClient(
        "mongodb://b:2,a:1/?replicaSet=rs&w=majority",
        document_class=SON,
        tz_aware=True,
        serverSelectionTimeoutMS=1500,
        appname="shop",
        maxPoolSize=7,
    )
    shown = repr(client)
    assert "host=['a:1', 'b:2']" in shown
    for option in (
        "document_class=bson.son.SON",
        "tz_aware=True",
        "serverselectiontimeoutms=1500",
        "appname='shop'",
        "maxpoolsize=7",
        "replicaset='rs'",
        "w='majority'",
    ):
        assert option in shown


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("mongodb://[::1]:1", "['::1:1']"),
        ("mongodb://%2Ftmp%2Fmongodb-1.sock", "['/tmp/mongodb-1.sock']"),
        ("mongodb://%2Ftmp%2Fmongodb-1.sock,a:1", "['/tmp/mongodb-1.sock', 'a:1']"),
        ("mongodb://example.com", "['example.com:27017']"),
    ],
)
def test_hosts(uri, host):
    assert f"host={host}" in repr(AsyncIOMotorClient(uri))


def test_options_object():
    options = AsyncIOMotorClient("mongodb://127.0.0.1:1", maxPoolSize=7, retryWrites=False).options
    assert options.pool_options.max_pool_size == 7
    assert options.retry_writes is False
