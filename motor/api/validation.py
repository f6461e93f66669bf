"""How the report of the ``validate`` command reads, on a server of its own and behind mongos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.errors import CollectionInvalid


def check_validation(name: str, report: Mapping[str, Any]) -> None:
    """Raises :class:`~pymongo.errors.CollectionInvalid` if `report` says that the collection is not valid."""
    parts = list(report["raw"].values()) if "raw" in report else [report]
    for part in parts:
        text = part.get("result")
        if text is not None:
            if "exception" in text or "corrupt" in text:
                raise CollectionInvalid(f"{name} invalid: {text}")
        elif not part.get("valid", False):
            raise CollectionInvalid(f"{name} invalid: {report!r}")
