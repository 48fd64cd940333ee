"""One list of promises, kept by both orchestrators, on one lake and one registry."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from tests.prefect.driver import Driver
from tests.prefect.place import MODEL, Place
from tests.slack import Receiver, listening
from tests.whole_loop.loop import wait_for
from tests.whole_loop.test_killed import frozen, kill

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def slack(driver: Driver) -> Iterator[Receiver]:
    """Slack, set up on the orchestrator's own pages."""
    with listening() as receiver:
        driver.connect_slack(receiver.address)
        yield receiver
        driver.disconnect_slack()


def test_an_event_says_as_of_when(driver: Driver, place: Place) -> None:
    """A delivery's event starts one run of the monitor, as of the time in the event."""
    run = place.deliver(driver)
    found = place.check(place.until)
    assert found
    assert (found.as_of, found.run_id) == (place.until, run.id)
    place_settled(driver, place, run.started, found.finding.action)


def place_settled(driver: Driver, place: Place, since: str, action: str) -> None:
    """A retraining that the monitor asked for is over."""
    if action == "retrain":
        place.finish(driver, "retrain", place.started(driver, "retrain", since).id)


def test_the_form_says_as_of_when_and_the_event_hands_it_on(driver: Driver, place: Place) -> None:
    """A monitor that is forced by hand asks for a retraining, which starts by itself, as of the same time."""
    as_of = place.until + timedelta(hours=1 if driver.person == "admin" else 2)
    monitor = place.trigger(driver, "monitor", as_of=as_of.isoformat(), reason="to see it", force=True)
    started = place.finish(driver, "monitor", monitor).started
    retrain = place.started(driver, "retrain", started)
    place.finish(driver, "retrain", retrain.id)
    decided = place.retraining(as_of)
    assert decided
    assert (decided.as_of, decided.run_id) == (as_of, retrain.id)


@pytest.mark.parametrize(
    "form",
    [{"as_of": "yesterday"}, {"candidate": "no such candidate"}, {"force": "perhaps"}, {"no_such_field": 1}],
    ids=["time", "candidate", "box", "field"],
)
def test_a_bad_form_starts_nothing(driver: Driver, place: Place, form: dict[str, object]) -> None:
    """What the form does not accept never becomes a run that succeeds; the orchestrator, or the first step, refuses it."""
    try:
        run = place.trigger(driver, "retrain", **form)
    except driver.api.errors as error:
        refused = str(error)
    else:
        assert place.end(driver, "retrain", run).state == "failed"
        refused = "400" if "success" not in driver.api.tasks(f"{MODEL}.retrain", run).values() else "it began"
    assert any(code in refused for code in ("400", "409", "422"))


def test_what_is_wrong_fails_at_once_and_is_told_once(driver: Driver, place: Place, slack: Receiver) -> None:
    """A rollback without a reason: one try, one message that says what on call needs; nothing has moved."""
    before = place.champion()
    run = place.trigger(driver, "rollback", reason=" ")
    assert place.end(driver, "rollback", run).state == "failed"
    assert driver.attempts(f"{MODEL}.rollback", run, "verify_target") == 1

    def about_it() -> list[str]:
        # A run of the test before may still tell of itself.
        return [text for text in slack.texts if "rollback" in text.partition("\n")[0]]

    wait_for(about_it, "a message", seconds=30)
    (text,) = about_it()
    title, why, state, link, *_ = text.splitlines()
    assert title.startswith(f":red_circle: *{MODEL}* · ")
    assert title.endswith(": rollback stopped in *verify_target* (DataError)")
    assert "was started without a reason" in why
    assert "nothing" in state.lower() or "unchanged" in state.lower()
    assert link.endswith("|Log and retry>")
    assert place.champion() == before


def test_an_outage_is_tried_again(driver: Driver, place: Place) -> None:
    """The object store is away at the first try and back at a later one; the run ends well by itself."""
    pipeline = f"{MODEL}.monitor"
    place.stack._end_parts(["seaweedfs"])
    try:
        run = place.trigger(driver, "monitor", as_of=place.until.isoformat())
        # Reconcile comes first, and reads what is frozen.
        wait_for(
            lambda: driver.api.tasks(pipeline, run).get("reconcile") == "up_for_retry",
            "a second try to be planned",
            seconds=300,
        )
    finally:
        place.stack.start(["seaweedfs"])
    place.finish(driver, "monitor", run)
    assert driver.attempts(pipeline, run, "reconcile") > 1


