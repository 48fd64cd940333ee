"""Choosing the cells that noise befalls, and holding a corruption to the rate that it promised.

Every corruption in this folder keeps the same promises. `rate` is its severity: the share, 0 to 1, of the cells that this
kind of corruption can befall; of `n` such cells exactly `round(rate * n)` are changed, or DataError is raised: noise that
changes nothing would pass every model. The input is not altered; row count, index and name are kept; the same generator state
gives the same bytes. Where no cell is changed the values come back as they were. Else numbers come back as float64, because
whole numbers have no word for missing and small integer types no room for a slipped unit; text keeps its dtype; a Categorical
comes back in the dtype of its categories, which cannot hold a value it has not seen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import DataError

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
Corrupt = Callable[[pd.Series, float, np.random.Generator], pd.Series]

_TOO_LARGE = 1e100  # its square, summed over all rows, is still a number


def choose(corruptible: Mask, rate: float, rng: np.random.Generator, weights: Floats | None = None) -> Positions:
    """Positions of exactly `round(rate * n)` of the `n` corruptible cells, in no particular order.

    `weights`, one for each cell and above 0, make some cells likelier than others: drawn one after the other without
    replacement, each time in proportion to its weight (Efraimidis and Spirakis, Inf. Process. Lett. 97, 2006).

    >>> choose(np.array([True, False, True, True]), 1.0, np.random.default_rng(1)).size
    3

    Raises:
        ValueError: the rate is no share.
    """
    positions = np.flatnonzero(corruptible)
    count = how_many(positions.size, rate)
    if weights is None:
        return rng.choice(positions, count, replace=False, shuffle=False)
    waits = rng.exponential(size=positions.size) / weights[positions]
    return positions[np.argpartition(waits, count - 1)[:count]] if count else positions[:0]


def how_many(corruptible: int, rate: float) -> int:
    """How many of so many cells a rate promises.

    Raises:
        ValueError: the rate is no share.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate}: a share of the cells, so between 0 and 1")
    return round(rate * corruptible)


def held_to(chosen: Positions, before: pd.Series, after: pd.Series, name: str) -> pd.Series:
    """`after`, if it differs from `before` in as many cells as were chosen.

    Raises:
        DataError: it does not.
    """
    made = int(changed(before, after).sum())
    if made != chosen.size:
        raise DataError(
            f"noise {name!r} changed {made} cells of column {before.name!r} where {chosen.size} were promised; "
            f"its dtype is {before.dtype}. Scores on it would mean nothing: correct the corruption in include/noise."
        )
    return after


def changed(before: pd.Series, after: pd.Series) -> Mask:
    """Which cells differ, by position; two missing values are alike, whatever they are written as.

    >>> changed(pd.Series([1.0, None, 3.0]), pd.Series([1.0, None, 4.0])).tolist()
    [False, False, True]
    """
    before, after = plain(before), plain(after)
    differs = (before.array != after.array) if len(before) else np.zeros(0, dtype=bool)
    differing = pd.Series(differs).to_numpy(dtype=bool, na_value=True)
    return np.asarray(differing & ~(before.isna().to_numpy() & after.isna().to_numpy()))


def plain(values: pd.Series) -> pd.Series:
    """The column, a Categorical in the dtype of its categories."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype)
    return values


def as_numbers(values: pd.Series) -> pd.Series:
    """The column as float64, missing as NaN."""
    return like(values, pd.to_numeric(plain(values)).to_numpy(dtype="float64", na_value=np.nan))


def like(values: pd.Series, numbers: Floats) -> pd.Series:
    """Numbers as a column with the index and name of another."""
    return pd.Series(numbers, index=values.index, name=values.name)


def put(before: pd.Series, chosen: Positions, news: Any) -> pd.Series:
    """A copy of the column with new values in the chosen cells."""
    after = before.copy()
    after.iloc[chosen] = news
    return after


def usable(numbers: Floats) -> Mask:
    """Where there is a number of a size that can be reckoned with."""
    return np.abs(numbers) < _TOO_LARGE


def centre_and_spread(numbers: Floats) -> tuple[float, float]:
    """Median, and the first that is not zero of: interquartile range, standard deviation, the median's own size, 1."""
    low, centre, high = np.percentile(numbers, [25, 50, 75])
    spread = next((size for size in (high - low, numbers.std(), abs(centre)) if size > 0), 1.0)
    # A spread below the resolution of the centre would move nothing.
    return centre, max(spread, abs(centre) * 1e-9)


def where_text(values: pd.Series, name: str) -> Mask:
    """Which cells hold text.

    Raises:
        DataError: the column holds numbers.
    """
    texts = plain(values)
    if pd.api.types.is_numeric_dtype(texts) and texts.notna().any():
        raise DataError(f"noise {name!r} needs text; column {values.name!r} is {values.dtype}. Declare its kind as number.")
    if pd.api.types.is_object_dtype(texts):
        return np.fromiter((isinstance(value, str) for value in texts), dtype=bool, count=len(texts))
    return texts.notna().to_numpy()
