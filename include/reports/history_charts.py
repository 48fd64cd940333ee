"""Where things stand in the pictures of a model's history, for the page's template to draw. Pure and light.

All pictures of a page share one axis of time, from the first to the last period that was checked. Lengths are those of the
SVG's own view box: `WIDTH` times the height of each picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from include.results import Quality
from include.statuses import MonitorStatus, PeriodProfile, RetrainStatus

WIDTH = 960
LEFT, RIGHT = 212, 10
QUALITY_TOP, QUALITY_BOTTOM, QUALITY_HEIGHT = 26, 172, 224
DRIFT_TOP, DRIFT_BOTTOM, DRIFT_HEIGHT = 10, 90, 116
ROW = 18
_ROWS = 12
_DATES = 8

Checks = Sequence[MonitorStatus]


@dataclass(frozen=True)
class Axis:
    """Time from left to right: each period gets a `step`, and `at` of its start is the middle of that."""

    moments: tuple[datetime, ...]

    def at(self, moment: datetime) -> float:
        """Where a moment stands; outside of the checked periods at the margin."""
        span = (self.moments[-1] - self.moments[0]).total_seconds()
        share = (moment - self.moments[0]).total_seconds() / span if span else 0.5
        return round(LEFT + self.step / 2 + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT - self.step), 1)

    def edge(self, moment: datetime) -> float:
        """Where a moment stands between the periods: what begins then begins here, and what ends then ends here."""
        span = (self.moments[-1] - self.moments[0]).total_seconds()
        if not span:
            return round(self.at(moment) + self.step / (2 if moment > self.moments[0] else -2), 1)
        share = (moment - self.moments[0]).total_seconds() / span
        between = LEFT + share * (WIDTH - LEFT - RIGHT - self.step)
        return round(min(max(between, LEFT), WIDTH - RIGHT), 1)

    @property
    def step(self) -> float:
        """The width that a period gets."""
        return round((WIDTH - LEFT - RIGHT) / max(len(self.moments), 2), 2)

    @property
    def dates(self) -> list[tuple[float, str]]:
        """A few dates to write below, evenly among the periods."""
        every = math.ceil(len(self.moments) / _DATES)
        return [(self.at(moment), f"{moment:%Y-%m-%d}") for moment in self.moments[::every]]


@dataclass(frozen=True)
class Dot:
    """The quality of one period: its value, the ends of its interval, and what is said about it."""

    x: float
    y: float
    high: float
    low: float
    summary: str


@dataclass(frozen=True)
class Band:
    """The periods that one champion answered."""

    x: float
    width: float
    version: str


@dataclass(frozen=True)
class Mark:
    """A retraining, by its verdict."""

    x: float
    verdict: str
    summary: str


@dataclass(frozen=True)
class QualityPicture:
    """Quality by period, with champions as bands and verdicts below."""

    axis: Axis
    bands: tuple[Band, ...]
    measured: tuple[Dot, ...]
    estimated: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Bar:
    """What one check found: the share of what the champion uses that has moved, and the word of triage."""

    x: float
    y: float
    height: float
    action: str
    summary: str


@dataclass(frozen=True)
class NoiseRow:
    """One kind of corruption in one column, period by period: `cells` are (x, share of the strongest, text)."""

    name: str
    newest: str
    cells: tuple[tuple[float, float, str], ...]


def axis_of(checks: Checks) -> Axis | None:
    """The periods that these checks are about; None where they are about none."""
    moments = sorted({each.scored.period for each in checks if each.scored.period})
    return Axis(tuple(moments)) if moments else None


def quality_picture(axis: Axis, checks: Checks, retrainings: Sequence[RetrainStatus]) -> QualityPicture:
    """From the statuses, oldest first; of a period that was judged more than once the newest counts."""
    measured = {each.quality.period: each for each in checks if each.quality.period and each.quality.value is not None}
    estimates = {each.quality.estimate_of: each for each in checks if each.quality.estimate_of}
    estimated = {period: each for period, each in estimates.items() if period and period not in measured}
    values = [value for each in measured.values() for value in (each.quality.low, each.quality.high)]
    values += [each.quality.estimate for each in estimated.values()]
    low, high = _widened([value for value in values if value is not None])

    def y(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(QUALITY_BOTTOM - share * (QUALITY_BOTTOM - QUALITY_TOP), 1)

    def dot(period: datetime, each: MonitorStatus, interval: tuple[float, float, float], how: str) -> Dot:
        value, lowest, highest = interval
        champion = each.scored.champion.version if each.scored.champion else "none"
        summary = f"{period:%Y-%m-%d}: {each.quality.metric} {value:.4g} ({lowest:.4g} to {highest:.4g}), {how}, "
        return Dot(axis.at(period), y(value), y(highest), y(lowest), f"{summary}version {champion}")

    return QualityPicture(
        axis=axis,
        bands=_bands(axis, checks),
        measured=tuple(dot(p, each, _interval(each.quality), "on labels") for p, each in sorted(measured.items())),
        estimated=tuple(dot(p, each, _estimated(each.quality), "estimated") for p, each in sorted(estimated.items())),
        marks=_marks(axis, retrainings),
        ticks=tuple((y(value), f"{value:.6g}") for value in round_values(low, high)) if values else (),
    )


def _interval(quality: Quality) -> tuple[float, float, float]:
    assert quality.value is not None
    assert quality.low is not None
    assert quality.high is not None
    return quality.value, quality.low, quality.high


def _estimated(quality: Quality) -> tuple[float, float, float]:
    assert quality.estimate is not None
    assert quality.estimate_low is not None
    assert quality.estimate_high is not None
    return quality.estimate, quality.estimate_low, quality.estimate_high


def drift_picture(axis: Axis, checks: Checks) -> tuple[Bar, ...]:
    """A bar per period, of the newest check of it."""
    newest = {each.scored.period: each for each in checks if each.scored.period}
    return tuple(_bar(axis, period, each) for period, each in sorted(newest.items()))


def noise_picture(axis: Axis, profiles: Sequence[PeriodProfile]) -> tuple[NoiseRow, ...]:
    """The kinds of corruption with the highest shares, strongest first; a period in which one was not seen has no cell."""
    rates: dict[str, dict[datetime, float]] = {}
    for one in profiles:
        for feature, kinds in one.profile.rates.items():
            for kind, rate in kinds.items():
                rates.setdefault(f"{feature} · {kind.replace('_', ' ')}", {})[one.period] = rate
    strongest = sorted(rates, key=lambda name: (-max(rates[name].values()), name))[:_ROWS]
    newest = profiles[-1].period if profiles else None
    return tuple(_noise_row(axis, name, rates[name], newest) for name in strongest if max(rates[name].values()) > 0)


def round_values(low: float, high: float) -> list[float]:
    """Two to seven round numbers between two.

    >>> round_values(0.63, 0.77)
    [0.65, 0.7, 0.75]
    """
    largest = (high - low) / 2.5
    size = 10.0 ** math.floor(math.log10(largest))
    step = max(size * factor for factor in (1, 2, 5) if factor == 1 or size * factor <= largest)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _widened(values: Sequence[float]) -> tuple[float, float]:
    """A little more than the values need, and something where they are all one."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    edge = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return low - edge, high + edge


