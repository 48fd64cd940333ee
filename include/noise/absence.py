"""Values that are not there: at random, because of what they are, or because of what stands beside them."""

import numpy as np
import pandas as pd

from include.noise.drawing import Floats, Positions, as_numbers, choose, held_to, plain


def missing(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Cells lose their value, whichever it is. A cell that is missing already cannot lose it again.

    >>> missing(pd.Series([1, 2, 3, 4]), 0.5, np.random.default_rng(1)).isna().sum()
    np.int64(2)
    """
    return _without(values, choose(values.notna().to_numpy(), rate, rng), "missing")


def missing_by_value(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Cells lose their value because of it: large numbers, rare categories and texts sooner than others.

    A cell's chance is in proportion to its rank.

    >>> missing_by_value(pd.Series(range(8)), 0.5, np.random.default_rng(5)).tolist()
    [0.0, 1.0, 2.0, 3.0, nan, nan, nan, nan]
    """
    chosen = choose(values.notna().to_numpy(), rate, rng, _standing(values))
    return _without(values, chosen, "missing_by_value")


def missing_by_other(values: pd.Series, rate: float, rng: np.random.Generator, other: pd.Series) -> pd.Series:
    """Cells lose their value because of another column: where that one is large or rare, sooner than elsewhere.

    >>> missing_by_other(pd.Series(["a"] * 4), 0.5, np.random.default_rng(5), pd.Series([1, 1, 9, 9])).isna().tolist()
    [False, False, True, True]
    """
    chosen = choose(values.notna().to_numpy(), rate, rng, _standing(other))
    return _without(values, chosen, "missing_by_other")


def _without(values: pd.Series, chosen: Positions, name: str) -> pd.Series:
    if not chosen.size:
        return values.copy()
    before = as_numbers(values) if pd.api.types.is_numeric_dtype(values) else plain(values)
    lost = np.zeros(len(values), dtype=bool)
    lost[chosen] = True
    return held_to(chosen, before, before.mask(lost), name)


def _standing(values: pd.Series) -> Floats:
    """Rank of each cell among all, above 0 to 1: numbers by size, other values by rarity; the missing stand lowest."""
    numbers = plain(values)
    if not pd.api.types.is_numeric_dtype(numbers):
        codes, categories = pd.factorize(numbers)
        counts = np.bincount(codes[codes >= 0], minlength=len(categories))
        numbers = pd.Series(np.where(codes >= 0, -counts[codes] if len(counts) else 0.0, np.nan))
    return np.asarray(numbers.rank(pct=True, na_option="top"), dtype="float64")
