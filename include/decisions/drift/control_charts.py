"""Control charts: is a statistic of the newest period out of line with how it moved while nothing was wrong?

The limits come from the history itself, period by period, which carries season and autocorrelation, and never from row counts
alone: two weeks of a shop differ by more than chance. Two questions are asked. *Level*: is the statistic where it was in the
history (a Shewhart chart of single values)? *Change*: has it moved further since the last calm period than it ever moved in so
many periods (the variogram of the history)? A season that wanders slowly widens the first chart and leaves the second one
narrow, so that a jump is seen in it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from include.decisions.scoring.predictions import Floats

# With fewer periods than this nothing can be said about how a statistic usually moves.
FEWEST_PERIODS = 4
_KNOWN = 1e6
_LEAST_DEGREES = 2.0


@dataclass(frozen=True, eq=False)
class History:
    """K statistics in T periods, in order: `values` and the variances that sampling gives them, both of shape (T, K)."""

    values: Floats
    variances: Floats

    def __len__(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> Floats:
        """What is usual, shape (K,)."""
        return np.asarray(self.values.mean(axis=0))


@dataclass(frozen=True, eq=False)
class CalmPeriod:
    """The statistics of an earlier period, shape (K,), `lag` periods before the one that is judged."""

    values: Floats
    variances: Floats
    lag: int


def level_p(history: History, values: Floats, variances: Floats) -> Floats:
    """Two-sided p-values, shape (K,), of K new statistics against the level of the history.

    A prediction interval for one more value: Student's t, with as many degrees of freedom as the history has independent
    periods, T (1 - r) / (1 + r) for lag-one autocorrelation r (Bayley and Hammersley, J. R. Stat. Soc. Suppl. 8, 1946). Where
    the history varies no more than its sampling, the sampling variance is known.

    >>> calm = History(np.array([[0.0], [0.1], [-0.1], [0.05], [-0.05], [0.1], [-0.1], [0.0]]), np.full((8, 1), 1e-4))
    >>> level_p(calm, np.array([0.05]), np.array([1e-4])).round(1), level_p(calm, np.array([1.0]), np.array([1e-4])) < 0.001
    (array([0.6]), array([ True]))
    """
    periods = len(history)
    if periods < FEWEST_PERIODS:
        return np.ones(len(values))
    spread = history.values.var(axis=0, ddof=1)
    sampling = history.variances.mean(axis=0)
    independent = np.maximum(periods * (1 - _autocorrelation(history.values)) / (1 + _autocorrelation(history.values)), 3.0)
    varies = spread > sampling
    between = np.maximum(spread - sampling, 0.0)
    variance = between * (1 + 1 / independent) + variances + sampling / periods
    degrees = np.where(varies, independent - 1, _KNOWN)
    return _two_sided(values - history.mean, variance, degrees)


def change_p(history: History, values: Floats, variances: Floats, baseline: CalmPeriod) -> Floats:
    """Two-sided p-values, shape (K,), of the change since an earlier period, against the history's changes at the same lag."""
    lag = baseline.lag
    changes = History(
        history.values[lag:] - history.values[: max(len(history) - lag, 0)],
        history.variances[lag:] + history.variances[: max(len(history) - lag, 0)],
    )
    return moved_p(changes, values - baseline.values, variances + baseline.variances, lag)


def moved_p(changes: History, change: Floats, variances: Floats, lag: int) -> Floats:
    """Two-sided p-values, shape (K,), of a change over `lag` periods, against earlier `changes` over as many.

    1 where there are too few of them. Overlapping differences are not independent: of n of them n / (1.5 lag) degrees of
    freedom are left, which is what white noise has at lag one.
    """
    if len(changes) < FEWEST_PERIODS - 1:
        return np.ones(len(change))
    sampling, moved = changes.variances.mean(axis=0), (changes.values**2).mean(axis=0)
    degrees = np.where(moved > sampling, max(len(changes) / (1.5 * lag), _LEAST_DEGREES), _KNOWN)
    return _two_sided(change, np.maximum(moved - sampling, 0.0) + variances, degrees)


def _autocorrelation(values: Floats) -> Floats:
    """At lag one, between 0 and 0.95, shape (K,)."""
    centred = values - values.mean(axis=0)
    power = (centred**2).sum(axis=0)
    return np.asarray(np.clip((centred[1:] * centred[:-1]).sum(axis=0) / np.where(power > 0, power, 1.0), 0.0, 0.95))


def _two_sided(distance: Floats, variance: Floats, degrees: Floats) -> Floats:
    # A statistic that never varied and has no sampling error (a share of nothing) is out of line as soon as it moves.
    score = np.abs(distance) / np.sqrt(np.maximum(variance, 1e-18))
    return np.asarray(np.clip(2 * stdtr(degrees, -score), 0.0, 1.0))
