"""What people read before they say yes: planted gaps between groups are found, chance is not, and counts and money add up."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.scoring.calibration import reliability
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.fairness import BIAS, CAUGHT, FALSE_ALARMS, YES, Judged, fairness, in_words
from include.decisions.scoring.in_use import in_use
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.operating_point import operating_point, says_yes
from include.decisions.scoring.predictions import best_classes, numbers_of
from include.decisions.scoring.slices import Partition, partition
from include.models.contract import Criteria, Money

PRICES = Money(true_positive=10, false_positive=-2, false_negative=-5, true_negative=0)
CRITERIA = Criteria("roc_auc", floor=0.6, noisy_floor=0.5, margin=0.01, money=PRICES, fairness=("sex",))
ROWS = 4_000


def judged(lift: float = 0.0, champion_lift: float = 0.0, seed: int = 1) -> tuple[Judged, pd.Series]:
    """Scores that are true of everyone, but for a `lift` of the score of one group; labels do not depend on the group."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.95, ROWS)
    labels = (rng.uniform(size=ROWS) < chance).astype("float64")
    sex = pd.Series(rng.choice(["f", "m"], ROWS), name="sex")
    lifted = (sex == "m").to_numpy()
    predictions = {
        "challenger": np.clip(chance + lift * lifted, 0, 1),
        "champion": np.clip(chance + champion_lift * lifted, 0, 1),
    }
    metric = metrics_of("binary", CRITERIA)["roc_auc"]
    return Judged("binary", CRITERIA, metric, labels, predictions, Clusters.independent(ROWS)), sex


def test_a_planted_gap_is_found_in_every_measure_that_it_moves() -> None:
    """One group's scores are lifted by 0.2: it gets more yes, right and wrong, and more than is true."""
    rows, sex = judged(lift=0.2)
    found = fairness(rows, {"sex": partition(sex)})
    gaps = {gap.measure: gap for gap in found.gaps}
    for measure in (YES, CAUGHT, FALSE_ALARMS, BIAS):
        assert (gaps[measure].highest, gaps[measure].shown) == ("sex=m", True), measure
    assert gaps[YES].value == pytest.approx(0.2, abs=0.05)
    assert (gaps[YES].champion or 1.0) < 0.05
    # A lift of all scores of a group leaves their order within it.
    assert not gaps["roc_auc"].shown
    first = in_words(found)[0]
    assert first.startswith("groups differ: ")
    assert "sex=m" in first
    assert "the champion's largest: 0.0" in first


def test_equal_groups_are_called_different_as_often_as_chance_may() -> None:
    """Of 200 draws of two equal groups the 95 % interval leaves zero out in about one in twenty."""
    shown = [gap.shown for seed in range(200) for gap in fairness(*_alike(seed)).gaps if gap.measure == FALSE_ALARMS]
    # The 99.9 % range of a binomial with 200 trials at 2.5 %: a gap is shown where the upper group is truly above.
    assert len(shown) == 200
    assert sum(shown) <= 20


