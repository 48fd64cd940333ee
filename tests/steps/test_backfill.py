"""A monitor that stood still is made up for: afterwards everything on record is what it would be had it run on time."""

import copy
from datetime import timedelta

import pytest

from include.errors import BrokenFeed
from include.reports.history_charts import history
from include.statuses import MonitorStatus
from tests.toy import World, day, rows

_FIRST, _LAST = 8, 15


def checked(world: World, number: int) -> str:
    """The whole monitor, six hours after the end of a day; the action of triage."""
    as_of = day(number + 1) + timedelta(hours=6)
    world.do("reconcile", as_of)
    done = world.do("check", as_of, batch=world.do("pull", as_of))
    scored = world.do("score", as_of, checked=done)
    world.do("probation", as_of, scored=scored)
    drift = world.do("detect_drift", as_of, checked=done, scored=scored)
    quality = world.do("measure_quality", as_of, scored=scored)
    try:
        return str(world.do("triage", as_of, checked=done, scored=scored, drift=drift, quality=quality).action)
    except BrokenFeed:
        return "stop"


def deliver(world: World, number: int) -> None:
    """A day of upstream: on the fourth hardly any rows come, from the sixth on the answer has turned round."""
    if number == _FIRST + 3:
        world.deliver("features", f"{number:02}", rows(number, count=4).drop(columns="y"))
        return
    world.deliver_day(number, turned=number >= _FIRST + 5)


def on_record(world: World) -> tuple[list[MonitorStatus], object, object]:
    """What the checks found but for how many rows they took in, the profiles, and the charts of the page."""
    found = world.services.lake.statuses("toy", MonitorStatus)
    profiles = world.services.lake.profiles("toy", day(99))
    return [one.model_copy(update={"checked": None}) for one in found], profiles, history(found, [], profiles)


@pytest.mark.parametrize(
    "order",
    [range(_FIRST, _LAST + 1), (_LAST, *range(_FIRST, _LAST), _LAST)],
    ids=["oldest first", "the newest at once, then the missed ones, then the newest again"],
)
def test_what_was_missed_is_made_up_for(seasoned: World, order: list[int]) -> None:
    """Findings, drift, quality, noise, what a broken period is called, and every chart are the same."""
    on_time, late = copy.deepcopy(seasoned), seasoned
    actions = []
    for number in range(_FIRST, _LAST + 1):
        deliver(on_time, number)
        actions.append(checked(on_time, number))
    assert {"nothing", "stop", "retrain"} <= set(actions)
    for number in range(_FIRST, _LAST + 1):
        deliver(late, number)
    for number in order:
        checked(late, number)
    assert on_record(late) == on_record(on_time)


def test_a_backfill_leaves_what_a_later_check_knows(seasoned: World) -> None:
    """A period that was checked keeps its profile: it holds what was delivered since."""
    for number in (_FIRST, _FIRST + 1):
        deliver(seasoned, number)
        checked(seasoned, number)
    before = seasoned.services.lake.profile("toy", day(_FIRST))
    seasoned.deliver("features", f"{_FIRST:02}", rows(_FIRST, count=50).drop(columns="y"))
    checked(seasoned, _FIRST)
    assert seasoned.services.lake.profile("toy", day(_FIRST)) == before
