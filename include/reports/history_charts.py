"""What the charts of a model's history show: quality, drift and noise by period, on one time axis. Pure and light."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from include.figures import figure
from include.reports.charts import Frame, Point, Scale, Tick, TimeAxis, widened
from include.statuses import MonitorStatus, PeriodProfile, RetrainStatus

QUALITY = Frame(width=960, height=224, left=212, right=950, top=26, bottom=172)
DRIFT = Frame(width=960, height=116, left=212, right=950, top=10, bottom=90)
ROW = 18
_ROWS = 12
# By kind of point: the fields of the value and its interval, and where they come from.
_QUALITIES = {
    "dot": (("value", "low", "high"), "on labels"),
    "guess": (("estimate", "estimate_low", "estimate_high"), "estimated"),
}

Checks = Sequence[MonitorStatus]
SHARE = Scale(0, 1, DRIFT.bottom, DRIFT.top)
SHARES = tuple(Tick(SHARE.at(share), f"{share:.0%}".replace("%", " %")) for share in (0, 0.5, 1))


@dataclass(frozen=True)
class Band:
    """The periods that one champion served."""

    x: float
    width: float
    version: str


@dataclass(frozen=True)
class QualityPicture:
    """Quality by period, with champions as bands and verdicts below."""

    bands: tuple[Band, ...]
    measured: tuple[Point, ...]
    estimated: tuple[Point, ...]
    marks: tuple[Point, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Bar:
    """One check: the share of what the champion uses that has drifted, and the action of triage."""

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


@dataclass(frozen=True)
class HistoryCharts:
    """All charts of a model's page."""

    axis: TimeAxis
    quality: QualityPicture
    drift: tuple[Bar, ...]
    noise: tuple[NoiseRow, ...]


def history(
    checks: Checks,
    retrainings: Sequence[RetrainStatus],
    profiles: Sequence[PeriodProfile],
    withdrawn: Collection[datetime] = (),
) -> HistoryCharts | None:
    """From what is on record, oldest first; None where no period was checked. Of `withdrawn` periods rows were taken back."""
    if axis := axis_of(checks):
        return HistoryCharts(
            axis,
            quality_picture(axis, checks, retrainings, withdrawn),
            drift_picture(axis, checks),
            noise_picture(axis, profiles),
        )
    return None


def axis_of(checks: Checks) -> TimeAxis | None:
    """The periods that these checks are about; None where they are about none."""
    moments = sorted({each.scored.period for each in checks if each.scored.period})
    return TimeAxis(tuple(moments), QUALITY.left, QUALITY.right) if moments else None


def quality_picture(
    axis: TimeAxis, checks: Checks, retrainings: Sequence[RetrainStatus], withdrawn: Collection[datetime] = ()
) -> QualityPicture:
    """From the statuses, oldest first; of a period that was judged more than once the newest counts."""
    measured = {one.quality.period: one for one in checks if one.quality.period and one.quality.value is not None}
    newest = {one.quality.estimate_of: one for one in checks if one.quality.estimate_of}
    estimated = {period: one for period, one in newest.items() if period and period not in measured}
    values = [value for one in measured.values() for value in (one.quality.low, one.quality.high)]
    values += [one.quality.estimate for one in estimated.values()]
    scale = Scale(*widened(value for value in values if value is not None), QUALITY.bottom, QUALITY.top)
    return QualityPicture(
        bands=_bands(axis, checks),
        measured=tuple(
            _taken_back(_point(axis, scale, period, one, "dot"), period in withdrawn)
            for period, one in sorted(measured.items())
        ),
        estimated=tuple(_point(axis, scale, period, one, "guess") for period, one in sorted(estimated.items())),
        marks=_marks(axis, retrainings),
        ticks=scale.ticks() if values else (),
    )


def _point(axis: TimeAxis, scale: Scale, period: datetime, check: MonitorStatus, kind: str) -> Point:
    names, how = _QUALITIES[kind]
    value, low, high = (getattr(check.quality, name) for name in names)
    version = check.scored.champion.version if check.scored.champion else "none"
    return Point(
        axis.at(period),
        scale.at(value),
        f"{period:%Y-%m-%d}: {check.quality.metric} {figure(value, 4)} ({figure(low, 4)} to {figure(high, 4)}), "
        f"{how}, version {version}",
        kind,
        high=scale.at(high),
        low=scale.at(low),
    )


