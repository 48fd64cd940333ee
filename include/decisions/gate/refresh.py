"""Refresh: may a version that also learned from the hold-out's rows take the place of the one that was validated on them?

It cannot be judged on rows that it has seen. So it has to be nearly the validated one: its answers to these rows, clean and
under noise, lie close to those of the validated version, and are not worse.
"""

from collections.abc import Mapping

import numpy as np

from include.decisions.gate.verdict import suspicious_predictions
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, blend_gain
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import Labels, Predictions, Ranking
from include.decisions.scoring.scorecard import CLEAN
from include.figures import figure, signed
from include.models.contract import Model


def shift(validated: Predictions, refreshed: Predictions) -> float:
    """How far answers to the same n rows moved, from 0: in standard deviations of the validated ones, on average.

    Of classes, the share of rows whose first answer is another one.

    >>> shift(np.array([0.0, 1.0]), np.array([0.1, 0.9])).__round__(6)
    0.2
    """
    if isinstance(validated, Ranking) and isinstance(refreshed, Ranking):
        return float(np.mean(validated.labels[:, 0] != refreshed.labels[:, 0]))
    before, now = np.asarray(validated, dtype="float64"), np.asarray(refreshed, dtype="float64")
    spread = float(before.std())
    return float(np.abs(now - before).mean()) / spread if spread > 0 else float("inf")


def why_not(
    model: Model, labels: Labels, validated: Mapping[str, Predictions], refreshed: Mapping[str, Predictions]
) -> list[str]:
    """Why a refreshed version may not take the place of the validated one; empty where it may.

    Both answered the same labelled rows of the hold-out under the same conditions, `clean` among them.
    """
    assert model.refresh is not None
    if problems := suspicious_predictions("the refreshed version", dict(refreshed), refreshed[CLEAN]):
        return problems
    metric, allowed = primary_metric(model), model.refresh.allowed(model.task)
    moved = {condition: shift(validated[condition], answers) for condition, answers in refreshed.items()}
    noisy = [by for condition, by in moved.items() if condition != CLEAN]
    problems = [
        f"on {where} rows its answers moved by {figure(by, 2)}, allowed is {figure(allowed, 2)}"
        for where, by in (("clean", moved[CLEAN]), ("noisy", float(np.mean(noisy)) if noisy else 0.0))
        if not by <= allowed
    ]
    # Each row alone: nothing is proved by rows that it has seen, they only can show that something went wrong.
    answers = Answers(labels, refreshed, validated, Clusters.independent(len(labels)), model.task == "binary")
    gain, _ = blend_gain(metric, answers, validated, model.criteria.noisy_share)
    if not gain.value > -model.criteria.margin:
        problems.append(f"on rows that it learned from, its {metric.name} is {signed(gain.value)} of the validated version's")
    return problems
