"""The door to PyMongo's private names.

This is the only module that may import a PyMongo name that starts with an underscore, or from a module that PyMongo
does not document. Whatever Motor borrows from there is on this page, so that a new PyMongo release is checked in one
place: ``tests/test_door.py`` walks the page on every supported version.
"""

import copy
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import SimpleNamespace
from typing import Any, cast

from bson import _array_of_documents_to_buffer as array_to_documents
from bson import _decode_all_selective as decode_all_selective
from bson import _dict_to_bson as encode_document
from bson.codec_options import CodecOptions
from pymongo._csot import DEADLINE, TIMEOUT
from pymongo._csot import _TimeoutContext as TimeoutContext
from pymongo.client_options import ClientOptions
from pymongo.client_session import SessionOptions, TransactionOptions  # type: ignore[attr-defined]  # by a star
from pymongo.collation import validate_collation_or_none
from pymongo.common import (
    CONNECT_TIMEOUT,
    MAX_BSON_SIZE,
    MAX_WRITE_BATCH_SIZE,
    SRV_SERVICE_NAME,
    TIMEOUT_OPTIONS,
    validate_is_document_type,
    validate_is_mapping,
    validate_list,
    validate_list_or_none,
    validate_non_negative_integer_or_none,
    validate_ok_for_replace,
    validate_ok_for_update,
    validate_string,
    validate_string_or_none,
)
from pymongo.common import _CaseInsensitiveDictionary as CaseInsensitiveDictionary
from pymongo.common import validate as validate_option
from pymongo.compression_support import _NO_COMPRESSION as NEVER_COMPRESSED
from pymongo.cursor_shared import _CURSOR_CLOSED_ERRORS as CURSOR_CLOSED_ERRORS
from pymongo.cursor_shared import _QUERY_OPTIONS as QUERY_OPTIONS
from pymongo.daemon import _spawn_daemon as spawn_daemon
from pymongo.driver_info import DriverInfo
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.helpers_shared import _NOT_PRIMARY_CODES as NOT_PRIMARY_CODES
from pymongo.helpers_shared import _RETRYABLE_ERROR_CODES as RETRYABLE_ERROR_CODES
from pymongo.helpers_shared import _SENSITIVE_COMMANDS as SENSITIVE_COMMANDS
from pymongo.helpers_shared import _SHUTDOWN_CODES as SHUTDOWN_CODES
from pymongo.helpers_shared import _check_command_response as check_command_response
from pymongo.helpers_shared import _check_write_command_response as check_write_command_response
from pymongo.helpers_shared import _fields_list_to_dict as fields_list_to_dict
from pymongo.helpers_shared import _gen_index_name as index_name
from pymongo.helpers_shared import _get_timeout_details as timeout_details
from pymongo.helpers_shared import _get_wce_doc as write_concern_error_of
from pymongo.helpers_shared import _index_document as index_document
from pymongo.helpers_shared import _index_list as index_list
from pymongo.helpers_shared import format_timeout_details
from pymongo.logger import LogMessage
from pymongo.message import _COMMAND_OVERHEAD as COMMAND_OVERHEAD
from pymongo.pool_options import _is_faas, _truncate_metadata
from pymongo.read_preferences import _AggWritePref as AggregateWritePreference
from pymongo.read_preferences import _ServerMode as ReadPreferenceMode
from pymongo.server_api import _add_to_command as add_server_api
from pymongo.server_selectors import (
    Selection,
    any_server_selector,
    arbiter_server_selector,
    secondary_server_selector,
    writable_server_selector,
)
from pymongo.socket_checker import SocketChecker
from pymongo.ssl_support import get_ssl_context
from pymongo.synchronous.auth import _SPECULATIVE_AUTH_MAP
from pymongo.synchronous.auth import authenticate as run_mechanism
from pymongo.topology_description import (
    _updated_topology_description_srv_polling as topology_description_after_srv_poll,
)
from pymongo.typings import _Address as Address
from pymongo.typings import _CollationIn as CollationIn
from pymongo.typings import _Pipeline as Pipeline
from pymongo.uri_parser_shared import _check_options as check_options
from pymongo.uri_parser_shared import _handle_option_deprecations as handle_option_deprecations
from pymongo.uri_parser_shared import _handle_security_options as handle_security_options
from pymongo.uri_parser_shared import _normalize_options as normalize_options
from pymongo.uri_parser_shared import (
    _parse_kms_tls_options,
    split_hosts,
    split_options,
)
from pymongo.uri_parser_shared import _validate_uri as validate_uri
from pymongo.write_concern import validate_boolean