def _taken_back(point: Point, is_withdrawn: bool) -> Point:
    if not is_withdrawn:
        return point
    return replace(point, kind="withdrawn", summary=f"{point.summary}; these rows were withdrawn since")


def drift_picture(axis: TimeAxis, checks: Checks) -> tuple[Bar, ...]:
    """A bar per period, of the newest check of it."""
    newest = {each.scored.period: each for each in checks if each.scored.period}
    return tuple(_bar(axis, period, each) for period, each in sorted(newest.items()))


def noise_picture(axis: TimeAxis, profiles: Sequence[PeriodProfile]) -> tuple[NoiseRow, ...]:
    """The kinds of corruption with the highest shares, strongest first; a period in which one was not seen has no cell."""
    rates: dict[str, dict[datetime, float]] = {}
    for one in profiles:
        for feature, kinds in one.profile.rates.items():
            for kind, rate in kinds.items():
                rates.setdefault(f"{feature} · {kind.replace('_', ' ')}", {})[one.period] = rate
    strongest = sorted(rates, key=lambda name: (-max(rates[name].values()), name))[:_ROWS]
    newest = profiles[-1].period if profiles else None
    return tuple(_noise_row(axis, name, rates[name], newest) for name in strongest if max(rates[name].values()) > 0)


def _bands(axis: TimeAxis, checks: Checks) -> tuple[Band, ...]:
    versions = {
        each.scored.period: each.scored.champion.version if each.scored.champion else ""
        for each in checks
        if each.scored.period
    }
    bands = []
    for version, group in groupby(sorted(versions.items()), key=lambda pair: pair[1]):
        moments = [moment for moment, _ in group]
        first, last = axis.at(moments[0]) - axis.step / 2, axis.at(moments[-1]) + axis.step / 2
        bands.append(Band(round(first, 1), round(last - first, 1), version))
    return tuple(bands)


def _marks(axis: TimeAxis, retrainings: Sequence[RetrainStatus]) -> tuple[Point, ...]:
    marks = []
    for each in retrainings:
        verdict = each.verdict
        if verdict.version and each.as_of >= axis.moments[0]:
            promoted = ", promoted" if each.promotion.promoted else ""
            reason = next(iter(verdict.reasons), "")
            summary = f"{each.as_of:%Y-%m-%d}: version {verdict.version}, {verdict.verdict}{promoted}. {reason}"
            marks.append(Point(axis.edge(each.as_of), QUALITY.bottom + 16, summary, verdict.verdict))
    return tuple(marks)


def _bar(axis: TimeAxis, period: datetime, each: MonitorStatus) -> Bar:
    drift, finding = each.drift, each.finding
    # What stands in brackets, such as (volume), is no column: the champion does not use it.
    weight = min(1.0, sum(one.weight for one in drift.moved if not one.view.startswith("(")))
    # A period in which nothing moved still shows that it was checked.
    top = min(SHARE.at(weight), DRIFT.bottom - 2)
    drifted = f" ({', '.join(drift.drifted[:6])})" if drift.drifted else ""
    summary = f"{period:%Y-%m-%d}: {finding.action}. {len(drift.drifted)} of {drift.columns} columns drifted{drifted}, "
    return Bar(axis.at(period), top, DRIFT.bottom - top, finding.action, f"{summary}{weight:.0%} of what the champion uses")


def _noise_row(axis: TimeAxis, name: str, rates: Mapping[datetime, float], newest: datetime | None) -> NoiseRow:
    top = max(rates.values())
    cells = tuple(
        (axis.at(period), round(rate / top, 3), f"{period:%Y-%m-%d}: {rate:.2%}")
        for period, rate in sorted(rates.items())
        if axis.moments[0] <= period <= axis.moments[-1]
    )
    return NoiseRow(name, f"{rates[newest]:.1%}" if newest and newest in rates else "-", cells)
