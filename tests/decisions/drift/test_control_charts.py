"""Charts: limits that come from how a statistic moved, and the weighted false discovery rate."""

import numpy as np
import pytest

from include.decisions.drift.comparison import Compared, standing
from include.decisions.drift.control_charts import CalmPeriod, History, change_p, level_p
from include.decisions.scoring.predictions import Floats

ONE = np.array([1e-6])


def history(values: Floats) -> History:
    return History(values.reshape(-1, 1), np.full((len(values), 1), 1e-6))


def test_a_p_value_is_uniform_while_nothing_happens() -> None:
    """Of new values of the same kind one in twenty is beyond five per cent, with a short history as with a long one."""
    rng = np.random.default_rng(7)
    for periods in (6, 30):
        found = [level_p(history(rng.normal(size=periods)), rng.normal(size=1), ONE)[0] for _ in range(4000)]
        assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.02)


def test_a_slow_season_hides_no_jump() -> None:
    """A year that swings by one: half of that is no level to speak of, but as a change within a week it is a jump."""
    season = np.sin(2 * np.pi * np.arange(52) / 52) + np.random.default_rng(1).normal(scale=0.03, size=52)
    before, now = season[-1], season[-1] + 0.5
    assert level_p(history(season), np.array([now]), ONE)[0] > 0.05
    assert change_p(history(season), np.array([now]), ONE, CalmPeriod(np.array([before]), ONE, lag=1))[0] < 0.001
    assert change_p(history(season), np.array([before + 0.05]), ONE, CalmPeriod(np.array([before]), ONE, lag=1))[0] > 0.05


def test_a_longer_lag_allows_a_larger_change() -> None:
    """What wanders is further away after eight weeks than after one."""
    levels = np.cumsum(np.random.default_rng(2).normal(size=60))
    p = [
        change_p(history(levels), np.array([levels[-1] + 4.0]), ONE, CalmPeriod(np.array([levels[-1]]), ONE, lag))[0]
        for lag in (1, 8)
    ]
    assert p[0] < p[1]


def test_too_short_a_history_says_nothing() -> None:
    """Three periods, or none as far apart as asked, are no ground for an alarm."""
    short = history(np.array([0.0, 0.1, 0.2]))
    assert level_p(short, np.array([9.0]), ONE)[0] == 1
    assert change_p(history(np.zeros(6)), np.array([9.0]), ONE, CalmPeriod(np.zeros(1), ONE, lag=5))[0] == 1


def test_sampling_counts_where_nothing_else_varies() -> None:
    """A share of few rows may jump; the same share of many rows may not."""
    still = History(np.zeros((20, 1)), np.full((20, 1), 1e-4))
    few, many = (level_p(still, np.array([0.2]), np.array([variance]))[0] for variance in (1e-2, 1e-5))
    assert few > 0.01 > many


def test_what_counts_more_is_looked_at_harder() -> None:
    """The same p-value stands for the column that the champion uses, and not for the one that it does not."""
    compared = [Compared(view, p=p) for view, p in zip("abcd", (0.012, 0.012, 0.9, 0.9), strict=True)]
    stands = standing(compared, {"a": 0.8, "c": 0.1, "d": 0.1}, 0.025)
    assert [one.view for one in stands] == ["a"]
