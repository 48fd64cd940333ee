"""Assemble fixes what is trained on and what is held out, and refuses a comparison that would be unsound."""

import pandas as pd
import pytest

from include.errors import OverlappingRows, RegistryUnreachable
from include.results import Drift, Finding, Window
from tests.statuses import monitor_status
from tests.toy import World, changed, day, rows


def test_the_newest_mature_days_are_held_out_and_named_by_digest(world: World) -> None:
    """Eight labelled days: six to train, two to hold out; the digests give exactly these rows, also after later deliveries."""
    assembled = world.with_days(8).do("assemble", day(9))
    assert (assembled.train.start, assembled.train.end) == (day(0), day(6))
    assert (assembled.holdout.start, assembled.holdout.end) == (day(6), day(8))
    assert (assembled.train.rows, assembled.holdout.rows) == (360, 120)
    before = world.services.lake.read_snapshot(world.model, assembled.holdout.digest)
    world.landing.now = day(20)
    world.deliver("features", "07-late", rows(7).assign(x=0.0).drop(columns="y"))
    world.take_in(day(20))
    after = world.services.lake.read_snapshot(world.model, assembled.holdout.digest)
    assert before.equals(after)


def test_assembling_twice_gives_the_same_digests(world: World) -> None:
    """The same rows have the same name, whatever was delivered since; other rows have another."""
    first = world.with_days(8).do("assemble", day(9))
    assert world.do("assemble", day(9)) == first
    world.landing.now = day(20)
    world.deliver("features", "07-late", rows(7).assign(x=0.0).drop(columns="y"))
    world.take_in(day(20))
    assert world.do("assemble", day(9)) == first
    assert world.do("assemble", day(20)).holdout.digest != first.holdout.digest


def test_too_little_history_is_green_with_its_reason(world: World) -> None:
    """Three days of which six are needed: nothing is trained, and the run says what it waits for."""
    assembled = world.with_days(3).do("assemble", day(9))
    assert assembled.train is None
    assert "3 periods with mature labels, 6 are needed" in assembled.skipped
    assert world.train(day(9), assembled).version is None


def test_an_empty_lake_is_green_with_its_reason(world: World) -> None:
    """The very first run of a new model is no fault."""
    assert "0 periods" in world.do("assemble", day(9)).skipped


def test_as_of_an_earlier_day_nothing_later_is_seen(world: World) -> None:
    """A back-fill assembles the rows that would have been assembled then."""
    then, later = World().with_days(8), world.with_days(12)
    assembled, again = then.do("assemble", day(9)), later.do("assemble", day(9))
    for one, other in ((assembled.train, again.train), (assembled.holdout, again.holdout)):
        pd.testing.assert_frame_equal(
            then.services.lake.read_snapshot(then.model, one.digest),
            later.services.lake.read_snapshot(later.model, other.digest),
        )


def test_the_holdout_is_newer_than_the_champions_training_data(seasoned: World) -> None:
    """The holdout is newer than the champion's training rows, or there is none."""
    seasoned.registry.retag("1", seasoned.registry.versions["1"].tags | {"trained_until": day(7).isoformat()})
    assembled = seasoned.do("assemble", day(9))
    assert "champion was trained on rows until 2024-01-08" in assembled.skipped
    assert assembled.champion_version == seasoned.registry.aliases["champion"]


def test_a_row_in_training_and_in_the_holdout_fails_the_run(world: World) -> None:
    """A key that comes on two days would be learned by heart; the message names the first such key."""
    for number in range(8):
        whole = rows(number)
        if number in (2, 7):
            whole["id"] = whole["id"].replace(f"{number}-0", "again")
        world.deliver("features", f"{number:02}", whole.drop(columns="y"))
        world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])
    world.take_in(day(9))
    lake = world.services.lake
    train, holdout = world.snapshot(day(0), day(6)), world.snapshot(day(6), day(8))
    assert {"again"} == set(lake.read_snapshot(world.model, train.digest)["id"]) & set(
        lake.read_snapshot(world.model, holdout.digest)["id"]
    )
    with pytest.raises(
        OverlappingRows, match=r"toy: 1 keys are in training and in the holdout, the first is «\{'id': 'again'\}»"
    ):
        world.do("assemble", day(9))


def test_a_registry_outage_is_not_taken_for_a_missing_champion(seasoned: World) -> None:
    """There is no champion only when the registry says so."""
    seasoned.registry.down = True
    with pytest.raises(RegistryUnreachable):
        seasoned.do("assemble", day(9))


def test_training_rows_can_be_limited(world: World) -> None:
    """A model that forgets the old trains on its newest periods only; candidates are compared after such a window too."""
    world.model = changed(train_periods=4)
    assembled = world.with_days(9).do("assemble", day(10))
    assert (assembled.train.start, assembled.compared_from) == (day(1), day(5))
    assert assembled.windows["main"] == Window(compared=day(1), trained=day(3))
    trained_on = world.train(day(10), assembled).train
    assert trained_on is not None
    assert trained_on.start == day(3)


def test_a_period_that_triage_called_broken_is_not_learned_from(world: World) -> None:
    """Day 5 was broken and was not delivered again: it is in neither snapshot, until a later run finds it sound."""
    world.with_days(9)
    findings = {360: Finding(action="stop", reason="a test"), 420: Finding(action="nothing", reason="a test")}
    for rows_in_training, finding in findings.items():
        status = monitor_status(day(6), drift=Drift(period=day(5)), finding=finding)
        world.services.lake.write_status("toy", status)
        assert world.do("assemble", day(10)).train.rows == rows_in_training


def test_a_champion_that_a_person_removed_is_not_replaced_by_the_schedule(seasoned: World) -> None:
    """What would be trained is compared with nothing: only a person may want that, and the run says so."""
    seasoned.registry.aliases.pop("champion")
    found = seasoned.do("assemble", day(10))
    assert (found.train, found.champion_version) == (None, None)
    assert "toy.rollback with target 1" in found.skipped
    seasoned.do("reconcile", day(10))
    assert seasoned.do("assemble", day(10)) == found
    assert seasoned.do("assemble", day(10), asked={"by_person": True}).train is not None
