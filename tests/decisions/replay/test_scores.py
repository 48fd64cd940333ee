"""The backtest holds what the metrics say, and its covariances are those of paired differences."""

import numpy as np
import pytest

from include.decisions.replay.scores import JudgedRows, PeriodValues, backtest_of, best_trivial, scores
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import metrics_of
from tests.backtests import plan
from tests.toy import MODEL

PLAN = plan(9)
PERIODS = np.repeat(np.arange(9), 200)
RNG = np.random.default_rng(3)
LABELS = (RNG.random(len(PERIODS)) < 0.4).astype(float)
JUDGED = JudgedRows(LABELS, PERIODS, Clusters(np.arange(len(PERIODS)), len(PERIODS)))
PREDICTIONS = [np.clip(LABELS * 0.3 + RNG.random(len(PERIODS)) * share, 0, 1) for share in (0.6, 0.7, 0.8, 0.9)]


def tables(metric_name: str) -> list[object]:
    metric = metrics_of("binary", MODEL.criteria)[metric_name]
    return [
        scores(metric, JUDGED, predictions, PeriodValues(np.arange(9) / 10, np.full(9, 0.5), np.full(9, np.nan)), fit)
        for predictions, fit in zip(PREDICTIONS, PLAN.fits, strict=True)
    ]


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "log_loss"])
def test_a_difference_is_the_paired_one(name: str) -> None:
    """Value and standard error of a gain in one period are those that the gate would measure on the same rows."""
    metric = metrics_of("binary", MODEL.criteria)[name]
    backtest = backtest_of(PLAN, tables(name), 0.02)  # type: ignore[arg-type]
    rows = PERIODS == 8
    newer, older = (metric.estimate(LABELS[rows], PREDICTIONS[fit][rows]) for fit in (3, 0))
    (value, influence), (its_value, its_influence) = newer, older
    gain = backtest.difference(3, 0, (8,))
    assert gain.value == pytest.approx(metric.gain(value - its_value))
    assert gain.error == pytest.approx(Clusters.independent(200).error(influence - its_influence)[0], rel=1e-3)
    one, other, both = (backtest.difference(3, 0, periods) for periods in ((7,), (8,), (7, 8)))
    assert both.error == pytest.approx(np.hypot(one.error, other.error) / 2)


def test_a_model_has_no_value_before_its_holdout() -> None:
    """What it was trained on says nothing about it."""
    backtest = backtest_of(PLAN, tables("roc_auc"), 0.02)  # type: ignore[arg-type]
    for number, fit in enumerate(PLAN.fits):
        assert np.isnan(backtest.values[number, : fit.holdout[0]]).all()
        assert np.isfinite(backtest.values[number, fit.holdout[0] :]).all()
        assert backtest.psi[number, -1] == pytest.approx(0.8)


def test_the_best_trivial_answer_counts() -> None:
    """Of all constant answers the one with the smallest log loss, turned so that more is better; NaN without rows."""
    metric = metrics_of("binary", MODEL.criteria)["log_loss"]
    found = best_trivial("binary", metric, LABELS, JudgedRows(LABELS[:200], PERIODS[:200], Clusters.independent(200)), 2)
    share = LABELS.mean()
    expected = np.mean(np.where(LABELS[:200] > 0.5, np.log(share), np.log(1 - share)))
    assert found[0] == pytest.approx(expected)
    assert np.isnan(found[1])
