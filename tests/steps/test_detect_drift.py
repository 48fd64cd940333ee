"""Detect drift names each column that moved, and tells a broken feed from a moved world."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from include.models.contract import Column, KnownDays
from include.noise.profile import NoiseProfile
from include.results import Champion, Checked, Drift, Scored
from tests.toy import World, changed, day, rows

NOTHING_NEW = Checked(rows=0, quarantined=0, reasons={})


def drift_of(world: World, **columns: Any) -> Drift:
    """What is found on day 8, delivered with these columns exchanged."""
    whole = pd.concat([rows(8, count=400)]).assign(**columns)
    world.deliver("features", "08", whole.drop(columns="y"))
    checked = world.take_in(day(9))
    found: Drift = world.do("detect_drift", day(9), checked=checked, scored=world.scored(day(9)))
    return found


def test_without_a_champion_there_is_nothing_to_compare_with(world: World) -> None:
    """No champion, no reference, no finding."""
    found = world.do("detect_drift", day(1), checked=NOTHING_NEW, scored=Scored(champion=None, period=day(0)))
    assert (found.drifted, found.broken) == ((), ())


def test_nothing_delivered_is_a_broken_feed(seasoned: World) -> None:
    """A period without a row is no calm period."""
    found = seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9)))
    assert found.broken == (f"(rows): nothing was delivered for the period from {day(8):%Y-%m-%d}",)


def test_a_shift_is_found_and_calm_is_calm(seasoned: World) -> None:
    """Three sigma in x are drift, colour is calm, the feed is not broken; the report lies beside the champion's run."""
    found = drift_of(seasoned, x=rows(8, count=400)["x"] + 3)
    assert found.drifted == ("x",)
    (moved,) = (one for one in found.moved if one.view == "x")
    assert (moved.kind, moved.in_a_row) == ("shift", 1)
    assert moved.what.startswith("median ")
    assert moved.weight > 0.5
    assert found.broken == ()
    assert found.report_url == "http://registry.example/run-1/drift/2024-01-09.html"
    report = seasoned.registry.reports["run-1", "drift/2024-01-09.html"]
    assert "<html" in report
    assert "min-width: 960px" in report.partition("</head>")[0]


def test_one_vanished_column_does_not_take_the_others_down(seasoned: World) -> None:
    """Z is empty in every row: it is named as broken, and the shift of x is found all the same."""
    found = drift_of(seasoned, z=None, x=rows(8, count=400)["x"] + 3)
    assert found.broken == ("z: missing in every row, usually in 0%",)
    assert found.drifted == ("x", "z")
    assert found.report_url is not None


def test_a_picture_is_drawn_where_something_moved_or_a_person_looks(seasoned: World) -> None:
    """It costs more than the rest of the monitor together: a calm scheduled run has none."""
    seasoned.deliver_day(8)
    seasoned.take_in(day(9))
    scored = seasoned.scored(day(9))
    assert seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=scored).report_url is None
    found = seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=scored, asked={"by_person": True})
    assert (found.moved, found.report_url) == ((), "http://registry.example/run-1/drift/2024-01-09.html")


