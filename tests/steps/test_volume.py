"""How many rows come: a feed that changed for good keeps its model from learning for two periods, or for none."""

from typing import Any

import pandas as pd
import pytest

from include.errors import BrokenFeed
from include.models.contract import Column
from include.results import Checked, Drift, Finding, Quality
from tests.toy import DAY, World, changed, day, rows

CALM = Quality(period=None, metric="roc_auc", value=0.71, recent=0.71, reference=0.7)
FEW = 21


def monitored(world: World, number: int, count: int, normal_now: bool = False, **columns: Any) -> tuple[Drift, str]:
    """A day of so many rows, delivered and monitored: what was found, and the action."""
    whole = rows(number, count=60).iloc[:count] if count <= 60 else rows(number, count=count)
    at = pd.date_range(day(number), day(number + 1) - DAY / 200, periods=count).map(lambda moment: moment.isoformat())
    whole = whole.assign(at=at, **columns)
    world.deliver("features", f"{number:02}", whole.drop(columns="y"))
    world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])
    return checked_again(world, number, normal_now, world.take_in(day(number + 1)))


def checked_again(
    world: World, number: int, normal_now: bool = False, checked: Checked | None = None, later: int = 0
) -> tuple[Drift, str]:
    """The newest day as of its end, or some hours later."""
    as_of, asked = day(number + 1) + later * DAY / 24, {"normal_now": normal_now}
    checked, scored = checked or Checked(rows=0, quarantined=0, reasons={}), world.scored(as_of)
    found: Drift = world.do("detect_drift", as_of, asked=asked, checked=checked, scored=scored)
    try:
        finding: Finding = world.do("triage", as_of, asked=asked, checked=checked, scored=scored, drift=found, quality=CALM)
    except BrokenFeed:
        return found, "stop"
    return found, finding.action


def trained_on(world: World, as_of: int) -> set[str]:
    """The days that a retraining would read."""
    return {key.split("/")[3][:10] for key in world.services.lake.sound_files(world.model, day(as_of))}


def test_rows_that_stay_few_are_trained_on_again(seasoned: World) -> None:
    """A third of the rows for good: two days stop, with the third the number is usual, and all three count for training."""
    actions = [monitored(seasoned, number, FEW)[1] for number in range(8, 10)]
    assert actions == ["stop", "stop"]
    assert not {"2024-01-09", "2024-01-10"} & trained_on(seasoned, 10)
    assert seasoned.services.lake.is_broken("toy", day(8))
    found, action = monitored(seasoned, 10, FEW)
    assert action == "note"
    assert found.sound_again == (day(8), day(9))
    assert found.moved[0].summary == "(volume): 21 rows, usually about 60, the usual number from now on"
    assert {"2024-01-09", "2024-01-10", "2024-01-11"} <= trained_on(seasoned, 11)
    assert not seasoned.services.lake.is_broken("toy", day(8))
    found, action = monitored(seasoned, 11, FEW + 1)
    assert (found.broken, [one.view for one in found.moved if one.kind == "volume"]) == ((), [])
    assert action != "stop"


def test_the_same_check_again_finds_the_same(seasoned: World) -> None:
    """Also that earlier days count again, which the first run has written down; a run as of before does not know it."""
    for number in range(8, 10):
        monitored(seasoned, number, FEW)
    first, _ = monitored(seasoned, 10, FEW)
    again, _ = checked_again(seasoned, 10)
    assert (again.sound_again, again.moved, again.broken) == (first.sound_again, first.moved, first.broken)
    assert not {"2024-01-09", "2024-01-10"} & trained_on(seasoned, 10)


def test_a_lost_half_is_found_at_once_and_delivered_again_it_is_whole(seasoned: World) -> None:
    """On a steady feed it stops, with what to do; it is named by its number of rows."""
    found, action = monitored(seasoned, 8, 25)
    assert (found.broken, action) == (("(volume): 25 rows, usually about 60",), "stop")
    found, action = monitored(seasoned, 8, 60)
    assert (found.broken, action) == ((), "nothing")
    assert "2024-01-09" in trained_on(seasoned, 9)


