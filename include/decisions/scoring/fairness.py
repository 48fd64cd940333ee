"""By how much declared groups differ from each other: the metric, how often they get a yes, and how often it is wrong.

Which difference is too large is for people to say (Barocas, Hardt and Narayanan, Fairness and Machine Learning, 2023): no
model can make all of these equal where groups differ in how often the label is positive (Chouldechova, Big Data 5, 2017).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.operating_point import says_yes
from include.decisions.scoring.predictions import Floats, Labels, Predictions
from include.decisions.scoring.scorecard import CELL_ROWS, Measured
from include.decisions.scoring.slices import Partition
from include.figures import figure
from include.models.contract import Criteria, Task

# As they stand on the card.
YES, CAUGHT, FALSE_ALARMS, BIAS = "share of yes", "true positive rate", "false positive rate", "mean prediction minus label"
# Of fewer rows a share says nothing.
_FEWEST = 20
Estimates = dict[str, tuple[float, Floats]]


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups of a column: challenger, with a 95 % interval that holds for all pairs.

    `champion` is the largest one of the champion.
    """

    column: str
    measure: str
    highest: str
    highest_value: float
    lowest: str
    lowest_value: float
    low: float
    high: float
    champion: float | None = None

    @property
    def value(self) -> float:
        """The difference, never negative."""
        return self.highest_value - self.lowest_value

    @property
    def shown(self) -> bool:
        """Whether chance does not explain it."""
        return self.low > 0


@dataclass(frozen=True)
class Fairness:
    """The gaps of every column, and the groups that have too few rows, or rows of too few clusters, to be compared."""

    gaps: tuple[Gap, ...] = ()
    too_small: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Judged:
    """The n rows that groups are compared on: labels, predictions by role, clusters."""

    task: Task
    criteria: Criteria
    metric: Metric
    labels: Labels
    predictions: Mapping[str, Predictions]
    clusters: Clusters


def fairness(judged: Judged, partitions: Mapping[str, Partition]) -> Fairness:
    """The largest gap of each measure, for each declared column; `partitions` are the rows' groups by column."""
    gaps: list[Gap] = []
    small: list[str] = []
    for column, groups in partitions.items():
        rows = {name: groups.rows_of(number) for number, name in enumerate(groups.names)}
        # In few clusters an error cannot be told: a group of one site would differ beyond chance by that site alone.
        large = {name: each for name, each in rows.items() if len(each) >= CELL_ROWS and judged.clusters.at(each).enough}
        small += [name for name in rows if name not in large]
        if len(large) > 1:
            gaps += _gaps(judged, column, large)
    return Fairness(tuple(gaps), tuple(small))


def _gaps(judged: Judged, column: str, groups: Mapping[str, NDArray[np.intp]]) -> list[Gap]:
    by_role = {
        role: {name: _estimates(judged, predictions, rows) for name, rows in groups.items()}
        for role, predictions in judged.predictions.items()
    }
    found = []
    for measure in next(iter(by_role["challenger"].values())):
        values = {name: each[measure] for name, each in by_role["challenger"].items() if math.isfinite(each[measure][0])}
        if len(values) < 2:
            continue
        champions = [each[measure][0] for each in by_role.get("champion", {}).values() if math.isfinite(each[measure][0])]
        its = max(champions) - min(champions) if len(champions) > 1 else None
        found.append(_widest(judged, column, measure, values, its))
    return found


def _widest(
    judged: Judged, column: str, measure: str, values: Mapping[str, tuple[float, Floats]], champion: float | None
) -> Gap:
    """The pair that lies furthest apart. The interval is Bonferroni's for all pairs: this one was picked from them."""
    highest, lowest = (pick(values, key=lambda name: values[name][0]) for pick in (max, min))
    (high, of_high), (low, of_low) = values[highest], values[lowest]
    gap = Measured(high - low, *judged.clusters.error(of_high - of_low))
    z = float(norm.isf(0.025 / len(list(combinations(values, 2)))))
    return Gap(column, measure, highest, high, lowest, low, gap.above(-z), gap.above(z), champion)


def _estimates(judged: Judged, predictions: Predictions, rows: NDArray[np.intp]) -> Estimates:
    """Each measure in one group: its value, and the influence of all n rows on it, shape (n,)."""
    count = len(judged.labels)
    value, inside = judged.metric.estimate(judged.labels[rows], predictions[rows], judged.clusters.at(rows))
    influence = np.zeros(count)
    influence[rows] = inside * count / len(rows)
    estimates = {judged.metric.name: (value, influence)}
    if judged.task == "multiclass":
        return estimates
    scores, labels = np.asarray(predictions, dtype="float64"), np.asarray(judged.labels, dtype="float64")
    member = np.zeros(count, dtype=bool)
    member[rows] = True
    estimates[BIAS] = _mean(scores - labels, member)
    if judged.task == "binary":
        yes, positive = says_yes(judged.criteria, scores).astype("float64"), labels > 0.5
        estimates |= {
            YES: _mean(yes, member),
            CAUGHT: _mean(yes, member & positive),
            FALSE_ALARMS: _mean(yes, member & ~positive),
        }
    return estimates


def _mean(values: Floats, among: NDArray[np.bool_]) -> tuple[float, Floats]:
    """The mean among some rows, and the influence of all rows; NaN where there are too few to say anything."""
    if among.sum() < _FEWEST:
        return math.nan, np.zeros(len(values))
    mean = float(values[among].mean())
    return mean, np.where(among, values - mean, 0.0) * len(values) / among.sum()


def in_words(found: Fairness) -> Sequence[str]:
    """The gaps that chance does not explain, the ones that have grown first, each in a line."""
    shown = sorted((gap for gap in found.gaps if gap.shown), key=_growth, reverse=True)
    return [_sentence(gap) for gap in shown]


def _growth(gap: Gap) -> float:
    return gap.value - gap.champion if gap.champion is not None else 0.0


def _sentence(gap: Gap) -> str:
    before = f"; the champion's largest: {figure(gap.champion)}" if gap.champion is not None else ""
    return (
        f"groups differ: {gap.measure} is {figure(gap.highest_value)} where {gap.highest} and {figure(gap.lowest_value)} "
        f"where {gap.lowest} (difference {figure(gap.value)}, 95 % interval {figure(gap.low)} to {figure(gap.high)}{before})"
    )
