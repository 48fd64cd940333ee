"""The feed: signs that a delivery is broken. They come before any statistic: nothing may be learned from such a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include.decisions.drift.baseline import Baseline
from include.decisions.drift.chart_statistics import View
from include.decisions.drift.summaries import Numbers, Summary, Values, column_of
from include.models.contract import Column, Feed
from include.noise.profile import NoiseProfile
from include.untrusted_text import of_data

ROWS, TIME = "(rows)", "(time)"
_COLLAPSED_SHARE = 0.5
# What is nearly always missing may well be so for a whole period.
_RARE_SHARE = 0.9
# So may one that is mostly at one value: New York's visibility stood at its maximum for all of a clear week in October.
_USUAL_SHARE = 0.5
_FEWEST_ROWS = 20
_LATE_SHARE = 0.1
_MISREAD_SHARE = 0.2


@dataclass(frozen=True)
class NewestPeriod:
    """The newest period as it was delivered: its summary, that of the period before (None without rows), and its noise."""

    current: Summary
    previous: Summary | None
    noise: NoiseProfile


def broken_signs(baseline: Baseline, period: NewestPeriod, columns: Sequence[Column], feed: Feed) -> dict[str, str]:
    """What says that the feed is broken, by column, in words; empty when nothing does."""
    signs = _rows(baseline, period.current, period.previous) | _freshness(baseline, period.current, feed)
    for name, view in period.current.views.items():
        if sign := _sign(view, [summary.views[name] for summary in baseline.features]):
            signs.setdefault(column_of(name), sign)
    for column in columns:
        if (share := period.noise.rate(column.name, "mojibake")) > _MISREAD_SHARE:
            signs.setdefault(column.name, f"{share:.0%} of its values were read in a wrong encoding")
    return signs


def _rows(baseline: Baseline, current: Summary, previous: Summary | None) -> dict[str, str]:
    # A history begins in the middle of a period: the first one says nothing about how few rows are usual.
    usual, fewest = baseline.usual_rows, min(summary.rows for summary in baseline.features[1:] or baseline.features)
    if current.rows < min(_COLLAPSED_SHARE * usual, fewest):
        return {ROWS: f"{current.rows:,} rows, usually about {usual:,.0f}"}
    if previous is not None and current.rows >= _FEWEST_ROWS and _repeats(current, previous):
        return {ROWS: f"all {current.rows:,} rows repeat those of the period before"}
    return {}


def _repeats(current: Summary, previous: Summary) -> bool:
    """Whether every value of one period occurs as often in the other: chance does not do that to several columns."""
    if current.rows != previous.rows or len(current.views) < 2:
        return False
    return all(_same(view, previous.views[name]) for name, view in current.views.items() if name in previous.views)


def _same(one: View, other: View) -> bool:
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return bool(one.total == other.total and np.array_equal(one.counts, other.counts))
    if isinstance(one, Values) and isinstance(other, Values):
        hashed = one.buckets is None or other.buckets is None or np.array_equal(one.buckets, other.buckets)
        return bool(hashed and dict(one.counts) == dict(other.counts))
    return False


def _freshness(baseline: Baseline, current: Summary, feed: Feed) -> dict[str, str]:
    """Whether the deliveries stopped before the period was over."""
    longest = max(summary.idle for summary in baseline.features)
    if current.idle > 2 * longest + _LATE_SHARE * feed.period.total_seconds():
        return {TIME: f"nothing from the last {_hours(current.idle)} of the period, usually at most {_hours(longest)}"}
    return {}


def _sign(view: View, usual: Sequence[View]) -> str:
    """What is wrong with one view; empty when nothing is."""
    missing = sum(period.missing for period in usual) / max(sum(period.rows for period in usual), 1)
    if view.rows and not view.present and missing < _RARE_SHARE:
        return f"missing in every row, usually in {missing:.0%}"
    if view.is_constant and view.present > 1 and _never_stands_still(usual):
        value = view.low if isinstance(view, Numbers) else next(iter(view.counts))
        return f"frozen at {of_data(value)}"
    return ""


def _never_stands_still(usual: Sequence[View]) -> bool:
    """Whether no value makes up most of the baseline, and no period of it has only one: a weekday stands still for a day.

    Missing counts as a value: the one holiday of a week is not a frozen column.
    """
    whole: Mapping[object, float] = _shares(usual)
    return max(whole.values(), default=0.0) <= _USUAL_SHARE and not any(_stands_still(period) for period in usual)


def _stands_still(view: View) -> bool:
    return not view.present or (view.is_constant and not view.missing)


def _shares(usual: Sequence[View]) -> dict[object, float]:
    """Share of the rows in each bin or value, and missing."""
    rows = max(sum(period.rows for period in usual), 1)
    shares: dict[object, float] = {None: sum(period.missing for period in usual) / rows}
    for period in usual:
        counts = enumerate(period.counts.tolist()) if isinstance(period, Numbers) else period.counts.items()
        for value, count in counts:
            shares[value] = shares.get(value, 0.0) + count / rows
    return shares


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.0f} h" if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"
