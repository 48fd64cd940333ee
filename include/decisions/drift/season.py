"""Season: is what moved where it was a year ago, or are these days that the calendar knows?"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from include.decisions.drift.baseline import Baseline
from include.decisions.drift.comparison import PREDICTIONS, TOGETHER, Compared
from include.decisions.drift.summaries import Summary
from include.models.contract import Model

# 52 weeks: a Monday falls on a Monday, and the start of a month into the same month.
A_YEAR = timedelta(days=364)
_FOLLOWING = (PREDICTIONS, TOGETHER)


def year_before(model: Model, period: datetime) -> datetime:
    """Start of the period a year before."""
    return model.period_of(period - A_YEAR)


def half_a_year_before(model: Model, period: datetime) -> datetime:
    """Start of the period half a year before: what stood there then too came to stay, and is no season."""
    return model.earlier(period, math.ceil(model.periods_between(year_before(model, period), period) / 2))


def known_days(model: Model, period: datetime) -> str:
    """The name of the days in the model's calendar that a period touches; empty when it touches none."""
    days = {(period + timedelta(days=day)).strftime("%m-%d") for day in range(max(1, (model.later(period) - period).days))}
    for known in model.calendar:
        if any(_within(day, known.first, known.last) for day in days):
            return known.name
    return ""


def as_a_year_ago(
    moved: Sequence[Compared], baseline: Baseline, now: Summary, then: Summary, between: Summary | None = None
) -> Mapping[str, bool]:
    """For each view that moved, whether it is closer to the same period a year ago than half of what it moved.

    A season comes and goes: what was alike half a year ago too, in `between`, is there to stay.
    The classifier's result and the champion's predictions follow from the columns: they count as alike where every column that
    moved does. Anything else that is no column has no counterpart a year ago.
    """
    alike = {
        one.view: _is_alike(one, baseline, now, then) and not (between and _is_alike(one, baseline, now, between))
        for one in moved
    }
    columns = [alike[one.view] for one in moved if one.view in baseline.views]
    return alike | {view: bool(columns) and all(columns) for view in _FOLLOWING if view in alike}


def _is_alike(one: Compared, baseline: Baseline, now: Summary, then: Summary) -> bool:
    view = baseline.views.get(one.view)
    if view is None or one.statistic not in view.names:
        return False
    at = view.names.index(one.statistic)
    today, before = (view.statistics(summary.views[one.view]).effects[at] for summary in (now, then))
    return bool(abs(today - before) < abs(today - view.usual[at]) / 2)


def _within(day: str, first: str, last: str) -> bool:
    return first <= day <= last if first <= last else day >= first or day <= last
