"""Detect drift names each column that moved, and tells a broken feed from a moved world."""

from typing import Any

import pandas as pd
import pytest

from include.noise.profile import NoiseProfile
from include.references import Checked, Drift, Scored
from tests.toy import World, day, rows

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
    assert "x" in found.drifted
    assert "colour" not in found.drifted
    assert found.broken == ()
    assert found.report_url == "http://registry.example/run-1/drift/2024-01-09.html"
    report = seasoned.registry.reports["run-1", "drift/2024-01-09.html"]
    assert "<html" in report
    assert "min-width: 960px" in report.partition("</head>")[0]


def test_one_vanished_column_does_not_take_the_others_down(seasoned: World) -> None:
    """Z is empty in every row: it is named as broken, and the shift of x is found all the same."""
    found = drift_of(seasoned, z=None, x=rows(8, count=400)["x"] + 3)
    assert found.broken == ("z: missing in every row, usually in 0%",)
    assert {"x", "z"} <= set(found.drifted)
    assert found.report_url is not None


@pytest.mark.parametrize(
    ("columns", "named"), [({"x": 1.25}, "x: frozen at 1.25"), ({"colour": "red"}, "colour: frozen at 'red'")]
)
def test_a_frozen_column_is_a_broken_feed(seasoned: World, columns: dict[str, Any], named: str) -> None:
    """A sensor that says the same all day is named with what it says."""
    assert drift_of(seasoned, **columns).broken == (named,)


def test_detecting_twice_finds_the_same(seasoned: World) -> None:
    """The report is overwritten, the finding is equal."""
    first = drift_of(seasoned)
    assert seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9))) == first


def profiles(world: World) -> list[NoiseProfile]:
    return [NoiseProfile.from_json(document) for document in world.services.lake.profiles("toy", day(99))]


def test_the_mess_of_the_period_is_kept(seasoned: World) -> None:
    """Missing cells of the rows that went on, and what was refused of the others, under the period that it is about."""
    whole = rows(8, count=400)
    drift_of(seasoned, z=whole["z"].mask(whole.index < 80), x=whole["x"].mask(whole.index >= 380, 99.0))
    (document,) = seasoned.services.lake.profiles("toy", day(99))
    assert document["period"] == day(8).isoformat()
    (found,) = profiles(seasoned)
    assert (found.rows, found.quarantined) == (380, 0.05)
    assert found.rates == {"x": {"outlier": 0.05}, "z": {"missing": pytest.approx(80 / 380)}}


def test_a_run_to_which_nothing_was_delivered_keeps_what_was_measured(seasoned: World) -> None:
    """Labels come later, or the task is cleared: the quarantine of the first run is not forgotten."""
    drift_of(seasoned, x=rows(8, count=400)["x"].mask(rows(8, count=400).index >= 380, 99.0))
    first = profiles(seasoned)
    seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9)))
    assert profiles(seasoned) == first


def test_a_period_whose_mess_was_never_measured_is_measured_late(seasoned: World) -> None:
    """Rows that an earlier run took in, and did not come to measure."""
    seasoned.deliver_day(8)
    seasoned.take_in(day(9))
    seasoned.do("detect_drift", day(9), checked=NOTHING_NEW, scored=seasoned.scored(day(9)))
    assert [found.rows for found in profiles(seasoned)] == [60]
