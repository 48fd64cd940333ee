"""The self-test: before the gate is believed about a challenger, it has to tell three planted ones apart, on the same rows.

A gate that compares the challenger with itself, turns a sign round or swallows an error passes its unit tests and promotes
anything. It does not pass this: a challenger whose predictions are shuffled, and one that is perfect on clean rows and
shuffled under noise, must be refused; one that knows the labels must be accepted against the shuffled one.
"""

from collections.abc import Callable

import numpy as np

from include.decisions.gate.verdict import Word
from include.decisions.scoring.evidence import ByCondition
from include.decisions.scoring.predictions import KEPT, Labels, Predictions, Ranking
from include.decisions.scoring.scorecard import CLEAN

_SEED = 20130101
Judge = Callable[[ByCondition, ByCondition | None], Word]


def self_test(judge: Judge, labels: Labels, challenger: ByCondition) -> list[str]:
    """What the gate got wrong, in words; empty when it works. `judge(challenger, champion)` is the gate as it will be used.

    Shuffled predictions meet those that know the labels, neither the champion nor the challenger: after a shift of level, or
    where an answer has turned round, even shuffled ones are truly better than a model that learned the world before.
    """
    order = np.random.default_rng(_SEED).permutation(len(labels))
    shuffled = {condition: predictions[order] for condition, predictions in challenger.items()}
    oracle = dict.fromkeys(challenger, _oracle(labels, challenger[CLEAN]))
    brittle = {condition: oracle[CLEAN] if condition == CLEAN else shuffled[condition] for condition in challenger}
    broken = []
    if judge(shuffled, oracle) == "promote":
        broken.append("self-test: the gate would promote shuffled predictions; the verdict means nothing")
    if len(challenger) > 1 and judge(brittle, oracle) == "promote":
        broken.append("self-test: the gate would promote a challenger that collapses under noise; the verdict means nothing")
    if judge(oracle, shuffled) != "promote":
        broken.append("self-test: the gate would refuse a challenger that knows every label: no success criteria can be met")
    return broken


def _oracle(labels: Labels, like: Predictions) -> Predictions:
    """The predictions of a model that knows every label."""
    if not isinstance(like, Ranking):
        return np.asarray(labels, dtype="float64")
    ranked = np.full((len(labels), min(KEPT, max(like.classes, 1))), "", dtype=object)
    ranked[:, 0] = labels
    sure = np.zeros(ranked.shape)
    sure[:, 0] = 1.0
    return Ranking(ranked, sure, like.classes)
