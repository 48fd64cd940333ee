"""A value that has to become text has the spelling that landing's reader gives it, so that keys meet whatever their type."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.adapters.file_reader import texts_of
from include.sources.arrow_tables import as_text, joined

VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.dates(date(1900, 1, 1), date(2200, 1, 1)),
)


def read(value: Any) -> str | None:
    """As landing's reader writes it."""
    return texts_of(pa.table({"a": pa.array([value])}), 0).table["a"].iloc[0]  # type: ignore[no-any-return]


@given(VALUES)
def test_a_value_has_the_reader_s_spelling(value: Any) -> None:
    """Numbers, times, booleans and texts."""
    assert as_text(value) == read(value)


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_joining_changes_no_value(values: list[Any]) -> None:
    """Batches of different types, one below the other: each value reads as it did alone."""
    table = joined([pa.table({"a": pa.array([value])}) for value in values])
    assert texts_of(table, 0).table["a"].tolist() == [read(value) for value in values]


@pytest.mark.parametrize("gap", [None, float("nan"), Decimal("NaN")])
def test_what_is_missing_stays_missing(gap: Any) -> None:
    """In a column of several types too."""
    texts = texts_of(joined([pa.table({"a": ["x"]}), pa.table({"a": pa.array([as_text(gap)], pa.string())})]), 0).table["a"]
    assert texts.isna().tolist() == [False, True]
