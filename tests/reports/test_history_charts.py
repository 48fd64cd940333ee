"""The pictures of a model's history: every value is where it belongs, and nothing is outside of the chart."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.noise.profile import NoiseProfile
from include.reports.charts import round_values
from include.reports.history_charts import DRIFT, QUALITY, axis_of, drift_picture, noise_picture, quality_picture
from include.results import Champion, Drift, Finding, Moved, Promotion, Quality, Scored
from include.statuses import MonitorStatus, PeriodProfile, RetrainStatus
from tests.statuses import monitor_status, retrain_status

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def check(number: int, version: str | None = "1", weight: float = 0.2, **quality: Any) -> MonitorStatus:
    """The status of the check of a week."""
    period = FIRST + number * WEEK
    moved = (Moved(view="x", kind="shift", what="", effect=1.0, weight=weight),)
    return monitor_status(
        period + WEEK,
        scored=Scored(champion=Champion(version=version, run_id="r") if version else None, period=period),
        quality=Quality(**({"period": None, "metric": "roc_auc"} | quality)),
        drift=Drift(period=period, columns=3, moved=moved, drifted=("x",)),
        finding=Finding(action="note", reason="moved"),
    )


def judged(number: int, value: float, error: float = 0.01, **more: Any) -> MonitorStatus:
    return check(number, period=FIRST + number * WEEK, value=value, low=value - error, high=value + error, **more)


def retraining(number: int, verdict: Any, version: str | None = "2") -> RetrainStatus:
    status = retrain_status(FIRST + number * WEEK, version)
    promotion = Promotion(promoted=verdict == "promote", champion_version="1", previous_version=None)
    return status.model_copy(
        update={"verdict": status.verdict.model_copy(update={"verdict": verdict}), "promotion": promotion}
    )


def test_without_a_checked_period_there_are_no_charts() -> None:
    """The first run may have found nothing at all."""
    empty = monitor_status(FIRST)
    assert axis_of([]) is None
    assert axis_of([empty]) is None


def test_bands_change_where_the_champion_did() -> None:
    """A band ends where the next one begins, and the promotion's mark stands there."""
    checks = [judged(0, 0.7, version=None), judged(1, 0.7), judged(2, 0.7), judged(3, 0.8, version="2")]
    axis = axis_of(checks)
    assert axis is not None
    found = quality_picture(axis, checks, [retraining(1, "promote"), retraining(3, "promote")])
    assert [band.version for band in found.bands] == ["", "1", "2"]
    edges = [band.x for band in found.bands[1:]]
    assert all(abs(mark.x - edge) < 0.5 for mark, edge in zip(found.marks, edges, strict=True))
    ends = [band.x + band.width for band in found.bands[:-1]]
    assert all(abs(end - edge) < 0.5 for end, edge in zip(ends, edges, strict=True))


def test_of_a_single_period_the_verdict_stands_at_its_end() -> None:
    """With one check there is no scale yet; its verdict still comes after it, not in the middle of it."""
    axis = axis_of([judged(0, 0.7)])
    assert axis is not None
    found = quality_picture(axis, [judged(0, 0.7)], [retraining(0, "promote"), retraining(1, "keep")])
    (band,) = found.bands
    assert [mark.x for mark in found.marks] == pytest.approx([band.x, band.x + band.width], abs=0.2)


def test_labels_replace_an_estimate() -> None:
    """A ring is drawn only where nothing was measured."""
    guess = check(0, estimate=0.7, estimate_low=0.6, estimate_high=0.8, estimate_of=FIRST)
    axis = axis_of([guess])
    assert axis is not None
    assert len(quality_picture(axis, [guess], []).estimated) == 1
    later = quality_picture(axis, [guess, judged(0, 0.71)], [])
    assert (len(later.estimated), len(later.measured)) == (0, 1)
    assert "0.71" in later.measured[0].summary


def test_a_retraining_of_nothing_is_no_verdict() -> None:
    """Where there was nothing to train no mark is drawn."""
    checks = [judged(0, 0.7), judged(1, 0.7)]
    skipped = retraining(1, "keep", version=None)
    axis = axis_of(checks)
    assert axis is not None
    assert quality_picture(axis, checks, [skipped]).marks == ()


def test_noise_is_listed_strongest_first() -> None:
    """At most a dozen lines; what is gone in the newest period says so."""
    weeks = [FIRST + number * WEEK for number in range(2)]
    rates: list[dict[str, dict[str, float]]] = [
        {"a": {"missing": 0.5}, **{f"c{n}": {"typo": 0.01} for n in range(20)}},
        {"b": {"typo": 0.9}},
    ]
    profiles = [PeriodProfile(week, NoiseProfile(9, 0.0, each)) for week, each in zip(weeks, rates, strict=True)]
    axis = axis_of([judged(0, 0.7), judged(1, 0.7)])
    assert axis is not None
    found = noise_picture(axis, profiles)
    assert [(each.name, each.newest) for each in found[:2]] == [("b · typo", "90.0%"), ("a · missing", "-")]
    assert len(found) == 12


def test_what_was_measured_on_withdrawn_rows_stands_apart() -> None:
    """It is kept, told as what it is, and on no line between the others."""
    checks = [judged(0, 0.7), judged(1, 0.2), judged(2, 0.7)]
    axis = axis_of(checks)
    assert axis is not None
    found = quality_picture(axis, checks, [], {FIRST + WEEK})
    assert [dot.kind for dot in found.measured] == ["dot", "withdrawn", "dot"]
    assert found.measured[1].summary.endswith("these rows were withdrawn since")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 10))
def test_everything_stands_inside(values: list[float], weight: float) -> None:
    """Whatever the values are, no dot, bar or mark leaves its picture."""
    checks = [judged(number, value, weight=weight) for number, value in enumerate(values)]
    axis = axis_of(checks)
    assert axis is not None
    picture = quality_picture(axis, checks, [retraining(number, "keep") for number in range(len(values) + 2)])
    for dot in picture.measured:
        assert dot.low is not None
        assert dot.high is not None
        assert QUALITY.top <= dot.high <= dot.y <= dot.low <= QUALITY.bottom
    xs = [dot.x for dot in picture.measured] + [mark.x for mark in picture.marks]
    assert all(QUALITY.left <= x <= QUALITY.right for x in xs)
    assert all(DRIFT.top <= bar.y <= DRIFT.bottom for bar in drift_picture(axis, checks))
    assert len(axis.dates) <= 8


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_and_few(low: float, span: float) -> None:
    """Between two and seven of them, all inside."""
    high = low + max(span, abs(low) * 1e-6)
    found = round_values(low, high)
    assert 2 <= len(found) <= 7
    edge = (high - low) * 1e-6
    assert all(low - edge <= value <= high + edge for value in found)