__all__ = [
    "COMMAND_OVERHEAD",
    "CONNECT_TIMEOUT",
    "CURSOR_CLOSED_ERRORS",
    "DEADLINE",
    "MAX_BSON_SIZE",
    "MAX_WRITE_BATCH_SIZE",
    "NEVER_COMPRESSED",
    "NOT_PRIMARY_CODES",
    "QUERY_OPTIONS",
    "RETRYABLE_ERROR_CODES",
    "SENSITIVE_COMMANDS",
    "SHUTDOWN_CODES",
    "SRV_SERVICE_NAME",
    "TIMEOUT",
    "TIMEOUT_OPTIONS",
    "Address",
    "AggregateWritePreference",
    "CaseInsensitiveDictionary",
    "ClientOptions",
    "CollationIn",
    "LogMessage",
    "Pipeline",
    "ReadPreferenceMode",
    "Selection",
    "SessionOptions",
    "TimeoutContext",
    "TransactionOptions",
    "add_error_label",
    "add_server_api",
    "add_to_bulk",
    "add_to_client_bulk",
    "any_server_selector",
    "append_metadata",
    "arbiter_server_selector",
    "array_to_documents",
    "auto_encryption_settings",
    "check_command_response",
    "check_options",
    "check_write_command_response",
    "client_metadata",
    "compressor_for",
    "compressors_of",
    "copy_error_labels",
    "credentials_of",
    "decode_all_selective",
    "default_ssl_context",
    "encode_document",
    "fields_list_to_dict",
    "format_timeout_details",
    "grid_in_document",
    "grid_out_source",
    "handle_option_deprecations",
    "handle_security_options",
    "has_decoders",
    "in_function_as_a_service",
    "index_document",
    "index_list",
    "index_name",
    "is_public_suffix",
    "is_readable",
    "kms_connect_context",
    "kms_credentials",
    "kms_ssl_contexts",
    "non_default_pool_options",
    "normalize_options",
    "overload_policy",
    "remove_error_label",
    "run_mechanism",
    "secondary_server_selector",
    "spawn_daemon",
    "speculative_authentication",
    "split_hosts",
    "split_options",
    "ssl_context_of",
    "timeout_details",
    "topology_description_after_srv_poll",
    "validate_boolean",
    "validate_collation_or_none",
    "validate_is_document_type",
    "validate_is_mapping",
    "validate_list",
    "validate_list_or_none",
    "validate_non_negative_integer_or_none",
    "validate_ok_for_replace",
    "validate_ok_for_update",
    "validate_option",
    "validate_string",
    "validate_string_or_none",
    "validate_uri",
    "wire_version_of",
    "with_key_vault_client",
    "writable_server_selector",
    "write_concern_error_of",
]


def add_to_bulk(request: Any, bulk: Any) -> None:
    """Let one of :mod:`pymongo.operations`' write requests add itself to a bulk write.

    Raises TypeError for what is no such request.
    """
    try:
        add = request._add_to_bulk
    except AttributeError:
        raise TypeError(f"{request!r} is not a valid request") from None
    add(bulk)


def add_to_client_bulk(request: Any, bulk: Any) -> None:
    """Let one of :mod:`pymongo.operations`' write requests add itself to a client's bulk write.

    Raises TypeError for what is no such request, InvalidOperation for one without a namespace.
    """
    try:
        add = request._add_to_client_bulk
    except AttributeError:
        raise TypeError(f"{request!r} is not a valid request") from None
    add(bulk)


def client_metadata(options: ClientOptions) -> dict[str, Any]:
    """What handshakes tell of the client, cut to the size that servers accept: not every PyMongo did that when a
    library was appended.
    """
    metadata = copy.deepcopy(options.pool_options.metadata)
    _truncate_metadata(metadata)
    return metadata


def in_function_as_a_service() -> bool:
    """Whether this runs in AWS Lambda or its like, where a stream between invocations would only be cut."""
    return bool(_is_faas())


def non_default_pool_options(options: ClientOptions) -> dict[str, Any]:
    """The pool's options that are not the defaults, by their URI names."""
    return options.pool_options.non_default_options


def ssl_context_of(options: ClientOptions) -> SSLContext | None:
    """The TLS context that PyMongo built from the options; ``None`` without TLS."""
    context: Any = options.pool_options._ssl_context
    return cast("SSLContext | None", context)


def is_readable(connected: Any) -> bool:
    """Whether there is something to be read from a socket, be it that the peer has closed it."""
    return bool(SocketChecker().socket_closed(connected))


def has_decoders(codec_options: CodecOptions[Any]) -> bool:
    """Whether the type registry has decoders of the application's."""
    return bool(codec_options.type_registry._decoder_map)


def credentials_of(options: ClientOptions) -> Any:
    """Who the client is, and how it proves that: its ``mechanism``, ``source``, ``username`` and more; ``None`` for
    nobody.
    """
    return options.pool_options._credentials


def speculative_authentication(credentials: Any, address: Address) -> Any:
    """A first step of an authentication that goes with the handshake; ``None`` for a mechanism that has none."""
    make = _SPECULATIVE_AUTH_MAP.get(credentials.mechanism)
    return None if make is None else make(credentials, address)


def add_error_label(error: PyMongoError, label: str) -> None:
    """Give an error a label, which :meth:`~pymongo.errors.PyMongoError.has_error_label` then finds."""
    error._add_error_label(label)


