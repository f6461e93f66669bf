"""What Motor does not have, and why: of Motor 3.7.1, and of PyMongo Async."""

from __future__ import annotations

import re
from collections.abc import Sequence

LeftOut = Sequence[tuple[str, str]]
"""Patterns of what is left out, each with the reason. Where only some of a name is, the pattern says what of it."""

_MADE_BY_METHODS = "applications have it from a method; its constructor is the engine's affair"
_NO_DELEGATE = "there is no synchronous object behind it: clients, databases and collections have one for who needs it"
_METAPROGRAMMING = "made classes at run time, which are written out now"
_IMPORTS = "a leftover of an import, which meant nothing to applications"

OF_MOTOR_3 = (
    (
        r"Agnostic(Base\w*|ClientSession|ChangeStream|\w*Cursor|GridOutCursor)\.\(constructor\)",
        _MADE_BY_METHODS,
    ),
    (r"(AsyncIO)?Motor(ClientSession|ChangeStream|\w*Cursor)\.\(constructor\)", _MADE_BY_METHODS),
    (r"\w+\.(create_asyncio_class|create_motor_class)", _METAPROGRAMMING),
    (r"motor\.motor_(asyncio|tornado)\.(create_asyncio_class|create_motor_class|T)$", _METAPROGRAMMING),
    (r"motor\.core\.(motor_version|callback_type_error|HAS_SSL)$", _IMPORTS),
    (r"motor\.frameworks\.tornado\.tornado_version$", _IMPORTS),
    (r"motor\.motor_gridfs\.(DEFAULT_CHUNK_SIZE|MotorGridOutProperty)$", _IMPORTS),
    (r"\w+ChangeStream\.__(enter|exit)__", "only raised: `with` says itself that it cannot be used"),
    (r"AgnosticBaseCursor\.batch_size", "both kinds of cursor have it"),
    (r"motor\.frameworks\.\w+\.max_workers$", "there is no thread for each operation"),
    (r"motor\.frameworks\.\w+\.pymongo_class_wrapper$", "nothing synchronous is wrapped"),
    (r"motor\.frameworks\.asyncio\.coroutine$", "only raised: Python 3.11 has no coroutines but `async def`"),
    (r"motor\.frameworks\.\w+\.yieldable$", "deprecated in Motor 2: a Future can be yielded, or awaited, itself"),
    (r"\w+(Cursor|ChangeStream|GridOut|GridIn|GridFSBucket)\.delegate", _NO_DELEGATE),
    (r"\w+GridFSBucket\.wrap", _NO_DELEGATE),
    (r"\w+ClientEncryption\.encrypt: no parameter text_opts", "of a preview: newer PyMongos call them string_opts"),
    (r"\w+LatentCommandCursor\.(start|args|kwargs)", "how the thread pool was told what to do"),
)

OF_PYMONGO = (
    (
        r"Async(ClientSession|\w*ChangeStream|\w*CommandCursor|RawBatchCursor|GridOutCursor)\.\(constructor\)",
        _MADE_BY_METHODS,
    ),
    (
        r"AsyncCollection\.\(constructor\)",
        "`create`, `session` and keywords are refused by PyMongo Async; in their place stand Motor 3's parameters",
    ),
    (r"AsyncClientSession\.with_transaction", "the first parameter is called `coro`, as in Motor 3, or `callback`"),
    (r"AsyncRawBatchCommandCursor\.__getitem__", "only raises"),
    (r"AsyncGridFSBucket\.\(constructor\)", "the first parameter is called `database`, as in Motor 3"),
    (r"AsyncGrid(In|Out)\.\(constructor\)", "`delegate` stands before `session`, as in Motor 3"),
    (r"AsyncClientEncryption\.\(constructor\)", "`io_loop` stands before what PyMongo has there, as in Motor 3"),
)


def unexplained(found: Sequence[tuple[str, str]], left_out: LeftOut) -> list[str]:
    """What of `found`, dotted names and how they are narrower, is not on the list."""
    patterns = [pattern for pattern, _ in left_out]
    return [
        f"{where}: {how}"
        for where, how in found
        if not any(re.match(pattern, where) or re.match(pattern, f"{where}: {how}") for pattern in patterns)
    ]


def needless(found: Sequence[tuple[str, str]], known: Sequence[str], left_out: LeftOut) -> list[str]:
    """The patterns of whole names for which there is one in `known`, and that nothing in `found` needs."""
    return [
        pattern
        for pattern, _ in left_out
        if any(re.match(pattern, name) for name in known) and not any(re.match(pattern, where) for where, _ in found)
    ]
