"""What is told when: each step's answer leads to the right message or none, is told once a run, and is handed on."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

import slack_alerts
from include.alerts.throttle import Message
from include.errors import BrokenFeed, Locked, RegistryUnreachable, StoreUnreachable

VERDICT = {"verdict": "keep", "reasons": ["no better"], "version": "2", "card_url": "http://mlflow.example/card"}
STAYS = {"promoted": False, "champion_version": "1", "previous_version": None}
PROMOTED = {"promoted": True, "champion_version": "2", "previous_version": "1"}
APPROVAL = {"by": "the gate", "summary": "approved by the gate"}


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    told: list[Message] = []
    monkeypatch.setattr(slack_alerts, "post", told.append)
    return told


def context(stage: str = "retrain", run_type: str = "scheduled", **conf: Any) -> dict[str, Any]:
    run = {"dag_id": f"toy.{stage}", "run_id": "run", "run_type": run_type, "conf": conf, "run_after": "2024-01-02T00:00:00Z"}
    return {"dag_run": SimpleNamespace(**run, triggering_user_name="alice" if run_type == "manual" else None), "params": conf}


@pytest.mark.parametrize(
    ("run_type", "conf", "events", "said"),
    [
        ("scheduled", {}, {}, "retraining started: cadence"),
        ("manual", {"reason": "new prices"}, {}, "retraining started: by hand, alice\nnew prices"),
        ("asset_triggered", {}, {"reason": "decay: mae 4, was 3"}, "retraining started: decay\nmae 4, was 3"),
        ("asset_triggered", {}, {"reason": "drift: x: median 1 → 2"}, "retraining started: drift\nx: median 1 → 2"),
    ],
)
def test_a_retraining_says_why(
    posted: list[Message], run_type: str, conf: dict[str, Any], events: dict[str, str], said: str
) -> None:
    """The cadence, a person, or what triage found; the second try of the same run bears the same name."""
    asked = context(run_type=run_type, **conf) | {"triggering_asset_events": {"a": [SimpleNamespace(extra=events)]}}
    assembled = {"train": {"rows": 9}, "holdout": {"rows": 3}}
    for tried in (assembled, assembled | {"train": {"rows": 10}}):
        assert slack_alerts.tell_started("toy", asked, tried) is tried
    assert said in posted[0].text
    assert posted[0].kind == "started"
    assert posted[0].once == posted[1].once


def test_where_nothing_is_trained_nothing_started(posted: list[Message]) -> None:
    """The verdict says so."""
    slack_alerts.tell_started("toy", context(), {"train": None, "holdout": None})
    assert posted == []


def test_a_decision_is_one_message(posted: list[Message]) -> None:
    """A verdict or a promotion; another decision of the same run is another message."""
    for promotion in (STAYS, STAYS, PROMOTED):
        slack_alerts.tell_decision("toy", context(), VERDICT, APPROVAL, promotion, {"summary": ""})
    assert [message.kind for message in posted] == ["verdict", "verdict", "promoted"]
    assert len({message.once for message in posted}) == 2


def test_a_rollback_is_told_where_something_moved(posted: list[Message]) -> None:
    """Not a dry run."""
    done = {"rolled_back": False, "champion_version": "1", "from_version": "2"}
    asked = context("rollback", "manual", reason="bad week")
    slack_alerts.tell_rolled_back("toy", asked, done)
    slack_alerts.tell_rolled_back("toy", asked, done | {"rolled_back": True})
    assert [message.kind for message in posted] == ["rolled_back"]
    assert "alice: bad week" in posted[0].text


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
def test_a_failure_for_want_of_a_service_is_its_outage(
    posted: list[Message], error: Exception | None, kind: str, outage: str
) -> None:
    """So that all of them are one message; anything else is a failure of its own."""
    failed = SimpleNamespace(dag_id="toy.monitor", task_id="pull", log_url="http://airflow.example/log")
    slack_alerts.report_failure({"ti": failed, "exception": error})
    assert [(message.kind, message.outage) for message in posted] == [(kind, outage)]


def test_nothing_that_is_told_can_fail_a_step(monkeypatch: pytest.MonkeyPatch, posted: list[Message]) -> None:
    """A setting that cannot be used, an answer that lacks something: the step's answer is handed on all the same."""
    monkeypatch.setenv("PROVING_GROUND_AIRFLOW_URL", "nowhere")
    for answer in ({"by_hand": True, "summary": "x"}, {}):
        assert slack_alerts.tell_by_hand("toy", context("monitor"), answer) is answer
    slack_alerts.report_failure({})
    slack_alerts.tell_question({}, [], {})
    assert posted == []


def test_a_question_is_told_once_for_its_evidence_and_time(posted: list[Message]) -> None:
    """A task that is tried again asks no second time; a later question is another."""
    asked = {"subject": "may it?", "where": "orchestrator", "until": "2024-01-02T00:00:00Z", "url": "http://x", "evidence": "e"}
    for question in (asked, asked, asked | {"evidence": "f"}):
        slack_alerts.tell_question(question, ["alice"], VERDICT)
    assert posted[0].once == posted[1].once != posted[2].once
    assert json.dumps(posted[0].text).count("keep") == 1
