"""The rules: a code, what it stands for, and the long form that ``--explain`` prints."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """What a finding's code stands for.

    .. versionadded:: 4.0
    """

    code: str
    """Stable: it keeps its meaning in later versions."""
    title: str
    """The rule in one line."""
    explanation: str
    """What differs, why, and what to do."""


_ALL = (
    Rule(
        "M001",
        "a file that cannot be read",
        "The file is no Python that this interpreter understands, or its encoding is not what it declares, or "
        "it may not be opened. What it would do on Motor 4 is not known. Python 2 sources have to be "
        "converted first; Motor 4 needs Python 3.10.",
    ),
    Rule(
        "M101",
        "a collection's method that is gone",
        "Motor 2 and Motor 3 removed methods of collections that PyMongo had deprecated. To call one raises "
        "TypeError: what the attribute gives is a sub-collection of that name. Each finding names the "
        'replacement. Where the finding says "perhaps", the object is not known to be a Motor collection; the '
        "name of the method says so, or the names before it do, as in `await db.things.insert(...)`.",
    ),
    Rule(
        "M102",
        "a database's method that is gone",
        "Motor 2 and Motor 3 removed methods of databases that PyMongo had deprecated. To call one raises "
        "TypeError: what the attribute gives is a collection of that name. Most were helpers for one command, "
        "which `await database.command(...)` still runs where the server has it.",
    ),
    Rule(
        "M103",
        "a client's method or property that is gone",
        "To call a method that is gone raises TypeError. A property that is gone raises nothing: what the "
        "attribute gives is a database of that name. The options are in `client.options`, the limits of the "
        "server in the reply to `await client.admin.command('hello')`.",
    ),
    Rule(
        "M104",
        "a cursor's method or property that is gone",
        "Motor 2 removed `count` and `snapshot` from cursors, Motor 1 `conn_id`. To use one raises AttributeError.",
    ),
    Rule(
        "M105",
        "a callback given to an operation",
        "Up to Motor 1 an operation took `callback=`, to be called with the result and the error. Since Motor "
        "2 it returns a Future: await it, or give the callback to the Future's `add_done_callback`, which "
        "calls it with the Future. A cursor's `each` takes a callback as ever.",
    ),
    Rule(
        "M106",
        "a class that is gone",
        "MotorGridFS and AsyncIOMotorGridFS were removed in Motor 2, in favour of the GridFSBucket classes; "
        "MotorReplicaSetClient in Motor 1, in favour of MotorClient with `replicaSet`; "
        "MotorBulkOperationBuilder in Motor 2, in favour of `bulk_write`. To import one raises ImportError.",
    ),
    Rule(
        "M107",
        "an argument that is gone",
        "Arguments of `find`, `find_one` and of GridFS buckets were renamed in Motor 1 or removed in Motor 3. "
        "To pass one raises TypeError. `useCursor` of `aggregate` is sent to the server instead, which refuses it: "
        "OperationFailure.",
    ),
    Rule(
        "M108",
        "a client's option that is gone",
        "The options for TLS and write concerns have the names of MongoDB's URI options since Motor 3; the "
        "older ones raise ConfigurationError. Only what is passed as a keyword is found, not what stands in a "
        "URI.",
    ),
    Rule(
        "M109",
        "the truth value of a database or a collection",
        "Since Motor 3 it raises NotImplementedError to ask whether a database or a collection is true. "
        "Compare with None.",
    ),
    Rule(
        "M110",
        "min or max without a hint",
        "Since Motor 3 a query with `min` or `max` needs a `hint`, the index that they are bounds of; without one "
        "it raises InvalidOperation. It is found where nothing in the function around, or else in the module, "
        "gives a hint.",
    ),
    Rule(
        "M201",
        "create_task on what is no coroutine",
        "An operation starts when it is called, and returns a Future (or a cursor, a session or a change "
        "stream that may be awaited), which create_task refuses with TypeError. PyMongo Async returns "
        "coroutines, and so did Motor 3 from `cursor.close()`, `change_stream.close()`, `cursor_command()` "
        "and `get_keys()`. What create_task is for has been done already: keep the Future, or pass it through "
        "asyncio.ensure_future, which takes either. Where a task is needed, a TaskGroup's for instance, wrap "
        "the operation in a coroutine function of your own.",
    ),
    Rule(
        "M202",
        "run_coroutine_threadsafe or asyncio.run on what is no coroutine",
        "Both take a coroutine, and refuse the Future that an operation returns. Worse, the operation has "
        "been started in the calling thread by then. Wrap it in a coroutine function of your own, and pass "
        "what that returns.",
    ),
    Rule(
        "M203",
        "asking whether an operation is a coroutine",
        "iscoroutine is false for the Future that an operation returns, and iscoroutinefunction for the "
        "method; for PyMongo Async both are true. Motor 3 marked its methods so that "
        "asyncio.iscoroutinefunction was true. inspect.isawaitable is true for everything that may be "
        "awaited.",
    ),
    Rule(
        "M301",
        "delegate is another client",
        "Up to Motor 3 every object wrapped a synchronous one of PyMongo's, its `delegate`, which did the "
        "work. Motor 4 speaks to the server itself. Clients, databases and collections still have a "
        "`delegate`: an object of a synchronous MongoClient with the same options, made when it is first "
        "asked for. It has connections, monitors and threads of its own, knows nothing of the Motor client's "
        "sessions, and what it does blocks.",
    ),
    Rule(
        "M302",
        "a blocking call on a delegate in a coroutine",
        "What a delegate does blocks the event loop, and with it everything else, until the server has "
        "answered. Use the Motor object itself; where a library takes nothing but the synchronous one, call "
        "it in a thread (`await asyncio.to_thread(...)`).",
    ),
    Rule(
        "M303",
        "MOTOR_MAX_WORKERS has no effect",
        "Up to Motor 3 operations ran in a pool of threads, whose size this environment variable set and "
        "which limited how many could run at once. Motor 4 has no such pool. The limit is the client's "
        "`maxPoolSize`, 100 connections a server unless it is set.",
    ),
    Rule(
        "M304",
        "a delegate that is gone",
        "Cursors, sessions, change streams, GridFS files and buckets wrap nothing of PyMongo's any more and "
        "have no `delegate`. Use the object's own methods; or begin with the delegate of the client, database "
        "or collection and stay with synchronous objects, in a thread.",
    ),
    Rule(
        "M305",
        "a property that no longer waits",
        "Up to Motor 3 `client.address`, `client.is_primary` and `client.is_mongos` blocked the event loop "
        "until a server was found. In Motor 4 they say what is known at the moment, which before the first "
        "operation is nothing: an empty address, and false. Awaited, they wait.",
    ),
    Rule(
        "M306",
        "io_loop counts only while no loop runs",
        "Up to Motor 3 the Futures of a client belonged to its `io_loop`. In Motor 4 an operation belongs to "
        "the loop that runs when it is called; `io_loop` is for calls made while none runs yet, which start "
        "when that loop does. Leave it out, unless operations are called before the loop runs. A client may "
        "be made before any loop runs, and used by one loop after another; in two that are both alive it "
        "raises RuntimeError.",
    ),
    Rule(
        "M401",
        "an internal module or name that is gone",
        "Up to Motor 3 the classes were generated from declarations (AsyncRead, AsyncCommand, DelegateMethod "
        "and so on), once for each framework. They are ordinary classes now, and the generators, the thread "
        "pool and the helpers around them do not exist. `motor.core` has the Agnostic classes; "
        "`motor.frameworks.asyncio` and `motor.frameworks.tornado` have the functions for loops and Futures "
        "that libraries used.",
    ),
    Rule(
        "M501",
        "PyMongo's AsyncMongoClient",
        "The module uses PyMongo Async. On Motor, AsyncIOMotorClient takes its place, with the same "
        "arguments. Nearly all of the code stays: what PyMongo Async wants awaited may be awaited here. What "
        "differs: an operation starts when it is called, not when it is awaited, and is a Future, not a "
        "coroutine (M201, M202, M203).",
    ),
    Rule(
        "M502",
        "another class of PyMongo Async",
        "Motor has classes of its own for databases, collections, cursors, sessions, change streams, GridFS "
        "and encryption. Annotations and isinstance checks have to name those.",
    ),
    Rule(
        "M503",
        "AsyncGridFS has no counterpart",
        "Motor has the GridFSBucket API only: `put` is `upload_from_stream`, `get` is `open_download_stream`, "
        "`get_last_version` is `open_download_stream_by_name`, `list` is a `distinct` of the files' names, "
        "`exists` is a `find` with a limit of 1.",
    ),
    Rule(
        "M504",
        "get_keys must be awaited",
        "PyMongo Async's `get_keys` is a plain method that returns a cursor. Motor's returns a Future of a "
        "cursor, as it did in Motor 3.",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _ALL}
"""Every rule, by its code.

.. versionadded:: 4.0
"""