def test_a_picture_that_cannot_be_drawn_decides_nothing(seasoned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently raises; what moved is reported without it."""

    def fail(*_: Any) -> None:
        raise RuntimeError("no picture today")

    monkeypatch.setattr("evidently.Report", fail)
    found = drift_of(seasoned, x=rows(8, count=400)["x"] + 3)
    assert found.report_url is None
    assert found.drifted == ("x",)


def test_the_reference_is_read_once_for_a_version(seasoned: World) -> None:
    """A check reads the newest period; the training rows are gone, and the second check does not miss them."""
    first = drift_of(seasoned)
    trained_on = [key for key in seasoned.lake.objects if key.startswith("curated/toy/features/2024-01-0")]
    for key in (key for key in trained_on if "-09T" not in key):
        seasoned.lake.delete(key)
    scored = Scored(champion=Champion(version="1", run_id="run-1"), period=day(8))
    again = seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=scored)
    assert (again.drifted, again.broken) == (first.drifted, first.broken)


def test_lasting_drift_is_reported_with_its_duration(seasoned: World) -> None:
    """The second day is compared with the last calm one, not with the first day of the shift."""
    assert [one.in_a_row for one in drift_of(seasoned, x=rows(8, count=400)["x"] + 3).moved if one.view == "x"] == [1]
    whole = rows(9, count=400)
    seasoned.deliver("features", "09", whole.assign(x=whole["x"] + 3).drop(columns="y"))
    checked = seasoned.take_in(day(10))
    second = seasoned.do("detect_drift", day(10), checked=checked, scored=seasoned.scored(day(10)))
    assert [one.in_a_row for one in second.moved if one.view == "x"] == [2]


def test_days_in_the_calendar_explain_what_moves_on_them(seasoned: World) -> None:
    """They are named; a shift on other days has no season."""
    seasoned.model = changed(calendar=(KnownDays("the fair", "01-09", "01-12"),))
    found = drift_of(seasoned, x=rows(8, count=400)["x"] + 3)
    assert {one.season for one in found.moved} == {"these days are in the calendar as the fair"}


def test_the_same_days_a_year_ago_explain_what_moves(seasoned: World) -> None:
    """Delivered a year before: the same shift then is a season now."""
    whole = rows(8, count=400)
    year_ago = pd.to_datetime(whole["at"]) - timedelta(days=364)
    old = whole.assign(id=whole["id"] + "-old", at=[moment.isoformat() for moment in year_ago], x=whole["x"] + 3)
    seasoned.deliver("features", "old", old.drop(columns="y"))
    seasoned.take_in(day(8))
    found = drift_of(seasoned, x=whole["x"] + 3)
    assert [one.season for one in found.moved if one.view == "x"] == ["as in the period from 2023-01-10"]


def test_a_feature_that_the_model_gained_is_compared_once_a_version_knows_it(seasoned: World) -> None:
    """Until then it has nothing to be like, and the others are compared as before."""
    drift_of(seasoned)
    gained = Column("weight", "number", optional=True), Column("shape", "category", optional=True)
    seasoned.model = changed(features=(*seasoned.model.features, *gained))
    whole = rows(9, count=400)
    seasoned.deliver("features", "09", whole.assign(x=whole["x"] + 3, weight=1.0, shape="round").drop(columns="y"))
    checked = seasoned.take_in(day(10))
    found = seasoned.do("detect_drift", day(10), checked=checked, scored=seasoned.scored(day(10)))
    assert found.drifted == ("x",)
    assert found.broken == ()
    assert found.report_url is not None


def test_label_drift_is_reported_when_the_labels_arrive(seasoned: World) -> None:
    """Every answer is yes on day 7, which is known as of day 9."""
    for number in (8, 9):
        whole = rows(number, count=400).assign(y=1)
        seasoned.deliver("features", f"0{number}", whole.drop(columns="y"))
        seasoned.deliver("labels", f"0{number}", whole[["id", "at", "y"]])
    checked = seasoned.take_in(day(10))
    found = seasoned.do("detect_drift", day(10), checked=checked, scored=seasoned.scored(day(10)))
    assert "label" in {one.kind for one in found.moved}


@pytest.mark.parametrize(
    ("columns", "named"), [({"x": 1.25}, "x: frozen at «1.25»"), ({"colour": "red"}, "colour: frozen at «red»")]
)
def test_a_frozen_column_is_a_broken_feed(seasoned: World, columns: dict[str, Any], named: str) -> None:
    """A sensor that says the same all day is named with what it says."""
    assert drift_of(seasoned, **columns).broken == (named,)


def test_detecting_twice_finds_the_same(seasoned: World) -> None:
    """The report is overwritten, the finding is equal."""
    first = drift_of(seasoned)
    assert seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9))) == first


def profiles(world: World) -> list[NoiseProfile]:
    return [kept.profile for kept in world.services.lake.profiles("toy", day(99))]


def test_the_noise_profile_of_the_period_is_kept(seasoned: World) -> None:
    """Missing cells of the rows that went on, and what was refused of the others, under the period that it is about."""
    whole = rows(8, count=400)
    drift_of(seasoned, z=whole["z"].mask(whole.index < 80), x=whole["x"].mask(whole.index >= 380, 99.0))
    (document,) = seasoned.services.lake.profiles("toy", day(99))
    assert document.period == day(8)
    (found,) = profiles(seasoned)
    assert (found.rows, found.quarantined) == (380, 0.05)
    assert found.rates == {"x": {"outlier": 0.05}, "z": {"missing": pytest.approx(80 / 380)}}


def test_a_run_to_which_nothing_was_delivered_keeps_what_was_measured(seasoned: World) -> None:
    """Labels come later, or the task is cleared: the quarantine of the first run is not forgotten."""
    drift_of(seasoned, x=rows(8, count=400)["x"].mask(rows(8, count=400).index >= 380, 99.0))
    first = profiles(seasoned)
    seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9)))
    assert profiles(seasoned) == first


def test_a_period_without_a_noise_profile_is_measured_late(seasoned: World) -> None:
    """Rows that an earlier run took in, and did not come to measure."""
    seasoned.deliver_day(8)
    seasoned.take_in(day(9))
    seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9)))
    assert [found.rows for found in profiles(seasoned)] == [60]
