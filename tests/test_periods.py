"""Periods, of a length or of the calendar, follow each other without a gap, forward and back, for a moment and a column."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from include.decisions.data.periods import waiting_periods
from include.decisions.drift.season import half_a_year_before, year_before
from include.periods import MONTHS, Period, as_stored, from_stored, in_a_word, longest
from tests.toy import changed

LENGTHS = [timedelta(hours=1), timedelta(hours=7), timedelta(days=1), timedelta(weeks=1), timedelta(weeks=4)]
CALENDAR: list[Period] = ["month", "quarter"]
periods = st.sampled_from([*LENGTHS, *CALENDAR])
LAKES = "datetime64[us, UTC]"
calendar = st.sampled_from(CALENDAR)
moments = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))


def start(*date: int) -> datetime:
    return datetime(*date, tzinfo=UTC)  # type: ignore[arg-type, misc]


@given(periods, moments)
@example("month", start(2024, 2, 29, 23, 59, 59, 999999))
@example("quarter", start(2024, 3, 31, 23))
def test_every_moment_lies_in_one_period(period: Period, moment: datetime) -> None:
    """From its start to before that of the next, at any hour; a start begins its own period."""
    model = changed(period=period)
    begins = model.period_of(moment)
    assert begins <= moment < model.later(begins)
    assert model.period_of(begins) == begins
    assert model.later(begins) - begins <= longest(period)


@given(periods, moments, st.integers(-60, 60))
def test_periods_tile_time(period: Period, moment: datetime, count: int) -> None:
    """The next one starts where this one ends; so many forward and as many back is where it began, and they can be counted."""
    model = changed(period=period)
    begins = model.period_of(moment)
    assert model.period_of(model.later(begins) - timedelta.resolution) == begins
    there = model.later(begins, count)
    assert there == model.period_of(there)
    assert model.earlier(there, count) == begins
    assert model.periods_between(begins, there) == count
    steps = [model.later(begins, turn) for turn in range(4)]
    assert all(model.later(one) == other for one, other in pairwise(steps))


@given(periods, moments, moments, st.integers(-40, 40))
def test_any_moment_keeps_its_place_in_the_period(period: Period, one: datetime, other: datetime, count: int) -> None:
    """It lies in the period so many later, as far in as that has days, and the order of moments stays."""
    model = changed(period=period)
    there = model.later(one, count)
    assert model.period_of(there) == model.later(model.period_of(one), count)
    assert there - model.period_of(there) <= one - model.period_of(one)
    assert (model.later(one, count) <= model.later(other, count)) or one > other
    if isinstance(period, timedelta):
        assert there == one + count * period


@given(periods, st.lists(st.none() | moments, max_size=20))
def test_a_column_of_moments_is_read_as_each_alone(period: Period, times: list[datetime | None]) -> None:
    """Missing ones stay missing, and index, name and type stay too."""
    model = changed(period=period)
    column = pd.Series(times, index=range(5, 5 + len(times)), name="at", dtype=LAKES)
    starts = [time and model.period_of(time) for time in times]
    expected = pd.Series(starts, index=column.index, name="at", dtype=LAKES)
    pd.testing.assert_series_equal(model.periods_of(column), expected)


@given(calendar, st.integers(1950, 2150), st.integers(0, 11))
def test_a_year_of_the_calendar_is_the_same_months(period: Period, year: int, month: int) -> None:
    """Twelve months ago is the same month, half a year ago the sixth before it, in leap years too."""
    model = changed(period=period)
    begins = model.period_of(start(year, month + 1, 1))
    assert begins.day == 1
    assert year_before(model, begins) == begins.replace(year=year - 1)
    assert half_a_year_before(model, begins) == model.earlier(begins, 6 // MONTHS[period])  # type: ignore[index]


def test_months_end_when_they_do() -> None:
    """A leap February, and moments in another time zone."""
    model = changed(period="month")
    assert model.later(start(2024, 2, 1)) == start(2024, 3, 1)
    assert model.later(start(2024, 1, 31, 6)) == start(2024, 3, 1) - timedelta.resolution
    assert model.periods_between(start(2023, 12, 31), start(2025, 1, 1)) == 13
    assert model.period_of(datetime(2024, 3, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == start(2024, 2, 1)
    assert changed(period="quarter").period_of(start(2024, 12, 31)) == start(2024, 10, 1)


@given(calendar, st.integers(0, 800), moments)
def test_periods_are_scored_until_their_labels_have_come(period: Period, delay: int, as_of: datetime) -> None:
    """However long the months are, the oldest period that is waited for has all its labels."""
    model = changed(period=period, label_delay=timedelta(days=delay))
    oldest = model.earlier(model.period_of(as_of), waiting_periods(model))
    assert model.later(oldest) + model.feed.label_delay <= as_of


@given(periods)
def test_a_period_is_stored(period: Period) -> None:
    """And read again."""
    assert from_stored(as_stored(period)) == period


@pytest.mark.parametrize(
    ("period", "word"),
    [(timedelta(hours=1), "hour"), (timedelta(days=1), "day"), (timedelta(weeks=1), "week"), (timedelta(weeks=2), "period")],
)
def test_a_period_has_a_name(period: Period, word: str) -> None:
    """Where there is no word for its length, it is a period; those of the calendar have their own."""
    assert in_a_word(period) == word
    assert [in_a_word(one) for one in CALENDAR] == CALENDAR
