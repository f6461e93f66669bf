"""What Motor's objects have: the names that are no database or collection, and what their methods return.

Motor itself is not asked, because this command does not import it; ``tests/migrate/test_tables.py`` compares.
"""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """What an object is to the driver."""

    CLIENT = "client"
    DATABASE = "database"
    COLLECTION = "collection"
    CURSOR = "cursor"
    COMMAND_CURSOR = "command cursor"
    SESSION = "session"
    CHANGE_STREAM = "change stream"
    BUCKET = "GridFS bucket"
    GRID_IN = "GridFS file"
    GRID_OUT = "GridFS file to read"
    GRID_CURSOR = "GridFS cursor"
    ENCRYPTION = "client encryption"


CLASS_SUFFIXES = {
    "Client": Role.CLIENT,
    "Database": Role.DATABASE,
    "Collection": Role.COLLECTION,
    "Cursor": Role.CURSOR,
    "RawBatchCursor": Role.CURSOR,
    "CommandCursor": Role.COMMAND_CURSOR,
    "LatentCommandCursor": Role.COMMAND_CURSOR,
    "RawBatchCommandCursor": Role.COMMAND_CURSOR,
    "ClientSession": Role.SESSION,
    "ChangeStream": Role.CHANGE_STREAM,
    "GridFSBucket": Role.BUCKET,
    "GridIn": Role.GRID_IN,
    "GridOut": Role.GRID_OUT,
    "GridOutCursor": Role.GRID_CURSOR,
    "ClientEncryption": Role.ENCRYPTION,
}
"""What the classes of every family are named, after the family's prefix."""


def words(text: str) -> frozenset[str]:
    """The words of `text`, which white space separates."""
    return frozenset(text.split())


_OPTIONS = "codec_options read_concern read_preference write_concern"
_CURSOR_ATTRIBUTES = "address alive closed collection cursor_id fetch_next retrieved session started"
_CURSOR_METHODS = """add_option allow_disk_use batch_size clone collation comment each get_io_loop hint limit max
    max_await_time_ms max_scan max_time_ms min next_object read_ahead remove_option rewind skip sort where"""

FUTURES = {
    Role.CLIENT: words("aclose aconnect bulk_write close drop_database list_database_names server_info"),
    Role.DATABASE: words(
        """command create_collection cursor_command dereference drop_collection list_collection_names
        validate_collection"""
    ),
    Role.COLLECTION: words(
        """bulk_write count_documents create_index create_indexes create_search_index create_search_indexes delete_many
        delete_one distinct drop drop_index drop_indexes drop_search_index estimated_document_count find_one
        find_one_and_delete find_one_and_replace find_one_and_update index_information insert_many insert_one options
        rename replace_one update_many update_one update_search_index"""
    ),
    Role.CURSOR: words("close distinct explain to_list"),
    Role.COMMAND_CURSOR: words("close to_list"),
    Role.SESSION: words("abort_transaction commit_transaction end_session"),
    Role.CHANGE_STREAM: words("close"),
    Role.BUCKET: words(
        """delete delete_by_name download_to_stream download_to_stream_by_name open_download_stream
        open_download_stream_by_name rename rename_by_name upload_from_stream upload_from_stream_with_id"""
    ),
    Role.GRID_IN: words("abort close set write writelines"),
    Role.GRID_OUT: words("close open read readchunk readline readlines to_list"),
    Role.GRID_CURSOR: words("close distinct explain to_list"),
    Role.ENCRYPTION: words(
        """add_key_alt_name close create_data_key create_encrypted_collection decrypt delete_key encrypt
        encrypt_expression get_key get_key_by_alt_name get_keys remove_key_alt_name rewrap_many_data_key"""
    ),
}
"""The methods that start at once and return what may be awaited, but no coroutine."""

COROUTINES = {
    Role.CURSOR: words("next"),
    Role.COMMAND_CURSOR: words("next try_next"),
    Role.SESSION: words("with_transaction"),
    Role.CHANGE_STREAM: words("next try_next"),
    Role.GRID_OUT: words("stream_to_handler"),
    Role.GRID_CURSOR: words("next"),
}
"""The methods that are coroutine functions."""

