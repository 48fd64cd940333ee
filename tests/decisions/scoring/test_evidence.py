"""Evidence is paired, symmetrical, and mixes clean and noisy as declared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.gate.error_budget import Lane
from include.decisions.gate.verdict import decide
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, blend_gain, score
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.predictions import Floats, Ranking
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Measured, Scorecard
from include.decisions.scoring.slices import Partition, partition
from include.models.contract import Criteria

NOISY = ("missing@0.2", "typo@0.2")
RANK = {"blocked": 0, "keep": 0, "inconclusive": 1, "promote": 2}
seeds = st.integers(0, 10_000)
CRITERIA = Criteria(metric="roc_auc", floor=0.5, noisy_floor=0.5, margin=0.02)
METRICS = {
    name: metric
    for task in ("binary", "regression")
    for name, metric in metrics_of(task, CRITERIA).items()
    if name not in ("precision", "f1", "recall")
}


def answers(labels: Any, challenger: Any, champion: Any, binary: bool = True) -> Answers:
    """Of rows that stand each for itself."""
    return Answers(labels, challenger, champion, Clusters.independent(len(labels)), binary)


def compare(
    name: str, labels: Floats, challenger: Mapping[str, Floats], champion: Mapping[str, Floats] | None, share: float
) -> Scorecard:
    """The scorecard of one metric, without slices."""
    return score([METRICS[name]], answers(labels, challenger, champion), share)


def world(seed: int, rows: int = 200) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
    """Labels, and what two models say under each condition."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.5).astype(float)
    first, second = (
        {name: np.clip(labels * 0.3 + rng.normal(0.35, 0.2, rows), 0.001, 0.999) for name in (CLEAN, *NOISY)} for _ in range(2)
    )
    return labels, first, second


def worse(labels: Floats, predictions: Mapping[str, Floats], by: float) -> dict[str, Floats]:
    """Every prediction moved away from its label by the same distance."""
    return {name: usual + np.where(usual >= labels, by, -by) for name, usual in predictions.items()}


@pytest.mark.parametrize("name", METRICS)
@given(seed=seeds)
def test_swapping_champion_and_challenger_mirrors_every_difference(name: str, seed: int) -> None:
    """Neither model is favoured: what one gains the other loses, with the same certainty."""
    labels, one, other = world(seed)
    there = compare(name, labels, one, other, 0.5)
    back = compare(name, labels, other, one, 0.5)
    pairs = [(there.blend, back.blend), *((a.gain, b.gain) for a, b in zip(there.conditions, back.conditions, strict=True))]
    for a, b in pairs:
        assert a is not None
        assert b is not None
        assert (a.value, a.error) == pytest.approx((-b.value, b.error))


@given(seed=seeds, share=st.floats(0, 1))
def test_the_blend_is_the_declared_mix(seed: int, share: float) -> None:
    """Clean rows weigh 1 - share, the noisy conditions share the rest equally."""
    labels, one, other = world(seed)
    evidence = compare("brier", labels, one, other, share)
    gains = {cell.condition: cell.gain.value for cell in evidence.conditions if cell.gain}
    assert evidence.blend is not None
    assert evidence.blend.value == pytest.approx((1 - share) * gains[CLEAN] + share * np.mean([gains[name] for name in NOISY]))


def test_copies_of_a_row_are_not_taken_for_independent_rows() -> None:
    """A noisy condition that repeats the clean one adds no certainty."""
    labels, one, other = world(1)
    alone = compare("brier", labels, {CLEAN: one[CLEAN]}, {CLEAN: other[CLEAN]}, 0.5)
    copies = compare(
        "brier", labels, {n: one[CLEAN] for n in (CLEAN, *NOISY)}, {n: other[CLEAN] for n in (CLEAN, *NOISY)}, 0.5
    )
    assert alone.blend is not None
    assert copies.blend is not None
    assert copies.blend.error == pytest.approx(alone.blend.error)


def test_without_a_champion_there_is_no_gain() -> None:
    """A first champion is measured, and compared with no other version."""
    labels, one, _ = world(2)
    evidence = compare("roc_auc", labels, one, None, 0.5)
    assert evidence.blend is None
    assert evidence.noisy_champion is None
    assert {condition.gain for condition in evidence.conditions} == {None}


