"""What would have been trained, on what, and what it may be judged by: as a retraining at that time would have had it."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.decisions.contest.windows import windows
from include.decisions.data.periods import choose_split, count_periods
from include.decisions.replay import plan as plan_module
from include.decisions.replay.plan import BacktestPlan, default_windows, judged, plan_backtest, positions
from include.own_columns import LABEL_DELIVERED
from tests.toy import DAY, MODEL, changed, day


def history(days: int, delivered: bool = True) -> pd.DataFrame:
    """Four rows a day, and whether their labels came."""
    times = [day(number) + timedelta(hours=6 * turn) for number in range(days) for turn in range(4)]
    return pd.DataFrame({"at": pd.to_datetime(times, utc=True), "y": 1.0, LABEL_DELIVERED: delivered})


def planned(days: int = 12, windows: tuple[int | None, ...] = (None, 4), **changes: Any) -> BacktestPlan:
    return plan_backtest(history(days), changed(**changes), day(days), windows)


@pytest.mark.parametrize("delay", [timedelta(0), timedelta(hours=30), 3 * DAY], ids=str)
def test_each_model_has_the_split_of_a_retraining_at_its_time(delay: timedelta) -> None:
    """Training and holdout are those that `assemble` would have chosen at the end of the period, window or not."""
    model, rows = changed(label_delay=delay), history(14)
    for fit in plan_backtest(rows, model, day(14), (None, 4)).fits:
        for window in fit.windows:
            then = count_periods(rows, model, day(fit.moment + 1))
            split = choose_split(then, retrained := model.with_candidate(train_periods=window), None)
            assert fit.train_start == windows(retrained, split.periods)["main"].trained
            assert fit.holdout_start == split.holdout_start
            assert (day(fit.holdout[0]), day(fit.holdout[-1] + 1)) == (split.holdout_start, split.holdout_end)


def test_windows_that_give_the_same_rows_are_one_model() -> None:
    """While the history is shorter than a window, the window is all of it: nothing is trained twice."""
    fits = planned(days=12).fits
    assert [fit.windows for fit in fits if fit.moment == 6] == [(None, 4)]
    assert [fit.windows for fit in fits if fit.moment == 7] == [(None,), (4,)]


def test_a_period_counts_from_when_its_labels_were_known() -> None:
    """With labels a day and a half late, a day is mature at the end of the second day after it."""
    plan = planned(label_delay=timedelta(hours=36))
    assert plan.mature_at[:4] == (2, 3, 4, 5)
    assert plan.mature_at[-2:] == (12, 12)
    assert plan.scored == list(range(plan.begins + 1, 10))


def test_what_has_not_ended_or_has_too_little_before_it_is_no_model() -> None:
    """No model before the history is long enough, none for the period that still runs."""
    assert planned(days=6).fits == ()
    plan = plan_backtest(history(12), MODEL, day(11), (None,))
    assert plan.fits[-1].moment == 10
    assert (positions(history(12), plan, MODEL)[-4:] == -1).all()


def test_a_period_is_judged_by_what_was_known_when_it_became_mature(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that came later or is null judges nothing, and of too many rows some are drawn, the same ones every time."""
    rows = history(12)
    rows.loc[8, LABEL_DELIVERED] = False
    rows.loc[[12, 13], "y"] = None
    plan = plan_backtest(rows, changed(mature_share=0.7), day(12), (None,))
    position = positions(rows, plan, MODEL)
    counts = np.bincount(position[judged(rows, position, plan, MODEL)], minlength=12)
    assert counts.tolist() == [4, 4, 3, 2, *[4] * 7, 0]
    monkeypatch.setattr(plan_module, "SCORED_ROWS", 2)
    drawn = judged(rows, position, plan, MODEL)
    assert np.bincount(position[drawn]).tolist() == [2] * 11
    later = position >= 5
    assert (judged(rows[later], position[later], plan, MODEL) == drawn[later]).all()


def test_the_models_own_window_comes_first() -> None:
    """Then all of the history, and two that slide; none twice, none too short to train on."""
    assert default_windows(changed(train_periods=26), 104) == (26, None, 35, 17)
    assert default_windows(MODEL, 60) == (None, 20, 10)
    assert default_windows(MODEL, 9) == (None,)


def test_windows_without_the_models_own_are_refused() -> None:
    """The current settings would be simulated without models, and would look as if they never retrained."""
    with pytest.raises(ValueError, match="the first has to be toy's own, None"):
        planned(windows=(4, None))
