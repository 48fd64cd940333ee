"""Whole rows gone wrong: exchanged columns, columns gone, rows delivered twice, late, or in another time zone.

`exchanged` and `gone` keep the rows and are conditions of the suite. `duplicated`, `late` and `in_another_zone` change which
rows there are or when they come: they are no condition of any suite, since a holdout's rows are what both models are judged
on. They are there for tests of the contract, and for anyone who wants to see a delivery go wrong.
"""

import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd

from include.noise.absence import missing
from include.noise.drawing import as_numbers, changed, choose, held_to, plain, put


def exchanged(frame: pd.DataFrame, names: Sequence[str], rate: float, rng: np.random.Generator) -> pd.DataFrame:
    """Values stand in each other's column: first and second of `names`, third and fourth, in the rows drawn for the pair.

    Rows in which the two are alike do not count. An odd column at the end is left alone. Returns the named columns; two
    columns of text with different dtypes come back as objects.

    >>> rows = pd.DataFrame({"from": ["EWR", "JFK"], "to": ["MIA", "JFK"]})
    >>> exchanged(rows, ["from", "to"], 1.0, np.random.default_rng(1)).values.tolist()
    [['MIA', 'EWR'], ['JFK', 'JFK']]
    """
    noisy = frame[list(names)].copy(deep=False)
    for first, second in zip(names[::2], names[1::2], strict=False):
        left, right = _alike(frame[first], frame[second])
        chosen = choose(changed(left, right), rate, rng)
        if chosen.size:
            noisy[first] = held_to(chosen, left, put(left, chosen, right.iloc[chosen].array), "exchanged")
            noisy[second] = held_to(chosen, right, put(right, chosen, left.iloc[chosen].array), "exchanged")
    return noisy


def gone(frame: pd.DataFrame, names: Sequence[str], rate: float, rng: np.random.Generator) -> pd.DataFrame:
    """Whole columns are gone: missing in every row. The rate is the share of the columns, and above 0 it takes at least one.

    >>> gone(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ["a", "b"], 0.2, np.random.default_rng(1)).isna().values.tolist()
    [[True, False], [True, False]]
    """
    noisy = frame[list(names)].copy(deep=False)
    for at in rng.choice(len(names), math.ceil(rate * len(names)), replace=False):
        noisy[names[at]] = missing(frame[names[at]], 1.0, rng)
    return noisy


def duplicated(delivery: pd.DataFrame, rate: float, rng: np.random.Generator) -> pd.DataFrame:
    """A delivery in which `round(rate * n)` of its n rows come twice, the second time at the end. No condition of a suite.

    >>> duplicated(pd.DataFrame({"id": [1, 2, 3, 4]}), 0.5, np.random.default_rng(1))["id"].tolist()
    [1, 2, 3, 4, 2, 3]
    """
    twice = np.sort(choose(np.ones(len(delivery), dtype=bool), rate, rng))
    return pd.concat([delivery, delivery.iloc[twice]], ignore_index=True)


def late(delivery: pd.DataFrame, rate: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A delivery without `round(rate * n)` of its n rows, and these rows, to be delivered later. No condition of a suite.

    >>> [len(part) for part in late(pd.DataFrame({"id": [1, 2, 3, 4]}), 0.25, np.random.default_rng(1))]
    [3, 1]
    """
    delayed = np.zeros(len(delivery), dtype=bool)
    delayed[choose(~delayed, rate, rng)] = True
    return delivery[~delayed], delivery[delayed]


def in_another_zone(
    delivery: pd.DataFrame, time: str, rate: float, rng: np.random.Generator, off: timedelta = timedelta(hours=1)
) -> pd.DataFrame:
    """A delivery whose column `time` is ahead by `off` in `round(rate * n)` of its n rows. No condition of a suite.

    >>> rows = pd.DataFrame({"at": pd.to_datetime(["2013-03-10T01:30", "2013-03-10T02:30"])})
    >>> in_another_zone(rows, "at", 0.5, np.random.default_rng(1))["at"].dt.hour.tolist()
    [2, 2]

    Raises:
        AttributeError: the column holds no times.
    """
    chosen = choose(delivery[time].notna().to_numpy(), rate, rng)
    return delivery.assign(**{time: put(delivery[time], chosen, (delivery[time].iloc[chosen] + off).array)})


def _alike(first: pd.Series, second: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The two in one dtype, so that each can hold what the other did: float64, or that of both, or object."""
    if pd.api.types.is_numeric_dtype(first) and pd.api.types.is_numeric_dtype(second):
        return as_numbers(first), as_numbers(second)
    first, second = plain(first), plain(second)
    return (first, second) if first.dtype == second.dtype else (first.astype("object"), second.astype("object"))
