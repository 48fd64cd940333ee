"""Season: is what moved where it was a year ago, or are these days that the calendar knows?"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from include.decisions.drift import Compared
from include.decisions.reference import Reference
from include.decisions.summaries import Summary
from include.models.contract import Model

# 52 weeks: a Monday falls on a Monday.
A_YEAR = timedelta(days=364)


def year_before(model: Model, period: datetime) -> datetime:
    """Start of the period a year before."""
    return model.period_of(period - A_YEAR)


def known_days(model: Model, period: datetime) -> str:
    """The name of the days in the model's calendar that a period touches; empty when it touches none."""
    days = {(period + timedelta(days=day)).strftime("%m-%d") for day in range(max(1, model.feed.period.days))}
    for known in model.calendar:
        if any(_within(day, known.first, known.last) for day in days):
            return known.name
    return ""


def as_a_year_ago(moved: Sequence[Compared], reference: Reference, now: Summary, then: Summary) -> Mapping[str, bool]:
    """For each view that moved, whether it is closer to the same period a year ago than half of what it moved.

    A view that is no column has no year ago.
    """
    found = {}
    for one in moved:
        view = reference.views.get(one.view)
        if view is None or one.figure not in view.names:
            found[one.view] = False
            continue
        at = view.names.index(one.figure)
        today, usual, before = (
            view.figures(now.views[one.view]).effects[at],
            view.usual[at],
            view.figures(then.views[one.view]).effects[at],
        )
        found[one.view] = bool(abs(today - before) < abs(today - usual) / 2)
    return found


def _within(day: str, first: str, last: str) -> bool:
    return first <= day <= last if first <= last else day >= first or day <= last
