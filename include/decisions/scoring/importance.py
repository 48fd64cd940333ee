"""Permutation importance: what the primary metric loses when one feature is shuffled among the rows.

Breiman (Machine Learning 45, 2001), for any fitted model Fisher, Rudin and Dominici (J. Mach. Learn. Res. 20, 2019). A feature
whose content another one repeats looks worth little: it is what the model would miss of this one alone.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.predictions import Labels, Predictions
from include.decisions.scoring.scorecard import Measured

# All features together are asked for at most as many rows as so many conditions have, except that each is worth some rows.
_CONDITIONS, _FEWEST_ROWS, _MOST_ROWS = 4, 1_000, 20_000
# A feature earns nothing if the upper 95 % bound of what is lost lies below this share of the non-inferiority margin.
_NOTHING = 0.5
# Fewer have no order to speak of.
_FEWEST_SHARED = 3


@dataclass(frozen=True)
class Importance:
    """What a feature is worth to each model, in the metric's unit, more is better; None to a model that does not take it."""

    feature: str
    challenger: Measured | None
    champion: Measured | None = None

    def earns_nothing(self, margin: float) -> bool:
        """Whether the challenger takes it, and would lose less than half a margin without it, with an upper 95 % bound."""
        return self.challenger is not None and self.challenger.high < _NOTHING * margin


def sampled(rows: int, features: int, seed: int) -> NDArray[np.intp]:
    """The positions of the rows that are asked about, in order: enough of them, at a bounded cost.

    >>> [len(sampled(rows, 20, 1)) for rows in (500, 4_000, 30_000, 1_000_000)]
    [500, 1000, 6000, 20000]
    """
    count = min(rows, max(_FEWEST_ROWS, min(_MOST_ROWS, _CONDITIONS * rows // max(features, 1))))
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


@dataclass(frozen=True, eq=False)
class AskedRows:
    """Rows that models are asked about: n rows of raw features, their labels and clusters; the seed fixes every shuffle."""

    frame: pd.DataFrame
    labels: Labels
    clusters: Clusters
    seed: int

    def shuffled(self, feature: str) -> pd.DataFrame:
        """The rows with the values of one feature dealt out anew, of the same type: the same deal for every model."""
        dealt = self.frame[feature].take(self._order(feature)).set_axis(self.frame.index)
        return self.frame.assign(**{feature: dealt})

    def losses(self, metric: Metric, clean: Predictions, shuffles: Mapping[str, Predictions]) -> dict[str, Measured]:
        """What one model loses by each shuffled feature, paired by rows; none where the metric has no value on them.

        A row counts twice, with what it lost and with what the row lost that was dealt its value. So the error is at most 1.4
        times what it has to be, and never too small for sharing values between rows.
        """
        value, influence = metric.estimate(self.labels, clean, self.clusters)
        lost = {}
        for feature, predictions in shuffles.items():
            left, of_left = metric.estimate(self.labels, predictions, self.clusters)
            moved = metric.gain(influence - of_left)
            error = self.clusters.error(moved + moved[np.argsort(self._order(feature))])
            lost[feature] = Measured(metric.gain(value - left), *error).doubted(metric.doubt(self.labels, clean))
        return {feature: loss for feature, loss in lost.items() if math.isfinite(loss.value)}

    def _order(self, feature: str) -> NDArray[np.intp]:
        return np.random.default_rng([self.seed, zlib.crc32(feature.encode())]).permutation(len(self.frame))


@dataclass(frozen=True)
class Agreement:
    """How alike two models rank the features that both take: Spearman's correlation, -1 to 1.

    `moved` names the one whose place differs most, with its places, from 1, for champion and challenger.
    """

    correlation: float
    moved: str
    before: int
    now: int


def agreement(features: Sequence[Importance]) -> Agreement | None:
    """Whether the challenger relies on what the champion relies on; None with fewer than three features in common."""
    both = [(one.feature, one.champion.value, one.challenger.value) for one in features if one.champion and one.challenger]
    if len(both) < _FEWEST_SHARED:
        return None
    before, now = pd.Series([-its for _, its, _ in both]).rank(), pd.Series([-its for _, _, its in both]).rank()
    correlation = before.corr(now)
    most = int((before - now).abs().to_numpy().argmax())
    if math.isnan(correlation):
        return None
    return Agreement(float(correlation), both[most][0], math.ceil(before[most]), math.ceil(now[most]))


def side_by_side(challenger: Mapping[str, Measured], champion: Mapping[str, Measured]) -> list[Importance]:
    """Each feature of either model, the one that the challenger would miss most first."""
    each = [Importance(name, challenger.get(name), champion.get(name)) for name in dict.fromkeys([*challenger, *champion])]
    return sorted(each, key=lambda one: -math.inf if one.challenger is None else one.challenger.value, reverse=True)
