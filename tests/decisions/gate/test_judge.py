"""The gate as a whole: what it lets through, what it stops, and that it notices when it is broken itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import include.decisions.gate.judge as gate_module
from include.decisions.gate.error_budget import Lane
from include.decisions.gate.judge import Contest, judge, quick_verdict
from include.decisions.gate.self_test import self_test
from include.decisions.scoring.predictions import Floats, best_classes, numbers_of
from include.decisions.scoring.scorecard import CLEAN
from include.decisions.scoring.slices import partition
from include.errors import ModelError
from include.models.contract import Criteria, OwnMetric

CONDITIONS = (CLEAN, "missing@0.2", "typo@0.2")
CRITERIA = Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.01, slices=("where",))
CLASSES = np.array(["a", "b", "c", "d"], dtype=object)


def answers(labels: Floats, skill: float, seed: int, noisy: float | None = None) -> dict[str, Floats]:
    """Probabilities that know the label with a certain skill, less so under noise."""
    rng = np.random.default_rng(seed)
    own = rng.normal(size=len(labels))
    skills = {c: skill if c == CLEAN else 0.7 * skill if noisy is None else noisy for c in CONDITIONS}
    return {c: 1 / (1 + np.exp(-(s * (2 * labels - 1) + own + 0.3 * rng.normal(size=len(labels))))) for c, s in skills.items()}


def contest(rows: int = 4000, challenger: float = 1.3, champion: float = 1.0, seed: int = 1, **changes: Any) -> Contest:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.3).astype(float)
    where = pd.Series(rng.choice(["north", "south", "east"], rows), name="where")
    made = Contest(
        task="binary",
        criteria=CRITERIA,
        labels=labels,
        challenger=answers(labels, challenger, seed + 1),
        champion=answers(labels, champion, seed + 1),
        baselines='{"mean": 0.3}',
        slices=[partition(where)],
        features=pd.DataFrame({"where": where, "colour": rng.choice(["red", "blue"], rows)}),
    )
    return replace(made, **changes)


def test_the_gate_prefers_the_better_of_two_models_in_either_role() -> None:
    """A better challenger is promoted and a worse one is not: the same two models, either way round."""
    assert judge(contest(), "change")[0].verdict == "promote"
    assert judge(contest(challenger=0.8), "change")[0].verdict == "keep"


def test_better_on_clean_and_worse_on_noisy_rows_is_refused() -> None:
    """A clean-only gate would have passed it."""
    labels = contest().labels
    brittle = replace(contest(champion=1.0), challenger=answers(labels, 1.3, 2, noisy=0.4))
    decision, scorecard = judge(brittle, "change")
    assert scorecard.clean.gain is not None
    assert scorecard.clean.gain.low > 0
    assert decision.verdict == "keep"
    assert "worse on" in decision.reasons[0]


def test_the_scorecard_finds_suspect_slices_that_were_not_declared() -> None:
    """A search over the other features tells where the challenger is worst, and decides nothing."""
    one = contest(challenger=1.5)
    assert one.features is not None
    red = (one.features["colour"] == "red").to_numpy()
    worse = answers(one.labels, 0.8, 2)
    _, scorecard = judge(
        replace(one, challenger={c: np.where(red, worse[c], numbers_of(usual)) for c, usual in one.challenger.items()}),
        "change",
    )
    assert scorecard.suspects[0].where.startswith("colour=red")


def test_the_frozen_reference_stops_a_gradual_decline() -> None:
    """Better than the champion, yet clearly worse than what was frozen once: kept."""
    weak = contest(challenger=0.75, champion=0.6)
    frozen = answers(weak.labels, 1.2, 2)
    assert judge(weak, "routine")[0].verdict == "promote"
    decision, _ = judge(replace(weak, anchor=frozen), "routine")
    assert decision.verdict == "keep"
    assert "frozen reference" in decision.reasons[0]


def test_a_first_champion_that_knows_nothing_is_refused() -> None:
    """Floors so low that they ask for nothing do not help: no model at all says as much."""
    lax = replace(CRITERIA, floor=0.0, noisy_floor=0.0)
    decision, _ = judge(replace(contest(challenger=0.0), champion=None, criteria=lax), "change")
    assert decision.verdict in ("keep", "blocked")
    assert "always" in " ".join(decision.reasons)


@pytest.mark.parametrize("broken", ["turned round", "always yes", "always no"])
def test_a_gate_that_is_broken_is_noticed(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Sign turned, everything promoted, nothing promoted: each makes the verdict blocked, whatever the challenger."""
    real = gate_module.quick_verdict

    def wrong(one: Contest, lane: Lane) -> Any:
        if broken == "turned round" and one.champion:
            return real(replace(one, challenger=one.champion, champion=one.challenger), lane)
        return replace(real(one, lane), verdict="promote" if broken != "always no" else "keep")

    monkeypatch.setattr(gate_module, "quick_verdict", wrong)
    decision, _ = judge(contest(), "change")
    assert decision.verdict == "blocked"
    assert "self-test" in decision.reasons[0]


