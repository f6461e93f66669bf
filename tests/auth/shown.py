"""What is shown of secrets: nothing, wherever somebody looks."""

from __future__ import annotations

import base64
import traceback
from pathlib import Path
from urllib.parse import quote_plus

from tests.auth.scenarios import SECRET, TOKEN

_TESTS = str(Path(__file__).parents[1])


def traces(secret: str) -> list[str]:
    """A secret, as it is, as it is in a URI, and as it is within something that is shown as base64."""
    encoded = [base64.b64encode(b"." * shift + secret.encode()).decode()[4:-4] for shift in range(3)]
    return [secret, quote_plus(secret), *encoded]


def check(shown: str) -> None:
    """Whatever is shown shows no secret."""
    for secret in (SECRET, TOKEN, "refresh-token"):
        for trace in traces(secret):
            assert trace not in shown


def check_frames(error: BaseException) -> None:
    """No frame has a secret among its local variables, but for those of the tests."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True, limit=-1000)
    pending: list[traceback.TracebackException | None] = [shown]
    frames = 0
    while pending:
        one = pending.pop()
        if one is not None:
            check(str(one))
            pending += [one.__cause__, one.__context__]
            for frame in one.stack:
                if not frame.filename.startswith(_TESTS):
                    frames += 1
                    check(f"{frame.filename} {frame.name} {frame.locals}")
    assert frames
