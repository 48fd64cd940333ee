"""Evidence is paired, symmetrical, and mixes clean and noisy as declared."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.evidence import CLEAN, Measured, compare
from include.decisions.metrics import METRICS, Floats
from include.decisions.verdict import Lane, decide
from include.models.contract import Criteria

NOISY = ("missing@0.2", "typo@0.2")
RANK = {"blocked": 0, "keep": 0, "inconclusive": 1, "promote": 2}
seeds = st.integers(0, 10_000)


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
    return {name: said + np.where(said >= labels, by, -by) for name, said in predictions.items()}


@pytest.mark.parametrize("name", METRICS)
@given(seed=seeds)
def test_swapping_champion_and_challenger_mirrors_every_difference(name: str, seed: int) -> None:
    """Nobody is favoured: what one gains the other loses, with the same certainty."""
    labels, one, other = world(seed)
    there = compare(METRICS[name], labels, one, other, 0.5)
    back = compare(METRICS[name], labels, other, one, 0.5)
    pairs = [(there.blend, back.blend), *((a.gain, b.gain) for a, b in zip(there.conditions, back.conditions, strict=True))]
    for a, b in pairs:
        assert a is not None
        assert b is not None
        assert (a.value, a.error) == pytest.approx((-b.value, b.error))


@given(seed=seeds, share=st.floats(0, 1))
def test_the_blend_is_the_declared_mix(seed: int, share: float) -> None:
    """Clean rows weigh 1 - share, the noisy conditions share the rest equally."""
    labels, one, other = world(seed)
    evidence = compare(METRICS["brier"], labels, one, other, share)
    gains = {condition.name: condition.gain.value for condition in evidence.conditions if condition.gain}
    assert evidence.blend is not None
    assert evidence.blend.value == pytest.approx((1 - share) * gains[CLEAN] + share * np.mean([gains[name] for name in NOISY]))


def test_copies_of_a_row_are_not_taken_for_independent_rows() -> None:
    """A noisy condition that repeats the clean one adds no certainty."""
    labels, one, other = world(1)
    alone = compare(METRICS["brier"], labels, {CLEAN: one[CLEAN]}, {CLEAN: other[CLEAN]}, 0.5)
    copies = compare(
        METRICS["brier"], labels, {n: one[CLEAN] for n in (CLEAN, *NOISY)}, {n: other[CLEAN] for n in (CLEAN, *NOISY)}, 0.5
    )
    assert alone.blend is not None
    assert copies.blend is not None
    assert copies.blend.error == pytest.approx(alone.blend.error)


def test_without_a_champion_there_is_no_gain() -> None:
    """A first champion is measured, and compared with nobody."""
    labels, one, _ = world(2)
    evidence = compare(METRICS["roc_auc"], labels, one, None, 0.5)
    assert evidence.blend is None
    assert evidence.noisy_champion is None
    assert {condition.gain for condition in evidence.conditions} == {None}


def test_positives_are_counted_for_classes_only() -> None:
    """A regression has no rarer class to run out of."""
    labels, one, _ = world(3)
    assert compare(METRICS["roc_auc"], labels, one, None, 0.5).positives == labels.sum()
    assert compare(METRICS["mae"], labels * 40, one, None, 0.5).positives is None


@given(seed=seeds, steps=st.lists(st.floats(0.001, 0.1), min_size=1, max_size=6), lane=st.sampled_from(["routine", "change"]))
def test_a_verdict_never_improves_when_the_challenger_gets_worse(seed: int, steps: list[float], lane: Lane) -> None:
    """Moving every prediction of the challenger away from its label can only lower its verdict."""
    labels, challenger, champion = world(seed)
    criteria = Criteria(metric="mae", floor=0.5, noisy_floor=0.5, margin=0.02, min_rows=1, min_positives=0)
    ranks = []
    for step in (0.0, *steps):
        challenger = worse(labels, challenger, step)
        evidence = compare(METRICS["mae"], labels, challenger, champion, 0.5)
        ranks.append(RANK[decide(evidence, criteria, lane, []).verdict])
    assert ranks == sorted(ranks, reverse=True)


@given(seed=seeds, lane=st.sampled_from(["routine", "change"]), metric=st.sampled_from(sorted(METRICS)))
def test_a_challenger_equal_to_the_champion_is_not_promoted(seed: int, lane: Lane, metric: str) -> None:
    """The gate asks for a gain: none is none, whatever the metric and the lane."""
    labels, one, _ = world(seed)
    floor = 0.0 if metric == "roc_auc" else 100.0
    criteria = Criteria(metric=metric, floor=floor, noisy_floor=floor, margin=0.02, min_rows=1, min_positives=0)
    assert decide(compare(METRICS[metric], labels, one, dict(one), 0.5), criteria, lane, []).verdict == "keep"


def test_an_interval_holds_its_value() -> None:
    """Ninety-five per cent are 1.96 errors to each side."""
    measured = Measured(0.7, 0.1)
    assert (measured.low, measured.high) == pytest.approx((0.7 - 0.196, 0.7 + 0.196), abs=1e-4)
    assert replace(measured, error=0.0).low == 0.7
