"""Simulated policies do what they say, with what was known at the time."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.replay.policies import NEVER, Z90, AgeTrigger, DecayTrigger, DriftTrigger, Policy, candidates
from include.decisions.replay.simulation import Backtest, oracle, served_values, simulate
from tests.backtests import FIRST_MOMENT, MODEL, backtest

ages = st.integers(1, 20).map(AgeTrigger)
decays = st.builds(DecayTrigger, st.sampled_from([0.01, 0.05]), st.sampled_from([0.0, Z90]), st.integers(1, 3))
drifts = st.sampled_from([0.05, 0.2]).map(DriftTrigger)
policies = st.builds(
    Policy,
    st.lists(st.one_of(ages, decays, drifts), max_size=2).map(tuple),
    st.integers(1, 6),
    st.sampled_from([None, 13]),
    st.sampled_from([(), (None, 13)]),
    st.booleans(),
)
backtests = st.builds(
    backtest,
    periods=st.integers(14, 30),
    loss=st.sampled_from([-0.002, 0.0, 0.004, 0.02]),
    noise=st.sampled_from([0.0, 0.02]),
    delay=st.integers(1, 3),
    seed=st.integers(0, 1000),
    windows=st.just((None, 13)),
)


@settings(max_examples=60)
@given(backtest=backtests, policy=policies, gated=st.booleans())
def test_no_policy_beats_the_oracle(backtest: Backtest, policy: Policy, gated: bool) -> None:
    """It picks the best model of every period with hindsight, so it is the ceiling."""
    assert (served_values(backtest, simulate(backtest, policy, gated)) <= oracle(backtest) + 1e-12).all()


@settings(max_examples=60)
@given(backtest=backtests, policy=policies, gated=st.booleans(), data=st.data())
def test_no_decision_uses_a_label_before_it_is_known(
    backtest: Backtest, policy: Policy, gated: bool, data: st.DataObject
) -> None:
    """Whatever the labels of a period turn out to be, nothing that was done before they were known changes."""
    period = data.draw(st.integers(0, len(backtest.plan.starts) - 1))
    known = backtest.plan.mature_at[period]
    values, covariances = backtest.values.copy(), backtest.covariances.copy()
    values[:, period] += np.random.default_rng(period).normal(0, 0.3, len(values))
    covariances[period] *= 7.0
    other = replace(backtest, values=values, covariances=covariances)
    one, two = simulate(backtest, policy, gated), simulate(other, policy, gated)
    # A decision at the end of period `known` shows in the period after it.
    assert (one.served[: known + 1] == two.served[: known + 1]).all()
    assert (one.retrained[: known + 1] == two.retrained[: known + 1]).all()


@settings(max_examples=60)
@given(backtest=backtests, policy=policies, gated=st.booleans())
def test_no_model_serves_before_it_is_trained(backtest: Backtest, policy: Policy, gated: bool) -> None:
    """A model that was trained at the end of a period serves from the next one on, and never in its own training."""
    served = simulate(backtest, policy, gated).served
    for period in range(FIRST_MOMENT + 1, len(served)):
        assert backtest.plan.fits[served[period]].moment < period
    assert (served[: FIRST_MOMENT + 1] == -1).all()


@settings(max_examples=40)
@given(backtest=backtests, policy=policies)
def test_retraining_every_period_retrains_most(backtest: Backtest, policy: Policy) -> None:
    """No policy retrains more often than in every period, and the one that never does never does."""
    every = simulate(backtest, Policy((AgeTrigger(1),))).retrained.sum()
    assert simulate(backtest, policy).retrained.sum() <= every
    assert simulate(backtest, NEVER).retrained.sum() == 0


@settings(max_examples=60)
@given(backtest=backtests, policy=policies, gated=st.booleans())
def test_retrainings_keep_the_cool_down(backtest: Backtest, policy: Policy, gated: bool) -> None:
    """Two retrainings are never closer than the policy allows, and a promotion is always one of them."""
    simulation = simulate(backtest, policy, gated)
    moments = np.flatnonzero(simulation.retrained)
    assert (np.diff(moments) >= policy.cool_down).all()
    assert simulation.retrained[simulation.promoted].all()


@settings(max_examples=40)
@given(backtest=backtests, interval=st.integers(1, 8), cool_down=st.integers(1, 8))
def test_a_longer_cool_down_never_retrains_more_on_a_cadence(backtest: Backtest, interval: int, cool_down: int) -> None:
    """What a trigger asks for, a cool-down can only put off."""
    free, held = (
        simulate(backtest, Policy((AgeTrigger(interval),), pause)).retrained.sum() for pause in (cool_down, cool_down + 1)
    )
    assert held <= free


def test_a_cadence_retrains_on_time() -> None:
    """Every fourth period means every fourth period, counted from the first model."""
    retrained = np.flatnonzero(simulate(backtest(periods=20), Policy((AgeTrigger(4),))).retrained)
    assert retrained.tolist() == [FIRST_MOMENT + 5, FIRST_MOMENT + 9, FIRST_MOMENT + 13]


def test_where_models_age_retraining_pays_and_where_they_do_not_the_gate_keeps_the_champion() -> None:
    """Fresh models pass the gate if they are better; challengers that are no better rarely do."""
    ageing, stable = (backtest(loss=loss, noise=0.0) for loss in (0.01, 0.0))
    every = Policy((AgeTrigger(1),))
    assert simulate(ageing, every).promoted.sum() > 10
    assert simulate(stable, every).promoted.sum() == 0
    assert simulate(stable, every, gated=False).promoted.sum() == simulate(stable, every).retrained.sum()


@pytest.mark.parametrize(
    ("policy", "first"),
    [
        (Policy((DecayTrigger(0.05, 0.0, 1),)), 10),
        (Policy((DecayTrigger(0.05, 0.0, 3),)), 11),
        (Policy((DecayTrigger(0.05, 5.0, 1),)), 13),
        (Policy((DecayTrigger(0.05, 0.0, 1),), cool_down=9), 15),
        (Policy((DriftTrigger(0.09),)), 11),
        (Policy((DecayTrigger(0.5, 0.0, 1), DriftTrigger(0.09))), 11),
    ],
    ids=str,
)
def test_a_trigger_fires_when_it_should(policy: Policy, first: int) -> None:
    """A share of what was proved, standard errors, periods running, cool-down, PSI: each moves the first retraining."""
    smooth = backtest(periods=30, loss=0.01, noise=0.0)
    assert np.flatnonzero(simulate(smooth, policy).retrained)[0] == first


def test_hundreds_of_policies_take_seconds() -> None:
    """They are look-ups: a hundred periods, three windows, every candidate."""
    long = backtest(periods=60, windows=(None, 13, 26))
    tried = candidates(MODEL, (None, 13, 26), 26)
    assert len(tried) > 400
    assert sum(simulate(long, policy).retrained.sum() for policy in tried[::20]) > 0


def test_the_better_window_is_chosen_before_the_hold_out() -> None:
    """Two windows, of which the second one is three points better: it serves from the first retraining that can tell."""
    alike = backtest(periods=30, windows=(None, 13), noise=0.0)
    values, short = alike.values.copy(), [number for number, fit in enumerate(alike.plan.fits) if 13 in fit.windows]
    values[short] += 0.03
    better = replace(alike, values=values)
    served = simulate(better, Policy((AgeTrigger(1),), others=(13,))).served
    assert set(served[FIRST_MOMENT + 4 :]) <= set(short)
    assert not set(simulate(alike, Policy((AgeTrigger(1),), others=(13,))).served) & set(short)


def test_an_earlier_champion_comes_back_with_its_world() -> None:
    """Two worlds that take turns, and a first champion that knew the first one alone: later models know something of both."""
    one = backtest(periods=40, loss=0.0, noise=0.0, error=0.003)
    first_world = np.arange(40) // 8 % 2 == 0
    values = np.where(np.isfinite(one.values), 0.75, np.nan)
    values[0] += np.where(first_world, 0.05, -0.05)
    turning = replace(one, values=values)
    alone, returning = (simulate(turning, Policy((AgeTrigger(1),), earlier_return=back)) for back in (False, True))
    assert served_values(turning, returning).mean() > served_values(turning, alone).mean()
    changes = [int(now) for before, now in pairwise(returning.served[FIRST_MOMENT + 1 :]) if now != before]
    assert 0 in changes, "the first champion serves again"
