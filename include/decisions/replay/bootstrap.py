"""Intervals for means over periods, whose neighbours are alike: a circular block bootstrap.

Politis and Romano, in Exploring the Limits of Bootstrap (1992): blocks of neighbouring periods are drawn, the end joined to
the beginning. The same seed draws the same periods for every series, so their differences stay paired.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from include.decisions.scoring.predictions import Floats

_DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean, and where 95 % of the resampled means lie."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """About one standard error."""
        return (self.high - self.low) / 3.92


def mean_of(series: ArrayLike, seed: int) -> Interval:
    """The mean over periods in order, shape (n,), with its interval; NaN for none.

    >>> mean_of([1.0, 1.0, 1.0], seed=1)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    values = np.asarray(series, dtype="float64")
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    means = counts_of(len(values), seed) @ values / len(values)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


@cache
def counts_of(periods: int, seed: int) -> Floats:
    """How often each of n periods is in each resampled history, shape (2000, n)."""
    length = max(1, round(periods ** (1 / 3)))
    rng = np.random.default_rng(seed)
    starts = rng.integers(periods, size=(_DRAWS, -(-periods // length)))
    chosen = ((starts[:, :, None] + np.arange(length)) % periods).reshape(_DRAWS, -1)[:, :periods]
    cells = chosen + periods * np.arange(_DRAWS)[:, None]
    return np.bincount(cells.ravel(), minlength=periods * _DRAWS).reshape(_DRAWS, periods).astype("float64")
