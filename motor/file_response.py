"""What a web server answers when a GridFS file is asked for: its headers, whether the client has it already, which of
its bytes to send. Both :mod:`motor.web` and :mod:`motor.aiohttp` answer with it. Source: RFC 9110.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from motor.api.gridfs.grid_out import AgnosticGridOut
from motor.driver.timeouts import Timer

UNKNOWN_TYPE = "application/octet-stream"

CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match", "If-Modified-Since", "If-Range", "Range")
"""The request's headers that :func:`evaluate` reads."""

WRITE_TIMEOUT = 60.0
"""How many seconds a client has for each piece of a file, which is 256 KB at most, unless the application says it."""

ALWAYS = {"X-Content-Type-Options": "nosniff"}
"""Headers of every answer. A file is of the type that is said, whatever a browser finds in it."""

NOT_OF_AN_ERROR = ("Cache-Control", "Content-Encoding", "Content-Type", "Expires")
"""Headers that describe the file, and so have no place on an answer that has nothing of it."""

_RANGES = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_ENTITY_TAG = re.compile(r'(?:^|,)\s*((?:W/)?"[^"]*"|[^\s,"]+)\s*(?=,|$)')
_MORE_DIGITS_THAN_ANY_LENGTH = 20


class Answer(NamedTuple):
    """What to answer. `part` is what to send of the file, `headers` are to be added to those that describe it."""

    status: HTTPStatus
    part: range
    headers: Mapping[str, str]

    @property
    def is_error(self) -> bool:
        """Whether nothing is said about the file."""
        return self.status >= HTTPStatus.BAD_REQUEST


def etag(grid_out: AgnosticGridOut) -> str:
    """A strong entity tag, with its quotes: another one when the file is another one, the same on every server.

    It is Motor 3.7's, so that what clients have cached stays valid.
    """
    known = f"{grid_out._id}{grid_out.length}{grid_out.upload_date}"
    return f'"{hashlib.sha256(known.encode()).hexdigest()}"'


def http_date(moment: datetime) -> str:
    """`moment`, which is UTC if naive, as a header's value, whose seconds are whole."""
    moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    return format_datetime(moment, usegmt=True)


def content_type(grid_out: AgnosticGridOut, path: str | None) -> str:
    """The file's media type: its own ``contentType``, that in its metadata, what `path` or its name ends with.

    It comes from whoever uploaded the file: what could not be a header's value is passed over.
    """
    if _is_header_value(grid_out.content_type):
        return str(grid_out.content_type)
    metadata = grid_out.metadata
    declared: Any = metadata.get("contentType") if isinstance(metadata, Mapping) else None
    if _is_header_value(declared) and "/" in declared:
        return str(declared)
    return _guessed_type(path) or _guessed_type(grid_out.filename) or UNKNOWN_TYPE


def caching(seconds: float) -> dict[str, str]:
    """The headers that let the file be used for so many seconds without asking; with 0 they say no time, and that only
    the client itself may keep it.
    """
    if seconds <= 0:
        return {"Cache-Control": "private"}
    expires = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return {"Cache-Control": f"max-age={int(seconds)}", "Expires": http_date(expires)}


def caching_of_authorized(cache_control: str | None) -> str:
    """The ``Cache-Control`` of an answer to a request with ``Authorization``, of what it would be for anybody."""
    directives = [each.strip() for each in (cache_control or "").split(",")]
    kept = [each for each in directives if each and not each.lower().startswith(("public", "private", "s-maxage"))]
    return ", ".join(["private", *kept])


def evaluate(
    conditions: Mapping[str, str], entity_tag: str | None, last_modified: str | None, length: int, ranges: bool
) -> Answer:
    """What to answer to a request with these `conditions`, some of :data:`CONDITIONS` and their values.

    `entity_tag` and `last_modified` are the answer's headers ``ETag`` and ``Last-Modified``; `length` is the file's, in
    bytes. With `ranges` a part of it may be asked for. A request for several parts at once gets the whole file, as RFC
    9110 allows: hardly anybody asks for it, and it is a known way to make a server work a lot for little.
    """
    modified = _date(last_modified)
    if not _precondition_holds(conditions, entity_tag, modified):
        return Answer(HTTPStatus.PRECONDITION_FAILED, range(0), {})
    if _client_has_it(conditions, entity_tag, modified):
        return Answer(HTTPStatus.NOT_MODIFIED, range(0), {})
    if not ranges:
        return Answer(HTTPStatus.OK, range(length), {})
    if _range_applies(conditions.get("If-Range"), entity_tag, modified):
        part = parse_range(conditions.get("Range", ""), length)
        if part is not None:
            return _partial(part, length)
    return Answer(HTTPStatus.OK, range(length), {"Accept-Ranges": "bytes"})


