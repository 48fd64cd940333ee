"""Numbers gone wrong: outliers, slipped units and signs, lost precision, stuck and saturated sensors, moved origins."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from include.noise.drawing import (
    Floats,
    Positions,
    as_numbers,
    centre_and_spread,
    choose,
    held_to,
    how_many,
    like,
    usable,
)


def outlier(values: pd.Series, rate: float, rng: np.random.Generator, reach: tuple[float, float] = (5.0, 15.0)) -> pd.Series:
    """Numbers land 5 to 15 spreads (`reach`) away from the median, on either side.

    The spread is the interquartile range, or the standard deviation, or the median's own size, or 1: the first that is not
    zero. Columns of whole numbers get whole numbers, at least one away.

    >>> outlier(pd.Series([10, 12, 14, 16, 18]), 0.2, np.random.default_rng(1)).tolist()
    [10.0, 12.0, 72.0, 16.0, 18.0]
    """
    numbers = as_numbers(values).to_numpy()
    held = usable(numbers)

    def far_away(chosen: Positions) -> Floats:
        centre, spread = centre_and_spread(numbers[held])
        whole = _whole(numbers[held])
        away = rng.uniform(*reach, chosen.size) * spread
        # Of a count that is nearly always 0 the spread is so small that the nearest whole number is the old one.
        away = (np.maximum(away, 1.0) if whole is np.rint else away) * rng.choice([-1.0, 1.0], chosen.size)
        moved, mirrored = whole(centre + away), whole(centre - away)
        return np.where(moved == numbers[chosen], mirrored, moved)

    return _changed_at(values, choose(held, rate, rng), far_away, "outlier")


def unit_slip(
    values: pd.Series, rate: float, rng: np.random.Generator, factors: tuple[float, ...] = (10.0, 100.0, 1000.0)
) -> pd.Series:
    """Numbers are multiplied by 10, 100 or 1000 (`factors`): metres for kilometres, cents for euros. Zero has no unit to lose.

    >>> unit_slip(pd.Series([0.0, 1.5, 2.5]), 0.5, np.random.default_rng(1)).tolist()
    [0.0, 150.0, 2.5]
    """
    numbers = as_numbers(values).to_numpy()
    slips = usable(numbers) & (numbers != 0)
    chosen = choose(slips, rate, rng)
    return _changed_at(values, chosen, lambda cells: numbers[cells] * rng.choice(factors, cells.size), "unit_slip")


def sign_flip(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Numbers change their sign: debit for credit, west for east. Zero has none.

    >>> sign_flip(pd.Series([0.0, 1.5, -2.5]), 1.0, np.random.default_rng(1)).tolist()
    [0.0, -1.5, 2.5]
    """
    numbers = as_numbers(values).to_numpy()
    return _changed_at(
        values, choose(usable(numbers) & (numbers != 0), rate, rng), lambda chosen: -numbers[chosen], "sign_flip"
    )


def rounded(values: pd.Series, rate: float, rng: np.random.Generator, digits: int = 1) -> pd.Series:
    """Numbers lose their precision: one significant digit (`digits`) is left. What has no more than that has none to lose.

    >>> rounded(pd.Series([7.0, 1234.5, -0.0678]), 1.0, np.random.default_rng(1)).tolist()
    [7.0, 1000.0, -0.07]
    """
    numbers = as_numbers(values).to_numpy()
    # Below, the powers of ten that are reckoned with would not be numbers.
    held = np.where(usable(numbers) & (np.abs(numbers) > 1e-100), numbers, 0.0)
    places = digits - 1 - np.floor(np.log10(np.abs(held), where=held != 0, out=np.zeros_like(held)))
    coarse = np.where(places > 0, np.rint(held * 10.0**places) / 10.0**places, np.rint(held / 10.0**-places) * 10.0**-places)
    return _changed_at(values, choose((held != 0) & (coarse != held), rate, rng), lambda chosen: coarse[chosen], "rounded")


def frozen(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """Numbers stand still: the last value of the rows before is repeated. A value equal to it would not change.

    >>> frozen(pd.Series([1.0, 2.0, 2.0, None, 5.0]), 1.0, np.random.default_rng(1)).tolist()
    [1.0, 1.0, 2.0, nan, 2.0]
    """
    numbers = as_numbers(values)
    last = numbers.ffill().shift().to_numpy()
    stale = ~np.isnan(numbers.to_numpy()) & ~np.isnan(last) & (last != numbers.to_numpy())
    return _changed_at(values, choose(stale, rate, rng), lambda chosen: last[chosen], "frozen")


def clipped(values: pd.Series, rate: float, rng: np.random.Generator) -> pd.Series:
    """The sensor saturates: the largest numbers, as many as the rate says, read like the largest of the others.

    Of cells with one value that are too many, some are drawn. The smallest value cannot be clipped.

    >>> clipped(pd.Series([3.0, 1.0, 9.0, 4.0, 2.0]), 0.5, np.random.default_rng(1)).tolist()
    [3.0, 1.0, 3.0, 3.0, 2.0]
    """
    numbers = as_numbers(values).to_numpy()
    held = usable(numbers)
    reaches = np.flatnonzero(held & (numbers > numbers[held].min(initial=np.inf)))
    count = how_many(reaches.size, rate)
    rising = reaches[np.lexsort((rng.random(reaches.size), numbers[reaches]))]

    def saturated(chosen: Positions) -> Floats:
        return np.full(chosen.size, numbers[held & (numbers < numbers[chosen].min())].max())

    return _changed_at(values, rising[rising.size - count :], saturated, "clipped")


def shifted(values: pd.Series, rate: float, rng: np.random.Generator, reach: tuple[float, float] = (0.25, 1.0)) -> pd.Series:
    """Numbers are off by one and the same amount, a quarter to a whole spread (`reach`): another time zone, a moved origin.

    Columns of whole numbers are moved by a whole number. A number so large that the amount is lost in it cannot be moved.

    >>> shifted(pd.Series([10, 12, 14, 16, 18]), 0.4, np.random.default_rng(1)).tolist()
    [13.0, 12.0, 14.0, 19.0, 18.0]
    """
    numbers = as_numbers(values).to_numpy()
    held = usable(numbers)
    if not held.any():
        return _changed_at(values, choose(held, rate, rng), lambda chosen: numbers[chosen], "shifted")
    amount = rng.uniform(*reach) * centre_and_spread(numbers[held])[1]
    if (numbers[held] % 1 == 0).all():
        amount = max(1.0, np.rint(amount))
    moved = numbers + amount * rng.choice([-1.0, 1.0])
    return _changed_at(values, choose(held & (moved != numbers), rate, rng), lambda chosen: moved[chosen], "shifted")


def _changed_at(values: pd.Series, chosen: Positions, news: Callable[[Positions], Floats], name: str) -> pd.Series:
    if not chosen.size:
        return values.copy()
    before = as_numbers(values)
    after = before.to_numpy(copy=True)
    after[chosen] = news(chosen)
    return held_to(chosen, before, like(before, after), name)


def _whole(numbers: Floats) -> Callable[[Floats], Floats]:
    return np.rint if (numbers % 1 == 0).all() else np.positive
