"""Does what is predicted happen as often? The points of a calibration plot (reliability diagram), and their mean gap."""

from dataclasses import dataclass

import numpy as np

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats, Labels, Predictions, Ranking
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Task

_BINS = 10


@dataclass(frozen=True)
class Bin:
    """A tenth of the rows, by what was predicted: the mean prediction, and what happened, with its 95 % interval."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


def reliability(task: Task, labels: Labels, predictions: Predictions, clusters: Clusters) -> tuple[Bin, ...]:
    """Ten bins of as many rows each, the lowest predictions first.

    Of a binary model it is the probability against the share of positives, of a multi-class model that of its first answer
    against how often this is right, of a regression the value against the mean label.
    """
    predicted, outcomes = _compared(labels, predictions)
    bins = []
    for rows in np.array_split(np.argsort(predicted, kind="stable"), _BINS):
        if len(rows):
            mean = float(outcomes[rows].mean())
            error = clusters.at(rows).error(outcomes[rows] - mean)
            trials = None if task == "regression" else float(len(rows))
            observed = Measured(mean, *error, trials)
            bins.append(Bin(float(predicted[rows].mean()), mean, observed.low, observed.high, len(rows)))
    return tuple(bins)


def calibration_error(task: Task, labels: Labels, predictions: Predictions) -> float | None:
    """Mean gap between what was predicted and what happened, over ten bins of as many rows each; 0 is perfect.

    Expected calibration error as in Naeini, Cooper and Hauskrecht (AAAI 2015), with bins of equal size. For a multi-class
    model it is about its first answer; for a regression there is none.

    >>> calibration_error("binary", np.array([0.0, 1.0] * 50), np.full(100, 0.6)).__round__(6)
    0.1
    """
    if task == "regression":
        return None
    predicted, outcomes = _compared(labels, predictions)
    bins = np.array_split(np.argsort(predicted, kind="stable"), _BINS)
    gaps = [abs(float(predicted[rows].mean() - outcomes[rows].mean())) * len(rows) for rows in bins if len(rows)]
    return sum(gaps) / len(labels)


def _compared(labels: Labels, predictions: Predictions) -> tuple[Floats, Floats]:
    """What was predicted, and what happened, each of shape (n,)."""
    if isinstance(predictions, Ranking):
        return predictions.probabilities[:, 0], (predictions.labels[:, 0] == labels).astype("float64")
    return predictions, np.asarray(labels, dtype="float64")
