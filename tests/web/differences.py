"""What is asked of an application on both Motors, and where Motor 4 answers otherwise on purpose, with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any

from motor.file_response import http_date

UPLOADED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

FRACTION = timedelta(milliseconds=500)
"""How much later "fraction.txt" was uploaded."""

FILES: dict[str, dict[str, Any]] = {
    "text.txt": {},
    "page.html": {},
    "unknown": {},
    "x.tar.gz": {},
    "typed.png": {"contentType": "my type"},
    "described": {"metadata": {"contentType": "text/plain"}},
    "fraction.txt": {},
    "empty.txt": {},
    "image.png": {"_id": "id"},
}


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    path: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"

    def has(self, *names: str) -> bool:
        """Whether it has a header of each of these names."""
        return {name for name, _ in self.headers} >= set(names)


@dataclass(frozen=True)
class Answer:
    """What came back, without the headers that depend on the clock and on the server."""

    status: int
    headers: dict[str, str]
    body: bytes

    def part(self, name: str) -> Any:
        """The status, the body, or the header of that name."""
        return {"status": self.status, "body": self.body}.get(name, self.headers.get(name))

    def differences(self, other: Answer) -> list[str]:
        """The names of the parts that differ."""
        names = ["status", "body", *sorted(self.headers.keys() | other.headers.keys())]
        return [name for name in names if self.part(name) != other.part(name)]


def requests(etag: str, uploaded: datetime) -> Iterator[Request]:
    """What is asked for, most of it of "text.txt", which has that entity tag."""
    modified, earlier, later = (http_date(uploaded + timedelta(seconds=seconds)) for seconds in (0, -1, 1))
    conditions = {
        "If-None-Match": (etag, f"W/{etag}", f'"x", {etag}', "*", '"x"', etag.strip('"'), f"{etag}a", ""),
        "If-Modified-Since": (modified, earlier, later, "nonsense"),
        "If-Match": (etag, '"x"'),
        "If-Unmodified-Since": (modified, earlier),
        "Range": ("bytes=0-9", "bytes=-1", "bytes=5-1", "bytes=99999999-", "bytes=0-0,5-6", "lines=1-2"),
    }
    for method in ("GET", "HEAD"):
        for name in (*FILES, "missing", "a/b", ""):
            yield Request(f"/name/{name}", (), method)
        for path in ("/id/id", "/id/nobody", "/elsewhere"):
            yield Request(path, (), method)
        for header, values in conditions.items():
            for value in values:
                yield Request("/name/text.txt", ((header, value),), method)
        yield Request("/name/text.txt", (("If-None-Match", '"x"'), ("If-Modified-Since", later)), method)
        yield Request("/name/text.txt", (("If-None-Match", etag), ("If-Modified-Since", earlier)), method)
        yield Request("/id/id", (("If-Modified-Since", later),), method)
    for method in ("POST", "PUT", "DELETE"):
        yield Request("/name/text.txt", (), method)


@dataclass(frozen=True)
class Deliberate:
    """A difference: in which parts of the answer, when, and why."""

    reason: str
    parts: tuple[str, ...]
    when: Callable[[Request, Answer, Answer], bool]
    framework: str | None = None

    def applies(self, framework: str, request: Request, old: Answer, new: Answer) -> bool:
        return self.framework in (None, framework) and self.when(request, old, new)


_SENT = ("status", "body", "Content-Type", "Content-Length")

DELIBERATE = (
    Deliberate(
        "Motor 3 offered every file to shared caches: the client alone may keep it, unless the application says so",
        ("Cache-Control",),
        lambda request, old, new: (old.part("Cache-Control"), new.part("Cache-Control")) == ("public", "private"),
    ),
    Deliberate(
        "A browser is not to guess another type than the one that is said",
        ("X-Content-Type-Options",),
        lambda request, old, new: (
            old.part("X-Content-Type-Options") is None and new.part("X-Content-Type-Options") == "nosniff"
        ),
    ),
    Deliberate(
        "Motor 3 sent no ranges; that they can be asked for is said",
        ("Accept-Ranges",),
        lambda request, old, new: new.status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT),
    ),
    Deliberate(
        "Motor 3 sent no ranges",
        ("status", "body", "Content-Length", "Content-Range"),
        lambda request, old, new: request.has("Range") and new.status == HTTPStatus.PARTIAL_CONTENT,
    ),
    Deliberate(
        "A range that the file has not got is refused",
        (*_SENT, "Accept-Ranges", "Cache-Control", "Content-Range"),
        lambda request, old, new: request.has("Range") and new.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    ),
    Deliberate(
        "If-None-Match may be a list, weak, or *",
        _SENT,
        lambda request, old, new: (
            request.has("If-None-Match") and (old.status, new.status) == (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED)
        ),
    ),
    Deliberate(
        "If-Modified-Since is not heeded where If-None-Match is: RFC 9110, 13.1.3",
        (*_SENT, "Accept-Ranges"),
        lambda request, old, new: (
            request.has("If-None-Match", "If-Modified-Since")
            and (old.status, new.status) == (HTTPStatus.NOT_MODIFIED, HTTPStatus.OK)
        ),
    ),
    Deliberate(
        "Motor 3 did not heed If-Match and If-Unmodified-Since",
        (*_SENT, "Cache-Control"),
        lambda request, old, new: new.status == HTTPStatus.PRECONDITION_FAILED,
    ),
    Deliberate(
        "A date that is none is ignored, and no error",
        (*_SENT, "Cache-Control", "Etag", "Last-Modified"),
        lambda request, old, new: (
            request.has("If-Modified-Since")
            and (old.status, new.status) == (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.OK)
        ),
        framework="tornado",
    ),
    Deliberate(
        "A file of unknown type is not HTML, which a browser would run: Tornado's own StaticFileHandler does the same",
        ("Content-Type",),
        lambda request, old, new: (
            old.part("Content-Type") == "text/html; charset=UTF-8"
            and new.part("Content-Type") == "application/octet-stream"
        ),
        framework="tornado",
    ),
    Deliberate(
        "The type is that of the metadata, where GridFS has it today",
        ("Content-Type",),
        lambda request, old, new: request.path == "/name/described",
    ),
    Deliberate(
        "Where the path does not tell the type, the file's name does",
        ("Content-Type",),
        lambda request, old, new: request.path == "/id/id" and new.part("Content-Type") in ("image/png", None),
    ),
    Deliberate(
        "HEAD has the headers of GET: an unknown type, too",
        ("Content-Type",),
        lambda request, old, new: request.path == "/name/unknown" and request.method == "HEAD",
        framework="aiohttp",
    ),
    Deliberate(
        "Of a date the whole seconds are sent, as they are compared, and as with Tornado; newer aiohttp rounds up",
        ("Last-Modified",),
        lambda request, old, new: request.path == "/name/fraction.txt",
        framework="aiohttp",
    ),
)
