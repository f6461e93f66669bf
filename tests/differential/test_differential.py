"""Each case: the same commands, the same result, the same exception."""

from __future__ import annotations

import difflib
import pprint
from itertools import chain
from typing import Any

import pytest

from .cases import (
    aggregate,
    bad_arguments,
    bad_client,
    bad_documents,
    bad_names,
    bound_sessions,
    bulk,
    change_streams,
    client_bulk,
    codecs,
    collections,
    command,
    concerns,
    count,
    cursor,
    databases,
    delete,
    events,
    failures,
    find,
    find_and_modify,
    gridfs,
    indexes,
    insert,
    own_sessions,
    sessions,
    stable_api,
    timeouts,
    transactions,
    type_registry,
    update,
    whereabouts,
)
from .differences import left_out
from .harness import Arena, Case

MODULES = (
    insert,
    update,
    delete,
    find,
    cursor,
    codecs,
    type_registry,
    aggregate,
    count,
    find_and_modify,
    bulk,
    client_bulk,
    command,
    indexes,
    collections,
    databases,
    whereabouts,
    concerns,
    sessions,
    own_sessions,
    bound_sessions,
    transactions,
    timeouts,
    stable_api,
    change_streams,
    events,
    failures,
    gridfs,
    bad_names,
    bad_arguments,
    bad_documents,
    bad_client,
)

CASES = [
    pytest.param(case, id=f"{module.__name__.rpartition('.')[2]}: {case.name}")
    for module, case in chain.from_iterable(((module, case) for case in module.CASES) for module in MODULES)
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # see Arena.close
@pytest.mark.parametrize("case", CASES)
def test_same(request: pytest.FixtureRequest, arena: Arena, case: Case) -> None:
    first, second = arena.compare(case, left_out(request.node.callspec.id))
    if repr(first) != repr(second):
        left, right = (side.name for side in arena.sides)
        diff = difflib.unified_diff(lines(first), lines(second), left, right, n=6, lineterm="")
        pytest.fail("\n".join(diff), pytrace=False)


def lines(shown: dict[str, Any]) -> list[str]:
    """What a side did, for a human."""
    return pprint.pformat(shown, width=100, sort_dicts=False).splitlines()


def test_names_are_unique() -> None:
    names = [str(param.id) for param in CASES]
    assert sorted(set(names)) == sorted(names)
