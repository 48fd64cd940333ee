"""Quality on labels: what the champion is worth on mature periods, and whether it has got worse."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.scorecard import Measured, weighted

# A drop counts when two mature periods show it together, and it is beyond chance at this one-sided level.
TOGETHER = 2
Z90 = float(norm.ppf(0.90))
# What the champion was worth is read off its first mature periods, its holdout among them: one fortnight may be a hard one.
FIRST_PERIODS = 4


@dataclass(frozen=True)
class Judged:
    """One mature period of one version: the metric, its standard error, and on how many labelled rows.

    `contents` is the digest of what had been delivered of the period by then; empty where it was not kept. `freedom` are the
    error's degrees of freedom; None where the period has too few clusters, and the error is that of independent rows.
    `trials` are what the metric is a share of, None where it is none.
    """

    start: datetime
    value: float
    error: float
    rows: int
    contents: str = ""
    freedom: float | None = None
    trials: float | None = None

    def measured(self, spread: float) -> Measured:
        """The value with its error, beyond which periods deviate by `spread`."""
        own = Measured(self.value, self.error, self.freedom or math.inf)
        return replace(weighted([(1.0, own), (1.0, Measured(0.0, spread))]), trials=self.trials)


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
    was = _together(first, spread) if len(first) >= TOGETHER else weighted([(1.0, proved), (1.0, Measured(0.0, spread))])
    moved = weighted([(1.0, now), (-1.0, was)])
    loss = -metric.gain(moved.value)
    each = all(-metric.gain(period.value - was.value) > 0 for period in newest)
    decayed = bool(each and loss > share * abs(was.value) and -metric.gain(moved.z) > Z90)
    return Trend(now.value, was.value, moved.error, decayed)


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
    rows = sum(period.rows for period in judged)
    return weighted([(period.rows / rows, period.measured(spread)) for period in judged])
