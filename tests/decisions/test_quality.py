"""Decay is a loss that is both large and certain."""

import pytest

from include.decisions.metrics import metrics_of
from include.decisions.quality import has_decayed
from include.decisions.scorecard import Measured
from include.models.contract import Criteria

CRITERIA = Criteria("roc_auc", 0.5, 0.5, 0.01)
METRICS = metrics_of("binary", CRITERIA) | metrics_of("regression", CRITERIA)


@pytest.mark.parametrize(
    ("metric", "now", "error", "was", "decayed"),
    [
        ("roc_auc", 0.60, 0.005, 0.70, True),
        ("roc_auc", 0.60, 0.100, 0.70, False),  # large, but not certain
        ("roc_auc", 0.69, 0.001, 0.70, False),  # certain, but not large
        ("roc_auc", 0.80, 0.005, 0.70, False),  # better
        ("mae", 400.0, 5.0, 300.0, True),
        ("mae", 200.0, 5.0, 300.0, False),
        ("mae", 310.0, 1.0, 300.0, False),
    ],
)
def test_has_decayed(metric: str, now: float, error: float, was: float, decayed: bool) -> None:
    """Worse by more than five per cent of what it was, and significantly so."""
    assert has_decayed(METRICS[metric], Measured(now, error), Measured(was, 0.0), 0.05) is decayed


def test_a_reference_that_is_itself_uncertain_proves_no_decay() -> None:
    """The error of the proof counts as much as today's."""
    assert not has_decayed(METRICS["roc_auc"], Measured(0.6, 0.005), Measured(0.7, 0.1), 0.05)