def test_a_group_of_few_clusters_is_not_compared() -> None:
    """Rows of one site differ from all others by that site: from inside it nobody can tell what is the group's."""
    rows, _ = judged()
    sites = Clusters.of(np.repeat(np.arange(20), ROWS // 20), "sites")
    region = pd.Series(np.where(sites.codes == 0, "north", "south"), name="region")
    found = fairness(replace(rows, clusters=sites), {"region": partition(region)})
    assert (found.gaps, found.too_small) == ((), ("region=north",))


def _alike(seed: int) -> tuple[Judged, dict[str, Partition]]:
    rows, sex = judged(seed=seed)
    return rows, {"sex": partition(sex)}


def test_a_group_that_is_too_small_is_named_and_not_compared() -> None:
    """Nothing about it is claimed either way."""
    rows, sex = judged()
    sex.iloc[:30] = "x"
    found = fairness(rows, {"sex": partition(sex)})
    assert found.too_small == ("sex=x",)
    assert not any("sex=x" in (gap.highest, gap.lowest) for gap in found.gaps)


def test_more_groups_make_the_interval_wider() -> None:
    """The two that lie furthest apart were picked from all pairs: the interval allows for it."""
    rows, sex = judged()
    areas = pd.Series(np.arange(ROWS) % 8, name="sex").astype(str)
    widths = []
    for groups in (sex, areas):
        gap = next(gap for gap in fairness(rows, {"sex": partition(groups)}).gaps if gap.measure == YES)
        widths.append((gap.high - gap.low) / np.sqrt(groups.nunique()))
    assert widths[1] > 1.3 * widths[0]


@given(st.floats(0.05, 0.95), st.integers(0, 50))
def test_counts_and_money_add_up(threshold: float, seed: int) -> None:
    """Whatever the threshold: the four outcomes are 1,000 rows, and what they are worth is the sum of their prices."""
    rows, _ = judged(seed=seed)
    criteria = replace(CRITERIA, threshold=threshold)
    scores = {role: numbers_of(each) for role, each in rows.predictions.items()}
    point = operating_point(criteria, rows.labels, scores, rows.clusters)
    for one in (point.challenger, point.champion):
        assert one is not None
        assert one.true_positives + one.false_positives + one.false_negatives + one.true_negatives == pytest.approx(1000)
        worth = 10 * one.true_positives - 2 * one.false_positives - 5 * one.false_negatives
        assert one.money == pytest.approx(worth)
    assert point.gain is not None
    assert point.gain.value == pytest.approx((point.challenger.money or 0) - (point.champion.money or 0))  # type: ignore[union-attr]


def test_a_budget_of_looks_is_what_gets_a_yes() -> None:
    """Where people look at one row in a hundred, exactly these rows are a yes."""
    desk = Criteria("precision_at_budget", floor=0.6, noisy_floor=0.5, margin=0.01, review_budget=0.01)
    scores = np.linspace(0, 0.3, 1_000)
    assert says_yes(desk, scores).nonzero()[0].tolist() == list(range(990, 1_000))
    assert says_yes(CRITERIA, scores).sum() == 0


def test_true_probabilities_lie_on_the_line_and_lifted_ones_above_what_happens() -> None:
    """Ten bins of as many rows; the interval of most holds what was predicted where that is true."""
    rows, _ = judged(lift=0.3)
    true, lifted = (
        reliability("binary", rows.labels, rows.predictions[role], rows.clusters) for role in ("champion", "challenger")
    )
    assert [one.rows for one in true] == [400] * 10
    assert sum(one.low <= one.predicted <= one.high for one in true) >= 8
    assert sum(one.predicted > one.high for one in lifted) >= 3


def test_other_tasks_have_what_makes_sense_for_them() -> None:
    """A regression has no yes; of several classes only the metric is compared between groups."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=1_000)
    groups = {"sex": partition(pd.Series(rng.choice(["f", "m"], 1_000), name="sex"))}
    criteria = Criteria("mae", floor=1, noisy_floor=1, margin=0.1, fairness=("sex",))
    values = Judged(
        "regression",
        criteria,
        metrics_of("regression", criteria)["mae"],
        truth,
        {"challenger": truth + rng.normal(size=1_000)},
        Clusters.independent(1_000),
    )
    used = in_use(values, groups)
    assert (used.operating, used.calibration_error) == (None, {})
    assert {gap.measure for gap in used.fairness.gaps} == {"mae", BIAS}
    assert all(gap.champion is None for gap in used.fairness.gaps)

    criteria = Criteria("accuracy", floor=0.1, noisy_floor=0.1, margin=0.1, fairness=("sex",))
    names = np.array(["a", "b", "c"], dtype=object)
    answers = best_classes(rng.dirichlet(np.ones(3), 1_000), names)
    classes = replace(
        values,
        task="multiclass",
        criteria=criteria,
        metric=metrics_of("multiclass", criteria)["accuracy"],
        labels=rng.choice(names, 1_000),
        predictions={"challenger": answers},
    )
    used = in_use(classes, groups)
    assert [gap.measure for gap in used.fairness.gaps] == ["accuracy"]
    assert used.operating is None
    assert set(used.calibration_error) == {"challenger"}
