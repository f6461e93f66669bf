"""What a failed authentication raises: PyMongo's exceptions, which say where and what to do, and hold no secret."""

from __future__ import annotations

from importlib.util import find_spec
from types import TracebackType
from typing import Any

from bson.errors import BSONError
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from motor._pymongo import Address
from motor.driver.cmap.errors import format_address

_AUTHENTICATION_FAILED = 18

_EXTRAS = {"GSSAPI": ("gssapi", "kerberos", "winkerberos"), "MONGODB-AWS": ("aws", "pymongo_auth_aws")}
"""The extra of Motor that a mechanism needs, and the modules, one of which comes with it."""

_PASSWORD_ADVICE = "check the user name, the password, and that authSource is the database that has the user"
_IMPOSTOR_ADVICE = "The connection was closed: check that this is the server that you mean."

_ADVICE = {
    "GSSAPI": "check the user name, the Kerberos ticket and SERVICE_NAME",
    "MONGODB-AWS": "check the AWS credentials, and that $external has a user for them",
    "MONGODB-OIDC": "check the token, and that its user has a role",
    "MONGODB-X509": "check that the server has asked for the client's certificate, and $external has its subject",
}


def explained(error: Exception, credentials: Any, address: Address) -> Exception:
    """`error`, or one of the same kind that says where it happened and what to do."""
    mechanism = credentials.mechanism
    where = format_address(address)
    is_scram = mechanism.startswith("SCRAM") or mechanism == "DEFAULT"
    if isinstance(error, ConfigurationError) and mechanism in _EXTRAS:
        extra, *modules = _EXTRAS[mechanism]
        if not any(map(find_spec, modules)):
            return ConfigurationError(f'{mechanism} needs a package: pip install "motor[{extra}]"')
    if type(error) is OperationFailure:
        if error.code == _AUTHENTICATION_FAILED:
            advice = _ADVICE.get(mechanism, _PASSWORD_ADVICE)
            return _reworded(error, f"{where}: {_message(error)} ({_described(credentials)}: {advice})")
        if error.code is None and is_scram:
            return _reworded(error, f"{where}: {_message(error)} {_IMPOSTOR_ADVICE}")
    if _is_of_reply(error, calls_back=mechanism == "MONGODB-OIDC"):
        text = f"{where}: the server's answer is not one of {_described(credentials)} ({type(error).__name__})"
        return OperationFailure(f"{text}. {_IMPOSTOR_ADVICE}")
    return error


def _reworded(error: OperationFailure, text: str) -> OperationFailure:
    return OperationFailure(text, error.code, error.details)


def _message(error: OperationFailure) -> str:
    return str((error.details or {}).get("errmsg") or error)


def _described(credentials: Any) -> str:
    mechanism = "SCRAM" if credentials.mechanism == "DEFAULT" else credentials.mechanism
    return f"{mechanism} with authSource={credentials.source}"


def _is_of_reply(error: Exception, calls_back: bool) -> bool:
    """Whether PyMongo's code failed at what the server has answered, and not at the application's password, callback
    or files.
    """
    if isinstance(error, (PyMongoError, OSError)):
        return False
    module = _innermost_module(error.__traceback__)
    if calls_back:
        return isinstance(error, (KeyError, BSONError)) and module.startswith(("bson", "pymongo"))
    return module != "pymongo.saslprep"


def _innermost_module(traceback: TracebackType | None) -> str:
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return str(traceback.tb_frame.f_globals.get("__name__", "")) if traceback is not None else ""
