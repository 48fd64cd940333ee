"""Periods of a feed: of one length, counted from a Monday, or months and quarters of the calendar, in UTC.

Every period has a number, and the next one has the next number: all that is asked about periods follows from that.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

CalendarPeriod = Literal["month", "quarter"]
Period = timedelta | CalendarPeriod

MONTHS: dict[CalendarPeriod, int] = {"month": 1, "quarter": 3}
_LONGEST: dict[CalendarPeriod, timedelta] = {"month": timedelta(days=31), "quarter": timedelta(days=92)}
_WORDS: dict[Period, str] = {timedelta(hours=1): "hour", timedelta(days=1): "day", timedelta(weeks=1): "week"}
_A_MONDAY = datetime(2001, 1, 1, tzinfo=UTC)


def number_of(period: Period, moment: datetime) -> int:
    """The number of the period that holds `moment` (aware)."""
    if isinstance(period, timedelta):
        return (moment - _A_MONDAY) // period
    utc = moment.astimezone(UTC)
    return (utc.year * 12 + utc.month - 1) // MONTHS[period]


def start_of(period: Period, number: int) -> datetime:
    """When the period of that number starts, in UTC."""
    if isinstance(period, timedelta):
        return _A_MONDAY + number * period
    year, month = divmod(number * MONTHS[period], 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


def starts_of(period: Period, moments: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
    """The start of each moment's period, for a whole column of UTC times; a missing time stays missing."""
    if isinstance(period, timedelta):
        return _A_MONDAY + (moments - _A_MONDAY) // period * period
    import pandas as pd

    months = moments.dt.tz_convert(None).to_numpy().astype("datetime64[M]")
    # Counted from January 1970, which begins a quarter too.
    months = months - (months.astype("int64") % MONTHS[period]).astype("timedelta64[M]")
    starts = pd.Series(months.astype("datetime64[us]"), index=moments.index, name=moments.name)
    return starts.dt.tz_localize(UTC).astype(moments.dtype)


def longest(period: Period) -> timedelta:
    """How long a period lasts at most, for what is a duration and no date."""
    return period if isinstance(period, timedelta) else _LONGEST[period]


def in_a_word(period: Period) -> str:
    """One period in a word; "period" where there is none for its length."""
    return _WORDS.get(period, "period") if isinstance(period, timedelta) else period


def as_stored(period: Period) -> float | CalendarPeriod:
    """What a document keeps: the length in seconds, or the name."""
    return period.total_seconds() if isinstance(period, timedelta) else period


def from_stored(kept: float | CalendarPeriod) -> Period:
    """The period that `as_stored` wrote."""
    return kept if isinstance(kept, str) else timedelta(seconds=kept)
