"""What was removed on the way to Motor 4, and what takes its place.

``tests/migrate/test_tables.py`` holds that it is gone.
"""

from __future__ import annotations

from motor.migrate.members import Role

_RAW_COMMAND = "run the command: await {}.command({!r})"
_ERRORS = "leave it out: a write that fails raises an exception"
_MANIPULATORS = "transform documents in the application, or with a bson.codec_options.TypeCodec"
_BULK = "collect pymongo's InsertOne, UpdateOne, ... in a list, and await collection.bulk_write(list)"
_AUTHENTICATE = "give the credentials to the client, in its URI or as options; one client for each user"
_PROFILE = "run the command: await database.command('profile', level), -1 to ask"
_HELLO = "ask the server: (await client.admin.command('hello'))[{!r}]"

METHODS: dict[Role, dict[str, str]] = {
    Role.COLLECTION: {
        "count": "use count_documents(filter), or estimated_document_count() for all",
        "ensure_index": "use create_index, which does nothing if the index is there",
        "find_and_modify": "use find_one_and_update, find_one_and_replace or find_one_and_delete",
        "group": "use aggregate with a $group stage",
        "initialize_ordered_bulk_op": _BULK,
        "initialize_unordered_bulk_op": f"{_BULK} with ordered=False",
        "inline_map_reduce": "use aggregate, or await database.command('mapReduce', ..., out={'inline': 1})",
        "insert": "use insert_one or insert_many",
        "map_reduce": "use aggregate, or await database.command('mapReduce', ...)",
        "parallel_scan": "read one cursor of find",
        "reindex": "run the command: await database.command('reIndex', collection.name)",
        "remove": "use delete_one or delete_many",
        "save": "use insert_one, or replace_one({'_id': ...}, document, upsert=True)",
        "update": "use update_one, update_many or replace_one",
    },
    Role.DATABASE: {
        "add_son_manipulator": _MANIPULATORS,
        "add_user": _RAW_COMMAND.format("database", "createUser"),
        "authenticate": _AUTHENTICATE,
        "collection_names": "use list_collection_names",
        "current_op": "use await client.admin.aggregate([{'$currentOp': {}}]).to_list()",
        "error": _ERRORS,
        "eval": "do it in the application: servers since MongoDB 4.2 have no eval",
        "last_status": _ERRORS,
        "logout": _AUTHENTICATE,
        "previous_error": _ERRORS,
        "profiling_info": "read it: await database['system.profile'].find().to_list()",
        "profiling_level": _PROFILE,
        "remove_user": _RAW_COMMAND.format("database", "dropUser"),
        "reset_error_history": _ERRORS,
        "set_profiling_level": _PROFILE,
    },
    Role.CLIENT: {
        "close_cursor": "close the cursor itself: await cursor.close()",
        "database_names": "use list_database_names",
        "disconnect": "use close",
        "fsync": "run the command: await client.admin.command('fsync', lock=True)",
        "kill_cursors": "close the cursor itself: await cursor.close()",
        "open": "leave it out: a client connects by itself",
        "set_cursor_manager": "leave it out: cursors close themselves",
        "unlock": _RAW_COMMAND.format("client.admin", "fsyncUnlock"),
    },
    Role.CURSOR: {
        "count": "use collection.count_documents(filter)",
        "snapshot": "leave it out, and sort by _id, or read in a snapshot session",
    },
    Role.GRID_CURSOR: {"count": "use database['fs.files'].count_documents(filter), with the bucket's name"},
}
"""The methods that are gone, and what to do instead."""

PROPERTIES: dict[Role, dict[str, str]] = {
    Role.DATABASE: {
        "connection": "use client",
        "incoming_copying_manipulators": _MANIPULATORS,
        "incoming_manipulators": _MANIPULATORS,
        "outgoing_copying_manipulators": _MANIPULATORS,
        "outgoing_manipulators": _MANIPULATORS,
        "system_js": "use the collection database['system.js']",
    },
    Role.CLIENT: {
        "alive": "await client.admin.command('ping') instead",
        "event_listeners": "use client.options.event_listeners",
        "is_locked": "run the command: await client.admin.command('currentOp'), and look at fsyncLock",
        "local_threshold_ms": "use client.options.local_threshold_ms",
        "max_bson_size": _HELLO.format("maxBsonObjectSize"),
        "max_idle_time_ms": "use client.options.pool_options.max_idle_time_seconds",
        "max_message_size": _HELLO.format("maxMessageSizeBytes"),
        "max_pool_size": "use client.options.pool_options.max_pool_size",
        "max_write_batch_size": _HELLO.format("maxWriteBatchSize"),
        "min_pool_size": "use client.options.pool_options.min_pool_size",
        "retry_reads": "use client.options.retry_reads",
        "retry_writes": "use client.options.retry_writes",
        "seeds": "use pymongo.uri_parser.parse_uri on the URI",
        "server_selection_timeout": "use client.options.server_selection_timeout",
    },
    Role.CURSOR: {"conn_id": "use address"},
    Role.GRID_CURSOR: {"conn_id": "use address"},
}
"""The properties that are gone, and what to do instead."""