def parse_range(value: str, length: int) -> range | None:
    """The bytes that the ``Range`` header asks for, of a file of `length` bytes; an empty range if there are none.

    ``None`` when the header is to be ignored: another unit, several ranges, or what is no range.
    """
    ranges = _RANGES.fullmatch(value)
    if ranges is None:
        return None
    asked = [each for each in map(str.strip, ranges[1].split(",")) if each]
    found = _RANGE.fullmatch(asked[0]) if len(asked) == 1 else None
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, length - _number(last)), length)
    if last and _order(last) < _order(first):
        return None
    start = min(_number(first), length)
    return range(start, min(_number(last) + 1, length) if last else length)


async def read(grid_out: AgnosticGridOut, part: range) -> AsyncGenerator[bytes, None]:
    """The bytes of `part`, piece by piece. When it is closed, nothing more is read."""
    try:
        async with aclosing(grid_out._pieces(part)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        await grid_out.close()


@contextmanager
def time_limit(seconds: float, give_up: Callable[[], object]) -> Iterator[None]:
    """Call `give_up`, which closes the client's connection, unless the block is left within so many seconds."""
    timer = Timer(asyncio.get_running_loop(), seconds, give_up)
    try:
        yield
    finally:
        timer.cancel()


def _partial(part: range, length: int) -> Answer:
    status, place = HTTPStatus.PARTIAL_CONTENT, f"{part.start}-{part.stop - 1}"
    if not part:
        status, place = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "*"
    return Answer(status, part, {"Accept-Ranges": "bytes", "Content-Range": f"bytes {place}/{length}"})


def _precondition_holds(conditions: Mapping[str, str], entity_tag: str | None, modified: datetime | None) -> bool:
    wanted = conditions.get("If-Match")
    if wanted is not None:
        return wanted.strip() == "*" or entity_tag in _entity_tags(wanted)
    until = _date(conditions.get("If-Unmodified-Since"))
    return until is None or modified is None or modified <= until


def _client_has_it(conditions: Mapping[str, str], entity_tag: str | None, modified: datetime | None) -> bool:
    had = conditions.get("If-None-Match")
    if had is not None:
        return had.strip() == "*" or (entity_tag is not None and _opaque(entity_tag) in map(_opaque, _entity_tags(had)))
    since = _date(conditions.get("If-Modified-Since"))
    return since is not None and modified is not None and modified <= since


def _range_applies(unchanged: str | None, entity_tag: str | None, modified: datetime | None) -> bool:
    """Whether the file is still the one that ``If-Range`` names: parts of two are never to be put together."""
    if unchanged is None:
        return True
    if '"' in unchanged:
        return unchanged == entity_tag and not unchanged.startswith("W/")
    moment = _date(unchanged)
    return moment is not None and moment == modified


def _entity_tags(value: str) -> list[str]:
    return _ENTITY_TAG.findall(value)


def _opaque(entity_tag: str) -> str:
    """What a weak comparison compares. Motor 3.7 took a tag without quotes, too."""
    return entity_tag.removeprefix("W/").strip('"')


def _date(value: str | None) -> datetime | None:
    """None for what is no date, which is to be ignored."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment


def _number(digits: str) -> int:
    """Python does not convert thousands of digits; that many are beyond the end of any file."""
    return int(digits.lstrip("0")[:_MORE_DIGITS_THAN_ANY_LENGTH] or "0")


def _order(digits: str) -> tuple[int, str]:
    """What is smaller for a smaller number, of however many digits."""
    significant = digits.lstrip("0")
    return len(significant), significant


def _is_header_value(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value.strip())


def _guessed_type(name: Any) -> str | None:
    if not isinstance(name, str):
        return None
    # A URL is what it takes: a name with a colon or a question mark in it is to be none.
    return mimetypes.guess_type("./" + name.rpartition("/")[2])[0]
