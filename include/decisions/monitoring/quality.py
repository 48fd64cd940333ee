"""Quality on labels: what the champion is worth on mature periods, and whether it has got worse."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.scorecard import Measured

# A drop counts when two mature periods show it together, and it is beyond chance at this one-sided level.
TOGETHER = 2
Z90 = float(norm.ppf(0.90))
# What the champion was worth is read off its first mature periods, its holdout among them: one fortnight may be a hard one.
FIRST_PERIODS = 4


@dataclass(frozen=True)
class Judged:
    """One mature period of one version: the metric, its standard error, and on how many labelled rows.

    `contents` is the digest of what had been delivered of the period by then; empty where it was not kept.
    """

    start: datetime
    value: float
    error: float
    rows: int
    contents: str = ""


@dataclass(frozen=True)
class Trend:
    """The newest two mature periods beside the first ones; `error` includes the deviation between periods."""

    now: float
    was: float
    error: float
    decayed: bool


def trend(metric: Metric, judged: Sequence[Judged], proved: Measured, share: float, spread: float) -> Trend | None:
    """Whether quality has decayed: a loss of more than `share` of what it was, beyond chance, on two periods each below it.

    `judged` are the mature periods of one champion in order; None with fewer than two. With fewer than four, what it was is
    `proved`, the value on its holdout. `spread` is the standard deviation between periods beyond sampling.

    >>> from datetime import timedelta
    >>> from include.decisions.scoring.metrics import roc_auc
    >>> auc = Metric("roc_auc", True, roc_auc)
    >>> values = (0.72, 0.71, 0.73, 0.66, 0.65)
    >>> weeks = [Judged(datetime(2024, 1, 1) + timedelta(weeks=n), value, 0.005, 900) for n, value in enumerate(values)]
    >>> trend(auc, weeks, Measured(0.72, 0.005), 0.05, 0.01).decayed
    True
    >>> trend(auc, weeks, Measured(0.72, 0.005), 0.05, 0.06).decayed
    False
    """
    if len(judged) < TOGETHER:
        return None
    newest, first = judged[-TOGETHER:], judged[:-TOGETHER][:FIRST_PERIODS]
    now = _together(newest, spread)
    was = _together(first, spread) if len(first) >= TOGETHER else Measured(proved.value, math.hypot(proved.error, spread))
    error = math.hypot(now.error, was.error)
    loss = -metric.gain(now.value - was.value)
    each = all(-metric.gain(period.value - was.value) > 0 for period in newest)
    decayed = bool(each and loss > share * abs(was.value) and loss > Z90 * error)
    return Trend(now.value, was.value, error, decayed)


def between_period_deviation(versions: Iterable[Sequence[Judged]]) -> float:
    """Standard deviation of quality between neighbouring periods, beyond sampling; 0 while fewer than three changes are known.

    Half the mean square of successive differences (von Neumann, Ann. Math. Stat. 12, 1941): a slow decline adds
    nothing. Each sequence holds one version's periods in order.
    """
    pairs = [pair for judged in versions for pair in pairwise(judged)]
    if len(pairs) < 3:
        return 0.0
    moved = float(np.mean([(after.value - before.value) ** 2 for before, after in pairs])) / 2
    sampling = float(np.mean([(after.error**2 + before.error**2) / 2 for before, after in pairs]))
    return math.sqrt(max(moved - sampling, 0.0))


def _together(judged: Sequence[Judged], spread: float) -> Measured:
    """Some periods as one, each counting by its rows."""
    weights = np.array([period.rows for period in judged], dtype="float64")
    weights /= weights.sum()
    errors = np.array([math.hypot(period.error, spread) for period in judged])
    value = float(weights @ np.array([period.value for period in judged]))
    return Measured(value, math.sqrt(float(weights**2 @ errors**2)))
