"""Periods: maturity, honesty about time, and what is held out."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.data.periods import PeriodCount, choose_split, count_periods, is_mature, label_known
from include.errors import NotEnoughHistory
from include.own_columns import LABEL_DELIVERED
from tests.toy import DAY, MODEL, changed, day

TWO_OF_SIX = changed(min_train_periods=4, holdout_periods=2)


def history(days: int, delivered: bool = True) -> pd.DataFrame:
    """Four rows a day, and whether their labels came."""
    times = [day(number) + timedelta(hours=6 * turn) for number in range(days) for turn in range(4)]
    return pd.DataFrame({"at": pd.to_datetime(times, utc=True), "y": 1.0, LABEL_DELIVERED: delivered})


def counts(*maturities: float) -> list[PeriodCount]:
    """One period a day with these shares of known labels."""
    return [PeriodCount(day(number), 100, round(100 * share)) for number, share in enumerate(maturities)]


@pytest.mark.parametrize(
    ("as_of", "known"),
    [
        (day(0), 0),
        (day(1) - timedelta(microseconds=1), 0),
        (day(1), 1),
        (day(1) + timedelta(hours=6), 2),
        (day(2) - timedelta(microseconds=1), 4),
        (day(9), 8),
    ],
)
def test_a_label_that_is_due_later_is_not_seen(as_of: datetime, known: int) -> None:
    """A back-fill knows a label only from its delay after its row's time, although it was delivered long ago."""
    assert label_known(history(2), MODEL, as_of).sum() == known


def test_a_label_that_never_came_is_not_known() -> None:
    """Being due is not being there."""
    assert label_known(history(2, delivered=False), MODEL, day(9)).sum() == 0


def test_a_period_that_has_not_ended_is_not_counted() -> None:
    """Half a day of rows would look like a collapse."""
    assert [count.start for count in count_periods(history(3), MODEL, day(2) + DAY / 2)] == [day(0), day(1)]


def test_maturity_is_the_share_of_known_labels() -> None:
    """At noon of day 2 the labels of the first half of day 1, both ends included, are due."""
    periods = count_periods(history(2), MODEL, day(2) + DAY / 2)
    assert [(count.rows, count.maturity) for count in periods] == [(4, 1.0), (4, 0.75)]
    assert PeriodCount(day(0), 0, 0).maturity == 0


def test_nothing_delivered_is_no_period() -> None:
    """An empty lake is no error."""
    assert count_periods(history(0), MODEL, day(5)) == []


def test_a_period_is_mature_when_enough_of_its_labels_are_known() -> None:
    """Labels mature later than features come."""
    assert [is_mature(period, MODEL) for period in counts(1, 0.95, 0.94, 0)] == [True, True, False, False]


def test_the_newest_mature_periods_are_held_out() -> None:
    """Training ends where the holdout starts, and what is not mature yet is in neither."""
    split = choose_split(counts(1, 1, 1, 1, 1, 1, 1, 0.2), TWO_OF_SIX, None)
    assert (split.train_start, split.holdout_start, split.holdout_end) == (day(0), day(5), day(7))


def test_training_can_be_limited_to_the_newest_periods() -> None:
    """`train_periods` counts back from the holdout; as many more are there as candidates are compared on."""
    split = choose_split(counts(*[1] * 9), changed(train_periods=3), None)
    assert (split.train_start, split.holdout_start) == (day(2), day(7))
    assert split.periods == tuple(day(number) for number in range(2, 7))


def test_too_little_history_says_what_is_there_and_what_is_needed() -> None:
    """Five mature periods where six are needed."""
    with pytest.raises(NotEnoughHistory, match="toy has 5 periods with mature labels, 6 are needed"):
        choose_split(counts(1, 1, 1, 1, 1, 0.9), TWO_OF_SIX, None)


def test_an_immature_period_is_never_in_the_holdout() -> None:
    """Where one period's labels are late, the newest stretch without it is held out: early labels are not like the others."""
    split = choose_split(counts(1, 1, 1, 1, 1, 1, 1, 0.5, 1), TWO_OF_SIX, None)
    assert (split.holdout_start, split.holdout_end) == (day(5), day(7))


def test_the_champions_training_rows_are_not_held_out() -> None:
    """A champion trained until day 6 cannot be judged on day 5."""
    with pytest.raises(NotEnoughHistory, match="champion was trained on rows until 2024-01-07"):
        choose_split(counts(*[1] * 7), TWO_OF_SIX, day(6))
    assert choose_split(counts(*[1] * 7), TWO_OF_SIX, day(5)).holdout_start == day(5)


@given(st.lists(st.sampled_from([1.0, 0.99, 0.5, 0.0]), max_size=20), st.none() | st.integers(0, 20), st.integers(1, 3))
def test_a_split_is_sound_or_there_is_none(shares: list[float], champion_until: int | None, held_out: int) -> None:
    """Whatever the history: every held-out period is mature, none was seen by the champion, and enough is left to train on."""
    model = changed(holdout_periods=held_out, min_train_periods=3)
    periods = counts(*shares)
    until = day(champion_until) if champion_until is not None else None
    try:
        split = choose_split(periods, model, until)
    except NotEnoughHistory:
        return
    held = [p for p in periods if split.holdout_start <= p.start < split.holdout_end]
    trained = [p for p in periods if split.train_start <= p.start < split.holdout_start and p.maturity >= 0.95]
    assert [p.maturity >= 0.95 for p in held] == [True] * held_out
    assert until is None or split.holdout_start >= until
    assert len(trained) >= 3


@pytest.mark.parametrize(
    ("rows", "positives", "held_out"),
    [(200, 100, 1), (120, 60, 2), (200, 30, 2), (60, 30, 4), (40, 20, 1), (200, 5, 1), (200, None, 1), (120, None, 2)],
)
def test_a_week_grows_to_what_the_criteria_ask_for_and_to_a_month_at_most(
    rows: int, positives: int | None, held_out: int
) -> None:
    """Rows, and rows of the rarer class; where a month is not enough, a week: the gate says what is missing."""
    model = changed(period=7 * DAY, holdout_periods=None, min_rows=200, min_positives=50, min_train_periods=3)
    periods = [PeriodCount(day(7 * number), rows, rows, positives) for number in range(12)]
    assert choose_split(periods, model, None).holdout_start == day(7 * (12 - held_out))
    declared = changed(model, holdout_periods=1)
    assert choose_split(periods, declared, None).holdout_start == day(77)


def test_a_hold_out_grows_neither_over_a_gap_nor_into_what_training_needs() -> None:
    """Two of three weeks would be needed: one has no labels, or is needed to train on."""
    model = changed(period=7 * DAY, holdout_periods=None, min_rows=200, min_positives=0, min_train_periods=3)
    weeks = [PeriodCount(day(7 * number), 120, 120 * (number != 6)) for number in range(8)]
    assert choose_split(weeks, model, None).holdout_start == day(49)
    assert choose_split(weeks[:4], model, None).holdout_start == day(21)
    assert choose_split(weeks[:5], model, None).holdout_start == day(21)


def test_positives_are_counted_where_labels_are_two_classes() -> None:
    """Only those that are known."""
    ones = history(2).assign(y=[1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    assert [period.positives for period in count_periods(ones, MODEL, day(2) + DAY / 2)] == [3, 1]
    assert [period.positives for period in count_periods(ones.drop(columns="y"), MODEL, day(9))] == [None, None]
