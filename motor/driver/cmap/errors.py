"""What a failed connection raises: PyMongo's exceptions, with the messages that PyMongo users know."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.client_options import ClientOptions
from pymongo.errors import AutoReconnect, NetworkTimeout, OperationFailure, ProtocolError

from motor._pymongo import Address, add_error_label, format_timeout_details, timeout_details
from motor.driver.codes import RETRYABLE, SYSTEM_OVERLOADED


def format_address(address: Address) -> str:
    """``host:port``, or the path of a Unix domain socket."""
    host, port = address
    return host if port is None else f"{host}:{port}"


def connection_failure(
    address: Address, options: ClientOptions, reason: BaseException | str, prefix: str = ""
) -> AutoReconnect:
    """The exception for a connection to `address` that failed: what happened, where, and which timeouts were in
    force.
    """
    text = f"{prefix}{format_address(address)}: {_described(reason)}"
    text += format_timeout_details(timeout_details(options.pool_options))
    timed_out = isinstance(reason, TimeoutError) or (isinstance(reason, ssl.SSLError) and "timed out" in str(reason))
    error = NetworkTimeout(text) if timed_out else AutoReconnect(text)
    if isinstance(reason, BaseException):
        error.__cause__ = reason
    return error


def _described(reason: BaseException | str) -> str:
    """asyncio says of a refused connection that the call failed; the error's number says why."""
    if isinstance(reason, OSError) and reason.errno and not isinstance(reason, (ssl.SSLError, socket.gaierror)):
        return f"[Errno {reason.errno}] {os.strerror(reason.errno)}"
    return str(reason)


def another(error: Exception) -> Exception:
    """An exception that says the same as `error`: each operation has one of its own, which it may label."""
    said_again = type(error)(*error.args)
    said_again.__cause__ = error.__cause__
    return said_again


MALFORMED = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What Python raises where a reply is read that has not the fields that it should have, or not of their types."""

REPLY_ERRORS = (OperationFailure, *MALFORMED)
"""What may come of a reply: the error that the server tells, whose fields may be malformed themselves, too."""

ANOTHER_SERVER = ": is it a MongoDB server?"
"""The end of a message about what a MongoDB server would not have sent."""


def malformed_reply(source: Address | str, error: Exception) -> ProtocolError:
    """The exception for a reply that cannot be read, as `error` says. `source` is the server, or what was asked."""
    where = source if isinstance(source, str) else format_address(source)
    return ProtocolError(f"{where}: a reply makes no sense ({type(error).__name__}: {error}){ANOTHER_SERVER}")


@contextmanager
def reading(source: Address | str) -> Iterator[None]:
    """Read what came from `source`, or what was asked: if it cannot be read, a :class:`~pymongo.errors.ProtocolError`
    says so.
    """
    try:
        yield
    except MALFORMED as error:
        raise malformed_reply(source, error) from error


def mark_overloaded(error: AutoReconnect) -> None:
    """Label an error that kept a connection from being established: the server is likely to be overloaded, not gone.

    Not so a name that cannot be resolved, a certificate that is refused, or what the server itself has answered.
    Source: the MongoDB specification "Client Backpressure".
    """
    if type(error) not in (AutoReconnect, NetworkTimeout):
        return
    cause = error.__cause__
    if isinstance(cause, (ssl.SSLError, socket.gaierror)) and not isinstance(cause, ssl.SSLEOFError):
        return
    add_error_label(error, SYSTEM_OVERLOADED)
    add_error_label(error, RETRYABLE)