def remove_error_label(error: PyMongoError, label: str) -> None:
    """Take a label from an error."""
    error._remove_error_label(label)


def wire_version_of(error: OperationFailure) -> float:
    """The server's, which an error carries that came in a reply; infinite for another, of which nothing is known."""
    version = error._max_wire_version
    return float("inf") if version is None else version


def copy_error_labels(error: PyMongoError, to: PyMongoError) -> None:
    """Give `to` the labels of `error`."""
    to._error_labels |= error._error_labels


def overload_policy(options: ClientOptions) -> tuple[int, bool]:
    """How often an operation is tried again that an overloaded server has refused, and whether on another server.

    PyMongo has the options max_adaptive_retries and enable_overload_retargeting for it since 4.17; before, its defaults
    of today hold.
    """
    return getattr(options, "max_adaptive_retries", 2), getattr(options, "enable_overload_retargeting", False)


def compressors_of(options: ClientOptions) -> list[str]:
    """The names of the compressors that the client offers, the preferred one first."""
    settings = options.pool_options._compression_settings
    return list(settings.compressors) if settings is not None else []


def compressor_for(options: ClientOptions, offered: list[str] | None) -> Any:
    """What compresses with the first of the server's compressors that are the client's, too; ``None`` without any."""
    settings = options.pool_options._compression_settings
    if settings is None:
        return None
    return settings.get_compression_context([name for name in offered or [] if name in settings.compressors])


def with_key_vault_client(options: Any, replace: Callable[[Any], Any]) -> Any:
    """The same AutoEncryptionOpts, with what `replace` makes of their key vault client, if they have one."""
    options = copy.copy(options)
    if options._key_vault_client is not None:
        options._key_vault_client = replace(options._key_vault_client)
    return options


def append_metadata(options: ClientOptions, driver_info: DriverInfo) -> None:
    """Add a library to the client metadata that handshakes send."""
    options.pool_options._update_metadata(driver_info)


def is_public_suffix(domain: str) -> bool:
    """Whether domains below `domain` belong to different owners. It reads a file.

    PyMongo has it since it has the option srvAllowedHostsSuffix, for which it is here: not yet in 4.16.
    """
    from pymongo._psl import is_public_suffix

    return is_public_suffix(domain)


def auto_encryption_settings(options: Any) -> dict[str, Any]:
    """What an :class:`~pymongo.encryption_options.AutoEncryptionOpts` was given, by the names of its parameters."""
    names = (
        "kms_providers",
        "key_vault_namespace",
        "key_vault_client",
        "schema_map",
        "bypass_auto_encryption",
        "mongocryptd_uri",
        "mongocryptd_bypass_spawn",
        "mongocryptd_spawn_path",
        "mongocryptd_spawn_args",
        "kms_tls_options",
        "crypt_shared_lib_path",
        "crypt_shared_lib_required",
        "bypass_query_analysis",
        "encrypted_fields_map",
        "key_expiration_ms",
    )
    settings = {name: getattr(options, f"_{name}") for name in names}
    # PyMongo has it since 4.19.
    settings["kms_connect_callback"] = getattr(options, "_kms_connect_callback", None)
    return settings


def kms_ssl_contexts(tls_options: Mapping[str, Any] | None) -> dict[str, SSLContext]:
    """The TLS contexts for key management services, by the names of those that have options of their own. It may read
    files.

    Raises TypeError or :class:`~pymongo.errors.ConfigurationError` for options that cannot be right, or are not secure.
    """
    contexts: Any = _parse_kms_tls_options(copy.deepcopy(tls_options), False)
    return cast("dict[str, SSLContext]", contexts)


def default_ssl_context() -> SSLContext:
    """A TLS context that trusts whom the system trusts. It reads files."""
    context: Any = get_ssl_context(None, None, None, None, False, False, False, False)
    return cast("SSLContext", context)


def kms_connect_context(address: Address, timeout: float) -> Any:
    """What a ``kms_connect_callback`` is given: PyMongo has a class for it since 4.19."""
    host, port = address
    try:
        from pymongo.encryption_options import KMSConnectContext  # type: ignore[attr-defined]  # not in every PyMongo
    except ImportError:
        return SimpleNamespace(host=host, port=port, timeout=timeout)
    return KMSConnectContext(host, cast("int", port), timeout)


def kms_credentials(kms_providers: Mapping[str, Any]) -> dict[str, Any]:
    """The credentials that the machine or its cloud has for those providers that were given none. It may block."""
    from pymongocrypt.synchronous.credentials import _ask_for_kms_credentials

    credentials: dict[str, Any] = _ask_for_kms_credentials(kms_providers)
    return credentials


def grid_in_document(grid_in: Any) -> dict[str, Any]:
    """The document of a file that PyMongo would write."""
    document: dict[str, Any] = dict(grid_in._file)
    return document


def grid_out_source(grid_out: Any) -> tuple[Any, Any]:
    """What PyMongo knows of a file that it would read: the id that it was asked for, and the file's document."""
    return grid_out._file_id, grid_out._file