def _bands(axis: Axis, checks: Checks) -> tuple[Band, ...]:
    who = {
        each.scored.period: each.scored.champion.version if each.scored.champion else ""
        for each in checks
        if each.scored.period
    }
    bands = []
    for version, group in groupby(sorted(who.items()), key=lambda pair: pair[1]):
        moments = [moment for moment, _ in group]
        first, last = axis.at(moments[0]) - axis.step / 2, axis.at(moments[-1]) + axis.step / 2
        bands.append(Band(round(first, 1), round(last - first, 1), version))
    return tuple(bands)


def _marks(axis: Axis, retrainings: Sequence[RetrainStatus]) -> tuple[Mark, ...]:
    marks = []
    for each in retrainings:
        verdict = each.verdict
        if verdict.version and each.as_of >= axis.moments[0]:
            promoted = ", promoted" if each.promotion.promoted else ""
            reason = next(iter(verdict.reasons), "")
            summary = f"{each.as_of:%Y-%m-%d}: version {verdict.version}, {verdict.verdict}{promoted}. {reason}"
            marks.append(Mark(axis.edge(each.as_of), verdict.verdict, summary))
    return tuple(marks)


def _bar(axis: Axis, period: datetime, each: MonitorStatus) -> Bar:
    drift, finding = each.drift, each.finding
    weight = min(1.0, sum(one.weight for one in drift.moved))
    # A period in which nothing moved still shows that it was checked.
    height = round(max(weight * (DRIFT_BOTTOM - DRIFT_TOP), 2), 1)
    moved = ", ".join(drift.drifted[:6]) or "no column"
    summary = f"{period:%Y-%m-%d}: {finding.action}. {len(drift.drifted)} of {drift.columns} columns moved ({moved}), "
    return Bar(
        axis.at(period), DRIFT_BOTTOM - height, height, finding.action, f"{summary}{weight:.0%} of what the champion uses"
    )


def _noise_row(axis: Axis, name: str, rates: Mapping[datetime, float], newest: datetime | None) -> NoiseRow:
    top = max(rates.values())
    cells = tuple(
        (axis.at(period), round(rate / top, 3), f"{period:%Y-%m-%d}: {rate:.2%}")
        for period, rate in sorted(rates.items())
        if axis.moments[0] <= period <= axis.moments[-1]
    )
    return NoiseRow(name, f"{rates[newest]:.1%}" if newest and newest in rates else "-", cells)
