"""Measure quality judges the newest period whose labels have matured, and sees no label before its time."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from include.decisions.monitoring.quality import Judged
from include.errors import RegistryUnreachable
from include.models.contract import OwnMetric
from include.noise.profile import NoiseProfile
from include.results import Checked
from include.statuses import PeriodProfile
from tests.toy import World, changed, day, rows, scored_by


def test_without_a_champion_nothing_is_measured(world: World) -> None:
    """No predictions, no quality."""
    assert world.do("measure_quality", day(1), scored=world.with_days(1).scored(day(1))).value is None


def test_quality_stands_beside_what_the_champion_proved(seasoned: World) -> None:
    """On days like those that it proved itself on, the champion has not decayed."""
    found = seasoned.do("measure_quality", day(9), scored=seasoned.scored(day(8)))
    assert found.period == day(7)
    assert found.low < found.value < found.high
    assert found.reference == float(seasoned.registry.versions["1"].tags["proved_value"])
    assert (found.decayed, found.rows, found.newest_maturity) == (False, 60, 1.0)


@pytest.mark.parametrize("step", ["score", "measure_quality", "detect_drift"])
def test_a_check_that_raises_fails_the_run(seasoned: World, step: str) -> None:
    """A check that cannot be made turns the run red, and Airflow's callback pages: it never ends in "nothing found"."""
    scored = seasoned.scored(day(8))
    seasoned.registry.down = True
    checked = Checked(rows=0, quarantined=0, reasons={})
    inputs: dict[str, Any] = {
        "score": {"checked": checked},
        "measure_quality": {"scored": scored},
        "detect_drift": {"checked": checked, "scored": scored},
    }
    with pytest.raises(RegistryUnreachable):
        seasoned.do(step, day(9), **inputs[step])


def test_concept_drift_is_measured_as_decay(seasoned: World) -> None:
    """Where the answer is suddenly the opposite, the champion is found out."""
    seasoned.deliver_day(8, turned=True)
    seasoned.take_in(day(10))
    found = seasoned.do("measure_quality", day(10), scored=seasoned.scored(day(9)))
    assert found.period == day(8)
    assert found.value < 0.3
    assert found.decayed


def test_labels_that_are_late_are_waited_for(seasoned: World) -> None:
    """Day 8 has no labels yet, so day 7 is judged and the gap is reported."""
    seasoned.deliver_day(8, labels=False)
    seasoned.take_in(day(9))
    found = seasoned.do("measure_quality", day(20), scored=seasoned.scored(day(9)))
    assert found.period == day(7)
    assert found.newest_maturity == 0


def test_a_label_counts_from_its_due_time_although_it_was_delivered_before(seasoned: World) -> None:
    """Played as of day 8, the labels of day 7 are not due: a back-fill does not know the future."""
    found = seasoned.do("measure_quality", day(8), scored=seasoned.scored(day(8)))
    assert found.period == day(6)
    assert found.newest_maturity < 0.95


def test_the_absence_of_a_mature_period_is_reported(seasoned: World) -> None:
    """Nothing is made up where only immature periods were scored."""
    scored = seasoned.scored(day(8))
    only_newest = scored_by("1", day(7), scored.prediction_keys[-1])
    found = seasoned.do("measure_quality", day(8), scored=only_newest)
    assert (found.value, found.decayed, found.summary) == (None, False, "no period is mature yet")


def test_labels_of_one_class_measure_nothing(seasoned: World) -> None:
    """An area under a curve needs both classes: the day before stays the newest that is known, and no label is late."""
    whole = rows(8)
    seasoned.deliver("features", "08", whole.drop(columns="y"))
    seasoned.deliver("labels", "08", whole[["id", "at"]].assign(y=1))
    seasoned.take_in(day(10))
    found = seasoned.do("measure_quality", day(10), scored=seasoned.scored(day(9)))
    assert (found.period, found.overdue) == (day(7), 0)


def test_measuring_twice_finds_and_leaves_the_same(seasoned: World) -> None:
    """What is remembered is named by version and period: it can be run any number of times."""
    scored = seasoned.scored(day(8))
    first = seasoned.do("measure_quality", day(9), scored=scored)
    before = dict(seasoned.lake.objects)
    assert seasoned.do("measure_quality", day(9), scored=scored) == first
    assert seasoned.lake.objects == before