def test_positives_are_counted_for_classes_only() -> None:
    """A regression has no rarer class to run out of."""
    labels, one, _ = world(3)
    assert compare("roc_auc", labels, one, None, 0.5).positives == labels.sum()
    assert score([METRICS["mae"]], answers(labels, one, None, binary=False), 0.5).positives is None


@given(seed=seeds, steps=st.lists(st.floats(0.001, 0.1), min_size=1, max_size=6), lane=st.sampled_from(["routine", "change"]))
def test_a_verdict_never_improves_when_the_challenger_gets_worse(seed: int, steps: list[float], lane: Lane) -> None:
    """Moving every prediction of the challenger away from its label can only lower its verdict."""
    labels, challenger, champion = world(seed)
    criteria = Criteria(metric="mae", floor=0.5, noisy_floor=0.5, margin=0.02, min_rows=1, min_positives=0)
    ranks = []
    for step in (0.0, *steps):
        challenger = worse(labels, challenger, step)
        evidence = compare("mae", labels, challenger, champion, 0.5)
        ranks.append(RANK[decide(evidence, criteria, lane).verdict])
    assert ranks == sorted(ranks, reverse=True)


@given(seed=seeds, lane=st.sampled_from(["routine", "change"]), metric=st.sampled_from(sorted(METRICS)))
def test_a_challenger_equal_to_the_champion_is_not_promoted(seed: int, lane: Lane, metric: str) -> None:
    """The gate asks for a gain: none is none, whatever the metric and the lane."""
    labels, one, _ = world(seed)
    floor = -100.0 if METRICS[metric].higher_is_better else 100.0
    criteria = Criteria(metric=metric, floor=floor, noisy_floor=floor, margin=0.02, min_rows=1, min_positives=0)
    assert decide(compare(metric, labels, one, dict(one), 0.5), criteria, lane).verdict == "keep"


def test_an_interval_holds_its_value() -> None:
    """Ninety-five per cent are 1.96 errors to each side."""
    measured = Measured(0.7, 0.1)
    assert (measured.low, measured.high) == pytest.approx((0.7 - 0.196, 0.7 + 0.196), abs=1e-4)
    assert replace(measured, error=0.0).low == 0.7


def sliced(rows: int, seed: int = 5) -> tuple[Floats, Partition]:
    """Labels, and a partition into three slices of very different size."""
    rng = np.random.default_rng(seed)
    values = pd.Series(rng.choice(["large", "middle", "tiny"], rows, p=[0.7, 0.27, 0.03]), name="size")
    return (rng.random(rows) < 0.4).astype(float), partition(values)