LATENT = {
    Role.CLIENT: words("list_databases start_session watch"),
    Role.DATABASE: words("aggregate list_collections watch"),
    Role.COLLECTION: words("aggregate aggregate_raw_batches list_indexes list_search_indexes watch"),
    Role.SESSION: words("start_transaction"),
}
"""The methods that return an object at once, which may be awaited besides, but is no coroutine."""

OTHERS = {
    Role.CLIENT: words(
        f"""HOST PORT address append_metadata arbiters delegate eq_props get_database get_default_database get_io_loop
        io_loop is_mongos is_primary next nodes options primary secondaries topology_description wrap {_OPTIONS}"""
    ),
    Role.DATABASE: words(f"client delegate get_collection get_io_loop name next with_options wrap {_OPTIONS}"),
    Role.COLLECTION: words(
        f"database delegate find find_raw_batches full_name get_io_loop name next with_options wrap {_OPTIONS}"
    ),
    Role.CURSOR: words(f"{_CURSOR_ATTRIBUTES} {_CURSOR_METHODS}"),
    Role.GRID_CURSOR: words(f"{_CURSOR_ATTRIBUTES} {_CURSOR_METHODS}"),
}
"""Everything else that they have, of those whose other attributes are databases or collections, and of cursors."""


RESULTS = {
    Role.CLIENT: {
        "get_database": Role.DATABASE,
        "get_default_database": Role.DATABASE,
        "list_databases": Role.COMMAND_CURSOR,
        "start_session": Role.SESSION,
        "watch": Role.CHANGE_STREAM,
        "wrap": Role.DATABASE,
    },
    Role.DATABASE: {
        "aggregate": Role.COMMAND_CURSOR,
        "create_collection": Role.COLLECTION,
        "cursor_command": Role.COMMAND_CURSOR,
        "get_collection": Role.COLLECTION,
        "list_collections": Role.COMMAND_CURSOR,
        "watch": Role.CHANGE_STREAM,
        "with_options": Role.DATABASE,
    },
    Role.COLLECTION: {
        "aggregate": Role.COMMAND_CURSOR,
        "aggregate_raw_batches": Role.COMMAND_CURSOR,
        "find": Role.CURSOR,
        "find_raw_batches": Role.CURSOR,
        "list_indexes": Role.COMMAND_CURSOR,
        "list_search_indexes": Role.COMMAND_CURSOR,
        "watch": Role.CHANGE_STREAM,
        "with_options": Role.COLLECTION,
    },
    Role.CURSOR: dict.fromkeys(words(_CURSOR_METHODS) - {"each", "get_io_loop", "next_object"}, Role.CURSOR),
    Role.COMMAND_CURSOR: {"batch_size": Role.COMMAND_CURSOR, "read_ahead": Role.COMMAND_CURSOR},
    Role.BUCKET: {
        "find": Role.GRID_CURSOR,
        "open_download_stream": Role.GRID_OUT,
        "open_download_stream_by_name": Role.GRID_OUT,
        "open_upload_stream": Role.GRID_IN,
        "open_upload_stream_with_id": Role.GRID_IN,
    },
    Role.GRID_OUT: {"open": Role.GRID_OUT},
    Role.GRID_CURSOR: {
        **dict.fromkeys(words(_CURSOR_METHODS) - {"each", "get_io_loop"}, Role.GRID_CURSOR),
        "next_object": Role.GRID_OUT,
        "next": Role.GRID_OUT,
    },
    Role.ENCRYPTION: {"get_keys": Role.CURSOR},
}
"""What the methods return that return objects of the driver, by their names; awaited where they must be."""

ATTRIBUTES = {
    (Role.DATABASE, "client"): Role.CLIENT,
    (Role.COLLECTION, "database"): Role.DATABASE,
    (Role.CURSOR, "collection"): Role.COLLECTION,
    (Role.COMMAND_CURSOR, "collection"): Role.COLLECTION,
    (Role.SESSION, "client"): Role.CLIENT,
}
"""The attributes that are objects of the driver."""

CHILDREN = {Role.CLIENT: Role.DATABASE, Role.DATABASE: Role.COLLECTION, Role.COLLECTION: Role.COLLECTION}
"""What any other attribute is, and an item."""


def has(role: Role, name: str) -> bool:
    """Whether an object in `role` has an attribute of this name in its class."""
    return any(name in table.get(role, ()) for table in (FUTURES, COROUTINES, LATENT, OTHERS))
