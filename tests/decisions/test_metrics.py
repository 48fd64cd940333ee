"""Metrics say what the textbook says, and their influences give the standard error that resampling would."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, mean_absolute_error, roc_auc_score, root_mean_squared_error

from include.decisions.evidence import measure, standard_error
from include.decisions.metrics import METRICS, Floats, find_metric, roc_auc
from include.errors import ModelError

TEXTBOOK = {
    "roc_auc": roc_auc_score,
    "brier": brier_score_loss,
    "log_loss": log_loss,
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
}
names = pytest.mark.parametrize("name", METRICS)


def world(rows: int, seed: int, skill: float = 1.0) -> tuple[Floats, Floats]:
    """Labels 0 or 1, and probabilities that know something about them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.3).astype(float)
    return labels, 1 / (1 + np.exp(-(skill * (2 * labels - 1) + rng.normal(size=rows))))


@names
def test_every_metric_has_the_value_of_the_textbook(name: str) -> None:
    """A metric of ours is scikit-learn's of the same name."""
    labels, predictions = world(500, 1)
    assert METRICS[name].value(labels, predictions) == pytest.approx(TEXTBOOK[name](labels, predictions))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=2, max_size=40))
def test_ties_count_half(rows: list[tuple[bool, int]]) -> None:
    """However many scores are equal, the area is the one that scikit-learn computes."""
    labels = np.array([float(positive) for positive, _ in rows])
    assume(len(set(labels)) == 2)
    scores = np.array([float(score) for _, score in rows])
    assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


@names
def test_the_standard_error_is_the_one_that_a_bootstrap_finds(name: str) -> None:
    """Within a tenth, influences tell without resampling how much a metric varies from sample to sample."""
    metric = METRICS[name]
    labels, predictions = world(400, 2)
    rng = np.random.default_rng(3)
    draws = [rng.integers(0, 400, 400) for _ in range(1500)]
    bootstrap = np.std([metric.value(labels[draw], predictions[draw]) for draw in draws])
    assert measure(metric, labels, predictions).error == pytest.approx(bootstrap, rel=0.1)


@names
def test_the_paired_error_is_the_one_that_a_paired_bootstrap_finds(name: str) -> None:
    """Influences of the same rows can be subtracted, also where two models agree on most rows."""
    metric = METRICS[name]
    labels, one = world(400, 4)
    other = np.clip(one + np.random.default_rng(5).normal(scale=0.1, size=400), 0.01, 0.99)
    rng = np.random.default_rng(6)
    draws = [rng.integers(0, 400, 400) for _ in range(1500)]
    differences = [metric.value(labels[d], one[d]) - metric.value(labels[d], other[d]) for d in draws]
    paired = standard_error(metric.influence(labels, one) - metric.influence(labels, other))
    assert paired == pytest.approx(np.std(differences), rel=0.1)


@names
@given(seed=st.integers(0, 1000))
def test_influences_are_centred(name: str, seed: int) -> None:
    """Influences sum to zero: they tell about spread, never about the value."""
    metric = METRICS[name]
    assert metric.influence(*world(60, seed)).mean() == pytest.approx(0, abs=1e-9)


@names
def test_two_equal_models_differ_by_nothing_with_certainty(name: str) -> None:
    """The paired error of a model against itself is zero."""
    influence = METRICS[name].influence(*world(60, 7))
    assert standard_error(influence - influence) == 0


def test_a_perfect_regression_has_no_error() -> None:
    """No division by zero where every prediction is right."""
    labels = np.array([1.0, 2.0, 3.0])
    assert measure(METRICS["rmse"], labels, labels).error == 0


@pytest.mark.parametrize(
    ("name", "turned"), [("roc_auc", 0.1), ("mae", -0.1), ("rmse", -0.1), ("brier", -0.1), ("log_loss", -0.1)]
)
def test_a_gain_is_positive_when_things_got_better(name: str, turned: float) -> None:
    """More is better for an area, less is better for an error."""
    assert METRICS[name].gain(0.1) == turned


def test_an_unknown_metric_is_refused_with_the_list_of_those_there_are() -> None:
    """The message names the metric, and the list in it is computed."""
    with pytest.raises(ModelError, match=f"'f1' does not exist; there are: {', '.join(METRICS)}"):
        find_metric("f1")
