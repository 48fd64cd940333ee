"""Which messages follow from what: each step's result leads to the right one or to none, and is sent once a run."""

from typing import Any

import pytest

from include.alerts.announcements import failure_message, messages_after
from include.alerts.texts import Failure
from include.alerts.throttle import Message
from include.errors import BrokenFeed, Locked, RegistryUnreachable, StoreUnreachable
from include.request import Request
from include.results import (
    Approval,
    Assembled,
    Contestant,
    Finding,
    Probated,
    Promotion,
    Question,
    Reconciled,
    Refreshed,
    Result,
    RolledBack,
    Snapshot,
    Trained,
    Verdict,
)
from tests.toy import day

VERDICT = Verdict(
    verdict="keep", reasons=("no better",), version="2", artifact_digest="d", champion_version="1", card_url="http://m/card"
)
APPROVAL = Approval(approved=True, by="the gate", summary="approved by the gate")
STAYS = Promotion(promoted=False, champion_version="1", previous_version=None)
PROMOTED = Promotion(promoted=True, champion_version="2", previous_version="1")


def after(step: str, result: Result, request: dict[str, Any] | None = None, **inputs: Result) -> list[Message]:
    about: dict[str, Any] = {"as_of": day(1), "reason": "cadence", "run_id": "run", "url": "http://a/run"} | (request or {})
    return list(messages_after(step, "toy", Request(**about), inputs, result))


def snapshot(rows: int) -> Snapshot:
    return Snapshot(digest="d", start=day(0), end=day(1), rows=rows)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({}, "retraining started: cadence"),
        ({"reason": "new prices", "asked_by": "alice", "by_person": True}, "started: by hand, alice\nnew prices"),
        ({"reason": "decay: mae 4, was 3"}, "retraining started: decay\nmae 4, was 3"),
    ],
)
def test_a_retraining_states_its_cause(request_: dict[str, Any], text: str) -> None:
    """The cadence, a person, or what triage found; the second try of the same run bears the same name."""
    first, again = (after("assemble", Assembled(train=snapshot(rows), holdout=snapshot(3)), request_)[0] for rows in (9, 10))
    assert text in first.text
    assert (first.kind, first.once) == ("started", again.once)


def test_where_nothing_is_trained_nothing_started() -> None:
    """The verdict says so."""
    assert after("assemble", Assembled(skipped="too little history")) == []


def test_a_decision_is_one_message() -> None:
    """A verdict or a promotion; another decision of the same run is another message."""
    messages = [
        message
        for promotion in (STAYS, STAYS, PROMOTED)
        for message in after("announce", Result(), verdict=VERDICT, approval=APPROVAL, promotion=promotion)
    ]
    assert [message.kind for message in messages] == ["verdict", "verdict", "promoted"]
    assert len({message.once for message in messages}) == 2


def test_a_rollback_is_reported_where_something_moved() -> None:
    """Not a dry run."""
    request = {"reason": "bad week", "asked_by": "alice"}
    moved = RolledBack(rolled_back=True, champion_version="1", from_version="2")
    assert after("roll_back", moved.model_copy(update={"rolled_back": False}), request) == []
    (message,) = after("roll_back", moved, request)
    assert message.kind == "rolled_back"
    assert "alice: bad week" in message.text


@pytest.mark.parametrize(
    ("step", "result", "kinds"),
    [
        ("reconcile", Reconciled(champion_version="3", by_hand=True), ["by_hand"]),
        ("reconcile", Reconciled(champion_version="3", by_hand=False), []),
        ("reconcile", Reconciled(champion_version="3", by_hand=False, unpublished="no bucket"), ["failure"]),
        ("probation", Probated(decision="worse", version="2", against="1"), ["probation"]),
        ("probation", Probated(decision="passed", version="2", against="1"), []),
        ("triage", Finding(action="page", reason="noise surge"), ["page"]),
        ("triage", Finding(action="alarm", reason="silence"), ["silence"]),
        ("triage", Finding(action="retrain", reason="decay"), []),
        ("pull", Result(), []),
    ],
)
def test_only_what_needs_attention_is_a_message(step: str, result: Result, kinds: list[str]) -> None:
    """What needs no action is in the log and on the pages."""
    assert [message.kind for message in after(step, result)] == kinds


