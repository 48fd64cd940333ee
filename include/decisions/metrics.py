"""The primary metrics: a value, and each row's influence on it.

An influence is what one row adds to the metric, centred on zero: the standard error of the metric over n rows is
`sqrt(mean(influence ** 2) / n)`, and because influences of the same rows can be subtracted, paired differences between two
models need no resampling.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from include.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A named metric of labels and predictions, both of shape (n,)."""

    name: str
    higher_is_better: bool
    value: Callable[[Floats, Floats], float]
    influence: Callable[[Floats, Floats], Floats]

    def gain(self, difference: float) -> float:
        """The difference turned so that more is better."""
        return difference if self.higher_is_better else -difference


def _placements(labels: Floats, scores: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """For each row, the share of rows of the other class that it is ranked on the right side of (ties count half).

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by mid-ranks as in Sun and Xu (2014).
    """
    positive = labels > 0.5
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    overall = rankdata(scores)
    placements = np.empty(len(scores))
    placements[positive] = (overall[positive] - rankdata(scores[positive])) / n_neg
    placements[~positive] = 1 - (overall[~positive] - rankdata(scores[~positive])) / n_pos
    return placements, positive


def roc_auc(labels: Floats, scores: Floats) -> float:
    """Area under the ROC curve; labels 0 or 1, both present.

    >>> roc_auc(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.9, 0.4, 0.35]))
    0.75
    """
    placements, positive = _placements(labels, scores)
    return float(placements[positive].mean())


def roc_auc_influence(labels: Floats, scores: Floats) -> Floats:
    """DeLong's placements, centred and scaled by class share, shape (n,)."""
    placements, positive = _placements(labels, scores)
    share = positive.mean()
    centred = placements - placements[positive].mean()
    return np.asarray(np.where(positive, centred / share, centred / (1 - share)))


def _mean_of(loss: Callable[[Floats, Floats], Floats]) -> tuple[Callable[..., float], Callable[..., Floats]]:
    def value(labels: Floats, predictions: Floats) -> float:
        return float(loss(labels, predictions).mean())

    def influence(labels: Floats, predictions: Floats) -> Floats:
        losses = loss(labels, predictions)
        return np.asarray(losses - losses.mean())

    return value, influence


def _log_losses(labels: Floats, predictions: Floats) -> Floats:
    certain = np.clip(np.where(labels > 0.5, predictions, 1 - predictions), 1e-15, 1)
    return np.asarray(-np.log(certain))


def _rmse(labels: Floats, predictions: Floats) -> float:
    return float(np.sqrt(np.mean((labels - predictions) ** 2)))


def _rmse_influence(labels: Floats, predictions: Floats) -> Floats:
    """Delta method: the influence on the mean square, through the square root."""
    squares = (labels - predictions) ** 2
    root = float(np.sqrt(squares.mean()))
    return np.asarray((squares - squares.mean()) / (2 * root)) if root else np.zeros_like(squares)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", True, roc_auc, roc_auc_influence),
        Metric("brier", False, *_mean_of(lambda labels, predictions: (labels - predictions) ** 2)),
        Metric("log_loss", False, *_mean_of(_log_losses)),
        Metric("mae", False, *_mean_of(lambda labels, predictions: np.abs(labels - predictions))),
        Metric("rmse", False, _rmse, _rmse_influence),
    )
}


def find_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        ModelError: there is none; the message lists those that exist.
    """
    if name not in METRICS:
        raise ModelError(f"metric {name!r} does not exist; there are: {', '.join(METRICS)}. Correct criteria.metric.")
    return METRICS[name]
