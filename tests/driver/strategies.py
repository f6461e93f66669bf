"""What hypothesis makes documents and messages from."""

from __future__ import annotations

import datetime
from typing import Any

import bson
from bson import (
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.binary import Binary
from bson.code import Code
from hypothesis import strategies as st

NAMES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    INT64.map(Int64),
    st.floats(allow_nan=False),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=100),
    st.binary(max_size=100),
    st.builds(Binary, st.binary(max_size=20), st.sampled_from([2, 5, 128])),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(Regex, NAMES, st.sampled_from([0, 2, 10])),
    st.builds(Code, st.text("abc", max_size=20)),
    st.builds(Code, st.text("abc", max_size=20), st.dictionaries(st.text("xy", max_size=2), st.integers(0, 9))),
    st.integers(-(10**12), 10**12).map(lambda number: Decimal128(str(number))),
    st.sampled_from([MinKey(), MaxKey()]),
    st.builds(DBRef, st.text("abc", min_size=1, max_size=5), st.integers(0, 9)),
)

VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=8,
)

DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(NAMES, VALUES, max_size=5)
ENCODED = DOCUMENTS.map(bson.encode)
