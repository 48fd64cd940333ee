"""Backtests made by hand: a world that moves a little every period, and a model for each of them."""

from datetime import timedelta

import numpy as np

from include.decisions.replay.plan import BacktestModel, BacktestPlan
from include.decisions.replay.simulation import Backtest
from tests.toy import changed, day

WEEK = timedelta(weeks=1)
MODEL = changed(period=WEEK, label_delay=timedelta(days=3))
FIRST_MOMENT = 5


def plan(periods: int, delay: int = 1, windows: tuple[int | None, ...] = (None,)) -> BacktestPlan:
    """Labels come `delay` periods later; the newest two mature periods are held out; no two windows give the same rows."""
    starts = tuple(day(0) + WEEK * number for number in range(periods))
    known = tuple(min(number + delay, periods) for number in range(periods))
    fits = [
        BacktestModel(
            moment=moment,
            windows=(window,),
            train_start=starts[0] + timedelta(hours=number),
            holdout_start=starts[moment - delay - 1],
            holdout=(moment - delay - 1, moment - delay),
        )
        for moment in range(FIRST_MOMENT, periods)
        for number, window in enumerate(windows)
    ]
    return BacktestPlan(starts, tuple(start + WEEK for start in starts), known, windows, tuple(fits))


def backtest(
    periods: int = 40,
    loss: float = 0.004,
    noise: float = 0.01,
    error: float = 0.012,
    delay: int = 1,
    seed: int = 1,
    windows: tuple[int | None, ...] = (None,),
    margin: float = 0.02,
) -> Backtest:
    """A model loses `loss` with every period of age; `noise` is what periods and models add to that by chance.

    `error` is the standard error of a value; those of two models in one period are correlated by 0.9.
    """
    planned, rng = plan(periods, delay, windows), np.random.default_rng(seed)
    shape = (len(planned.fits), periods)
    values, psi = np.full(shape, np.nan), np.full(shape, np.nan)
    covariances = np.zeros((periods, shape[0], shape[0]))
    hard, luck = rng.normal(0, noise, periods), rng.normal(0, noise / 4, shape)
    for number, fit in enumerate(planned.fits):
        later = np.arange(fit.holdout[0], periods)
        values[number, later] = 0.8 + hard[later] - loss * (later - fit.moment) + luck[number, later]
        psi[number, later] = 0.02 * (later - fit.moment)
    for period in range(periods):
        there = np.isfinite(values[:, period])
        covariances[period] = error**2 * np.outer(there, there) * (0.9 + 0.1 * np.eye(shape[0]))
    return Backtest(
        planned, values, covariances, psi, np.full(periods, 0.5), np.full(periods, 500), np.full(periods, 500), margin
    )
