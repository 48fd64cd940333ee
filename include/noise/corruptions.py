"""Corruptions of one column: pure functions of values, a rate and a random generator.

They share these promises. `rate` is the share, 0 to 1, of the cells that this kind of mess can befall; of `n` such cells
exactly `round(rate * n)` are changed, or DataError is raised: noise that changes nothing would pass every model. The input
is not altered; row count, index and name are kept; the same generator state gives the same bytes. Where no cell is changed
the values come back as they were. Else numbers come back as float64, because whole numbers have no word for missing and
small integer types no room for a slipped unit; text keeps its dtype; a Categorical comes back in the dtype of its
categories, which cannot hold a value it has not seen.
"""

from collections.abc import Callable
from itertools import count, islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import DataError

Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]
Corrupt = Callable[[pd.Series, float, np.random.Generator], pd.Series]

_ROWS_OF_KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_TOO_LARGE = 1e100  # its square, summed over all rows, is still a number


def missing(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Cells lose their value. Any column; a cell that is missing already cannot lose it again.

    >>> missing(pd.Series([1, 2, 3, 4]), 0.5, np.random.default_rng(1)).isna().sum()
    np.int64(2)
    """
    chosen = _choose(values.notna().to_numpy(), rate, rng)
    if not chosen.size:
        return values.copy()
    before = _numbers(values) if pd.api.types.is_numeric_dtype(values) else _plain(values)
    lost = np.zeros(len(values), dtype=bool)
    lost[chosen] = True
    return _held_to(chosen, before, before.mask(lost), "missing")


def outlier(values: pd.Series, rate: float, rng: np.random.Generator, reach: tuple[float, float] = (5.0, 15.0)) -> pd.Series:
    """Numbers land `reach` spreads away from the median, on either side.

    The spread is the interquartile range, or the standard deviation, or the median's own size, or 1: the first that is not
    zero. Columns of whole numbers get whole numbers.

    >>> outlier(pd.Series([10, 12, 14, 16, 18]), 0.2, np.random.default_rng(1)).tolist()
    [10.0, 12.0, 72.0, 16.0, 18.0]
    """
    before = _numbers(values)
    numbers = before.to_numpy()
    usable = _usable(numbers)
    chosen = _choose(usable, rate, rng)
    if not chosen.size:
        return values.copy()
    centre, spread = _centre_and_spread(numbers[usable])
    away = rng.uniform(*reach, chosen.size) * spread * rng.choice([-1.0, 1.0], chosen.size)
    whole = np.rint if (numbers[usable] % 1 == 0).all() else np.positive
    there, mirrored = whole(centre + away), whole(centre - away)
    after = numbers.copy()
    after[chosen] = np.where(there == numbers[chosen], mirrored, there)
    return _held_to(chosen, before, _like(before, after), "outlier")


def unit_slip(
    values: pd.Series, rate: float, rng: np.random.Generator, factors: tuple[float, ...] = (10.0, 100.0, 1000.0)
) -> pd.Series:
    """Numbers are multiplied by one of `factors`: metres for kilometres, cents for euros. Zero has no unit to lose.

    >>> unit_slip(pd.Series([0.0, 1.5, 2.5]), 0.5, np.random.default_rng(1)).tolist()
    [0.0, 150.0, 2.5]
    """
    before = _numbers(values)
    numbers = before.to_numpy()
    chosen = _choose(_usable(numbers) & (numbers != 0), rate, rng)
    if not chosen.size:
        return values.copy()
    after = numbers.copy()
    after[chosen] *= rng.choice(factors, chosen.size)
    return _held_to(chosen, before, _like(before, after), "unit_slip")


def swap(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Categories are exchanged for another one of the column, drawn as often as it occurs. One category has no other.

    >>> swap(pd.Series(["a", "a", "b", "c"]), 0.5, np.random.default_rng(1)).tolist()
    ['a', 'c', 'c', 'c']
    """
    codes, found = pd.factorize(values)
    chosen = _choose((codes >= 0) & (len(found) > 1), rate, rng)
    if not chosen.size:
        return values.copy()
    counts = np.bincount(codes[codes >= 0])
    ends = np.cumsum(counts)
    own = codes[chosen]
    # A draw from all rows with the rows of the cell's own category cut out of the line they stand in.
    drawn = rng.integers(0, ends[-1] - counts[own])
    drawn += np.where(drawn >= ends[own] - counts[own], counts[own], 0)
    before = _plain(values)
    return _held_to(chosen, before, _put(before, chosen, found.take(np.searchsorted(ends, drawn, side="right"))), "swap")


def unseen(values: pd.Series, rate: float, rng: np.random.Generator, variety: int = 5) -> pd.Series:
    """Categories turn into one of `variety` texts that the column does not hold, as when a new shop opens.

    >>> unseen(pd.Series(["a", "b", "c", "d"]), 0.5, np.random.default_rng(1)).tolist()
    ['a', 'unseen 4', 'unseen 5', 'd']

    Raises:
        DataError: the column holds numbers; a category is text.
    """
    chosen = _choose(_is_text(values, "unseen"), rate, rng)
    if not chosen.size:
        return values.copy()
    before = _plain(values)
    held = set(before.unique())
    names = list(islice((name for number in count(1) if (name := f"unseen {number}") not in held), variety))
    picked = np.array(names, dtype=object)[rng.integers(0, variety, chosen.size)]
    return _held_to(chosen, before, _put(before, chosen, picked), "unseen")


def typo(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Texts get one slip of the finger: a neighbouring key, a letter dropped, doubled, or exchanged with the next.

    Where the slip drawn is not possible (no neighbour known, one letter only, equal letters) a letter is doubled. Empty
    text cannot be mistyped.

    >>> typo(pd.Series(["Newark", "Kennedy", "LaGuardia"]), 1.0, np.random.default_rng(1)).tolist()
    ['Newarkk', 'Kennnedy', 'LaGiardia']

    Raises:
        DataError: the column holds numbers.
    """
    before = _plain(values)
    writable = _is_text(values, "typo") & before.ne("").to_numpy(dtype=bool, na_value=False)
    chosen = _choose(writable, rate, rng)
    if not chosen.size:
        return values.copy()
    slips = rng.integers(0, len(_SLIPS), chosen.size).tolist()
    places = rng.random((2, chosen.size)).tolist()
    texts = before.iloc[chosen].tolist()
    typed = [_mistyped(text, *drawn) for text, *drawn in zip(texts, slips, *places, strict=True)]
    return _held_to(chosen, before, _put(before, chosen, np.array(typed, dtype=object)), "typo")


def changed(before: pd.Series, after: pd.Series) -> Mask:
    """Which cells differ, by position; two missing values are alike, whatever they are written as.

    >>> changed(pd.Series([1.0, None, 3.0]), pd.Series([1.0, None, 4.0])).tolist()
    [False, False, True]
    """
    before, after = _plain(before), _plain(after)
    differs = (before != after).to_numpy(dtype=bool, na_value=True)
    return np.asarray(differs & ~(before.isna() & after.isna()).to_numpy())


def _choose(corruptible: Mask, rate: float, rng: np.random.Generator) -> Positions:
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate}: a share of the cells, so between 0 and 1")
    positions = np.flatnonzero(corruptible)
    return rng.choice(positions, round(rate * positions.size), replace=False, shuffle=False)


def _held_to(chosen: Positions, before: pd.Series, after: pd.Series, name: str) -> pd.Series:
    """`after`, if it differs from `before` in as many cells as were chosen."""
    made = int(changed(before, after).sum())
    if made != chosen.size:
        raise DataError(
            f"noise {name!r} changed {made} cells of column {before.name!r} where {chosen.size} were promised; "
            f"its dtype is {before.dtype}. Scores on it would mean nothing: mend the corruption in include/noise."
        )
    return after


def _numbers(values: pd.Series) -> pd.Series:
    """The column as float64, missing as NaN."""
    return _like(values, pd.to_numeric(_plain(values)).to_numpy(dtype="float64", na_value=np.nan))


def _plain(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype(values.cat.categories.dtype)
    return values


def _like(values: pd.Series, numbers: NDArray[np.float64]) -> pd.Series:
    return pd.Series(numbers, index=values.index, name=values.name)


def _put(before: pd.Series, chosen: Positions, news: Any) -> pd.Series:
    after = before.copy()
    after.iloc[chosen] = news
    return after


def _usable(numbers: NDArray[np.float64]) -> Mask:
    return np.abs(numbers) < _TOO_LARGE


def _centre_and_spread(numbers: NDArray[np.float64]) -> tuple[float, float]:
    low, centre, high = np.percentile(numbers, [25, 50, 75])
    spread = next((size for size in (high - low, numbers.std(), abs(centre)) if size > 0), 1.0)
    # A spread below the resolution of the centre would move nothing.
    return centre, max(spread, abs(centre) * 1e-9)


def _is_text(values: pd.Series, name: str) -> Mask:
    plain = _plain(values)
    if pd.api.types.is_numeric_dtype(plain) and plain.notna().any():
        raise DataError(f"noise {name!r} needs text; column {values.name!r} is {values.dtype}. Declare its kind as number.")
    if pd.api.types.is_object_dtype(plain):
        return np.fromiter((isinstance(value, str) for value in plain), dtype=bool, count=len(plain))
    return plain.notna().to_numpy()


def _neighbours() -> dict[str, str]:
    """For each key the keys around it, on the row itself and on the rows above and below."""
    around: dict[str, str] = {}
    for number, row in enumerate(_ROWS_OF_KEYS):
        rows = _ROWS_OF_KEYS[max(0, number - 1) : number + 2]
        for place, key in enumerate(row):
            near = "".join(other[max(0, place - 1) : place + 2] for other in rows)
            around[key] = near.replace(key, "")
    return around


_NEIGHBOURS = _neighbours()


def _mistyped(text: str, slip: int, place: float, pick: float) -> str:
    at = int(place * len(text))
    return _SLIPS[slip](text, at, pick) or text[: at + 1] + text[at:]


def _neighbour(text: str, at: int, pick: float) -> str | None:
    near = _NEIGHBOURS.get(text[at].lower())
    if near is None:
        return None
    key = near[int(pick * len(near))]
    return text[:at] + (key.upper() if text[at].isupper() else key) + text[at + 1 :]


def _dropped(text: str, at: int, pick: float) -> str | None:
    return text[:at] + text[at + 1 :] if len(text) > 1 else None


def _exchanged(text: str, at: int, pick: float) -> str | None:
    pair = text[at : at + 2]
    return text[:at] + pair[::-1] + text[at + 2 :] if pair[0] != pair[-1] else None


def _doubled(text: str, at: int, pick: float) -> str | None:
    return None


_SLIPS: tuple[Callable[[str, int, float], str | None], ...] = (_neighbour, _dropped, _exchanged, _doubled)