@pytest.mark.parametrize(
    ("error", "kind", "outage"),
    [
        (BrokenFeed("x"), "failure", ""),
        (Locked("x"), "failure", ""),
        (ValueError("x"), "failure", ""),
        (None, "failure", ""),
        (StoreUnreachable("x"), "outage", "object store"),
        (RegistryUnreachable("x"), "outage", "MLflow"),
    ],
)
def test_a_failure_for_want_of_a_service_is_its_outage(error: Exception | None, kind: str, outage: str) -> None:
    """So that all of them are one message; any other failure is a message of its own."""
    message = failure_message(Failure("toy.monitor", "pull", error, "http://log"), "The champion is unchanged.")
    assert (message.kind, message.outage) == (kind, outage)


def test_a_question_is_asked_once_for_its_evidence_and_time() -> None:
    """A task that is tried again asks no second time; a later question is another."""
    question = Question(
        where="orchestrator",
        answered_in="Airflow",
        subject="may it?",
        body="",
        evidence="e",
        version="2",
        until=day(2),
        url="http://x",
        reviewers=("alice",),
    )
    asked = [question, question, question.model_copy(update={"evidence": "f"})]
    messages = [after("review", Approval(approved=False, by="no one", question=one), verdict=VERDICT)[0] for one in asked]
    assert messages[0].once == messages[1].once != messages[2].once
    assert "keep: no better" in messages[0].text
    assert "alice" in messages[0].text


def test_a_candidate_that_failed_is_told_once_for_what_it_raised() -> None:
    """The others go on; the next week's retraining says nothing new. None failed: nothing is sent."""
    broken = Contestant(name="trees", problem="ValueError: <no> column")
    result = Trained(version="2", pool=(Contestant(name="linear", value=0.7), broken))
    (first,), (again,) = (after("select", result, {"run_id": run}) for run in ("week 1", "week 2"))
    assert "a candidate failed\ntrees: ValueError: &lt;no&gt; column" in first.text
    assert (first.kind, first.once) == ("page", again.once)
    assert after("select", Trained(version="2", pool=(Contestant(name="linear", value=0.7),))) == []


def test_the_usual_look_whether_a_fresh_model_pays_is_quiet_until_something_comes_of_it() -> None:
    """Neither its start nor a verdict that changes nothing; a promotion and a block are told."""
    routine = {"routine": True}
    assert after("assemble", Assembled(train=snapshot(9), holdout=snapshot(3)), routine) == []
    told: dict[str, Result] = {"approval": APPROVAL, "promotion": STAYS}
    assert after("announce", Result(), routine, verdict=VERDICT, **told) == []
    blocked = VERDICT.model_copy(update={"verdict": "blocked"})
    assert after("announce", Result(), routine, verdict=blocked, **told)[0].kind == "verdict"
    promoted = after("announce", Result(), routine, verdict=VERDICT, approval=APPROVAL, promotion=PROMOTED)
    assert promoted[0].kind == "promoted"


def test_a_promotion_tells_which_version_answers_now() -> None:
    """The one that learned the hold-out too, or why there is none."""
    told: dict[str, Result] = {"verdict": VERDICT, "approval": APPROVAL, "promotion": PROMOTED}
    refreshed = Refreshed(version="3", instead_of="2", summary="version 3 is champion: version 2 was validated")
    assert "toy answers with version 3" in after("announce", Result(), None, refreshed=refreshed, **told)[0].text
    stays = Refreshed(problems=("moved",), summary="version 2 stays: its answers moved")
    assert "version 2 stays" in after("announce", Result(), None, refreshed=stays, **told)[0].text


def test_a_champion_below_its_floor_is_told_beside_a_retraining() -> None:
    """A retraining alone is no message of triage."""
    finding = Finding(action="retrain", reason="decay", page="the champion is below its floor: mae 9, asked for is 5")
    (message,) = after("triage", finding)
    assert message.kind == "page"
    assert "below its floor: mae 9, asked for is 5; decay" in message.text
    assert after("triage", finding.model_copy(update={"page": ""})) == []
