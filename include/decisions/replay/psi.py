"""The population stability index: how far a column's distribution moved from where a model learned it.

PSI = sum over bins of (now - then) ln(now / then), with shares of rows and a floor of 1e-4; ten bins at the quantiles of
the training rows for numbers, one bin a value for categories, and one for what is missing or was never seen. Of a text, its
length is compared.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.decisions.scoring.predictions import Floats
from include.models.contract import Column

_BINS, _FLOOR = 10, 1e-4


def largest_psi(
    then: pd.DataFrame, now: pd.DataFrame, period: NDArray[np.int64], count: int, columns: Sequence[Column]
) -> Floats:
    """The largest PSI of any column in each period, shape (count,); `period` numbers the rows of `now`. NaN without rows."""
    columns_psi = [_psi(*_coded(then[column.name], now[column.name], column), period, count) for column in columns]
    return np.asarray(np.max(columns_psi, axis=0))


def _psi(then: NDArray[np.intp], now: NDArray[np.intp], period: NDArray[np.int64], count: int) -> Floats:
    bins = int(max(then.max(initial=0), now.max(initial=0))) + 1
    was = np.maximum(np.bincount(then, minlength=bins) / max(len(then), 1), _FLOOR)
    rows = np.bincount(period * bins + now, minlength=count * bins).reshape(count, bins)
    total = rows.sum(axis=1, keepdims=True)
    share = np.maximum(rows / np.maximum(total, 1), _FLOOR)
    return np.where(total[:, 0] > 0, ((share - was) * np.log(share / was)).sum(axis=1), np.nan)


def _coded(then: pd.Series, now: pd.Series, column: Column) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The number of each value's bin; the last bin is for what is missing or new."""
    if column.kind == "category":
        values = pd.Index(then.dropna().astype(str).unique())
        codes = [values.get_indexer(pd.Index(rows.astype(str).where(rows.notna()))) for rows in (then, now)]
        return np.where(codes[0] < 0, len(values), codes[0]), np.where(codes[1] < 0, len(values), codes[1])
    left, right = (_numbers(rows, column) for rows in (then, now))
    known = left[np.isfinite(left)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(known) else np.array([])
    left_bin, right_bin = (
        np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), len(edges) + 1) for values in (left, right)
    )
    return left_bin, right_bin


def _numbers(rows: pd.Series, column: Column) -> Floats:
    if column.kind == "text":
        return np.asarray(rows.astype("string").str.len().astype("float64").fillna(np.nan))
    return np.asarray(pd.to_numeric(rows, errors="coerce"), dtype="float64")
