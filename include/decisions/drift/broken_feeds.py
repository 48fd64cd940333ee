"""The feed: signs that a delivery is broken. They come before any statistic: nothing may be learned from such a period.

Each sign is held against what has been usual, and against chance: of three rows all may well have the same value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from include.decisions.drift.baseline import Baseline
from include.decisions.drift.chart_statistics import View
from include.decisions.drift.summaries import Numbers, Summary, Values, column_of
from include.decisions.drift.volume import VOLUME, Volume
from include.models.contract import Column, Feed
from include.noise.profile import NoiseProfile
from include.untrusted_text import of_data

ROWS, TIME = "(rows)", "(time)"
# What is nearly always missing may well be so for a whole period.
_RARE_SHARE = 0.9
# So may one that is mostly at one value: New York's visibility stood at its maximum for all of a clear week in October.
_USUAL_SHARE = 0.5
_FEWEST_ROWS = 20
_LATE_SHARE = 0.1
# By so much more than in any period of the baseline.
_MISREAD_SHARE = 0.2
_CHANCE = 0.001


@dataclass(frozen=True)
class NewestPeriod:
    """The newest period as it was delivered: its summary, that of the period before (None without rows), noise and volume."""

    current: Summary
    previous: Summary | None
    noise: NoiseProfile
    volume: Volume | None = None


def broken_signs(baseline: Baseline, period: NewestPeriod, columns: Sequence[Column], feed: Feed) -> dict[str, str]:
    """What says that the feed is broken, by column, in words; empty when nothing does."""
    signs = _volume(period.volume) | _repeated(baseline, period) | _freshness(baseline, period.current, feed)
    for name, view in period.current.views.items():
        if sign := _sign(view, [summary.views[name] for summary in baseline.features]):
            signs.setdefault(column_of(name), sign)
    for column in columns:
        share = period.noise.rate(column.name, "mojibake")
        usual = max((profile.rate(column.name, "mojibake") for profile in baseline.noise), default=0.0)
        if share > usual + _MISREAD_SHARE:
            signs.setdefault(column.name, f"{share:.0%} of its values were read in a wrong encoding, usually {usual:.0%}")
    return signs


def _volume(volume: Volume | None) -> dict[str, str]:
    return {VOLUME: volume.in_words} if volume is not None and volume.verdict == "implausible" else {}


def _repeated(baseline: Baseline, period: NewestPeriod) -> dict[str, str]:
    """Whether the period before was sent again; not where periods of the training rows repeat each other too."""
    current, previous = period.current, period.previous
    if previous is None or current.rows < _FEWEST_ROWS or not _repeats(current, previous):
        return {}
    if any(_repeats(later, earlier) for earlier, later in pairwise(baseline.features)):
        return {}
    return {ROWS: f"all {current.rows:,} rows repeat those of the period before"}


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
    longest, length = max(summary.idle for summary in baseline.features), feed.longest_period.total_seconds()
    # Few rows leave a long gap by chance.
    by_chance = (1 - min(current.idle / length, 1.0)) ** current.rows
    if current.idle > 2 * longest + _LATE_SHARE * length and by_chance < _CHANCE:
        return {TIME: f"nothing from the last {_hours(current.idle)} of the period, usually at most {_hours(longest)}"}
    return {}


def _sign(view: View, usual: Sequence[View]) -> str:
    """What is wrong with one view; empty when nothing is."""
    missing = sum(period.missing for period in usual) / max(sum(period.rows for period in usual), 1)
    ever_empty = any(period.rows and not period.present for period in usual)
    if view.rows and not view.present and missing < _RARE_SHARE and not ever_empty and missing**view.rows < _CHANCE:
        return f"missing in every row, usually in {missing:.0%}"
    if view.is_constant and _never_stands_still(usual, view.present):
        value = view.low if isinstance(view, Numbers) else next(iter(view.counts))
        return f"frozen at {of_data(value)}"
    return ""


def _never_stands_still(usual: Sequence[View], values: int) -> bool:
    """Whether no value makes up most of the baseline, no period has only one, and so many are not alike by chance.

    A weekday stands still for a day.
    Missing counts as a value: the one holiday of a week is not a frozen column.
    """
    whole: Mapping[object, float] = _shares(usual)
    most = max(whole.values(), default=0.0)
    by_chance = most ** max(values - 1, 0)
    return most <= _USUAL_SHARE and by_chance < _CHANCE and not any(_stands_still(period) for period in usual)


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