def test_the_self_test_plants_three_challengers() -> None:
    """Shuffled, brittle and all-knowing: each is judged once, on the run's own rows."""
    judged: list[tuple[Mapping[str, Any], Mapping[str, Any] | None]] = []
    one = contest()

    def remembers(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None) -> Any:
        judged.append((challenger, champion))
        return "keep" if len(judged) < 3 else "promote"

    assert self_test(remembers, one.labels, one.challenger) == []
    shuffled, brittle, oracle = (challenger for challenger, _ in judged)
    assert all(sorted(shuffled[c]) == sorted(one.challenger[c]) for c in CONDITIONS)  # type: ignore[arg-type]
    assert (brittle[CLEAN] == one.labels).all()
    assert (brittle["typo@0.2"] == shuffled["typo@0.2"]).all()
    assert all((oracle[c] == one.labels).all() for c in CONDITIONS)


def test_too_few_positives_block_the_verdict() -> None:
    """Too few of the rarer class: blocked, however large the gain looks."""
    labels = np.r_[np.ones(25), np.zeros(475)]
    few = Contest("binary", CRITERIA, labels, answers(labels, 3.0, 2), answers(labels, 0.5, 2))
    decision, _ = judge(few, "change")
    assert decision.verdict == "blocked"
    assert "25 rows" in decision.reasons[0]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_go_through_the_same_gate(task: Any) -> None:
    """Several classes and numbers: the better is promoted, the worse kept."""
    rng = np.random.default_rng(3)
    rows = 3000

    def model(skill: float) -> dict[str, Any]:
        if task == "regression":
            return {c: labels * skill + rng.normal(size=rows) * 0.5 for c in CONDITIONS}
        scores = {c: rng.normal(size=(rows, 4)) + skill * (CLASSES[None, :] == labels[:, None]) for c in CONDITIONS}
        return {c: best_classes(np.exp(s) / np.exp(s).sum(axis=1, keepdims=True), CLASSES) for c, s in scores.items()}

    labels: Any = rng.normal(size=rows) if task == "regression" else rng.choice(CLASSES, rows)
    criteria = Criteria("mae", 1.0, 1.0, 0.02) if task == "regression" else Criteria("accuracy", 0.3, 0.3, 0.01)
    learned = (
        '{"mean": 0.0, "median": 0.0}' if task == "regression" else '{"classes": 4, "most_frequent": [["a", 0.3], ["b", 0.2]]}'
    )
    better, worse = model(1.0), model(0.6)
    one = Contest(task, criteria, labels, better, worse, baselines=learned)
    assert judge(one, "change")[0].verdict == "promote"
    assert judge(replace(one, challenger=worse, champion=better), "change")[0].verdict == "keep"


