"""An estimate before labels: close while the world is the same, and for every kind of task."""

import numpy as np
import pytest

from include.decisions.scoring.estimate import FEWEST_LABELS, Answered, estimate
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.predictions import best_classes
from include.models.contract import Criteria

RNG = np.random.default_rng(4)
BINARY = metrics_of("binary", Criteria("roc_auc", 0, 0, 0.01))
CLASSES = metrics_of("multiclass", Criteria("hit_rate_at_1", 0, 0, 0.01))
VALUES = metrics_of("regression", Criteria("mae", 0, 0, 0.01))


def test_the_estimate_corrects_an_uncalibrated_binary_model() -> None:
    """Its confidence is calibrated on labels that have come: the order of the scores matters, not their size."""
    chance = RNG.beta(2, 5, size=8000)
    labels = (RNG.random(8000) < chance).astype("float64")
    loud = chance**3
    truth = BINARY["roc_auc"].estimate(labels[4000:], loud[4000:])[0]
    found = estimate(BINARY["roc_auc"], "binary", Answered(loud[:4000], labels[:4000]), loud[4000:], seed=1)
    assert found is not None
    assert found.value == pytest.approx(truth, abs=0.025)


def test_a_harder_mix_of_rows_is_seen() -> None:
    """Rows of which the champion is less sure are expected to go worse."""
    easy, hard = RNG.choice([0.02, 0.98], 3000), RNG.uniform(0.3, 0.7, 3000)
    chance = np.concatenate([easy, hard])
    labels = (RNG.random(6000) < chance).astype("float64")
    found = [estimate(BINARY["brier"], "binary", Answered(chance, labels), asked, seed=1) for asked in (easy, hard)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].value < 0.05 < 0.15 < found[1].value


def test_multiclass_and_regression_models_are_estimated() -> None:
    """The share of first answers that are right, and the size of errors."""
    probabilities = RNG.dirichlet([0.3] * 4, size=6000)
    labels = np.array([RNG.choice(list("abcd"), p=p) for p in probabilities], dtype=object)
    ranking = best_classes(probabilities, np.array(list("abcd"), dtype=object))
    found = estimate(CLASSES["accuracy"], "multiclass", Answered(ranking[:3000], labels[:3000]), ranking[3000:], seed=1)
    assert found is not None
    assert found.value == pytest.approx(float((ranking.labels[3000:, 0] == labels[3000:]).mean()), abs=0.03)
    predictions = RNG.uniform(0, 10, 4000)
    truth = predictions + RNG.normal(scale=0.1 + predictions / 5)
    found = estimate(VALUES["mae"], "regression", Answered(predictions[:2000], truth[:2000]), predictions[2000:], seed=1)
    assert found is not None
    assert found.value == pytest.approx(float(np.abs(truth[2000:] - predictions[2000:]).mean()), rel=0.1)


def test_without_labels_enough_there_is_none() -> None:
    """Nothing is made up."""
    few = RNG.random(FEWEST_LABELS - 1)
    assert estimate(BINARY["brier"], "binary", Answered(few, (few > 0.5).astype("float64")), few, seed=1) is None
    enough = RNG.random(FEWEST_LABELS)
    assert estimate(BINARY["brier"], "binary", Answered(enough, (enough > 0.5).astype("float64")), enough[:0], seed=1) is None
