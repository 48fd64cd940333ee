"""Slices: rows that share a feature's value, judged one by one, so that an average cannot hide them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import ALL_ROWS, Measured

_QUARTERS = (0.25, 0.5, 0.75)
_MOST_VALUES = 30
_SEARCHED = 200


@dataclass(frozen=True, eq=False)
class Partition:
    """Every row in at most one slice: `codes` has the shape (n,), -1 for none; `names` tells what each code means."""

    names: tuple[str, ...]
    codes: NDArray[np.intp]

    def rows_of(self, number: int) -> NDArray[np.intp]:
        """Positions of a slice's rows."""
        return np.flatnonzero(self.codes == number)


@dataclass(frozen=True)
class Suspect:
    """A slice that was not declared, and how it seems to differ: `z` standard errors of its mean influence."""

    name: str
    rows: NDArray[np.intp]
    z: float


def everything(count: int) -> Partition:
    """The partition with one slice that holds all rows."""
    return Partition((ALL_ROWS,), np.zeros(count, dtype=np.intp))


def partition(values: pd.Series) -> Partition:
    """One slice a value, the most frequent first, and one for all values beyond the thirtieth.

    Numbers of more than ten values are cut into quarters.

    >>> partition(pd.Series(["b", "a", "b", None], name="origin")).names
    ('origin=b', 'origin=a', 'origin is missing')
    """
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 10:
        values = _quarters(values)
    missing = values.isna()
    counts = values[~missing].value_counts()
    counts, rest = counts.head(_MOST_VALUES), len(counts) > _MOST_VALUES
    codes = counts.index.get_indexer(pd.Index(values))
    names = [f"{values.name}={value}" for value in counts.index]
    if rest:
        codes = np.where((codes < 0) & ~missing.to_numpy(), len(names), codes)
        names.append(f"{values.name}: all other values")
    if missing.any():
        codes = np.where(missing.to_numpy(), len(names), codes)
        names.append(f"{values.name} is missing")
    return Partition(tuple(names), np.asarray(codes, dtype=np.intp))


def _quarters(values: pd.Series) -> pd.Series:
    edges = sorted(set(values.quantile(list(_QUARTERS))))
    names = [f"up to {edges[0]:.4g}", *(f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges))]
    binned = np.searchsorted(edges, values.to_numpy("float64"))
    texts = np.array([*names, f"above {edges[-1]:.4g}"], dtype=object)[binned]
    return pd.Series(texts, name=values.name).mask(values.isna().to_numpy())


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search compares: each of n rows' influence on the gain, shape (n,), more is better; and the rows' clusters."""

    influence: Floats
    clusters: Clusters
    least_rows: int


def search(frame: pd.DataFrame, searched: Searched, most: int = 5) -> list[Suspect]:
    """The slices in which the influence lies lowest: values of one feature, then pairs of them.

    A shallow search over many slices always finds something: what it finds is reported, and decides nothing.
    """
    partitions = {str(name): partition(frame[name].reset_index(drop=True)) for name in frame.columns}
    single = sorted((s for part in partitions.values() for s in _suspects(part, searched)), key=lambda s: s.z)
    pairs = (_both(one, other) for one, other in combinations(single[:10], 2) if _feature(one) != _feature(other))
    double = [_suspect(name, rows, searched) for name, rows in pairs if len(rows) >= searched.least_rows]
    return _distinct(sorted([*single[:_SEARCHED], *double], key=lambda suspect: suspect.z))[:most]


def _suspects(part: Partition, searched: Searched) -> list[Suspect]:
    candidates = ((name, part.rows_of(number)) for number, name in enumerate(part.names))
    least, all_rows = searched.least_rows, len(searched.influence)
    return [_suspect(name, rows, searched) for name, rows in candidates if least <= len(rows) < all_rows]


def _suspect(name: str, rows: NDArray[np.intp], searched: Searched) -> Suspect:
    inside = searched.influence[rows]
    mean = float(inside.mean())
    error, freedom = searched.clusters.at(rows).error(inside - mean)
    return Suspect(name, rows, Measured(mean, error, freedom).z if error > 0 else 0.0)


def _both(one: Suspect, other: Suspect) -> tuple[str, NDArray[np.intp]]:
    return f"{one.name} and {other.name}", np.intersect1d(one.rows, other.rows, assume_unique=True)


def _feature(suspect: Suspect) -> str:
    return suspect.name.split("=")[0].removesuffix(" is missing")


def _distinct(suspects: Sequence[Suspect]) -> list[Suspect]:
    """Without those that hold nearly the same rows as one before them, and those that do not lie low at all."""
    kept: list[Suspect] = []
    for suspect in suspects:
        sets = (len(np.intersect1d(suspect.rows, one.rows)) / max(len(one.rows), len(suspect.rows)) for one in kept)
        if suspect.z < 0 and all(shared < 0.8 for shared in sets):
            kept.append(suspect)
    return kept
