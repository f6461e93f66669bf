"""What mongocryptd does, as far as these tests need it: it marks the values of a command that a schema wants encrypted.

The real one comes with MongoDB Enterprise. This one knows inserts, updates, deletes, and queries for equality.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson
from bson import Decimal128, Int64, MaxKey, MinKey
from bson.binary import Binary

from tests.support.listener import Request
from tests.support.messages import message
from tests.support.server import Action, ScriptedServer, reply

ENCRYPTED = 6
_MARKED = b"\0"
_DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
_TYPES = {
    "string": (str,),
    "int": (int,),
    "long": (Int64,),
    "bool": (bool,),
    "double": (float,),
    "decimal": (Decimal128,),
    "array": (list,),
    "object": (dict,),
    "minKey": (MinKey,),
    "maxKey": (MaxKey,),
    "null": (type(None),),
}
_NEVER = ("minKey", "maxKey", "null")
_NOT_DETERMINISTIC = ("double", "decimal", "bool", "array", "object")
_NOT_OF_THE_COMMAND = ("jsonSchema", "isRemoteSchema", "$db")

Document = dict[str, Any]
Schema = Mapping[str, Any]


class QueryError(Exception):
    """What the schema does not allow."""


class Mongocryptd(ScriptedServer):
    """A mongocryptd. It has no sessions, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(replica_set=None, hello={"iscryptd": True, "logicalSessionTimeoutMinutes": None})
        self.default: Action = mark

    @property
    def asked(self) -> list[str]:
        """The names of the commands that it was asked to mark."""
        return self.names


async def mark(request: Request) -> None:
    """Answer with the command and its placeholders."""
    command = request.command
    schema = command.get("jsonSchema", {})
    try:
        marked = _marked(command, schema)
    except QueryError as error:
        await reply({"ok": 0, "errmsg": str(error), "code": 51_092, "codeName": "Location51092"})(request)
        return
    result = {name: value for name, value in marked.items() if name not in _NOT_OF_THE_COMMAND}
    await request.peer.send(
        message(
            {
                "hasEncryptionPlaceholders": result != {n: v for n, v in command.items() if n in result},
                "schemaRequiresEncryption": _requires_encryption(schema),
                "result": result,
                "ok": 1,
            },
            request.id,
        )
    )


def _requires_encryption(schema: Schema) -> bool:
    return "encrypt" in schema or any(map(_requires_encryption, schema.get("properties", {}).values()))


def _marked(command: Document, schema: Schema) -> Document:
    command = dict(command)
    if "explain" in command:
        command["explain"] = _marked(command["explain"], schema)
    if "documents" in command:
        command["documents"] = [_document(one, schema, one) for one in command["documents"]]
    for name in ("filter", "query"):
        if name in command:
            command[name] = _query(command[name], schema)
    if "update" in command and isinstance(command["update"], dict):
        command["update"] = _update(command["update"], schema)
    if "updates" in command:
        command["updates"] = [
            {**one, "q": _query(one["q"], schema), "u": _update(one["u"], schema)} for one in command["updates"]
        ]
    if "deletes" in command:
        command["deletes"] = [{**one, "q": _query(one["q"], schema)} for one in command["deletes"]]
    if "pipeline" in command:
        command["pipeline"] = [
            {**stage, "$match": _query(stage["$match"], schema)} if "$match" in stage else stage
            for stage in command["pipeline"]
        ]
    return command


def _document(document: Document, schema: Schema, root: Document) -> Document:
    properties = schema.get("properties", {})
    return {
        name: _value(value, properties[name], root) if name in properties else value for name, value in document.items()
    }


def _value(value: Any, schema: Schema, root: Document) -> Any:
    if "encrypt" in schema:
        return _placeholder(value, schema["encrypt"], root)
    return _document(value, schema, root) if isinstance(value, dict) else value


def _update(update: Document, schema: Schema) -> Document:
    if not any(name.startswith("$") for name in update):
        return _document(update, schema, update)
    marked: Document = {}
    for operator, fields in update.items():
        if operator in ("$set", "$setOnInsert"):
            marked[operator] = {path: _at_path(value, path, schema, fields) for path, value in fields.items()}
        else:
            if operator != "$unset" and any(_encrypted_at(path, schema) for path in fields):
                raise QueryError(f"{operator} is not allowed on encrypted values")
            marked[operator] = fields
    return marked


def _query(query: Document, schema: Schema) -> Document:
    marked: Document = {}
    for path, value in query.items():
        if path in ("$and", "$or", "$nor"):
            marked[path] = [_query(one, schema) for one in value]
        elif not _encrypted_at(path, schema):
            marked[path] = value
        elif _encrypted_at(path, schema)["algorithm"] != _DETERMINISTIC:
            raise QueryError(f"cannot query {path}, which is encrypted with the randomized algorithm")
        elif isinstance(value, dict) and any(name.startswith("$") for name in value):
            marked[path] = {name: _operand(name, operand, path, schema) for name, operand in value.items()}
        else:
            marked[path] = _at_path(value, path, schema, query)
    return marked


def _operand(name: str, operand: Any, path: str, schema: Schema) -> Any:
    if name in ("$eq", "$ne"):
        return _at_path(operand, path, schema, {})
    if name in ("$in", "$nin"):
        return [_at_path(one, path, schema, {}) for one in operand]
    if name == "$exists":
        return operand
    raise QueryError(f"{name} is not allowed on the encrypted field {path}")


def _encrypted_at(path: str, schema: Schema) -> Any:
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name, {})
    return schema.get("encrypt")


def _at_path(value: Any, path: str, schema: Schema, root: Document) -> Any:
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name, {})
    return _value(value, schema, root)


def _placeholder(value: Any, how: Schema, root: Document) -> Binary:
    kind = next((name for name, types in _TYPES.items() if type(value) in types), "another")
    deterministic = how["algorithm"] == _DETERMINISTIC
    if kind in _NEVER or (deterministic and kind in _NOT_DETERMINISTIC):
        raise QueryError(f"Cannot encrypt element of type: {kind}")
    if kind not in (how.get("bsonType"), "another") and "bsonType" in how:
        raise QueryError(f"the schema wants a value of the type {how['bsonType']}, not {kind}")
    document: Document = {"a": 1 if deterministic else 2, "v": value}
    key = how["keyId"]
    if isinstance(key, str):
        document["ka"] = root[key.removeprefix("/")]
    else:
        document["ki"] = key[0]
    placeholder: Binary = Binary(_MARKED + bson.encode(document), ENCRYPTED)
    return placeholder
