"""While a model is frozen monitors go on, nothing is trained or promoted, and there is a way back to an earlier champion."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.alerts.announcements import messages_after
from include.alerts.throttle import Message
from include.errors import DataError, ToolError
from include.holds import ALL_MODELS, Hold
from include.request import Request
from include.results import Checked, Drift, Finding, Quality, Scored
from include.services import StepContext
from include.steps import not_snoozed
from include.steps.triage import events
from tests.steps.test_promote import promote, verdict_on
from tests.steps.test_verify_target import promoted_twice, verify
from tests.toy import World, day

__all__ = ["promoted_twice"]


def hold(what: Any = "freeze", hours: float = 24) -> Hold:
    now = datetime.now(UTC)
    return Hold(
        what=what, by="erin", reason="incident 12", since=now - timedelta(hours=48), until=now + timedelta(hours=hours)
    )


def freeze(world: World, hours: float = 24, scope: str = "toy") -> None:
    world.services.holds.begin(scope, hold(hours=hours))


@pytest.mark.parametrize("scope", ["toy", ALL_MODELS])
def test_nothing_is_promoted_while_frozen(promoted_twice: World, scope: str) -> None:
    """The ledger says that it was postponed, and why; the champion stays."""
    freeze(promoted_twice, scope=scope)
    done = promote(promoted_twice, verdict_on("2", "4"))
    assert (done.promoted, done.champion_version) == (False, "4")
    assert "until" in done.frozen
    assert "incident 12" in done.frozen
    entry = promoted_twice.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.version, entry.champion) == ("postponed", "2", "4")
    assert promoted_twice.registry.aliases["champion"] == "4"


def test_cleared_after_the_freeze_the_task_promotes(promoted_twice: World) -> None:
    """It ends by itself, and what held before still holds."""
    freeze(promoted_twice)
    assert not promote(promoted_twice, verdict_on("2", "4")).promoted
    freeze(promoted_twice, hours=-1)
    assert promote(promoted_twice, verdict_on("2", "4")).promoted
    assert promoted_twice.registry.aliases["champion"] == "2"


def test_a_rollback_is_possible_while_frozen(promoted_twice: World) -> None:
    """A freeze never keeps a bad champion in production."""
    freeze(promoted_twice)
    done = promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    assert (done.rolled_back, done.champion_version) == (True, "3")


def test_a_killed_promotion_is_completed_while_frozen(promoted_twice: World) -> None:
    """The alias had moved: the ledger follows, so that there is one champion."""
    freeze(promoted_twice)
    promoted_twice.registry.aliases["champion"] = "3"
    assert promoted_twice.do("reconcile", day(2)).champion_version == "3"


def test_nothing_is_trained_while_frozen() -> None:
    """Whatever asked for it, and as of whatever time; the run is green and says why."""
    world = World().with_days(12)
    freeze(world)
    for as_of in (day(13), datetime.now(UTC)):
        assembled = world.do("assemble", as_of, force=True)
        assert assembled.train is None
        assert "incident 12" in str(assembled.skipped)
    freeze(world, hours=-1)
    assert world.do("assemble", day(13)).train is not None


def test_monitors_go_on_while_frozen() -> None:
    """What was found is the same, and kept; only the retraining is not requested."""
    found = []
    for frozen in (False, True):
        world = World()
        if frozen:
            freeze(world)
        finding: Finding = world.do(
            "triage",
            day(9),
            checked=Checked(rows=9, quarantined=0, reasons={}),
            scored=Scored(champion=None, period=day(8)),
            drift=Drift(period=day(8), columns=3),
            quality=Quality(period=None, metric="roc_auc"),
        )
        context = StepContext(world.services, world.model, Request(as_of=day(9), reason="", run_id="r"))
        found.append((finding, events(context, finding)))
    (free, asked), (held, nothing) = found
    assert (free.action, len(asked)) == ("retrain", 1)
    assert (held.action, nothing) == ("wait", ())
    assert held.reason.startswith(free.reason)
    assert "incident 12" in held.reason


def test_people_hear_once_of_a_freeze() -> None:
    """From the next monitor on, whoever started it where."""
    world = World()
    freeze(world)
    done = world.do("reconcile", day(2))
    sent = [
        message
        for run in ("a", "b")
        for message in messages_after("reconcile", "toy", Request(as_of=day(2), reason="", run_id=run), {}, done)
    ]
    assert [message.kind for message in sent] == ["held", "held"]
    assert len({message.once for message in sent}) == 1
    assert "incident 12" in sent[0].text
    assert "a rollback stays possible" in sent[0].text


def test_a_snoozed_message_is_not_sent_and_the_others_are() -> None:
    """Of that model and that kind, until its time."""
    world = World()
    world.services.holds.begin("toy", hold("page"))
    messages = (Message("page", "noisy"), Message("silence", "no labels"), Message("outage", "store"))
    kinds = [message.kind for message in not_snoozed(messages, world.services.holds, "toy")]
    assert kinds == ["silence", "outage"]
    assert not_snoozed(messages, world.services.holds, "other") == messages
    world.services.holds.begin("toy", hold("page", hours=-1))
    assert not_snoozed(messages, world.services.holds, "toy") == messages


def test_a_store_that_does_not_answer_snoozes_nothing() -> None:
    """One message too many is better than one too few."""
    world = World()
    world.lake.put("holds/toy.json", b"{}")
    message = (Message("page", "noisy"),)
    assert not_snoozed(message, world.services.holds, "toy") == message


def test_the_form_of_the_monitor_freezes_and_unfreezes() -> None:
    """With who and why, once for a run that is tried twice; the run itself goes on."""
    world, until = World(), datetime.now(UTC) + timedelta(days=1)
    for _ in range(2):
        done = world.do("reconcile", datetime.now(UTC), asked={"freeze_until": until, "reason": "incident 12"})
    assert "incident 12" in done.held[0]
    found = world.services.holds.frozen("toy")
    assert found is not None
    assert (found.by, found.until) == ("carol", until)
    assert world.do("reconcile", datetime.now(UTC), asked={"unfreeze": True}).held == ()
    assert [entry.event for entry in world.services.ledger.proved("toy")][-1] == "unfrozen"


def test_the_form_of_the_monitor_snoozes_a_kind_of_message() -> None:
    """With who, why and until when; half an answer is refused, and nothing is snoozed then."""
    world, now = World(), datetime.now(UTC)
    until = now + timedelta(days=1)
    for half in ({"snooze": "page"}, {"snooze_until": until}, {"snooze": "everything", "snooze_until": until}):
        with pytest.raises(ToolError, match="Trigger again with both"):
            world.do("reconcile", now, asked=half)
    with pytest.raises(ToolError, match="a time that has not come yet"):
        world.do("reconcile", now, asked={"snooze": "page", "snooze_until": now - timedelta(days=1)})
    done = world.do("reconcile", now, asked={"snooze": "page", "snooze_until": until, "reason": "order 4711"})
    assert "messages of the kind page snoozed" in done.held[0]
    assert "order 4711" in done.held[0]
    assert not_snoozed((Message("page", "noisy"), Message("silence", "nothing")), world.services.holds, "toy") == (
        Message("silence", "nothing"),
    )


def test_a_freeze_by_form_needs_a_reason_and_an_end() -> None:
    """And a freeze of all models is not ended by one of them."""
    world, now = World(), datetime.now(UTC)
    with pytest.raises(DataError, match="without a reason"):
        world.do("reconcile", now, asked={"freeze_until": now + timedelta(days=1), "reason_given": False})
    with pytest.raises(ToolError, match="a time that has not come yet"):
        world.do("reconcile", now, asked={"freeze_until": now - timedelta(days=1)})
    freeze(world, scope=ALL_MODELS)
    with pytest.raises(ToolError, match="frozen with all models"):
        world.do("reconcile", now, asked={"unfreeze": True})


def test_a_run_that_is_cleared_after_its_hold_has_ended_begins_no_other() -> None:
    """It was held back then: clearing the run for another reason fails for no time that has gone by, and revives nothing."""
    world = World().with_champion()
    now = world.services.holds.now()
    asked = {"snooze": "page", "snooze_until": now + timedelta(hours=2), "reason": "known"}
    world.do("reconcile", day(9), asked=asked)
    before = world.lake.objects["holds/toy.json"][0]
    world.services.holds.now = lambda: now + timedelta(days=1)
    world.do("reconcile", day(9), asked=asked)
    assert world.lake.objects["holds/toy.json"][0] == before
