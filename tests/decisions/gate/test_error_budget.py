"""The error budget: whatever is compared and when, a year's promotions by chance stay within it."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.gate.error_budget import BUDGETS, YEAR, Lane, Spent, first_level, in_words, spend

START = datetime(2026, 1, 1, tzinfo=UTC)
LANES: tuple[Lane, ...] = ("routine", "change")


def spent_at(lane: Lane, days: list[float]) -> list[Spent]:
    """What comparisons on these days spend, one after the other."""
    spent: list[Spent] = []
    for day in days:
        spent.append(spend(lane, START + timedelta(days=day), spent[-1] if spent else None))
    return spent


@given(st.sampled_from(LANES), st.lists(st.floats(0, 1500), min_size=1, max_size=150))
def test_no_365_days_spend_more_than_the_budget(lane: Lane, days: list[float]) -> None:
    """In any order: a comparison as of an earlier time, a backfill, spends of the same budget."""
    spent = spent_at(lane, days)
    times, levels = [(one.at - START) / timedelta(days=1) for one in spent], np.array([one.level for one in spent])
    for begin in times:
        within = [begin <= time <= begin + YEAR.days for time in times]
        assert levels[within].sum() <= BUDGETS[lane].yearly + 1e-12
    assert (levels > 0).all()
    assert (levels <= first_level(lane)).all()


@pytest.mark.parametrize("lane", LANES)
def test_a_holdout_that_is_used_twice_costs(lane: Lane) -> None:
    """Each comparison leaves less, and in the end each of a day is stricter than the one before; waiting brings it back."""
    *same_day, later = spent_at(lane, [*[0] * 20, 365])
    first, *others = same_day
    assert all(one.left > other.left for one, other in itertools.pairwise(same_day))
    assert all(one.z <= other.z for one, other in itertools.pairwise(same_day))
    assert others[-2].z < others[-1].z
    assert later.level == first.level == first_level(lane)


def test_what_a_regular_comparison_spends() -> None:
    """What docs/gate.md states, in per cent: of the first one, and after years of one a week, a month, a quarter."""
    for lane, stated in (("change", (0.67, 0.051, 0.205, 0.665)), ("routine", (20.0, 6.39, 20.0, 20.0))):
        steady = [spent_at(lane, [every * n for n in range(60)])[-1].level for every in (7, 28, 91)]  # type: ignore[arg-type]
        assert [100 * level for level in (first_level(lane), *steady)] == pytest.approx(stated, rel=0.02)  # type: ignore[arg-type]


def test_the_card_says_what_is_left() -> None:
    """In the unit that a team can count: promotions by chance in a year."""
    (first,) = spent_at("change", [0])
    assert in_words("change", first) == (
        "An equal challenger passes this comparison with a probability of 0.67 %. The change lane may promote 0.04 by chance "
        "in any 365 days: 0.0067 are left now, and 30 days add 0.0022. Comparing again soon is stricter."
    )
