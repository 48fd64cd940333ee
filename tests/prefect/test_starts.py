"""What starts a run, and as of when: promises that both orchestrators keep about schedules, replays and rollbacks."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from include.statuses import MonitorStatus
from tests.prefect.driver import Driver
from tests.prefect.more_models import EVERY_OTHER_MINUTE
from tests.prefect.place import MODEL, Place
from tests.whole_loop.loop import wait_for

pytestmark = pytest.mark.timeout(1200)
BY_CLOCK = f"{EVERY_OTHER_MINUTE}.monitor"


@pytest.fixture
def clock(driver: Driver) -> Iterator[None]:
    """The model that is monitored every other minute is, while the test runs."""
    driver.resume(BY_CLOCK)
    yield
    driver.pause(BY_CLOCK)


def slot_after(moment: datetime) -> datetime:
    """The first even minute after a time."""
    whole = moment.replace(minute=moment.minute - moment.minute % 2, second=0, microsecond=0)
    return whole + timedelta(minutes=2)


def checked(place: Place, as_of: datetime) -> MonitorStatus | None:
    """What the schedule's model found as of a time."""
    return place.records.status(EVERY_OTHER_MINUTE, MonitorStatus, as_of)


@pytest.mark.usefixtures("clock")
def test_the_schedule_says_as_of_when_and_a_missed_slot_is_made_up_for(driver: Driver, place: Place) -> None:
    """A run is as of its slot, however late it starts; so is the one for a slot at which nothing ran at all."""
    slot = slot_after(datetime.now(UTC))
    found = wait_for(lambda: checked(place, slot), f"the monitor as of {slot}", seconds=300)
    assert found.as_of == slot
    assert driver.api.seen(BY_CLOCK, found.run_id).state in ("running", "success")

    driver.end()
    missed = slot_after(datetime.now(UTC))
    time.sleep(max(0.0, (missed - datetime.now(UTC)).total_seconds() + 2))
    assert checked(place, missed) is None
    driver.start()
    driver.resume(BY_CLOCK)
    late = wait_for(lambda: checked(place, missed), f"the monitor as of {missed}, which was missed", seconds=300)
    assert late.as_of == missed
    assert datetime.fromisoformat(driver.api.seen(BY_CLOCK, late.run_id).started) > missed


def test_a_replay_is_started_by_the_form_and_moves_nothing(driver: Driver, place: Place) -> None:
    """It fits the models of the past, and says what can be said of so few weeks."""
    before = place.with_champion(driver)
    run = place.trigger(driver, "replay", as_of=place.until.isoformat(), reason="how often?")
    place.finish(driver, "replay", run)
    pipeline = f"{MODEL}.replay"
    assert driver.api.tasks(pipeline, run) == {"refit": "success", "recommend": "success"}
    assert "nothing to recommend" in driver.log(pipeline, run, "recommend")
    assert place.champion() == before


def test_an_event_starts_a_rollback(driver: Driver, place: Place) -> None:
    """As probation asks for it: target and reason come with the event, and are in the ledger with who is to be believed."""
    old = place.with_champion(driver)
    new = place.never_champion(driver)
    place.mlflow.set_registered_model_alias(MODEL, "champion", new)
    # The monitor writes down what a person did in MLflow.
    monitor = place.trigger(driver, "monitor", as_of=place.until.isoformat(), reason="after a change by hand")
    place.finish(driver, "monitor", monitor)
    event = {"as_of": place.until.isoformat(), "reason": "worse by 0.1 at look 2", "target": old, "by": "probation"}
    since = driver.post_event(f"{MODEL}.needs_rollback", event)
    run = place.started(driver, "rollback", since)
    place.finish(driver, "rollback", run.id)
    assert place.champion() == old
    newest = place.ledger()[-1]
    assert (newest.event, newest.champion, newest.by, newest.reason) == ("rolled_back", old, driver.sender, event["reason"])
    assert newest.run_id == run.id
