"""What a model says about rows: one number each, or, for a multi-class model, its best classes in order."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.own_columns import CLASSES, PREDICTION, PROBABILITIES, RANKED

# Classes that are kept per row: enough for every hit rate, and for the whole distribution of a model with few classes.
KEPT = 10

Floats = NDArray[np.float64]
Labels: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best classes of each row, best first: `labels` and `probabilities` have the shape (n, k), k at most KEPT.

    `classes` is how many the model knows; what probability is left is spread evenly over those that are not listed.
    """

    labels: Labels
    probabilities: Floats
    classes: int

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> "Ranking":
        return Ranking(self.labels[rows], self.probabilities[rows], self.classes)

    def probability_of(self, labels: Labels) -> Floats:
        """The probability that was given to one label a row, shape (n,)."""
        hit = self.labels == labels[:, None]
        rest = np.clip(1 - self.probabilities.sum(axis=1), 0, 1) / max(self.classes - self.labels.shape[1], 1)
        return np.asarray(np.where(hit.any(axis=1), (self.probabilities * hit).sum(axis=1), rest))


Predictions: TypeAlias = Floats | Ranking


def best_classes(probabilities: Floats, classes: Labels) -> Ranking:
    """The KEPT best of all classes: `probabilities` has the shape (n, len(classes)).

    >>> best_classes(np.array([[0.2, 0.7, 0.1]]), np.array(["a", "b", "c"])).labels.tolist()
    [['b', 'a', 'c']]
    """
    kept = min(KEPT, probabilities.shape[1])
    # Stable, so that equal probabilities keep the order of the classes wherever the model is run.
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :kept]
    return Ranking(np.asarray(classes)[best], np.take_along_axis(probabilities, best, axis=1), probabilities.shape[1])


def as_columns(predictions: Predictions) -> dict[str, Any]:
    """Predictions as columns of a table; `from_columns` reads them back."""
    if not isinstance(predictions, Ranking):
        return {PREDICTION: predictions}
    return {
        PREDICTION: predictions.labels[:, 0],
        RANKED: list(predictions.labels),
        PROBABILITIES: list(predictions.probabilities),
        CLASSES: predictions.classes,
    }


def from_columns(table: pd.DataFrame) -> Predictions:
    """What `as_columns` wrote."""
    if RANKED not in table:
        return table[PREDICTION].to_numpy("float64")
    labels, probabilities = (np.stack(table[name].to_list()) for name in (RANKED, PROBABILITIES))
    return Ranking(labels.astype(object), probabilities.astype("float64"), int(table[CLASSES].max()))


def numbers_of(predictions: Predictions) -> Floats:
    """The numbers behind predictions: what has to be finite, and may not be one and the same for every row."""
    return predictions.probabilities if isinstance(predictions, Ranking) else predictions


def is_constant(predictions: Predictions) -> bool:
    """Whether every row gets the same answer."""
    if isinstance(predictions, Ranking):
        return bool(
            (predictions.labels == predictions.labels[:1]).all() and np.ptp(predictions.probabilities, axis=0).max() == 0
        )
    return bool(np.ptp(predictions) == 0) if len(predictions) else True


def _tied(ranking: Ranking, tolerance: float) -> Labels:
    """Places whose class is as probable as a neighbour's, or as one that is not listed: their order means nothing."""
    if tolerance == 0:
        return np.zeros(ranking.labels.shape, dtype=bool)
    near = np.abs(np.diff(ranking.probabilities, axis=1)) <= tolerance
    edge = np.zeros((len(ranking), 1), dtype=bool)
    unlisted = edge | (ranking.classes > ranking.labels.shape[1])
    return np.asarray(np.hstack([edge, near]) | np.hstack([near, unlisted]))


def same(one: Predictions, other: Predictions, tolerance: float = 1e-9) -> bool:
    """Whether two sets of predictions are the same, up to rounding."""
    if isinstance(one, Ranking) and isinstance(other, Ranking):
        close = np.allclose(one.probabilities, other.probabilities, rtol=0, atol=tolerance)
        return bool(close and ((one.labels == other.labels) | _tied(one, tolerance)).all())
    return bool(np.allclose(numbers_of(one), numbers_of(other), rtol=tolerance, atol=tolerance))