UNMISTAKABLE: dict[str, Role] = {
    "add_son_manipulator": Role.DATABASE,
    "collection_names": Role.DATABASE,
    "database_names": Role.CLIENT,
    "ensure_index": Role.COLLECTION,
    "find_and_modify": Role.COLLECTION,
    "initialize_ordered_bulk_op": Role.COLLECTION,
    "initialize_unordered_bulk_op": Role.COLLECTION,
    "inline_map_reduce": Role.COLLECTION,
    "map_reduce": Role.COLLECTION,
    "parallel_scan": Role.COLLECTION,
    "reset_error_history": Role.DATABASE,
    "set_profiling_level": Role.DATABASE,
}
"""The methods that are gone whose name alone says whose they are."""

LIKELY: dict[Role, dict[str, int]] = {
    Role.COLLECTION: {"count": 0, "group": 4, "insert": 1, "reindex": 0, "remove": 0, "save": 1, "update": 2},
    Role.CURSOR: {"count": 0},
}
"""How many positional arguments make it likely, where only names speak for a collection, that a method is one's."""

_FIND = {
    "as_class": "use collection.with_options(codec_options=CodecOptions(document_class=...))",
    "await_data": "use cursor_type=CursorType.TAILABLE_AWAIT",
    "compile_re": "leave it out: regular expressions are decoded to bson.regex.Regex",
    "exhaust": "use cursor_type=CursorType.EXHAUST",
    "fields": "it is projection now",
    "manipulate": _MANIPULATORS,
    "modifiers": "pass each as an argument of its own: comment, hint, max_time_ms, ...",
    "network_timeout": "use max_time_ms, or pymongo.timeout()",
    "partial": "it is allow_partial_results now",
    "read_preference": "use collection.with_options(read_preference=...)",
    "secondary_acceptable_latency_ms": "use the client's option localThresholdMS",
    "slave_okay": "use collection.with_options(read_preference=...)",
    "spec": "it is filter now",
    "tag_sets": "use collection.with_options(read_preference=...) with tag sets",
    "tailable": "use cursor_type=CursorType.TAILABLE",
    "timeout": "it is no_cursor_timeout now, and says the opposite",
}

ARGUMENTS: dict[tuple[Role, str], dict[str, str]] = {
    (Role.COLLECTION, "aggregate"): {"useCursor": "leave it out: aggregate always returns a cursor"},
    (Role.COLLECTION, "find"): _FIND,
    (Role.COLLECTION, "find_one"): _FIND,
    (Role.COLLECTION, "find_raw_batches"): _FIND,
}
"""The arguments of methods that are gone."""

BUCKET_ARGUMENTS = {"disable_md5": "leave it out: GridFS computes no checksums; store one in the file's metadata"}
"""The arguments of a GridFS bucket that are gone."""

CLIENT_OPTIONS = {
    "auto_start_request": "leave it out",
    "j": "it is journal now",
    "max_pool_size": "it is maxPoolSize now",
    "network_timeout": "it is socketTimeoutMS now, in milliseconds",
    "safe": "it is w now: w=1, or w=0 for writes that are not acknowledged",
    "slave_okay": "it is readPreference now",
    "socketKeepAlive": "leave it out: it is always so",
    "ssl_ca_certs": "it is tlsCAFile now",
    "ssl_cert_reqs": "it is tlsAllowInvalidCertificates now: True for ssl.CERT_NONE",
    "ssl_certfile": "it is tlsCertificateKeyFile now: one file with the certificate and the key",
    "ssl_crlfile": "it is tlsCRLFile now",
    "ssl_keyfile": "it is tlsCertificateKeyFile now: one file with the certificate and the key",
    "ssl_match_hostname": "it is tlsAllowInvalidHostnames now, and says the opposite",
    "ssl_pem_passphrase": "it is tlsCertificateKeyFilePassword now",
    "use_greenlets": "leave it out",
    "wtimeout": "it is wTimeoutMS now",
}
"""The client's keyword arguments that are gone."""

CLASSES = {
    "AsyncIOMotorBulkOperationBuilder": _BULK,
    "AsyncIOMotorGridFS": "use AsyncIOMotorGridFSBucket",
    "AsyncIOMotorReplicaSetClient": "use AsyncIOMotorClient with replicaSet",
    "MotorBulkOperationBuilder": _BULK,
    "MotorGridFS": "use MotorGridFSBucket",
    "MotorReplicaSetClient": "use MotorClient with replicaSet",
    "Op": "await the Future itself",
    "WaitAllOps": "await asyncio.gather(...) of the Futures",
    "WaitOp": "await the Future itself",
}
"""The classes that were to be had from ``motor``, ``motor.motor_asyncio`` or ``motor.motor_tornado``."""

MODULES = frozenset({"motor.docstrings", "motor.metaprogramming", "motor.motor_common", "motor.motor_py3_compat"})
"""The modules that are gone."""
