"""The operations of a test on its entities: each is one of our methods.

Most have the method's name in camelCase and its arguments; those that differ have a function here.
"""

from __future__ import annotations

import inspect
import io
from binascii import unhexlify
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import pymongo
from pymongo.driver_info import DriverInfo
from pymongo.operations import SearchIndexModel

from motor.api.session import AgnosticClientSession
from motor.core import (
    AgnosticChangeStream,
    AgnosticClient,
    AgnosticClientEncryption,
    AgnosticCollection,
    AgnosticCommandCursor,
    AgnosticCursor,
    AgnosticDatabase,
)
from motor.motor_gridfs import AgnosticGridFSBucket
from tests.support.inside import as_operation

from . import encryption
from .entities import Entities
from .errors import UnsupportedError
from .methods import method_arguments, method_of, snake_case, snake_case_arguments, write_model

Arguments = dict[str, Any]
Operation = Callable[[Any, Arguments], Awaitable[Any]]

_NO_METHOD = {
    "count": "count() has been superseded by count_documents()",
    "listIndexNames": "there is list_indexes()",
    "listCollectionObjects": "collections are listed as documents",
    "listDatabaseObjects": "databases are listed as documents",
    "mapReduce": "map_reduce() has been superseded by aggregate()",
}


class OpenFindCursor:
    """A find's cursor that has been opened on the server, and whose first document has not been taken yet."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._ahead: list[Any] = []

    async def open(self) -> OpenFindCursor:
        """Send the find."""
        with suppress(StopAsyncIteration):
            self._ahead.append(await self._cursor.next())
        return self

    @property
    def alive(self) -> bool:
        """Whether there may be another document."""
        return bool(self._ahead) or self._cursor.alive

    async def next(self) -> Any:
        """The next document; raises StopAsyncIteration when there is none."""
        return self._ahead.pop() if self._ahead else await self._cursor.next()

    async def try_next(self) -> Any:
        """The next document, or None."""
        try:
            return await self.next()
        except StopAsyncIteration:
            return None

    async def close(self) -> None:
        """Kill it on the server."""
        await self._cursor.close()


async def run(target: Any, name: str, arguments: Mapping[str, Any], entities: Entities) -> Any:
    """Run one operation and return its result."""
    if name in _NO_METHOD:
        raise UnsupportedError(f"{name}: {_NO_METHOD[name]}")
    if "timeoutMode" in arguments:
        raise UnsupportedError("timeoutMode")
    arguments = dict(arguments)
    if "session" in arguments:
        arguments["session"] = entities[arguments["session"]]
    operation = _SPECIAL.get((_kind(target), name))
    if "timeoutMS" in arguments:
        with pymongo.timeout(arguments.pop("timeoutMS") / 1000):
            return await (operation(target, arguments) if operation else _call(target, name, arguments))
    return await (operation(target, arguments) if operation else _call(target, name, arguments))


async def _call(target: Any, name: str, arguments: Arguments) -> Any:
    method = method_of(target, _NAMES.get(name, snake_case(name)))
    for old, new in _RENAMED.get(name, {}).items():
        if old in arguments:
            arguments[new] = arguments.pop(old)
    result = method(**method_arguments(method, arguments))
    return await result if inspect.isawaitable(result) else result


_NAMES = {"clientBulkWrite": "bulk_write", "iterateOnce": "try_next"}

_RENAMED = {
    "createCollection": {"collection": "name"},
    "distinct": {"fieldName": "key"},
    "dropCollection": {"collection": "name_or_collection"},
    "dropDatabase": {"database": "name_or_database"},
    "dropIndex": {"name": "index_or_name"},
    "rename": {"to": "new_name", "id": "file_id"},
    "delete": {"id": "file_id"},
}


def _kind(target: Any) -> str:
    for kind, classes in _KINDS.items():
        if isinstance(target, classes):
            return kind
    return ""


_KINDS: dict[str, tuple[type[Any], ...]] = {
    "client": (AgnosticClient,),
    "database": (AgnosticDatabase,),
    "collection": (AgnosticCollection,),
    "session": (AgnosticClientSession,),
    "cursor": (AgnosticCommandCursor, AgnosticCursor, OpenFindCursor),
    "change stream": (AgnosticChangeStream,),
    "bucket": (AgnosticGridFSBucket,),
    "encryption": (AgnosticClientEncryption,),
}


async def _append_metadata(client: Any, arguments: Arguments) -> None:
    info = arguments["driverInfoOptions"]
    client.append_metadata(DriverInfo(info["name"], info.get("version"), info.get("platform")))


async def _run_command(database: Any, arguments: Arguments) -> Any:
    return await database.command(**_command_arguments(arguments))


_TAILABLE = {"nonTailable": (), "tailable": ("tailable",), "tailableAwait": ("tailable", "awaitData")}


async def _create_command_cursor(database: Any, arguments: Arguments) -> Any:
    batch_size = arguments.pop("batchSize", 0)
    for option in _TAILABLE[arguments.pop("cursorType", "nonTailable")]:
        arguments["command"] = {**arguments["command"], option: True}
    if "maxTimeMS" in arguments:
        arguments["maxAwaitTimeMS"] = arguments.pop("maxTimeMS")
    cursor = await database.cursor_command(**_command_arguments(arguments))
    return cursor.batch_size(batch_size)


async def _run_cursor_command(database: Any, arguments: Arguments) -> Any:
    return await (await _create_command_cursor(database, arguments)).to_list()


def _command_arguments(arguments: Arguments) -> Arguments:
    command = arguments.pop("command")
    name = arguments.pop("commandName", None) or next(iter(command))
    return {"command": {name: command[name], **command}, **snake_case_arguments(arguments)}


async def _create_collection(database: Any, arguments: Arguments) -> Any:
    return await _call(database, "createCollection", {**arguments, "check_exists": False})


async def _modify_collection(database: Any, arguments: Arguments) -> Any:
    # There is no method for it.
    return await database.command({"collMod": arguments.pop("collection"), **arguments})


async def _list_collections(database: Any, arguments: Arguments) -> Any:
    if "batchSize" in arguments:
        arguments["cursor"] = {"batchSize": arguments.pop("batchSize")}
    return await database.list_collections(**arguments).to_list()


async def _list_databases(client: Any, arguments: Arguments) -> Any:
    return await client.list_databases(**arguments).to_list()


async def _aggregate(target: Any, arguments: Arguments) -> Any:
    cursor = target.aggregate(**method_arguments(target.aggregate, arguments))
    return await cursor.to_list()


async def _find(target: Any, arguments: Arguments) -> Any:
    return await _find_cursor(target, arguments).to_list()


def _find_cursor(target: Any, arguments: Arguments) -> Any:
    max_await_time = arguments.pop("maxAwaitTimeMS", None)
    cursor = target.find(**snake_case_arguments(arguments))
    return cursor if max_await_time is None else cursor.max_await_time_ms(max_await_time)


async def _find_one(collection: Any, arguments: Arguments) -> Any:
    return await collection.find_one(**snake_case_arguments(arguments))


async def _create_find_cursor(collection: Any, arguments: Arguments) -> Any:
    if "filter" not in arguments:
        raise UnsupportedError("createFindCursor without a filter")
    return await OpenFindCursor(_find_cursor(collection, arguments)).open()


async def _create_change_stream(target: Any, arguments: Arguments) -> Any:
    stream = method_of(target, "watch")(**snake_case_arguments(arguments))
    # The stream is opened on the server before anything else is done.
    return await stream.__aenter__()


async def _iterate(cursor: Any, arguments: Arguments) -> Any:
    while cursor.alive:
        document = await cursor.try_next()
        if document is not None:
            return document
    raise StopAsyncIteration


async def _next_change(stream: Any, arguments: Arguments) -> Any:
    return await stream.next()


async def _close(cursor: Any, arguments: Arguments) -> None:
    await cursor.close()


async def _bulk_write(target: Any, arguments: Arguments) -> Any:
    requests = "requests" if "requests" in arguments else "models"
    arguments[requests] = [write_model(one) for one in arguments[requests]]
    return await _call(target, "bulkWrite", arguments)


async def _list_indexes(collection: Any, arguments: Arguments) -> Any:
    if "batchSize" in arguments:
        raise UnsupportedError("batchSize of listIndexes")
    return await collection.list_indexes(**arguments).to_list()


async def _create_index(collection: Any, arguments: Arguments) -> Any:
    return await _call(collection, "createIndex", {**arguments, "keys": list(arguments["keys"].items())})


async def _create_search_index(collection: Any, arguments: Arguments) -> Any:
    return await method_of(collection, "create_search_index")(SearchIndexModel(**arguments["model"]))


async def _create_search_indexes(collection: Any, arguments: Arguments) -> Any:
    models = [SearchIndexModel(**model) for model in arguments["models"]]
    return await method_of(collection, "create_search_indexes")(models)


async def _list_search_indexes(collection: Any, arguments: Arguments) -> Any:
    options = arguments.get("aggregationOptions", {})
    return await method_of(collection, "list_search_indexes")(arguments.get("name"), **options).to_list()


async def _with_transaction(session: Any, arguments: Arguments) -> Any:
    callback = arguments.pop("callback")
    return await session.with_transaction(callback, **snake_case_arguments(arguments))


async def _upload(bucket: Any, arguments: Arguments) -> Any:
    return await bucket.upload_from_stream(**_upload_arguments(arguments))


async def _upload_with_id(bucket: Any, arguments: Arguments) -> Any:
    return await bucket.upload_from_stream_with_id(file_id=arguments.pop("id"), **_upload_arguments(arguments))


def _upload_arguments(arguments: Arguments) -> Arguments:
    arguments["source"] = unhexlify(arguments["source"]["$$hexBytes"])
    # PyMongo makes no checksums, and keeps the content type with the application's metadata.
    arguments.pop("disableMD5", None)
    if "contentType" in arguments:
        arguments["metadata"] = {**arguments.get("metadata", {}), "contentType": arguments.pop("contentType")}
    return snake_case_arguments(arguments)


async def _download(bucket: Any, arguments: Arguments) -> bytes:
    destination = io.BytesIO()
    await bucket.download_to_stream(arguments["id"], destination)
    return destination.getvalue()


async def _download_by_name(bucket: Any, arguments: Arguments) -> bytes:
    data: bytes = await (await bucket.open_download_stream_by_name(**arguments)).read()
    return data


async def _drop_bucket(bucket: AgnosticGridFSBucket, arguments: Arguments) -> None:
    """PyMongo has no method for it. If it had, it would be one operation."""

    async def drop() -> None:
        for name in ("files", "chunks"):
            await bucket.collection[name].drop()

    await as_operation(bucket, drop())


_SPECIAL: dict[tuple[str, str], Operation] = {
    ("encryption", "createDataKey"): encryption.create_data_key,
    ("encryption", "encrypt"): encryption.encrypt,
    ("encryption", "getKeys"): encryption.get_keys,
    ("encryption", "rewrapManyDataKey"): encryption.rewrap_many_data_key,
    ("client", "appendMetadata"): _append_metadata,
    ("client", "clientBulkWrite"): _bulk_write,
    ("client", "createChangeStream"): _create_change_stream,
    ("client", "listDatabases"): _list_databases,
    ("database", "aggregate"): _aggregate,
    ("database", "createChangeStream"): _create_change_stream,
    ("database", "createCollection"): _create_collection,
    ("database", "createCommandCursor"): _create_command_cursor,
    ("database", "listCollections"): _list_collections,
    ("database", "modifyCollection"): _modify_collection,
    ("database", "runCommand"): _run_command,
    ("database", "runCursorCommand"): _run_cursor_command,
    ("collection", "aggregate"): _aggregate,
    ("collection", "bulkWrite"): _bulk_write,
    ("collection", "createChangeStream"): _create_change_stream,
    ("collection", "createFindCursor"): _create_find_cursor,
    ("collection", "createIndex"): _create_index,
    ("collection", "createSearchIndex"): _create_search_index,
    ("collection", "createSearchIndexes"): _create_search_indexes,
    ("collection", "find"): _find,
    ("collection", "findOne"): _find_one,
    ("collection", "listIndexes"): _list_indexes,
    ("collection", "listSearchIndexes"): _list_search_indexes,
    ("session", "withTransaction"): _with_transaction,
    ("cursor", "close"): _close,
    ("cursor", "iterateUntilDocumentOrError"): _iterate,
    ("change stream", "close"): _close,
    ("change stream", "iterateUntilDocumentOrError"): _next_change,
    ("bucket", "download"): _download,
    ("bucket", "downloadByName"): _download_by_name,
    ("bucket", "drop"): _drop_bucket,
    ("bucket", "find"): _find,
    ("bucket", "upload"): _upload,
    ("bucket", "uploadWithId"): _upload_with_id,
}
