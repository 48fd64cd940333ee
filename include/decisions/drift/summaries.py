"""Summaries of rows: mergeable, so that any stretch of periods against any other is a merge and no row is read twice.

Numbers are counted in the bins of a grid that is fixed once per reference, categories by value, and texts by their length and
their words. A column with very many values is counted in buckets of a fixed hash. Sizes do not depend on the number of rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from include.decisions.data.values import as_numbers, as_texts
from include.decisions.scoring.predictions import Floats
from include.documents import NumberOrNaN
from include.models.contract import Column

BINS = 64
# Distinct values up to which a column is counted by value; beyond, by bucket of a hash, with the names of the commonest.
MOST_VALUES = 4_000
BUCKETS = 16_384
_NAMES = 64
_WORD = r"[^\W_]+"
_TEXT_LENGTH, TEXT_WORDS = " (length)", " (words)"

Ints = NDArray[np.int64]
# How arrays are stored: as lists, and buckets, of which most are empty, as places and counts.
StoredFloats = Annotated[
    Floats,
    PlainValidator(lambda values: np.asarray(values, dtype="float64")),
    PlainSerializer(lambda values: values.tolist()),
]
StoredCounts = Annotated[Ints, PlainValidator(lambda values: _counts(values)), PlainSerializer(lambda values: values.tolist())]
StoredBuckets = Annotated[
    Ints, PlainValidator(lambda sparse: _dense(sparse)), PlainSerializer(lambda buckets: _sparse(buckets))
]
Grid = Mapping[str, Floats]


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers: how many rows, missing values, and values in each bin; `low` and `high` are NaN without a value."""

    rows: int
    missing: int
    counts: StoredCounts
    low: NumberOrNaN
    high: NumberOrNaN
    total: float

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def is_constant(self) -> bool:
        """Whether all values are one and the same."""
        return self.present > 0 and self.low == self.high

    def __add__(self, other: "Numbers") -> "Numbers":
        return Numbers(
            self.rows + other.rows,
            self.missing + other.missing,
            self.counts + other.counts,
            float(np.fmin(self.low, other.low)),
            float(np.fmax(self.high, other.high)),
            self.total + other.total,
        )


@dataclass(frozen=True, eq=False)
class Values:
    """A column of values: how often each occurs. With `buckets`, these are the truth and `counts` names the commonest only.

    `rows` are occurrences for words, which a text has several of.
    """

    rows: int
    missing: int
    counts: Mapping[str, int]
    buckets: StoredBuckets | None = None

    @property
    def present(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def is_constant(self) -> bool:
        """Whether all values are one and the same."""
        return self.present > 0 and self.buckets is None and len(self.counts) == 1

    def hashed(self) -> "Values":
        """The same, counted in buckets."""
        if self.buckets is not None:
            return self
        named = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:_NAMES]
        buckets = np.bincount(bucket_of(list(self.counts)), list(self.counts.values()), BUCKETS).astype("int64")
        return Values(self.rows, self.missing, dict(named), buckets)

    def __add__(self, other: "Values") -> "Values":
        rows, missing = self.rows + other.rows, self.missing + other.missing
        counts = dict(self.counts)
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        if self.buckets is None and other.buckets is None:
            return _bounded(Values(rows, missing, counts))
        named = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_NAMES])
        one, two = self.hashed().buckets, other.hashed().buckets
        assert one is not None
        assert two is not None
        return Values(rows, missing, named, one + two)


@dataclass(frozen=True, eq=False)
class Summary:
    """Some rows: how many, and every view of their columns by name. `idle` are the seconds from the newest row to the end."""

    rows: int
    views: Mapping[str, Numbers | Values] = field(repr=False)
    idle: float = 0.0

    def __add__(self, other: "Summary") -> "Summary":
        views = {name: _add(view, other.views[name]) for name, view in self.views.items() if name in other.views}
        return Summary(self.rows + other.rows, views, min(self.idle, other.idle))


def merged(summaries: Iterable[Summary]) -> Summary:
    """The summary of all rows of all of them; at least one is needed.

    >>> colour = Column("colour", "category")
    >>> parts = [summarise(pd.DataFrame({"colour": part}), [colour], {}) for part in (["red", None], ["red", "blue"])]
    >>> whole = merged(parts).views["colour"]
    >>> whole.rows, whole.missing, dict(whole.counts)
    (4, 1, {'red': 2, 'blue': 1})
    """
    return reduce(lambda one, other: one + other, summaries)


def merged_views(views: Sequence[Numbers | Values]) -> Numbers | Values:
    """One view of all rows of all of them; at least one is needed."""
    return reduce(_add, views)


