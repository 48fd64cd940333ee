"""Metrics say what the textbook says, and their influences give the standard error that resampling would."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as textbook

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import measure
from include.decisions.scoring.metrics import (
    Metric,
    average_precision,
    metrics_of,
    precision_at_budget,
    primary_metric,
    roc_auc,
)
from include.decisions.scoring.predictions import Floats, Ranking, best_classes, same
from include.errors import ModelError
from include.models.contract import Criteria, Money, OwnMetric, Task
from tests.toy import changed

CLASSES = np.array(["a", "b", "c", "d", "e", "f"], dtype=object)
THRESHOLD = 0.6


def youden(labels: Any, predictions: Any) -> float:
    """A team's own metric, one number for all rows."""
    flagged = predictions >= THRESHOLD
    return float(flagged[labels > 0.5].mean() - flagged[labels < 0.5].mean())


CRITERIA = Criteria(
    "roc_auc",
    0.5,
    0.5,
    0.01,
    threshold=THRESHOLD,
    quantile=0.8,
    review_budget=0.2,
    money=Money(5.0, -1.0, -2.0, 0.0),
    own_metrics=(OwnMetric("youden", youden), OwnMetric("miss", lambda y, p: np.abs(y - p), higher_is_better=False)),
)
BINARY = metrics_of("binary", CRITERIA)
REGRESSION = metrics_of("regression", CRITERIA)
MULTICLASS = metrics_of("multiclass", Criteria("hit_rate_at_2", 0.5, 0.5, 0.01))
TEXTBOOK: dict[str, Callable[[Any, Any], float]] = {
    "roc_auc": textbook.roc_auc_score,
    "average_precision": textbook.average_precision_score,
    "precision_at_budget": lambda y, p: float(y[np.argsort(-p)[: len(y) // 5]].mean()),
    "f1": lambda y, p: textbook.f1_score(y, p >= THRESHOLD),
    "precision": lambda y, p: textbook.precision_score(y, p >= THRESHOLD),
    "recall": lambda y, p: textbook.recall_score(y, p >= THRESHOLD),
    "log_loss": textbook.log_loss,
    "brier": textbook.brier_score_loss,
    "money": lambda y, p: float((textbook.confusion_matrix(y, p >= THRESHOLD) * [[0.0, -1.0], [-2.0, 5.0]]).sum() / len(y)),
    "youden": youden,
    "miss": lambda y, p: float(np.abs(y - p).mean()),
    "mae": textbook.mean_absolute_error,
    "rmse": textbook.root_mean_squared_error,
    "r2": textbook.r2_score,
    "pinball": lambda y, p: textbook.mean_pinball_loss(y, p, alpha=0.8),
}
CASES = [(task, metric) for task, found in (("binary", BINARY), ("regression", REGRESSION)) for metric in found.values()]
CASES += [("multiclass", metric) for metric in MULTICLASS.values()]
cases = pytest.mark.parametrize(("task", "metric"), CASES, ids=[f"{task}:{metric.name}" for task, metric in CASES])


def world(task: Task, rows: int, seed: int) -> tuple[Any, Any]:
    """Labels, and what a model says that knows something about them."""
    rng = np.random.default_rng(seed)
    if task == "multiclass":
        chances = rng.dirichlet(np.ones(6), rows)
        return CLASSES[[rng.choice(6, p=chance) for chance in chances]], best_classes(chances, CLASSES)
    labels = (rng.random(rows) < 0.3).astype(float) if task == "binary" else rng.normal(size=rows)
    skill = 2 * labels - 1 if task == "binary" else labels
    noisy = skill + rng.normal(size=rows)
    return labels, 1 / (1 + np.exp(-noisy)) if task == "binary" else noisy


@pytest.mark.parametrize(
    ("task", "metric"), [case for case in CASES if case[0] != "multiclass"], ids=lambda c: getattr(c, "name", c)
)
def test_every_metric_has_the_value_of_the_textbook(task: Task, metric: Metric) -> None:
    """A metric of ours is scikit-learn's of the same name."""
    labels, predictions = world(task, 500, 1)
    assert metric.estimate(labels, predictions)[0] == pytest.approx(TEXTBOOK[metric.name](labels, predictions))


def test_multiclass_metrics_have_the_values_of_the_textbook() -> None:
    """Accuracy, macro-F1, hit rate and log-loss from the ranking alone are those of the whole matrix of probabilities."""
    labels, ranking = world("multiclass", 500, 1)
    matrix = np.zeros((500, 6))
    np.put_along_axis(matrix, np.searchsorted(CLASSES.astype(str), ranking.labels.astype(str)), ranking.probabilities, axis=1)
    expected = {
        "accuracy": textbook.accuracy_score(labels, ranking.labels[:, 0]),
        "macro_f1": textbook.f1_score(labels, ranking.labels[:, 0], average="macro"),
        "hit_rate_at_2": textbook.top_k_accuracy_score(labels, matrix, k=2, labels=CLASSES),
        "hit_rate_at_5": textbook.top_k_accuracy_score(labels, matrix, k=5, labels=CLASSES),
        "log_loss": textbook.log_loss(labels.astype(str), matrix, labels=CLASSES.astype(str)),
    }
    assert {name: m.estimate(labels, ranking)[0] for name, m in MULTICLASS.items()} == pytest.approx(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=2, max_size=40))
def test_ties_are_counted_as_the_textbook_does(rows: list[tuple[bool, int]]) -> None:
    """However many scores are equal, area and average precision are those that scikit-learn computes."""
    labels = np.array([float(positive) for positive, _ in rows])
    assume(len(set(labels)) == 2)
    scores = np.array([float(score) for _, score in rows])
    assert roc_auc(labels, scores)[0] == pytest.approx(textbook.roc_auc_score(labels, scores))
    assert average_precision(labels, scores)[0] == pytest.approx(textbook.average_precision_score(labels, scores))


@pytest.mark.parametrize(
    ("scores", "budget", "expected"),
    [
        ((4.0, 3.0, 2.0, 1.0), 0.5, 0.5),
        ((4.0, 3.0, 2.0, 1.0), 0.25, 1.0),
        ((2.0, 2.0, 2.0, 1.0), 0.25, 2 / 3),
        ((3.0, 2.0, 2.0, 1.0), 0.5, 0.75),
        ((1.0, 1.0, 1.0, 1.0), 0.5, 0.5),
        ((4.0, 3.0, 2.0, 1.0), 0.001, 1.0),
        ((4.0, 3.0, 2.0, 1.0), 1.0, 0.5),
    ],
    ids=["two of four", "the first", "one of three tied", "half a tie", "all tied", "less than a row", "everything"],
)
def test_precision_at_a_budget_shares_it_among_ties(scores: tuple[float, ...], budget: float, expected: float) -> None:
    """What is tied where the budget ends shares what is left of it: no order of the rows, and no constant, gains by chance."""
    labels, predictions = floats(1, 0, 1, 0), floats(*scores)
    assert precision_at_budget(labels, predictions, budget)[0] == pytest.approx(expected)
    assert precision_at_budget(labels[::-1], predictions[::-1], budget)[0] == pytest.approx(expected)


@pytest.mark.parametrize("budget", [0.02, 0.1, 0.5])
def test_the_error_of_precision_at_a_budget_holds_for_rare_positives(budget: float) -> None:
    """Two per cent of positives, budgets at and above that: the error is a bootstrap's, the threshold's part included."""
    rng = np.random.default_rng(8)
    labels = (rng.random(8_000) < 0.02).astype(float)
    scores = 2.5 * labels + rng.normal(size=8_000)
    metric = Metric("precision_at_budget", True, lambda y, p: precision_at_budget(y, p, budget))
    assert measure(metric, labels, scores).error == pytest.approx(bootstrap(metric, labels, scores), rel=0.15)


def standard_error(influence: Floats) -> float:
    """That of independent rows."""
    return Clusters.independent(len(influence)).error(influence)[0]


def without_jackknife(metric: Metric) -> Metric:
    """A team's own number is called 200 times for its influences: not in each of 800 resamples."""
    return Metric("youden", True, lambda y, p: (youden(y, p), p)) if metric.name == "youden" else metric


def tolerance(metric: Metric) -> float:
    """A jackknife of blocks has some noise of its own."""
    return 0.2 if metric.name == "youden" else 0.125


def bootstrap(metric: Metric, labels: Any, *models: Any) -> float:
    """Spread of the metric, or of a difference of two, over 800 resamples of the rows."""
    rng = np.random.default_rng(3)
    draws = [rng.integers(0, len(labels), len(labels)) for _ in range(800)]
    values = [[metric.estimate(labels[d], model[d])[0] for model in models] for d in draws]
    return float(np.std([value[0] - value[-1] if len(models) > 1 else value[0] for value in values]))


@cases
def test_the_standard_error_is_the_one_that_a_bootstrap_finds(task: Task, metric: Metric) -> None:
    """Within an eighth, influences tell without resampling how much a metric varies from sample to sample."""
    labels, predictions = world(task, 600, 2)
    assert measure(metric, labels, predictions).error == pytest.approx(
        bootstrap(without_jackknife(metric), labels, predictions), rel=tolerance(metric)
    )


@cases
def test_the_paired_error_is_the_one_that_a_paired_bootstrap_finds(task: Task, metric: Metric) -> None:
    """Influences of the same rows can be subtracted, also where two models agree on most rows."""
    labels, one = world(task, 600, 4)
    rng = np.random.default_rng(5)
    other: Any
    if isinstance(one, Ranking):
        moved = rng.random(600) < 0.3
        other = Ranking(np.where(moved[:, None], one.labels[:, ::-1], one.labels), one.probabilities, one.classes)
    else:
        other = one + rng.normal(scale=0.1, size=600)
        other = np.clip(other, 0.01, 0.99) if task == "binary" else other
    paired = standard_error(metric.estimate(labels, one)[1] - metric.estimate(labels, other)[1])
    assert paired == pytest.approx(bootstrap(without_jackknife(metric), labels, one, other), rel=tolerance(metric))


@cases
@given(seed=st.integers(0, 1000))
def test_influences_are_centred(task: Task, metric: Metric, seed: int) -> None:
    """Influences sum to zero: they tell about spread, never about the value."""
    assert metric.estimate(*world(task, 60, seed))[1].mean() == pytest.approx(0, abs=1e-9)


@cases
def test_the_paired_error_of_equal_models_is_zero(task: Task, metric: Metric) -> None:
    """The paired error of a model against itself is zero."""
    labels, predictions = world(task, 60, 7)
    assert standard_error(metric.estimate(labels, predictions)[1] - metric.estimate(labels, predictions)[1]) == 0


def test_a_perfect_regression_has_no_error() -> None:
    """No division by zero where every prediction is right."""
    labels = np.array([1.0, 2.0, 3.0])
    assert measure(REGRESSION["rmse"], labels, labels).error == 0


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_one_class_alone_has_no_ranking(name: str) -> None:
    """What cannot be computed is not a number: it is reported as NaN, and never passes for a value."""
    value, influence = BINARY[name].estimate(np.zeros(5), np.arange(5.0))
    assert np.isnan(value)
    assert np.isnan(influence).all()


def test_a_gain_is_positive_when_things_got_better() -> None:
    """More is better for an area, less is better for an error."""
    turned = {m.name: m.gain(0.1) for m in (*BINARY.values(), *REGRESSION.values())}
    assert {name for name, gain in turned.items() if gain < 0} == {"log_loss", "brier", "miss", "mae", "rmse", "pinball"}


def test_unranked_classes_share_the_remaining_probability() -> None:
    """With more classes than are kept, a label outside gets an even share of what is left; none is impossible."""
    ranking = Ranking(np.array([["a", "b"]], dtype=object), np.array([[0.5, 0.3]]), classes=4)
    assert ranking.probability_of(np.array(["b"], dtype=object)) == pytest.approx([0.3])
    assert ranking.probability_of(np.array(["never seen"], dtype=object)) == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("metric", "budget", "there"),
    [("roc_auc", 0.01, False), ("roc_auc", 0.02, True), ("precision_at_budget", 0.01, True)],
)
def test_a_review_budget_is_reported_where_there_is_one(metric: str, budget: float, there: bool) -> None:
    """A card holds `precision_at_budget` where it decides or the budget was set, and not where no one reviews cases."""
    found = metrics_of("binary", Criteria(metric, 0.5, 0.5, 0.01, review_budget=budget))
    assert ("precision_at_budget" in found) == there


def test_an_unknown_metric_is_refused_with_the_list_of_those_there_are() -> None:
    """The message names the metric, the task and the file, and the list in it is computed."""
    known = ", ".join(metrics_of("binary", changed(metric="mae", review_budget=0.2).criteria))
    with pytest.raises(
        ModelError, match=f"'mae' does not exist for a binary model; there are: {known}. Correct it in include/"
    ):
        primary_metric(changed(metric="mae"))
    assert primary_metric(changed(metric="f1")).name == "f1"


@pytest.mark.parametrize("name", ["precision", "recall"])
def test_what_one_answer_to_everything_satisfies_cannot_decide(name: str) -> None:
    """A single right yes has precision 1, a yes to everything recall 1: refused where the model is written."""
    with pytest.raises(ModelError, match=r"cannot decide alone.*Use average_precision, f1 or money"):
        primary_metric(changed(metric=name))


def test_a_hit_rate_deeper_than_what_is_kept_is_refused() -> None:
    """Ten classes a row are kept: asking for twenty would quietly be ten."""
    with pytest.raises(ModelError, match="use hit_rate_at_1 to 10"):
        metrics_of("multiclass", Criteria("hit_rate_at_20", 0.5, 0.5, 0.01))


def test_tied_classes_have_no_order() -> None:
    """Another order of equally probable classes is the same answer; another order of others is not."""
    one = Ranking(np.array([["a", "b", "c"]], dtype=object), np.array([[0.4, 0.4, 0.2]]), classes=3)
    swapped = Ranking(np.array([["b", "a", "c"]], dtype=object), np.array([[0.4, 0.4, 0.2]]), classes=3)
    other = Ranking(np.array([["c", "b", "a"]], dtype=object), np.array([[0.4, 0.4, 0.2]]), classes=3)
    assert same(one, swapped, tolerance=1e-6)
    assert not same(one, other, tolerance=1e-6)


def floats(*values: float) -> Floats:
    return np.array(values)


def test_money_adds_up_by_hand() -> None:
    """One of each cell: 5 for a hit, -1 for a false alarm, -2 for a miss, nothing for silence."""
    assert BINARY["money"].estimate(floats(1, 0, 1, 0), floats(0.9, 0.9, 0.1, 0.1))[0] == pytest.approx((5 - 1 - 2 + 0) / 4)


@pytest.mark.parametrize(("positives", "share"), [(0.02, 1.0), (0.02, 0.95), (0.3, 0.99), (0.01, 0.5)])
def test_the_interval_of_a_share_near_its_ends_covers_as_often_as_it_says(positives: float, share: float) -> None:
    """Recall on 300 rows, of which as few as three are positive: of 2,000 intervals at least 93 % hold the true share."""
    recall, rng, covered, counted = BINARY["recall"], np.random.default_rng(7), 0, 0
    for _ in range(2000):
        labels = (rng.random(300) < positives).astype(float)
        if labels.sum():
            found = measure(recall, labels, np.where(rng.random(300) < share, 0.9, 0.1) * labels)
            counted += 1
            covered += found.low <= share <= found.high
            assert 0 <= found.low < found.high <= 1
    assert covered / counted > 0.93


def test_a_share_of_one_is_known_as_far_as_it_was_tried() -> None:
    """All of twenty rows right: at least 0.84 of the others too, not one of one."""
    ranking = Ranking(np.full((20, 1), "a", dtype=object), np.ones((20, 1)), 2)
    found = measure(MULTICLASS["accuracy"], np.full(20, "a", dtype=object), ranking)
    assert (found.value, found.error) == (1.0, 0.0)
    assert found.low == pytest.approx(0.83, abs=0.02)
    assert found.high == 1.0


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_model_knows_which_way_its_metric_is_better(task: Task) -> None:
    """What pages say without loading this module agrees with it, for every metric and a team's own."""
    own = (OwnMetric("waste", lambda _, p: p, higher_is_better=False), OwnMetric("gain", lambda _, p: p))
    for name, metric in metrics_of(task, replace(Criteria("x", 0, 0, 1, money=Money()), own_metrics=own)).items():
        assert Criteria(name, 0, 0, 1, own_metrics=own).higher_is_better == metric.higher_is_better, name
