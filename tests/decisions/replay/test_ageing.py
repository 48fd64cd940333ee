"""The ageing curve: paired in each period, and honest where nothing ages."""

import pytest

from include.decisions.replay.ageing import Aged, Ageing, ageing, half_life
from include.decisions.replay.bootstrap import Interval
from tests.backtests import backtest


def aged(**world: float) -> Ageing:
    return ageing(backtest(periods=40, **world), None, seed=1)  # type: ignore[arg-type]


def test_the_loss_is_against_a_fresh_model_in_the_same_period() -> None:
    """Hard periods, however hard, cancel: a loss of 0.004 a period is found as such."""
    curve = aged(loss=0.004, noise=0.0).curve
    assert [step.age for step in curve] == list(range(1, len(curve) + 1))
    for step in curve:
        assert step.loss.value == pytest.approx(0.004 * (step.age - 1))
    noisy = aged(loss=0.004, noise=0.05).curve
    assert noisy[20].loss.low < 0.08 < noisy[20].loss.high


def test_half_of_the_gain_over_the_trivial_answer_is_lost_at_the_half_life() -> None:
    """A fresh model is worth 0.29 here, so 0.145 is lost after 18.1 periods at 0.008 a period, counted from age 1."""
    found = aged(loss=0.008, noise=0.0)
    assert found.worth == pytest.approx(0.292)
    assert found.half_life == pytest.approx(1 + 0.146 / 0.008, abs=0.1)
    assert found.shown_at == 2


def test_a_model_that_does_not_age_has_no_half_life_here() -> None:
    """Then the curve says so instead of a number."""
    for seed in range(10):
        found = aged(loss=0.0, noise=0.01, seed=seed)
        assert (found.half_life, found.shown_at) == (None, None)


def test_a_model_that_is_worth_nothing_has_no_half_life() -> None:
    """There is nothing to lose half of."""
    curve = tuple(Aged(age, Interval(0.1 * age, 0.1, 0.1), 9) for age in (1, 2))
    assert half_life(curve, worth=-0.1) is None
    assert half_life((), worth=0.1) is None


def test_an_age_that_was_seen_in_few_periods_is_not_on_the_curve() -> None:
    """Fewer than eight periods are no mean."""
    assert all(step.periods >= 8 for step in aged().curve)
    assert ageing(backtest(periods=12), None, seed=1).curve == ()