def lay_grid(rows: pd.DataFrame, columns: Sequence[Column]) -> dict[str, Floats]:
    """Edges between bins for every number in some rows: quantiles, and a bin of its own for a value that holds much.

    >>> lay_grid(pd.DataFrame({"x": [0.0] * 90 + [1.0, 2.0, 3.0] * 3 + [4.0]}), [Column("x", "number")])["x"][:2].tolist()
    [0.0, 5e-324]
    """
    grid = {}
    for column in columns:
        if column.kind == "number":
            grid[column.name] = _edges(as_numbers(rows[column.name]))
        if column.kind == "text":
            grid[column.name + _TEXT_LENGTH] = _edges(_lengths(as_texts(rows[column.name])))
    return grid


def grid_digest(grid: Grid) -> str:
    """Sixteen hex digits that name a grid."""
    plain = {name: edges.tolist() for name, edges in grid.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def summarise(rows: pd.DataFrame, columns: Sequence[Column], grid: Grid, idle: float = 0.0) -> Summary:
    """The summary of some rows; columns may have any dtype, be all missing, or have no row."""
    views: dict[str, Numbers | Values] = {}
    for column in columns:
        for name, view in _views_of(rows[column.name], column, grid):
            views[name] = view
    return Summary(len(rows), views, idle)


def view_names(column: Column) -> list[str]:
    """The names under which a column is summarised."""
    return [column.name + _TEXT_LENGTH, column.name + TEXT_WORDS] if column.kind == "text" else [column.name]


def is_of_words(view: str) -> bool:
    """Whether a view counts the words of a text."""
    return view.endswith(TEXT_WORDS)


def column_of(view: str) -> str:
    """The column that a view is of."""
    return view.removesuffix(_TEXT_LENGTH).removesuffix(TEXT_WORDS)


def numbers_summary(values: Floats, edges: Floats) -> Numbers:
    """Numbers of shape (n,), NaN for missing, counted between edges."""
    present = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1).astype("int64")
    low, high = (float(present.min()), float(present.max())) if len(present) else (float("nan"), float("nan"))
    return Numbers(len(values), len(values) - len(present), counts, low, high, float(present.sum()))


def values_summary(values: pd.Series) -> Values:
    """Values of any dtype, as text, counted."""
    table = (values if isinstance(values.dtype, pd.CategoricalDtype) else as_texts(values)).value_counts()
    counts = {str(value): count for value, count in zip(table.index.tolist(), table.to_numpy().tolist(), strict=True) if count}
    return _bounded(Values(len(values), len(values) - sum(counts.values()), counts))


def _views_of(values: pd.Series, column: Column, grid: Grid) -> Iterator[tuple[str, Numbers | Values]]:
    if column.kind == "number":
        yield column.name, numbers_summary(as_numbers(values), grid[column.name])
    elif column.kind == "category":
        yield column.name, values_summary(values)
    else:
        texts = as_texts(values)
        length, words = view_names(column)
        yield length, numbers_summary(_lengths(texts), grid[length])
        yield words, values_summary(texts.dropna().str.casefold().str.findall(_WORD).explode().dropna())


def _lengths(texts: pd.Series) -> Floats:
    return np.asarray(texts.str.len().to_numpy("float64", na_value=float("nan")), dtype="float64")


def _edges(values: Floats) -> Floats:
    """Edges e_1 < e_2 < …: bin 0 is below e_1, bin i holds e_i <= value < e_(i+1)."""
    present = values[~np.isnan(values)]
    if not len(present):
        return np.array([0.0])
    quantiles = np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    edges, times = np.unique(quantiles, return_counts=True)
    return np.unique(np.concatenate([edges, np.nextafter(edges[times > 1], np.inf)]))


def _bounded(values: Values) -> Values:
    return values.hashed() if len(values.counts) > MOST_VALUES else values


def bucket_of(values: Sequence[str]) -> Ints:
    """The bucket of each value: a fixed hash, the same in every process."""
    return np.asarray(pd.util.hash_array(np.asarray(values, dtype=object)) % BUCKETS, dtype="int64")


def _add(one: Numbers | Values, other: Numbers | Values) -> Numbers | Values:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one + other
    assert isinstance(one, Values)
    assert isinstance(other, Values)
    return one + other


def _sparse(buckets: Ints) -> list[list[int]]:
    filled = np.flatnonzero(buckets)
    return [filled.tolist(), buckets[filled].tolist()]


def _dense(sparse: list[list[int]]) -> Ints:
    counts = np.zeros(BUCKETS, dtype="int64")
    counts[sparse[0]] = sparse[1]
    return counts


def _counts(values: object) -> Ints:
    if isinstance(values, Mapping):
        raise ValueError("these are counts by value, not by bin")
    return np.asarray(values, dtype="int64")
