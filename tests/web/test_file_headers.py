"""The headers that a file's own document makes."""

import hashlib
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from motor.file_response import UNKNOWN_TYPE, caching, caching_of_authorized, content_type, etag

UPLOADED = datetime(2026, 1, 2, 3, 4, 5, 678000)


def stored(**known: Any) -> Any:
    """What looks like a GridOut."""
    return SimpleNamespace(**known)


def file(filename: Any = "name", content_type: Any = None, metadata: Any = None) -> Any:
    return stored(filename=filename, content_type=content_type, metadata=metadata)


@pytest.mark.parametrize(
    ("expected", "document", "path"),
    [
        ("my type", file(content_type="my type"), "x.png"),
        ("text/html; charset=utf-8", file(content_type="text/html; charset=utf-8"), "x.png"),
        ("audio/flac", file(metadata={"contentType": "audio/flac"}), "x.png"),
        ("image/gif", file(content_type="image/gif", metadata={"contentType": "audio/flac"}), "x.png"),
        ("image/png", file("x.gif"), "a/b.c/x.png"),
        ("image/png", file("x.gif"), "X.PNG"),
        ("image/gif", file("x.gif"), "507f1f77bcf86cd799439011"),
        ("image/gif", file("x.gif"), None),
        ("image/png", file(), "a?b#c:d.png"),
        ("image/png", file(), "//[.png"),
        ("image/png", file(), "\0\udcff.png"),
        (UNKNOWN_TYPE, file(), "data:text/html,x"),
        (UNKNOWN_TYPE, file(), "noextension"),
        (UNKNOWN_TYPE, file(), "x.png/"),
        (UNKNOWN_TYPE, file(filename=None), "x.unheard-of"),
        (UNKNOWN_TYPE, file(filename=7), ""),
        # No header's value, or no media type.
        ("image/png", file(content_type="text/html\r\nSet-Cookie: a=b"), "x.png"),
        ("image/png", file(content_type="text/html\0"), "x.png"),
        ("image/png", file(content_type="тип"), "x.png"),
        ("image/png", file(content_type=" "), "x.png"),
        ("image/png", file(content_type=""), "x.png"),
        ("image/png", file(content_type=3), "x.png"),
        ("image/png", file(content_type=["text/html"]), "x.png"),
        ("image/png", file(metadata={"contentType": "text"}), "x.png"),
        ("image/png", file(metadata={"contentType": "text/html\nA: b"}), "x.png"),
        ("image/png", file(metadata={"contentType": {"$gt": ""}}), "x.png"),
        ("image/png", file(metadata={"compressed": True}), "x.png"),
        ("image/png", file(metadata=["text/html"]), "x.png"),
    ],
)
def test_type(expected, document, path):
    assert content_type(document, path) == expected


def test_etag():
    known: dict[str, Any] = {"_id": "id", "length": 5, "upload_date": UPLOADED}
    tag = etag(stored(**known))
    # What Motor 3.7 sends: the clients' caches are to stay valid.
    assert tag == f'"{hashlib.sha256(b"id52026-01-02 03:04:05.678000").hexdigest()}"'
    for name, other in (("_id", "ie"), ("length", 6), ("upload_date", UPLOADED.replace(microsecond=679000))):
        assert etag(stored(**{**known, name: other})) != tag


def test_caching():
    assert caching(0) == caching(-1) == {"Cache-Control": "private"}
    before = datetime.now(timezone.utc)
    headers = caching(3600.5)
    assert headers["Cache-Control"] == "max-age=3600"
    expires = parsedate_to_datetime(headers["Expires"])
    assert 3599 <= (expires - before).total_seconds() <= 3660
    assert headers["Expires"].endswith(" GMT")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, "private"),
        ("private", "private"),
        ("public", "private"),
        ("max-age=10", "private, max-age=10"),
        ("Public, max-age=10,s-maxage=20", "private, max-age=10"),
        ("no-store", "private, no-store"),
        ('no-cache="Set-Cookie, X"', 'private, no-cache="Set-Cookie, X"'),
    ],
)
def test_caching_beside_authorization(said, expected):
    assert caching_of_authorized(said) == expected
