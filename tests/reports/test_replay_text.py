"""What a replay says: another policy is advised only where it was shown to bring more, in words that a reader knows."""

from dataclasses import replace
from datetime import datetime, timedelta  # noqa: F401 - the lines to paste use it
from typing import Any

from include.decisions.replay.bootstrap import Interval
from include.decisions.replay.policies import Z90, AgeTrigger, DecayTrigger, Policy, candidates, current_policy
from include.decisions.replay.search import replay
from include.models.contract import Column, Criteria, Retraining  # noqa: F401 - the lines to paste use it
from include.reports.replay_page import PageFacts, replay_page
from include.reports.replay_settings import to_paste
from include.reports.replay_text import advice, gained, prices, reason, recommendation
from tests.backtests import MODEL, backtest

FOUND = replay(backtest(periods=46, noise=0.003), MODEL, 0.01)
BETTER = replace(FOUND, against_current=Interval(30.0, 10.0, 50.0))
DOUBTFUL = replace(FOUND, against_current=Interval(30.0, -1.0, 61.0))


def page(found: Any) -> str:
    at = datetime(2024, 6, 1)
    return replay_page(found, PageFacts(MODEL, as_of=at, first=at, last=at, models=40, digest="0123abcd"))


def test_only_what_was_shown_to_be_better_is_advised() -> None:
    """Where the interval does not exclude 0, the current settings stay; the interval and the prices are in the sentence."""
    assert advice(DOUBTFUL) == "Keep the current settings: nothing tested was shown to be better"
    assert advice(BETTER).startswith("Retrain ")
    assert "+30 EUR (−1 to +61) a week more than the current settings" in reason(DOUBTFUL, MODEL)
    assert "+30 EUR (+10 to +50) a week more" in reason(BETTER, MODEL)
    for found in (DOUBTFUL, BETTER):
        assert prices(found, MODEL) in recommendation(found, MODEL)
    assert prices(FOUND, MODEL) == "One retraining costs 50 EUR, 0.01 of roc_auc in one week is worth 50 EUR."


def test_the_page_ends_with_what_to_change() -> None:
    """Lines to paste where another policy is advised; where none is, it says so, and no row or dot is called recommended."""
    doubtful = page(DOUBTFUL)
    assert "Nothing: no other policy was shown to bring more" in doubtful
    assert "<pre>" not in doubtful
    assert "best that was tried" in doubtful
    assert ">recommended<" not in doubtful
    assert "<pre>" in page(replace(BETTER, recommended=replace(FOUND.recommended, policy=Policy((AgeTrigger(4),), 1, 6))))


def test_each_row_has_its_interval_against_the_current_settings() -> None:
    """The current settings themselves have none."""
    assert set(FOUND.over_current) == set(FOUND.named)
    same = FOUND.over_current["current settings"]
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert page(BETTER).count(" to ") > 2 * len(FOUND.named)


def test_an_error_is_said_in_the_labels_own_unit() -> None:
    """Not in points of mae; a loss is a higher error."""
    cars = replace(
        MODEL,
        task="regression",
        label=Column("volume", "number", unit="cars an hour"),
        criteria=Criteria(metric="mae", floor=600, noisy_floor=900, margin=20),
    )
    found = replace(FOUND, point=1.0)
    assert gained(Interval(37.6, 20.1, 55.0), found, cars) == "37.6 cars an hour lower error (20.1 to 55.0)"
    assert gained(Interval(-3.0, -5.0, 1.0), found, cars) == "3.0 cars an hour higher error (−1.0 to 5.0)"
    assert gained(Interval(0.04, 0.02, 0.06), FOUND, MODEL) == "+4.0 points (+2.0 to +6.0) of roc_auc"


def pasted(policy: Policy) -> Any:
    """The model after its lines were pasted."""
    model = MODEL
    for line in to_paste(policy, MODEL):
        name, _, value = line.partition("=")
        if line.startswith("#"):
            continue
        value = eval(value.partition("#")[0].strip().rstrip(","))
        model = model.with_candidate(train_periods=value) if name == "train_periods" else replace(model, retraining=value)
    return model


def test_what_is_pasted_asks_for_that_policy() -> None:
    """A model's file with these lines is simulated as that policy; what it cannot say so exactly is marked."""
    for policy in (one for one in candidates(MODEL, [None, 6], 13) if one.longest):
        lines, then = to_paste(policy, MODEL), current_policy(pasted(policy))
        assert (then.window, then.longest) == (policy.window, policy.longest)
        decays = [one for one in policy.triggers if isinstance(one, DecayTrigger)]
        exact = not decays or (decays[0].z, decays[0].periods) == (Z90, 2)
        assert exact != lines[-1].startswith("#")
        if exact:
            assert then.triggers == policy.triggers
        if decays:
            assert then.cool_down == policy.cool_down


def test_nothing_is_pasted_that_is_there_already() -> None:
    """The window is named only where it changes."""
    assert not [line for line in to_paste(Policy((AgeTrigger(4),)), MODEL) if "train_periods" in line]
    assert to_paste(Policy((AgeTrigger(4),), window=6), MODEL)[0].startswith("train_periods=6,")
    assert to_paste(Policy((DecayTrigger(0.05, Z90, 3),)), MODEL) == []
