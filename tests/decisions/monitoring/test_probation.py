"""Looks at a new champion are few and declared, and together they are wrong as rarely as one would be."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from include.decisions.monitoring.probation import bounds, due, gain_over, look, periods_of_probation, planned
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers
from include.decisions.scoring.metrics import Metric, roc_auc
from include.decisions.scoring.scorecard import CLEAN, Measured
from include.models.contract import Probation
from tests.toy import MODEL, day


@pytest.mark.parametrize(("looks", "constant"), [(1, 1.960), (2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087)])
def test_the_bounds_are_the_published_ones(looks: int, constant: float) -> None:
    """Jennison and Turnbull 2000, table 2.3, two-sided 5 %: C at the last look, C sqrt(K/k) at look k."""
    found = bounds(Probation(periods=looks, looks=looks))
    assert found[-1] == pytest.approx(constant, abs=6e-4)
    assert found == pytest.approx([found[-1] * np.sqrt(looks / number) for number in range(1, looks + 1)])
    assert bounds(Probation(periods=3 * looks, looks=looks)) == pytest.approx(found)


@pytest.mark.parametrize("plan", [Probation(5, 2), Probation(5, 3), Probation(7, 4), Probation(52, 10)], ids=str)
def test_looks_that_are_unevenly_apart_have_bounds_of_their_own(plan: Probation) -> None:
    """Each lies at C over the root of its share; C is below Bonferroni's and above that of a single look."""
    shares = np.array(planned(plan)) / plan.periods
    constants = np.array(bounds(plan)) * np.sqrt(shares)
    assert np.ptp(constants) < 1e-9
    assert 1.96 < constants[0] < 2.81
    assert all(early < late for early, late in pairwise(planned(plan)))


def simulated(looks: int, trials: int = 40_000) -> np.ndarray:
    """The z of two equal versions at evenly spaced looks, shape (trials, looks)."""
    steps = np.random.default_rng(7).normal(size=(trials, looks))
    return steps.cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1))


@pytest.mark.parametrize(("looks", "alpha"), [(2, 0.025), (4, 0.025), (4, 0.1), (10, 0.025)])
def test_equal_versions_are_called_worse_as_rarely_as_declared(looks: int, alpha: float) -> None:
    """Over all looks together, within three standard errors of the simulation."""
    z = simulated(looks)
    rate = (z <= -np.array(bounds(Probation(looks, looks, alpha)))).any(axis=1).mean()
    assert abs(rate - alpha) < 3 * np.sqrt(alpha * (1 - alpha) / len(z))


def test_unadjusted_daily_looks_raise_far_too_many_false_alarms() -> None:
    """A bound of 1.96 at each of twenty-eight days calls an equal version worse five times as often as it says."""
    assert (simulated(28, 20_000) <= -1.96).any(axis=1).mean() > 5 * 0.025


def gain(metric: Metric, labels: Any, new: Any, previous: Any) -> Measured:
    """Of rows that stand each for itself."""
    return gain_over(metric, Answers(labels, {CLEAN: new}, None, Clusters.independent(len(labels))), previous)


def test_the_whole_way_from_rows_to_decisions_keeps_the_rate() -> None:
    """Rows, predictions, paired influences, looks: two equally good versions, of 400 pairs about one in twenty is blamed."""
    plan, rng, blamed = Probation(periods=4, looks=2, alpha=0.05), np.random.default_rng(11), 0
    auc = Metric("roc_auc", True, roc_auc)
    for _ in range(400):
        labels = (rng.random(1200) < 0.3).astype(float)
        shared = labels + rng.normal(size=1200)
        new, previous = shared + rng.normal(scale=0.5, size=(2, 1200))
        looks = [look(plan, n, 2 * n, gain(auc, labels[: 600 * n], new[: 600 * n], previous[: 600 * n])) for n in (1, 2)]
        blamed += any(one.decision == "worse" for one in looks)
    assert 400 * 0.05 - 3 * np.sqrt(400 * 0.05 * 0.95) < blamed < 400 * 0.05 + 3 * np.sqrt(400 * 0.05 * 0.95)


def test_a_look_says_one_of_three_things() -> None:
    """Below minus the bound it is worse, at any look; else it goes on, until the last one is passed."""
    plan = Probation()
    low, last = bounds(plan)
    assert look(plan, 1, 2, Measured(-low * 0.01 - 1e-9, 0.01)).decision == "worse"
    assert look(plan, 1, 2, Measured(-2.5 * 0.01, 0.01)).decision == "going on"
    assert look(plan, 2, 4, Measured(-2.5 * 0.01, 0.01)).decision == "worse"
    assert look(plan, 2, 4, Measured(0.5, 0.01)).decision == "passed"
    assert look(plan, 2, 4, Measured(0.0, 0.0)).z == 0
    assert (low, last) == pytest.approx((2.797, 1.977), abs=5e-4)


@pytest.mark.parametrize("plan", [Probation(), Probation(10, 4), Probation(3, 3), Probation(6, 1)], ids=str)
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_each_planned_look_is_taken_once(plan: Probation, stride: int) -> None:
    """However many periods come at once, and however long the monitor goes on."""
    taken: list[int] = []
    for periods in range(0, 3 * plan.periods + stride, stride):
        taken += due(plan, periods, len(taken))
    assert taken == list(range(1, plan.looks + 1))


def test_a_probation_without_labels_is_given_up() -> None:
    """After twice its periods and the wait for labels; until then each period that ended is one of it."""
    plan = Probation(periods=2, looks=2)
    assert periods_of_probation(MODEL, plan, day(3), day(2)) == ([], False)
    assert periods_of_probation(MODEL, plan, day(3), day(4)) == ([day(3), day(4)], False)
    assert periods_of_probation(MODEL, plan, day(3), day(9)) == ([day(n) for n in range(3, 10)], False)
    assert periods_of_probation(MODEL, plan, day(3), day(10)) == ([day(n) for n in range(3, 10)], True)
