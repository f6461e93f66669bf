"""From a client to a database to a collection, and what each of them is equal to."""

from __future__ import annotations

import copy
import inspect
from typing import Any, TypedDict

import pytest
from bson import SON, CodecOptions
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import ConfigurationError, InvalidName
from pymongo.read_concern import ReadConcern
from tornado.gen import is_coroutine_function

from motor.core import AgnosticClient, AgnosticClientSession, AgnosticCollection, AgnosticDatabase
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorCursor, AsyncIOMotorDatabase
from motor.motor_tornado import MotorClient, MotorCollection, MotorDatabase

FAMILIES = [
    pytest.param(AsyncIOMotorClient, AsyncIOMotorDatabase, AsyncIOMotorCollection, id="asyncio"),
    pytest.param(MotorClient, MotorDatabase, MotorCollection, id="tornado"),
]

# None of these is ever asked for anything.
NOWHERE = "mongodb://127.0.0.1:1"


@pytest.mark.parametrize(("client_type", "database_type", "collection_type"), FAMILIES)
class TestFamily:
    def test_types(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert type(client.db) is type(client["db"]) is type(client.get_database("db")) is database_type
        assert type(client.get_default_database("db")) is database_type
        assert type(client.db.with_options()) is database_type
        assert type(client.db.c) is type(client.db["c"]) is type(client.db.get_collection("c")) is collection_type
        assert type(client.db.c.sub) is type(client.db.c["sub"]) is collection_type
        assert type(client.db.c.with_options()) is collection_type
        assert isinstance(client, AgnosticClient)
        assert isinstance(client.db, AgnosticDatabase)
        assert isinstance(client.db.c, AgnosticCollection)

    def test_names(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert client.db.name == client["db"].name == "db"
        assert client.db.c.name == "c"
        assert client.db.c.full_name == "db.c"
        assert client.db.c.sub.name == client.db["c.sub"].name == "c.sub"
        assert client.db.c.sub.deeper["deepest"].full_name == "db.c.sub.deeper.deepest"
        assert client["with-dash"]["c d"].full_name == "with-dash.c d"
        assert client.db["_private"].name == "_private"
        assert client["_private"].name == "_private"
        assert client.db.c["_private"].name == "c._private"
        assert client.db.client is client
        assert client.db.c.database == client.db
        assert client.db.c.sub.database == client.db

    def test_made_by_hand(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert database_type(client, "db") == client.db
        assert collection_type(client.db, "c") == client.db.c
        assert collection_type(database_type(client, "db"), "c.sub") == client.db.c.sub

    def test_underscore_attributes(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        for owner, thing, path in (
            (client, "_x database", "client['_x']"),
            (client.db, "_x collection", "database['_x']"),
            (client.db.c, "c._x collection", "database['c._x']"),
        ):
            hint = f"{type(owner).__name__} has no attribute '_x'. To access the {thing}, use {path}"
            with pytest.raises(AttributeError) as caught:
                _ = owner._x
            assert str(caught.value).rstrip(".") == hint
            assert not hasattr(owner, "__x__")
            assert getattr(owner, "_x", None) is None

    @pytest.mark.parametrize("name", ["", "a b", "a.b", "a$b", "a/b", "a\0b", 'a"b'])
    def test_bad_database_names(self, client_type, database_type, collection_type, name):
        client = client_type(NOWHERE)
        with pytest.raises(InvalidName):
            client[name]
        with pytest.raises(InvalidName):
            client.get_database(name)

    @pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a.", "a$b", "a\0b"])
    def test_bad_collection_names(self, client_type, database_type, collection_type, name):
        database = client_type(NOWHERE).db
        with pytest.raises(InvalidName):
            database[name]
        with pytest.raises(InvalidName):
            database.get_collection(name)

    @pytest.mark.parametrize("name", [5, None, b"x", ["x"]])
    def test_names_of_the_wrong_type(self, client_type, database_type, collection_type, name):
        client = client_type(NOWHERE)
        with pytest.raises(TypeError):
            client[name]
        with pytest.raises(TypeError):
            client.db[name]

    def test_default_database(self, client_type, database_type, collection_type):
        named = client_type(f"{NOWHERE}/shop?appname=x")
        assert named.get_default_database().name == "shop"
        assert named.get_default_database("other").name == "shop"
        assert named.get_database().name == "shop"
        assert named.get_database("other").name == "other"
        assert type(named.get_default_database()) is database_type
        options = named.get_default_database(write_concern=WriteConcern(w=2), codec_options=CodecOptions(SON))
        assert options.write_concern == WriteConcern(w=2)
        assert options.codec_options.document_class is SON

    def test_no_default_database(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert client.get_default_database("other").name == "other"
        assert client.get_default_database(default="other").name == "other"
        with pytest.raises(ConfigurationError, match="No default database name defined or provided"):
            client.get_default_database()
        with pytest.raises(ConfigurationError, match="No default database"):
            client.get_database()

    def test_a_default_database_that_needs_unquoting(self, client_type, database_type, collection_type):
        assert client_type(f"{NOWHERE}/sh%C3%B6p").get_default_database().name == "shöp"

    def test_a_default_database_of_several_hosts(self, client_type, database_type, collection_type):
        assert client_type("mongodb://a,b:1/shop").get_default_database().name == "shop"

    def test_options_are_inherited(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE, document_class=SON, tz_aware=True, w=2, readPreference="secondary")
        for owner in (client, client.db, client.db.c, client.db.c.sub, client.db.with_options().c):
            assert owner.codec_options.document_class is SON
            assert owner.codec_options.tz_aware is True
            assert owner.write_concern == WriteConcern(w=2)
            assert owner.read_preference == ReadPreference.SECONDARY
            assert owner.read_concern == ReadConcern()

    def test_options_of_their_own(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        options: dict[str, Any] = {
            "codec_options": CodecOptions(SON),
            "read_preference": ReadPreference.NEAREST,
            "write_concern": WriteConcern(w=3),
            "read_concern": ReadConcern("majority"),
        }
        for owner in (
            client.get_database("db", **options),
            client.get_database("db", *options.values()),
            client.get_default_database("db", **options),
            client.db.with_options(**options),
            client.db.with_options(*options.values()),
            client.db.with_options(**options).c,
            client.db.with_options(**options).c.sub,
            client.db.with_options(**options).get_collection("c"),
            client.db.get_collection("c", **options),
            client.db.get_collection("c", *options.values()),
            client.db.c.with_options(**options),
            client.db.c.with_options(*options.values()).sub,
            database_type(client, "db", **options),
            collection_type(client.db, "c", **options),
        ):
            assert {name: getattr(owner, name) for name in options} == options

    def test_one_option_changes_no_other(self, client_type, database_type, collection_type):
        collection = client_type(NOWHERE, w=2).db.get_collection("c", codec_options=CodecOptions(SON))
        other = collection.with_options(read_concern=ReadConcern("local"))
        assert other.write_concern == WriteConcern(w=2)
        assert other.codec_options.document_class is SON
        assert other.read_concern == ReadConcern("local")
        assert collection.read_concern == ReadConcern()
        assert other == collection

    @pytest.mark.parametrize("option", ["codec_options", "read_preference", "write_concern", "read_concern"])
    def test_options_of_the_wrong_type(self, client_type, database_type, collection_type, option):
        client = client_type(NOWHERE)
        for method in (client.db.with_options, client.db.c.with_options):
            with pytest.raises(TypeError):
                method(**{option: 5})
        for get in (client.get_database, client.db.get_collection):
            with pytest.raises(TypeError):
                get("x", **{option: 5})

    def test_equality_and_hash(self, client_type, database_type, collection_type):
        client, same, other = client_type(NOWHERE), client_type(NOWHERE), client_type("mongodb://127.0.0.1:2")
        for mine, equal, different in (
            (client, same, other),
            (client.db, same["db"], other.db),
            (client.db, client.db.with_options(write_concern=WriteConcern(w=3)), client.db2),
            (client.db.c, same.db["c"], other.db.c),
            (client.db.c, client.db.c.with_options(codec_options=CodecOptions(SON)), client.db.d),
            (client.db.c.sub, client.db["c.sub"], client.db.c),
        ):
            assert mine == equal
            assert not mine != equal  # noqa: SIM202 - each operator by itself
            assert hash(mine) == hash(equal)
            assert mine != different
            assert not mine == different  # noqa: SIM201 - each operator by itself
            assert len({mine, equal, different}) == 2

    def test_not_equal_to_other_things(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        things = [client, client.db, client.db.c, "db", None, 5]
        for thing in things[:3]:
            assert [thing == other for other in things].count(True) == 1
        with pytest.raises(TypeError):
            _ = client.db < client.db

    def test_truth(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert client
        with pytest.raises(NotImplementedError, match="database is not None"):
            bool(client.db)
        with pytest.raises(NotImplementedError, match="collection is not None"):
            bool(client.db.c)
        assert client.db is not None

    def test_not_iterable(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        for thing in (client, client.db, client.db.c):
            with pytest.raises(TypeError):
                iter(thing)
            with pytest.raises(TypeError):
                next(thing)
            with pytest.raises(TypeError):
                "x" in thing  # noqa: B015
            with pytest.raises(TypeError):
                len(thing)
            with pytest.raises(TypeError):
                list(thing)

    def test_calling_a_collection(self, client_type, database_type, collection_type):
        """A misspelled method is a collection: the error has to say so."""
        client = client_type(NOWHERE)
        with pytest.raises(TypeError, match=r"no_such_method.*no such method exists"):
            client.db.no_such_method()
        with pytest.raises(TypeError, match=r"insert_all.*no such method exists"):
            client.db.c.insert_all([{}])
        with pytest.raises(TypeError, match="not callable"):
            client.no_such_method()

    def test_generics_at_run_time(self, client_type, database_type, collection_type):
        class Movie(TypedDict):
            name: str

        client = client_type[Movie](NOWHERE)
        assert type(client) is client_type
        assert client == client_type(NOWHERE)
        assert client_type[dict[str, Any]](NOWHERE).db.c.full_name == "db.c"
        assert collection_type[dict](client.db, "c") == client.db.c
        assert database_type["Movie"](client, "db") == client.db

        class Mine(client_type[Movie]):  # type: ignore[misc, valid-type]
            pass

        assert type(Mine(NOWHERE).db) is database_type

    def test_copies(self, client_type, database_type, collection_type):
        client = client_type(NOWHERE)
        assert copy.copy(client.db) == client.db
        assert copy.copy(client.db.c) == client.db.c

    def test_introspection_finds_nothing_odd(self, client_type, database_type, collection_type):
        """Mocks, inspectors and template engines look for attributes that a client must not have."""
        client = client_type(NOWHERE)
        for thing in (client, client.db, client.db.c):
            for name in (
                "__wrapped__",
                "__html__",
                "_ipython_display_",
                "_asyncio_future_blocking",
                "__await__",
                "__len__",
            ):
                assert not hasattr(thing, name)
            assert not is_coroutine_function(thing)
            assert "_client" in dir(thing)

    def test_sessions(self, client_type, database_type, collection_type):
        """One is there without I/O, and the parameters are PyMongo's, in its order."""
        client = client_type(NOWHERE)
        session = client.start_session()
        assert type(session).__name__ == client_type.__name__.replace("Client", "ClientSession")
        assert isinstance(session, AgnosticClientSession)
        assert session.client is client
        for owner, theirs, names in (
            (client, AsyncMongoClient, ["start_session"]),
            (
                session,
                AsyncClientSession,
                [
                    "abort_transaction",
                    "advance_cluster_time",
                    "advance_operation_time",
                    "commit_transaction",
                    "end_session",
                    "start_transaction",
                ],
            ),
        ):
            for name in names:
                expected = list(inspect.signature(getattr(theirs, name)).parameters.values())[1:]
                found = list(inspect.signature(getattr(owner, name)).parameters.values())
                assert [(each.name, each.default) for each in found] == [(each.name, each.default) for each in expected]
        # As Motor has always called it.
        assert next(iter(inspect.signature(session.with_transaction).parameters)) == "coro"
        for name in (
            "session_id",
            "cluster_time",
            "operation_time",
            "has_ended",
            "in_transaction",
            "options",
            "client",
        ):
            assert isinstance(getattr(type(session), name), property)

    def test_host_and_port(self, client_type, database_type, collection_type):
        assert (client_type.HOST, client_type.PORT) == ("localhost", 27017)
        assert (client_type(NOWHERE).HOST, client_type(NOWHERE).PORT) == ("localhost", 27017)


def test_generic_annotations():
    for generic in (AsyncIOMotorDatabase, AsyncIOMotorCollection, AsyncIOMotorCursor):
        assert generic[dict[str, Any]] is not None
        assert generic[Any] is not None


def test_the_families_do_not_mix():
    assert AsyncIOMotorClient(NOWHERE) != MotorClient(NOWHERE)
    assert not issubclass(AsyncIOMotorClient, MotorClient)
