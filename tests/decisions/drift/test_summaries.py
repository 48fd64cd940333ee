"""Summaries: any rows against any others is a merge, whatever the columns hold."""

import decimal
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.data.values import as_numbers, as_texts
from include.decisions.drift.summaries import (
    BINS,
    MOST_VALUES,
    Numbers,
    Summary,
    Values,
    column_of,
    grid_digest,
    lay_grid,
    merged,
    summarise,
    view_names,
)
from include.documents import from_bytes, to_bytes
from include.models.contract import Column

COLUMNS = (Column("x", "number"), Column("colour", "category"), Column("note", "text"))
ROW = st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.sampled_from(["red", "blue", None]), st.text("ab ", max_size=6))


def frame(rows: list[Any]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=["x", "colour", "note"])
    return found.astype({"x": "float64", "colour": "object", "note": "object"})


GRID = lay_grid(frame([(float(n), "red", "a b") for n in range(1000)]), COLUMNS)


def plain(summary: Summary) -> Any:
    """What it holds, without the digest of it: sums may differ in their last digits, and counts in their order."""
    return {name: value for name, value in json.loads(to_bytes(summary)).items() if name != "digest"}


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=40), st.integers(0, 40))
def test_the_summary_of_two_parts_is_that_of_the_whole(rows: list[Any], cut: int) -> None:
    """Merging is exact, wherever rows are cut."""
    whole = summarise(frame(rows), COLUMNS, GRID)
    parts = merged([summarise(frame(part), COLUMNS, GRID) for part in (rows[:cut], rows[cut:])])
    one, other = plain(whole), plain(parts)
    totals = [document["views"]["x"].pop("total") for document in (one, other)]
    assert one == other
    assert totals[0] == pytest.approx(totals[1], abs=1e-3)


@settings(max_examples=30)
@given(st.lists(ROW, max_size=30))
def test_a_summary_survives_being_kept(rows: list[Any]) -> None:
    """As JSON and back, and every row is counted in it."""
    summary = summarise(frame(rows), COLUMNS, GRID)
    assert plain(from_bytes(Summary, to_bytes(summary), "key")) == plain(summary)
    x, colour = summary.views["x"], summary.views["colour"]
    assert isinstance(x, Numbers)
    assert isinstance(colour, Values)
    assert int(x.counts.sum()) + x.missing == sum(colour.counts.values()) + colour.missing == len(rows) == summary.rows


def test_a_grid_gives_a_value_that_holds_much_a_bin_of_its_own() -> None:
    """Half of all rows at zero, and none of the others beside them."""
    values = pd.DataFrame({"x": np.where(np.arange(2000) % 2, 0.0, np.arange(2000) + 1.0)})
    grid = lay_grid(values, COLUMNS[:1])
    view = summarise(values, COLUMNS[:1], grid).views["x"]
    assert isinstance(view, Numbers)
    assert view.counts.max() == 1000
    assert len(view.counts) <= 2 * BINS
    assert grid_digest(grid) == grid_digest({"x": grid["x"].copy()}) != grid_digest({"x": grid["x"] + 1})


def test_very_many_values_are_counted_in_buckets() -> None:
    """Merged with few or with many, the mass is kept and the names of the commonest are."""
    many = summarise(pd.DataFrame({"colour": [f"v{n}" for n in range(MOST_VALUES + 1)] + ["v7"] * 50}), COLUMNS[1:2], {})
    few = summarise(pd.DataFrame({"colour": ["v7", "v8", None]}), COLUMNS[1:2], {})
    for whole in (many + few, few + many, many + many):
        view = whole.views["colour"]
        assert isinstance(view, Values)
        assert view.buckets is not None
        assert int(view.buckets.sum()) == view.present
        assert next(iter(view.counts)) == "v7"
        kept = from_bytes(Summary, to_bytes(whole), "key").views["colour"]
        assert isinstance(kept, Values)
        assert kept.buckets is not None
        assert np.array_equal(kept.buckets, view.buckets)


ODD = [
    ("nullable", pd.Series([1, None], dtype="Int64"), [1.0, None], ["1", None]),
    ("nullable boolean", pd.Series([True, None], dtype="boolean"), [1.0, None], ["True", None]),
    ("arrow", pd.Series([1.5, None], dtype="double[pyarrow]"), [1.5, None], ["1.5", None]),
    ("decimal", pd.Series([decimal.Decimal("1.5"), None]), [1.5, None], ["1.5", None]),
    ("time", pd.to_datetime(pd.Series(["1970-01-01T00:01:00Z", None])), [60.0, None], None),
    ("span", pd.Series([pd.Timedelta(seconds=3), pd.NaT]), [3.0, None], None),
    ("categorical", pd.Series(["a", None], dtype="category"), [None, None], ["a", None]),
    ("list", pd.Series([[1, 2], None]), [None, None], ["[1, 2]", None]),
    ("all missing", pd.Series([None, None]), [None, None], [None, None]),
    ("infinite", pd.Series([float("inf"), 1.0]), [None, 1.0], None),
    ("text for a number", pd.Series(["7", "seven"]), [7.0, None], ["7", "seven"]),
    ("no row", pd.Series([], dtype="object"), [], []),
]


@pytest.mark.parametrize(("values", "numbers", "texts"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_any_dtype_is_summarised(values: pd.Series, numbers: list[Any], texts: list[Any] | None) -> None:
    """What is no number is missing among numbers; anything can be written; nothing raises."""
    assert [None if np.isnan(number) else number for number in as_numbers(values).tolist()] == numbers
    if texts is not None:
        assert [None if pd.isna(text) else text for text in as_texts(values)] == texts
    for column in (Column("c", "number"), Column("c", "category"), Column("c", "text")):
        rows = pd.DataFrame({"c": values})
        summary = summarise(rows, [column], lay_grid(rows, [column]))
        assert set(summary.views) == set(view_names(column))
        assert {column_of(view) for view in summary.views} == {"c"}


def test_a_thousand_columns_are_summarised() -> None:
    """Wide tables are only more of the same."""
    columns = [Column(f"c{number}", "number") for number in range(1000)]
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(50, 1000)), columns=[column.name for column in columns])
    assert len(summarise(rows, columns, lay_grid(rows, columns)).views) == 1000