def predicted(labels: Floats, skill: float, seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    made = {name: skill * (2 * labels - 1) + rng.normal(size=len(labels)) for name in (CLEAN, *NOISY)}
    return {name: 1 / (1 + np.exp(-value)) for name, value in made.items()}


def test_every_metric_is_reported_under_every_condition_on_every_slice() -> None:
    """The scorecard is complete: nothing is left out because it looks bad."""
    labels, sizes = sliced(2000)
    names = ["roc_auc", "average_precision", "brier"]
    card = score([METRICS[n] for n in names], answers(labels, predicted(labels, 1, 1), predicted(labels, 1, 2)), 0.5, [sizes])
    assert {(c.metric, c.condition, c.where) for c in card.cells} == {
        (name, condition, where) for name in names for condition in (CLEAN, *NOISY) for where in (ALL_ROWS, *sizes.names)
    }
    assert set(card.critical) == set(names)


def test_a_slice_that_is_too_small_is_reported_as_untested() -> None:
    """Sixty rows are shown with their figures, and are never taken for a slice that passed."""
    labels, sizes = sliced(2000)
    card = score([METRICS["roc_auc"]], answers(labels, predicted(labels, 1, 1), predicted(labels, 1, 2)), 0.5, [sizes])
    assert {cell.where: cell.tested for cell in card.slices} == {"size=large": True, "size=middle": True, "size=tiny": False}


def test_harm_in_one_slice_is_found_though_the_average_is_better() -> None:
    """The challenger gains in the large slice what it ruins in the middle one: the harm names the slice."""
    labels, sizes = sliced(6000)
    champion, challenger = predicted(labels, 1.0, 1), predicted(labels, 1.6, 2)
    worse_there = predicted(labels, 0.2, 3)
    middle = sizes.codes == sizes.names.index("size=middle")
    mixed = {name: np.where(middle, worse_there[name], challenger[name]) for name in challenger}
    card = score([METRICS["roc_auc"]], answers(labels, mixed, champion), 0.5, [sizes], harm=0.02)
    assert card.blend is not None
    assert card.blend.value > 0
    assert {harm.where.split(",")[0] for harm in card.harms} == {"size=middle"}


def test_harm_under_one_kind_of_noise_is_found() -> None:
    """Better on clean rows and worse on typing slips: the condition is named."""
    labels, _ = sliced(6000)
    champion, challenger = predicted(labels, 1.0, 1), predicted(labels, 1.6, 2)
    challenger["typo@0.2"] = predicted(labels, 0.4, 3)["typo@0.2"]
    card = score([METRICS["roc_auc"]], answers(labels, challenger, champion), 0.5, harm=0.02)
    assert [harm.where for harm in card.harms] == ["typo@0.2"]


def test_a_harm_below_the_limit_does_not_count() -> None:
    """What is certain and below the harm that criteria name refuses no challenger."""
    labels, sizes = sliced(6000)
    champion, challenger = predicted(labels, 1.0, 1), predicted(labels, 0.8, 1)
    assert score([METRICS["roc_auc"]], answers(labels, challenger, champion), 0.5, [sizes], harm=0.01).harms
    assert not score([METRICS["roc_auc"]], answers(labels, challenger, champion), 0.5, [sizes], harm=0.2).harms


def test_relative_robustness_is_one_for_the_same_model() -> None:
    """Half the champion's errors under noise is 0.5."""
    labels, one, _ = world(4)
    assert compare("brier", labels, one, dict(one), 0.5).robustness == pytest.approx(1.0)
    halved = {name: labels + (p - labels) / np.sqrt(2) for name, p in one.items()}
    assert compare("brier", labels, halved, one, 0.5).robustness == pytest.approx(0.5)


@pytest.mark.parametrize("name", METRICS)
@given(seed=seeds, rows=st.integers(30, 250))
def test_the_gain_has_the_error_of_its_rows_however_few_they_are(name: str, seed: int, rows: int) -> None:
    """Below the size from which a slice is tested, the mix's error was zero: any gain was proof."""
    labels, one, other = world(seed, rows)
    scorecard = compare(name, labels, one, other, 0.5)
    expected, _ = blend_gain(METRICS[name], answers(labels, one, other), other, 0.5)
    assert scorecard.blend is not None
    assert (scorecard.blend.value, scorecard.blend.error) == pytest.approx((expected.value, expected.error))
    assert scorecard.blend.error > 0 or expected.value == 0


def test_a_slice_that_lost_shares_is_harmed_over_all_conditions() -> None:
    """Its margin has the error of its rows: what two more rows could change is a variance, not a deviation."""
    rng = np.random.default_rng(5)
    labels, slices = (
        rng.integers(0, 3, 4_000).astype(str).astype(object),
        partition(pd.Series(["a", "b", "c", "d"] * 1_000, name="g")),
    )
    lost = (rng.random(4_000) < 0.06) & (slices.codes == 0)
    right, wrong = (Ranking(said[:, None], np.full((4_000, 1), 0.9), 3) for said in (labels, np.where(lost, "z", labels)))
    accuracy = metrics_of("multiclass", replace(CRITERIA, metric="accuracy"))["accuracy"]
    both = Answers(
        labels,
        dict.fromkeys((CLEAN, *NOISY), wrong),
        dict.fromkeys((CLEAN, *NOISY), right),
        Clusters.independent(4_000),
        False,
    )
    harms = score([accuracy], both, 0.5, [slices], harm=0.02).harms
    assert (slices.names[0], "margin") in [(harm.where, harm.by) for harm in harms]