@given(seed=st.integers(0, 200), flips=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_a_challenger_that_gets_more_rows_wrong_never_gets_a_better_verdict(seed: int, flips: list[int]) -> None:
    """Row after row of right answers is turned wrong: promote may become inconclusive or keep, never the other way."""
    rank = {"blocked": 0, "keep": 0, "inconclusive": 1, "promote": 2}
    rng = np.random.default_rng(seed)
    labels = rng.choice(CLASSES[:2], 400)
    criteria = Criteria("accuracy", 0.0, 0.0, 0.02)

    def ranking(right: Any) -> Any:
        chance = np.where((labels[:, None] == CLASSES[None, :2]) == right[:, None], 0.8, 0.2)
        return {CLEAN: best_classes(chance, CLASSES[:2])}

    champion, right = ranking(rng.random(400) < 0.75), rng.random(400) < 0.82
    ranks = []
    for flip in (0, *flips):
        right = right.copy()
        right[rng.choice(np.flatnonzero(right), min(flip, int(right.sum())), replace=False)] = False
        ranks.append(rank[quick_verdict(Contest("multiclass", criteria, labels, ranking(right), champion), "change").verdict])
    assert ranks == sorted(ranks, reverse=True)


def test_a_challenger_whose_metric_has_no_value_in_a_slice_is_refused() -> None:
    """Never saying yes there is worse than saying it wrongly: what cannot be computed is a harm, not an untested slice."""
    one = contest(criteria=replace(CRITERIA, metric="precision", floor=0.0, noisy_floor=0.0, threshold=0.5), baselines=None)
    north = one.slices[0].codes == one.slices[0].names.index("where=north")
    silent = {c: np.where(north, 0.001, usual) for c, usual in one.challenger.items()}  # type: ignore[arg-type]
    decision = quick_verdict(replace(one, challenger=silent), "change")
    assert decision.verdict == "keep"
    assert "precision has no value for the challenger" in " ".join(decision.reasons)


def test_a_regression_whose_labels_happen_to_be_0_and_1_has_no_rarer_class() -> None:
    """At night every count is 0: the slice is judged by its rows, and a loss there is a harm."""
    rng = np.random.default_rng(5)
    night = np.arange(3000) % 3 == 0
    labels = np.where(night, 0.0, rng.normal(50, 10, 3000))
    champion = {c: labels + rng.normal(0, 3, 3000) for c in CONDITIONS}
    challenger = {c: labels + rng.normal(0, 1, 3000) + 8.0 * night for c in CONDITIONS}
    slices = [partition(pd.Series(np.where(night, "night", "day"), name="when"))]
    criteria = Criteria("mae", 100.0, 100.0, 0.5)
    decision = quick_verdict(Contest("regression", criteria, labels, challenger, champion, slices=slices), "change")
    assert decision.verdict == "keep"
    assert "when=night" in decision.reasons[0]


def test_a_shift_of_level_does_not_break_the_self_test() -> None:
    """Even shuffled predictions of the right level are better than a champion from another world: that is no broken gate."""
    rng = np.random.default_rng(6)
    labels = rng.normal(200, 30, 3000)
    champion = {c: labels - 100 + rng.normal(0, 10, 3000) for c in CONDITIONS}
    challenger = {c: labels + rng.normal(0, 10, 3000) for c in CONDITIONS}
    shifted = Contest(
        "regression", Criteria("mae", 60, 60, 1.0), labels, challenger, champion, baselines='{"mean": 100.0, "median": 100.0}'
    )
    assert judge(shifted, "change")[0].verdict == "promote"


def test_an_answer_that_turned_round_does_not_break_the_self_test() -> None:
    """Shuffled predictions are truly better than both models that learned it the other way: that is no broken gate."""
    rng, one = np.random.default_rng(7), contest()
    turned = {c: 1 / (1 + np.exp(2 * one.labels - 1 + rng.normal(size=4000))) for c in CONDITIONS}
    decision, _ = judge(replace(one, challenger=turned, champion=turned), "routine")
    assert decision.verdict == "keep"
    assert not any("self-test" in reason for reason in decision.reasons)


def test_a_custom_metric_need_not_work_on_slices_that_decide_nothing() -> None:
    """One row of a rare value, one class only: the run is judged all the same."""

    def auc(labels: Any, predictions: Any) -> float:
        if len(set(labels)) < 2:
            raise ValueError("only one class")
        return float(np.mean(predictions[labels == 1]) - np.mean(predictions[labels == 0]))

    criteria = replace(CRITERIA, own_metrics=(OwnMetric("gap", auc),))
    rare = np.where(np.arange(4000) == 7, "rare", "usual")
    decision, scorecard = judge(contest(criteria=criteria, slices=[partition(pd.Series(rare, name="where"))]), "change")
    assert decision.verdict == "promote"
    assert {cell.where for cell in scorecard.cells if cell.metric == "gap"} == {"all rows", "where=usual", "where=rare"}


def test_an_own_metric_of_a_wrong_shape_is_refused() -> None:
    """An array of one number would have no spread at all: named, with its shape."""
    odd = OwnMetric("odd", lambda labels, predictions: np.array([0.5]))
    with pytest.raises(ModelError, match=r"own metric 'odd' gave an array of shape \(1,\) for 4000 rows"):
        quick_verdict(contest(criteria=replace(CRITERIA, metric="odd", own_metrics=(odd,)), baselines=None), "change")


def test_a_frozen_reference_without_a_value_blocks() -> None:
    """It is named, with what to do; the run is not red for ever."""
    one = contest(criteria=replace(CRITERIA, metric="precision", floor=0.0, noisy_floor=0.0), baselines=None)
    silent = dict.fromkeys(CONDITIONS, np.full(4000, 0.001))
    decision = quick_verdict(replace(one, anchor=silent), "change")
    assert decision.verdict == "blocked"
    assert "frozen reference" in decision.reasons[0]
