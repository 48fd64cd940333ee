"""How fast does a model age? Every model against a fresh one, in the same periods."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from include.decisions.replay.bootstrap import Interval, mean_of
from include.decisions.replay.simulation import Backtest

_FEWEST = 8


@dataclass(frozen=True)
class Aged:
    """What models of an age lost against one that was trained just before, over the periods in which there were both."""

    age: int
    loss: Interval
    periods: int


@dataclass(frozen=True)
class Ageing:
    """The curve, ages in periods from 1; `worth` is what a fresh model gains over the best trivial answer.

    `half_life` is the age at which half of that is lost, None if no age in this history reaches it; `shown_at` the first age
    from which on every older one has a loss whose interval is above zero, None if these are less than a quarter of the ages.
    """

    curve: tuple[Aged, ...]
    worth: float
    half_life: float | None
    shown_at: int | None


def ageing(backtest: Backtest, window: int | None, seed: int) -> Ageing:
    """The ageing of models that were trained on one window.

    The loss of a model of age a in a period is the value of the model of age 1 there minus its own: how hard the period was
    cancels. A model of age 1 was trained at the end of the period before.
    """
    by_moment = {fit.moment: number for number, fit in enumerate(backtest.plan.fits) if window in fit.windows}
    periods = [p for p in backtest.scored if p - 1 in by_moment]
    losses: dict[int, list[float]] = {}
    for p in periods:
        for moment, number in by_moment.items():
            if moment < p:
                losses.setdefault(p - moment, []).append(
                    float(backtest.values[by_moment[p - 1], p] - backtest.values[number, p])
                )
    curve = tuple(Aged(age, mean_of(lost, seed), len(lost)) for age, lost in sorted(losses.items()) if len(lost) >= _FEWEST)
    fresh = [backtest.values[by_moment[p - 1], p] - backtest.trivial[p] for p in periods]
    worth = float(np.nanmean(fresh)) if fresh else float("nan")
    return Ageing(curve, worth, half_life(curve, worth), _shown_at(curve))


def half_life(curve: tuple[Aged, ...], worth: float) -> float | None:
    """The age at which the loss first reaches half of a fresh model's worth, between two ages on a straight line.

    >>> curve = tuple(Aged(age, Interval(loss, loss, loss), 9) for age, loss in ((1, 0.0), (2, 0.04), (3, 0.08)))
    >>> half_life(curve, worth=0.12), half_life(curve, worth=0.2)
    (2.5, None)
    """
    for before, after in pairwise(curve):
        if worth > 0 and after.loss.value >= worth / 2:
            step = (worth / 2 - before.loss.value) / (after.loss.value - before.loss.value)
            return round(before.age + step * (after.age - before.age), 1)
    return None


def _shown_at(curve: tuple[Aged, ...]) -> int | None:
    shown = None
    for aged in reversed(curve):
        if aged.loss.low <= 0:
            break
        shown = aged.age
    # The oldest ages have few periods, the same ones: a run of them alone is often chance.
    return shown if shown is not None and curve[-1].age - shown + 1 >= len(curve) / 4 else None