def test_labels_that_take_many_periods_are_still_judged(seasoned: World) -> None:
    """Daily periods, labels four days late: the champion's predictions of back then are kept for them."""
    slow = replace(seasoned.model, feed=replace(seasoned.model.feed, label_delay=timedelta(days=4)))
    seasoned.model = slow
    for number in range(8, 16):
        seasoned.deliver_day(number, turned=True)
    seasoned.take_in(day(16))
    found = seasoned.do("measure_quality", day(16), scored=seasoned.scored(day(16)))
    assert found.period == day(11)
    assert found.decayed


def test_a_metric_without_a_value_is_not_remembered(seasoned: World) -> None:
    """A team's own metric that has none on some day must not silence decay on all others."""

    def moody(labels: Any, predictions: Any) -> float:
        return float("nan") if labels.mean() > 0.99 else float(labels.mean())

    seasoned.model = changed(metric="moody", own_metrics=(OwnMetric("moody", moody),))
    whole = rows(8).assign(y=1)
    whole.loc[0, "y"] = 0
    seasoned.deliver("features", "08", whole.drop(columns="y"))
    seasoned.deliver("labels", "08", whole.assign(y=1)[["id", "at", "y"]].iloc[1:])
    seasoned.take_in(day(10))
    seasoned.do("measure_quality", day(10), scored=seasoned.scored(day(9)))
    kept = seasoned.services.lake.remembered("toy", "1", Judged, day(20))
    assert all(math.isfinite(judged.value) for judged in kept.values())


def test_no_labels_are_expected_for_days_without_rows(seasoned: World) -> None:
    """A gap in the feed is reported as one; labels of days that never were are not late."""
    seasoned.model = replace(seasoned.model, feed=replace(seasoned.model.feed, label_delay=timedelta(days=1)))
    found = seasoned.do("measure_quality", day(13), scored=seasoned.scored(day(8)))
    assert found.overdue == 0
    seasoned.deliver_day(9, labels=False)
    seasoned.take_in(day(10))
    assert seasoned.do("measure_quality", day(13), scored=seasoned.scored(day(8))).overdue == 1


def test_a_broken_period_teaches_nothing_about_a_version(seasoned: World) -> None:
    """Its labels came, and are not held against the champion; delivered again and sound, they count."""
    seasoned.deliver_day(8, turned=True)
    seasoned.take_in(day(10))
    for broken, judged in ((("x",), day(7)), ((), day(8))):
        seasoned.services.lake.write_profile("toy", PeriodProfile(day(8), NoiseProfile(60), broken))
        assert seasoned.do("measure_quality", day(10), scored=seasoned.scored(day(9))).period == judged


def test_labels_that_stopped_before_the_first_champion_are_counted_from_its_hold_out(seasoned: World) -> None:
    """No period has ever matured since: the periods after the hold-out are overdue, one by one."""
    counts = []
    for number in range(8, 13):
        seasoned.deliver_day(number, labels=False)
        seasoned.take_in(day(number + 1))
        as_of = day(number + 1)
        counts.append(seasoned.do("measure_quality", as_of, scored=seasoned.scored(as_of)).overdue)
    assert counts == [0, 1, 2, 3, 4]


def test_a_label_that_never_came_is_missed_without_a_champion_too(world: World) -> None:
    """Then there is nothing to train on, whatever else is delivered."""
    for number in range(5):
        world.deliver_day(number, labels=False)
    world.take_in(day(5))
    assert world.do("measure_quality", day(5), scored=world.scored(day(5))).overdue == 4
    world.deliver_day(4)
    world.take_in(day(6))
    assert world.do("measure_quality", day(6), scored=world.scored(day(6))).overdue == 0


def test_a_period_counts_as_soon_as_nearly_all_of_its_labels_are_due(world: World) -> None:
    """58 of 60 labels of the newest day are due: a collapse in it is seen now, and not a period later."""
    world.with_champion()
    for number in (8, 9):
        world.deliver_day(number, turned=number == 9)
    as_of = day(10) + timedelta(minutes=57)
    world.take_in(as_of)
    quality = world.do("measure_quality", as_of, scored=world.scored(as_of))
    assert (quality.period, quality.rows) == (day(9), 58)
    assert quality.value < 0.5