def test_one_retraining_at_a_time(driver: Driver, place: Place) -> None:
    """Of two that are asked for at once, the second begins when the first has ended."""
    as_of = place.until.isoformat()
    first, second = (place.trigger(driver, "retrain", as_of=as_of, reason=f"number {n}", force=True) for n in (1, 2))
    pipeline = f"{MODEL}.retrain"
    running = 0

    def both_over() -> bool:
        nonlocal running
        busy = [run for run in (first, second) if "running" in driver.api.tasks(pipeline, run).values()]
        running = max(running, len(busy))
        for run in busy:
            if driver.is_asking(pipeline, run):
                driver.answer(pipeline, run, "reject", "a test")
        for run in (first, second):
            if driver.is_asking(pipeline, run):
                driver.answer(pipeline, run, "reject", "a test")
        return all(driver.api.seen(pipeline, run).state == "success" for run in (first, second))

    wait_for(both_over, "both retrainings to end", seconds=600)
    assert running == 1


def test_a_person_says_no_then_nothing_then_yes(driver: Driver, place: Place) -> None:
    """A no leaves things as they are, silence is a no, and a yes makes the champion; who and why are in the ledger."""
    place.without_champion()
    seen = len(place.ledger())
    pipeline, as_of = f"{MODEL}.retrain", place.until.isoformat()
    refused = place.trigger(driver, "retrain", as_of=as_of, reason="no", force=True)
    place.asked(driver, refused)
    (asked_about,) = place.versions_of(refused) or [str(_newest(place))]
    assert f"{MODEL}: may version {asked_about} become champion?" in driver.question(pipeline, refused)
    wait_for(lambda: not driver.holds_a_process(pipeline, refused), "the run to hold no process", seconds=60)
    place.finish(driver, "retrain", refused, "reject", "not today")
    assert place.champion() is None

    silent = place.trigger(driver, "retrain", as_of=as_of, reason="silence", force=True)
    place.asked(driver, silent)
    driver.let_time_pass(pipeline, silent)
    wait_for(lambda: driver.api.seen(pipeline, silent).state == "success", "the run to end", seconds=120)
    assert place.champion() is None

    approved = place.trigger(driver, "retrain", as_of=as_of, reason="yes", force=True)
    place.finish(driver, "retrain", approved, "approve", "as good as we need it")
    assert place.champion()
    entries = [(entry.event, entry.by) for entry in place.ledger()[seen:] if entry.event != "changed_by_hand"]
    assert entries[:4] == [
        ("rejected", driver.person),
        ("refused", driver.person),
        ("rejected", "no one"),
        ("refused", "no one"),
    ]
    assert ("approved", driver.person) in entries
    assert entries[-1] == ("promoted", driver.person)


def _newest(place: Place) -> int:
    return max(int(version.version) for version in place.mlflow.search_model_versions(f"name = '{MODEL}'"))


@pytest.mark.parametrize(("stage", "step"), [("monitor", "pull"), ("retrain", "select"), ("retrain", "promote")])
def test_a_killed_step_is_done_again(driver: Driver, place: Place, stage: str, step: str) -> None:
    """`kill -9` of the process of a step: the orchestrator tries again, and it ends as if nothing had happened."""
    pipeline = f"{MODEL}.{stage}"
    # A step of the monitor is soon over: with the store standing still, it is there long enough to be killed.
    run = place.trigger(driver, stage, as_of=place.until.isoformat(), reason=f"killed in {step}", **_forced(stage))
    if step == "pull":
        # It comes first, and asks the store too.
        wait_for(
            lambda: driver.api.tasks(pipeline, run).get("reconcile") == "success", "reconcile to end", seconds=300, every=0.1
        )
    with frozen(place.stack.ports.s3) if step == "pull" else nullcontext():
        if step == "promote":
            _answer_when_asked(driver, run)
        process = wait_for(
            lambda: driver.performing(pipeline, run, step),
            lambda: f"{step} to run, but {driver.api.tasks(pipeline, run)}",
            seconds=300,
            every=0.02,
        )
        kill(process)
    place.finish(driver, stage, run)
    assert driver.attempts(pipeline, run, step) == 2
    assert len(place.versions_of(run)) <= 1
    place.ledger()


def _forced(stage: str) -> dict[str, bool]:
    return {"force": True} if stage == "retrain" else {}


def _answer_when_asked(driver: Driver, run: str) -> None:
    """Where a person is asked, the person agrees; else the gate has decided, and promote comes by itself."""
    pipeline = f"{MODEL}.retrain"

    def beyond_review() -> bool:
        return driver.is_asking(pipeline, run) or driver.performing(pipeline, run, "promote") is not None

    wait_for(beyond_review, lambda: f"the review, but {driver.api.tasks(pipeline, run)}", seconds=300, every=0.02)
    if driver.is_asking(pipeline, run):
        driver.answer(pipeline, run, "approve", "a test")


def test_a_time_in_the_future_is_refused(driver: Driver, place: Place) -> None:
    """Labels that cannot be known yet would count as known: the first step refuses, at the first try."""
    later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    run = place.trigger(driver, "monitor", as_of=later)
    assert place.end(driver, "monitor", run).state == "failed"
    assert driver.attempts(f"{MODEL}.monitor", run, "pull") == 1
