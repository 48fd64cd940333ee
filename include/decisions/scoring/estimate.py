"""An estimate of quality before the labels have come, from how sure the champion is of its answers.

It sees covariate shift, not concept drift: it never decides anything alone, and is shown as a label-free estimate.
Labels are drawn from the champion's calibrated confidence and the metric is computed on them, whichever it is; for classes
this is confidence-based performance estimation (Guillory et al., ICCV 2021; Garg et al., ICLR 2022).
"""

from dataclasses import dataclass

import numpy as np

from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.predictions import Floats, Labels, Predictions, Ranking, numbers_of
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Task

FEWEST_LABELS = 200
_DRAWS = 20
_BINS = 10
_ELSE = "\0 none of these"


@dataclass(frozen=True)
class Answered:
    """The predictions for n rows whose labels have come, and these labels; both of shape (n,)."""

    predictions: Predictions
    labels: Labels


def estimate(metric: Metric, task: Task, answered: Answered, unknown: Predictions, seed: int) -> Measured | None:
    """What the metric would be on rows without labels, with the standard deviation over draws.

    None with fewer than 200 answered rows, or where the metric has no value.
    """
    known, labels = answered.predictions, answered.labels
    if len(labels) < FEWEST_LABELS or not len(unknown):
        return None
    rng = np.random.default_rng(seed)
    draw = {"binary": _draw_binary, "multiclass": _draw_classes, "regression": _draw_values}[task]
    values = [metric.estimate(drawn, unknown)[0] for drawn in draw(known, labels, unknown, rng)]
    if not np.isfinite(values).all():
        return None
    return Measured(float(np.mean(values)), float(np.std(values)))


def _draw_binary(known: Predictions, labels: Labels, unknown: Predictions, rng: np.random.Generator) -> list[Labels]:
    chance = _calibrated(numbers_of(known), labels > 0.5, numbers_of(unknown))
    return [(rng.random(len(chance)) < chance).astype("float64") for _ in range(_DRAWS)]


def _draw_classes(known: Predictions, labels: Labels, unknown: Predictions, rng: np.random.Generator) -> list[Labels]:
    assert isinstance(known, Ranking)
    assert isinstance(unknown, Ranking)
    hits = known.labels == labels[:, None]
    chance = _calibrated(known.probabilities.ravel(), hits.ravel(), unknown.probabilities.ravel())
    chance = chance.reshape(unknown.probabilities.shape)
    upper = np.cumsum(chance / np.maximum(chance.sum(axis=1, keepdims=True), 1.0), axis=1)
    choices = np.column_stack([unknown.labels, np.full(len(unknown), _ELSE, dtype=object)])
    drawn = [(rng.random(len(unknown))[:, None] >= upper).sum(axis=1) for _ in range(_DRAWS)]
    return [choices[np.arange(len(unknown)), which] for which in drawn]


def _draw_values(known: Predictions, labels: Labels, unknown: Predictions, rng: np.random.Generator) -> list[Labels]:
    """The residuals of rows whose prediction is alike."""
    before, now = numbers_of(known), numbers_of(unknown)
    edges = np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1])
    residuals, old, new = labels - before, np.searchsorted(edges, before), np.searchsorted(edges, now)
    draws = []
    for _ in range(_DRAWS):
        drawn = now.copy()
        for number in np.unique(new):
            alike = residuals[old == number] if (old == number).any() else residuals
            drawn[new == number] += rng.choice(alike, int((new == number).sum()))
        draws.append(drawn)
    return draws


def _calibrated(scores: Floats, outcomes: Labels, unlabelled: Floats) -> Floats:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, outcomes.astype("float64"))
    return np.asarray(fitted.predict(unlabelled), dtype="float64")
