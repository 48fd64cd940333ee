"""How often to retrain: chosen on the first part of the history, reported on the last, and modest where nothing is shown."""

from dataclasses import replace
from typing import Any

import pytest

from include.decisions.replay.policies import NEVER, AgeTrigger
from include.decisions.replay.search import CURRENT, EVERY, STATIC, Replay, replay
from include.decisions.replay.simulation import Backtest
from include.models.contract import Model, Worth
from include.reports.replay_text import ageing_in_words, dot_title, money_over_current, recommendation
from tests.backtests import MODEL, backtest
from tests.toy import changed


def replayed(retrain: float = 50.0, point: float = 50.0, model: Model = MODEL, **world: Any) -> Replay:
    priced = changed(model, worth=Worth(retrain, point))
    return replay(backtest(**{"periods": 46} | world), priced, point=0.01)


def test_the_price_of_a_retraining_decides_how_often() -> None:
    """Where models age steadily, cheap retrainings are recommended often and dear ones rarely."""
    often, rarely = (replayed(retrain=price, noise=0.002).recommended.reporting.retrains for price in (1.0, 2000.0))
    assert often >= 8
    assert rarely < 4


def test_where_nothing_is_shown_the_rarest_cadence_is_recommended() -> None:
    """A model that does not age is retrained rarely, never not at all, and the sentence says why."""
    found = replayed(loss=0.0, noise=0.003)
    assert found.grounds == "nothing"
    (age,) = found.recommended.policy.triggers
    assert isinstance(age, AgeTrigger)
    assert age.periods == 13
    assert recommendation(found, MODEL).startswith("Retrain rarely, every 13 weeks")
    assert "Against a model that never changes it has 0.0 points (0.0 to 0.0)" in recommendation(found, MODEL)
    assert "do not age" in ageing_in_words(found)


def test_where_the_world_changed_after_the_tuning_part_it_says_so() -> None:
    """Nothing aged while policies were chosen, and everything does now: every period, for now, not what was best then."""
    still, moving = backtest(periods=46, loss=0.0, noise=0.0), backtest(periods=46, loss=0.01, noise=0.0)
    middle = still.scored[len(still.scored) // 2]
    values = still.values.copy()
    values[:, middle:] = moving.values[:, middle:]
    found = replay(replace(still, values=values), MODEL, 0.01)
    assert found.tried
    assert found.grounds in ("tuned", "changed")
    if found.grounds == "changed":
        assert found.recommended.policy == found.named[EVERY].policy
        assert "for now" in recommendation(found, MODEL)


def test_what_is_recommended_retrains_some_day() -> None:
    """A trigger alone falls silent with its labels."""
    for seed in range(5):
        triggers = replayed(noise=0.02, seed=seed).recommended.policy.triggers
        assert any(isinstance(trigger, AgeTrigger) for trigger in triggers)


def test_a_trigger_has_to_bring_clearly_more_than_a_cadence() -> None:
    """Where the world jumps and retraining is dear, a trigger does; where it moves steadily, a plain cadence stays."""
    still = backtest(periods=60, loss=0.0, noise=0.002)
    values = still.values.copy()
    for jump in (14, 24, 40, 49):
        older = [number for number, fit in enumerate(still.plan.fits) if fit.holdout[0] <= jump]
        values[older, jump:] -= 0.08
    dear = changed(MODEL, worth=Worth(retrain=300.0, point=50.0))
    jumping = replay(replace(still, values=values), dear, 0.01).recommended
    assert len(jumping.policy.triggers) == 2
    assert jumping.reporting.retrains <= 6
    steady = replay(backtest(periods=60, loss=0.004, noise=0.01), MODEL, 0.01).recommended
    assert len(steady.policy.triggers) == 1


def test_another_window_has_to_be_shown_to_be_better() -> None:
    """Where windows differ by chance alone, the model's own stays; where one is better beyond chance, it is recommended."""
    alike = backtest(periods=46, windows=(None, 13), noise=0.004)
    assert replay(alike, MODEL, 0.01).recommended.policy.window is None
    values = alike.values.copy()
    better = [number for number, fit in enumerate(alike.plan.fits) if 13 in fit.windows]
    values[better] += 0.03
    assert replay(replace(alike, values=values), MODEL, 0.01).recommended.policy.window == 13


def test_the_parts_do_not_overlap_and_the_chosen_one_is_blind_to_the_last() -> None:
    """Whatever happens in the reporting part, the choice is the same: it is reported on periods that did not choose it."""
    whole = backtest(periods=46, loss=0.01)
    first = replay(whole, MODEL, 0.01)
    assert first.tuning_periods + first.reporting_periods == len(whole.scored)
    values, later = whole.values.copy(), whole.scored[first.tuning_periods + 3 :]
    values[:, later] = 0.9 * values[:, later]
    second = replay(replace(whole, values=values), MODEL, 0.01)
    assert second.recommended.policy == first.recommended.policy
    assert second.recommended.tuning == first.recommended.tuning
    assert second.recommended.reporting != first.recommended.reporting


def test_gains_are_over_the_first_model_and_shares_of_every_period() -> None:
    """Never gains nothing and keeps nothing, every period keeps all, and no policy is above the ceiling."""
    found = replayed()
    static, every = found.named[STATIC].reporting, found.named[EVERY].reporting
    assert (static.gain.value, static.retrains, static.net, static.kept) == (0.0, 0, 0.0, 0.0)
    assert every.kept == 1.0
    assert every.net == pytest.approx(50 * every.gain.value / 0.01 - 50 * every.retrains / found.reporting_periods)
    assert max(one.reporting.gain.value for one in found.tried) <= found.ceiling.value
    assert found.named[CURRENT].gated
    assert not found.ungated[CURRENT].gated


def test_without_a_gain_no_share_of_it_is_shown() -> None:
    """Where retraining every period gains nothing beyond chance, there is no "share kept"."""
    found = replayed(loss=0.0, noise=0.003)
    assert {one.reporting.kept for one in found.tried} == {None}
    assert "%" not in recommendation(found, MODEL).replace("95 %", "")


def test_the_sentence_has_the_results_of_the_reporting_part() -> None:
    """Cadence, what it brings with its interval, retrainings: what a person repeats to another."""
    found = replayed(noise=0.002)
    part, text = found.recommended.reporting, recommendation(found, MODEL)
    assert text.startswith("Retrain every ")
    over = money_over_current(found.against_current, MODEL)
    assert f"Over the last {found.reporting_periods} weeks, this brought {over} a week more than the current settings" in text
    assert f"{part.gain.value * 100:+.1f} points" in text
    assert f"instead of {found.named[CURRENT].reporting.retrains} now" in text
    assert dot_title(found.named[STATIC], found) == "never: 0.0 points (0.0 to 0.0), 0 retrainings"


def test_every_policy_begins_with_the_same_model() -> None:
    """Every policy begins with the same model, so gains are over the same thing."""
    assert replayed().named[STATIC].policy == NEVER


def test_a_period_without_a_value_is_left_out() -> None:
    """Where the metric could not be computed for every model, the period is left out for every policy."""
    whole = backtest(periods=46)
    values = whole.values.copy()
    values[3, 30] = float("nan")
    assert 30 not in Backtest(whole.plan, values, *_other_fields(whole)).scored


def _other_fields(whole: Backtest) -> tuple[Any, ...]:
    return whole.covariances, whole.psi, whole.trivial, whole.rows, whole.clusters, whole.margin
