"""Policies in words, and what the model's file asks for as a policy."""

from datetime import timedelta

import pytest

from include.decisions.replay.policies import (
    NEVER,
    Z90,
    AgeTrigger,
    DecayTrigger,
    DriftTrigger,
    Policy,
    candidates,
    current_policy,
    default_policy,
    label_delay_in_periods,
)
from include.models.contract import Worth
from tests.backtests import MODEL, WEEK
from tests.toy import DAY, changed


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (NEVER, "never"),
        (Policy((AgeTrigger(1),)), "every week, trained on all history"),
        (Policy((AgeTrigger(4),), window=13), "every 4 weeks, trained on the newest 13 weeks"),
        (Policy((DriftTrigger(0.2),), cool_down=3), "on PSI above 0.2, 3 weeks apart at least, trained on all history"),
        (Policy((DecayTrigger(0.05, Z90, 1),)), "on a drop of 5% in a week (90% sure), trained on all history"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_policy_says_what_it_does(policy: Policy, words: str) -> None:
    """As a person would say it."""
    assert policy.in_words("week") == words


@pytest.mark.parametrize(
    ("delay", "periods"), [(timedelta(0), 1), (DAY, 1), (WEEK, 1), (WEEK + DAY, 2), (3 * WEEK, 3)], ids=str
)
def test_the_default_waits_for_the_labels_of_the_new_model(delay: timedelta, periods: int) -> None:
    """The cool-down is the label delay, in whole periods, at least one."""
    model = changed(MODEL, label_delay=delay)
    assert label_delay_in_periods(model) == default_policy(model).cool_down == periods


def test_a_trigger_alone_may_never_retrain() -> None:
    """Only an age is sure to."""
    assert (NEVER.longest, Policy((DriftTrigger(0.2),)).longest) == (None, None)
    assert Policy((DriftTrigger(0.2), AgeTrigger(13))).longest == 13


def test_the_current_settings_come_from_the_models_file() -> None:
    """Decay share, cadence to the nearest period, cool-down and window."""
    model = changed(MODEL, cadence="0 7 1 * *", decay_share=0.03, cool_down=2 * WEEK, train_periods=26)
    policy = current_policy(model)
    assert (policy.cool_down, policy.window) == (2, 26)
    decay, age = policy.triggers
    assert isinstance(decay, DecayTrigger)
    assert decay.share == 0.03
    assert age == AgeTrigger(4)


def test_as_often_as_it_pays_is_an_age() -> None:
    """One retraining costs what a point is worth in three periods: every third period, behind the gate."""
    model = changed(MODEL, when="it pays", worth=Worth(retrain=150, point=50), train_periods=26)
    assert current_policy(model) == Policy((AgeTrigger(3),), 1, 26, earlier_return=True)


def test_every_candidate_is_another_policy_and_none_is_rarer_than_asked() -> None:
    """Hundreds of them, each once; with a short history the rare ones are left out."""
    found = candidates(MODEL, (None, 13), longest=9)
    assert len(set(found)) == len(found) > 200
    assert max(t.periods for policy in found for t in policy.triggers if isinstance(t, AgeTrigger)) == 8
    assert candidates(MODEL, (None,), longest=1)
