"""Decay is a loss that is large, certain, and seen on two periods."""

from datetime import timedelta

import numpy as np
import pytest

from include.decisions.monitoring.quality import Judged, between_period_deviation, trend
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Criteria
from tests.toy import FIRST

CRITERIA = Criteria("roc_auc", 0.5, 0.5, 0.01)
METRICS = metrics_of("binary", CRITERIA) | metrics_of("regression", CRITERIA)
PROVED = Measured(0.70, 0.01)


def weeks(*values: float, error: float = 0.005) -> list[Judged]:
    return [Judged(FIRST + number * timedelta(days=7), value, error, 1000) for number, value in enumerate(values)]


CASES = [
    ("large and certain", "roc_auc", weeks(0.70, 0.70, 0.60, 0.61), 0.0, True),
    ("one period alone", "roc_auc", weeks(0.70, 0.70, 0.72, 0.60), 0.0, False),
    ("large, but not certain", "roc_auc", weeks(0.70, 0.70, 0.60, 0.61, error=0.1), 0.0, False),
    ("no more than between-period deviation", "roc_auc", weeks(0.70, 0.70, 0.60, 0.61), 0.1, False),
    ("certain, but not large", "roc_auc", weeks(0.70, 0.70, 0.69, 0.69, error=0.001), 0.0, False),
    ("better", "roc_auc", weeks(0.70, 0.70, 0.80, 0.81), 0.0, False),
    ("against the proof, while there is no more", "roc_auc", weeks(0.60, 0.61), 0.0, True),
    ("a hard fortnight is not the measure", "roc_auc", weeks(0.60, 0.60, 0.70, 0.70, 0.61, 0.61), 0.0, True),
    ("an error that grows", "mae", weeks(300, 300, 400, 400, error=5), 0.0, True),
    ("an error that shrinks", "mae", weeks(300, 300, 200, 200, error=5), 0.0, False),
]


@pytest.mark.parametrize(
    ("metric", "judged", "deviation", "decayed"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decay_is_large_certain_and_lasting(metric: str, judged: list[Judged], deviation: float, decayed: bool) -> None:
    """Worse by over five per cent, beyond chance and between-period deviation, on both of the newest periods."""
    found = trend(METRICS[metric], judged, PROVED, 0.05, deviation)
    assert found is not None
    assert found.decayed is decayed


def test_one_period_shows_no_trend() -> None:
    """There is no trend before there are two."""
    assert trend(METRICS["roc_auc"], weeks(0.5), PROVED, 0.05, 0.0) is None


def test_between_period_deviation_is_what_sampling_does_not_explain() -> None:
    """Periods that differ by 0.03 beyond their errors, and versions that are not compared with each other."""
    rng = np.random.default_rng(1)
    values = 0.7 + rng.normal(scale=0.03, size=400) + rng.normal(scale=0.01, size=400)
    assert between_period_deviation([weeks(*values, error=0.01)]) == pytest.approx(0.03, rel=0.1)
    assert between_period_deviation([weeks(*([0.7] * 9), error=0.01)]) == 0
    assert between_period_deviation([weeks(0.7, 0.7), weeks(0.2, 0.2), weeks(0.9, 0.9)]) == 0
    assert between_period_deviation([weeks(0.1, 0.9)]) == 0


def test_a_slow_decline_is_no_between_period_deviation() -> None:
    """It is what decay looks like."""
    assert between_period_deviation([weeks(*np.linspace(0.8, 0.6, 30), error=0.0)]) < 0.01