def test_twice_the_rows_stop_nothing(seasoned: World) -> None:
    """They are noted, with how long they have stood."""
    found, action = monitored(seasoned, 8, 120)
    (moved,) = (one for one in found.moved if one.kind == "volume")
    assert (moved.what, moved.effect, moved.weight) == ("120 rows, usually about 60", 1.0, 0.0)
    assert action == "note"
    (moved,) = (one for one in monitored(seasoned, 9, 120)[0].moved if one.kind == "volume")
    assert moved.in_a_row == 2
    assert moved.before == pytest.approx(1.0, abs=0.02)


def test_a_person_calls_a_number_normal(seasoned: World) -> None:
    """The run with it goes on, so do later ones, and days that stopped before count again; who said so is kept."""
    assert monitored(seasoned, 8, FEW)[1] == "stop"
    assert monitored(seasoned, 9, FEW)[1] == "stop"
    found, action = checked_again(seasoned, 9, normal_now=True, later=3)
    assert (action, found.accepted_by, found.sound_again) == ("note", "carol", (day(8),))
    assert found.moved[0].what == "21 rows, usually about 60, normal from now on (carol)"
    assert {"2024-01-09", "2024-01-10"} <= trained_on(seasoned, 11)
    assert monitored(seasoned, 10, FEW)[1] != "stop"
    found, action = checked_again(seasoned, 9)
    assert (action, found.accepted_by) == ("note", "carol"), "a run without the box still knows it"


def test_a_person_calls_a_number_normal_for_an_earlier_time(seasoned: World) -> None:
    """A back-fill with the box ticked counts for the days after it."""
    assert monitored(seasoned, 8, FEW)[1] == "stop"
    assert monitored(seasoned, 9, FEW)[1] == "stop"
    assert checked_again(seasoned, 8, normal_now=True)[1] == "note"
    assert not seasoned.services.lake.is_broken("toy", day(8))
    assert checked_again(seasoned, 9)[1] != "stop"


def test_other_signs_stop_although_a_number_is_normal(seasoned: World) -> None:
    """A frozen column is broken, whatever a person says of the number of rows."""
    found, action = monitored(seasoned, 8, FEW, normal_now=True, x=1.25)
    assert (found.broken, action) == (("x: frozen at «1.25»",), "stop")


def test_a_season_explains_few_rows(seasoned: World) -> None:
    """As few as a year ago, after as many before: noted, and no stop."""
    for number in range(-5, 2):
        whole = rows(number + 400, count=60 if number else 12)
        moments = pd.to_datetime(whole["at"]) - (day(400) - day(8) + 364 * DAY)
        old = whole.assign(at=[moment.isoformat() for moment in moments])
        seasoned.deliver("features", f"old{number}", old.drop(columns="y"))
    seasoned.take_in(day(8))
    found, action = monitored(seasoned, 8, 14)
    assert (found.broken, action) == ((), "note")
    assert found.moved[0].season == "as in the period from 2023-01-10"


def test_entities_in_a_text_are_how_it_is_written() -> None:
    """Titles with `&amp;` in most rows do not stop the feed, and are not called damaged."""
    model = changed(features=(*World().model.features, Column("title", "text", optional=True)))
    world, count = World(model=model), 60
    titles = ["salt &amp; pepper"] * 5 + ["black pepper"] * 55
    for number in range(8):
        whole = rows(number).assign(title=titles)
        world.deliver("features", f"{number:02}", whole.drop(columns="y"))
        world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])
    world.take_in(day(9))
    _, _, verdict = world.challenge(day(9))
    world.promote(day(9), verdict)
    found, _ = monitored(world, 8, count, title=["salt &amp; pepper"] * 30 + ["black pepper"] * 30)
    assert found.broken == ()
    assert "mojibake" not in world.services.lake.profiles("toy", day(99))[0].profile.rates.get("title", {})


def test_a_period_that_is_not_over_is_not_looked_at(seasoned: World) -> None:
    """Half of day 9 is there at noon: the newest period is day 8."""
    monitored(seasoned, 8, 60)
    seasoned.deliver("features", "09", rows(9).iloc[:10].drop(columns="y"))
    checked = seasoned.take_in(day(9) + DAY / 2)
    scored = seasoned.scored(day(9) + DAY / 2)
    found = seasoned.do("detect_drift", day(9) + DAY / 2, checked=checked, scored=scored)
    assert (found.period, found.broken) == (day(8), ())
