"""The task `review` in Airflow: it parks, hears an answer as it comes, and forgets none."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

# Airflow settles where it lives when it is imported, so the operator is tried in a process of its own; what it asks of the
# step, of Slack and of Airflow is written down instead of done.
ASK = """
import json, sys
from datetime import UTC, datetime, timedelta
from airflow.sdk.exceptions import TaskAwaitingInput, TaskDeferred
import airflow.providers.standard.operators.hitl as hitl
import review_operator as ours
import airflow_tasks, include.steps, slack_alerts
from include.alerts.announcements import messages_after
from include.request import Request
from include.results import Approval, Question, Verdict
from tests.toy import MODEL, changed

VERDICT = {"verdict": "promote", "reasons": ["better"], "version": "2", "artifact_digest": "d", "champion_version": "1"}

until = datetime.now(UTC) + timedelta(hours=1)

class Store:
    def __init__(self, kept): self.kept = kept
    def get(self, key): return self.kept.get(key)
    def set(self, key, value): self.kept[key] = json.loads(json.dumps(value))
    def delete(self, key): self.kept.pop(key, None)

class Task:
    id = "ti"

def attempt(given):
    done = {"performed": [], "posted": [], "asked": [], "kept": dict(given["kept"]), "until": until.isoformat()}
    question = {"where": given["where"] or "orchestrator", "reviewers": ["alice", "bob"],
                "answered_in": "MLflow, by a tag on the version" if given["where"] == "registry" else "Airflow",
                "subject": "{{ 1/0 }} may it?", "body": "{{ 1/0 }} the card", "evidence": "e" * 64,
                "version": "2", "until": until.isoformat(), "url": "http://page.example", "needs_reason": True}

    def perform(step, model_name, request, connections=None, **inputs):
        done["performed"].append(inputs)
        if given["outage"]: raise ConnectionError("MLflow is down")
        asks = bool(given["where"]) and "answer" not in inputs and not given["decided"]
        approval = Approval(approved=not asks, by="x", question=Question(**question) if asks else None)
        messages = messages_after(step, model_name, request, {"verdict": Verdict(**VERDICT)}, approval)
        return include.steps.Performed(approval, (), messages)

    include.steps.perform, slack_alerts.post = perform, lambda message: done["posted"].append(message.text)
    airflow_tasks.request_from = lambda context: Request(as_of=until, reason="r", run_id="run", orchestrator="Airflow")
    hitl.upsert_hitl_detail = lambda **asked: done["asked"].append({k: v for k, v in asked.items() if k != "ti_id"})
    operator = ours.ReviewOperator(
        task_id="review", model=changed(MODEL, reviewers=("alice", "bob")), verdict=VERDICT)
    context = {"task_state_store": Store(done["kept"]), "task_instance": Task(), "params": {}}
    event = given["event"]
    if event and event.get("responded_at"): event["responded_at"] = datetime.fromisoformat(event["responded_at"])
    done["templates"] = list(operator.template_fields)
    try:
        run = getattr(operator, given["method"])
        done["returned"] = run(context) if event is None else run(context, event)
    except TaskAwaitingInput as parked:
        done["parked"] = [parked.method_name, parked.timeout.total_seconds()]
    except TaskDeferred as deferred:
        path, kwargs = deferred.trigger.serialize()
        done["deferred"] = [deferred.method_name, path, kwargs, deferred.timeout and deferred.timeout.total_seconds()]
    except ConnectionError:
        done["raised"] = True
    return done

for line in sys.stdin:
    print("done " + json.dumps(attempt(json.loads(line)), default=str), flush=True)
"""
ROOT = Path(__file__).parent.parent.parent
Try = Callable[..., dict[str, Any]]
HUMAN = {"id": "alice", "name": "alice"}
AT = "2024-03-01T12:00:00+00:00"


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Try]:
    """Runs one method of the operator, and tells what came of it."""
    home = str(tmp_path_factory.mktemp("airflow"))
    process = subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"AIRFLOW_HOME": home, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"},
    )
    assert process.stdin
    assert process.stdout
    into, out = process.stdin, process.stdout

    def run(method: str = "execute", event: Any = None, where: str = "orchestrator", **given: Any) -> dict[str, Any]:
        call = {"kept": {}, "outage": False, "decided": False} | given | {"method": method, "event": event, "where": where}
        into.write(json.dumps(call) + "\n")
        into.flush()
        found: dict[str, Any] = json.loads(next(line for line in out if line.startswith("done ")).removeprefix("done "))
        return found

    yield run
    into.close()
    assert process.wait(30) == 0
    out.close()


def answered(*options: str, who: dict[str, str] | None = HUMAN, timedout: bool = False, **params: Any) -> dict[str, Any]:
    """What Airflow hands over when a person has answered, or when the time was over."""
    return {
        "chosen_options": list(options),
        "params_input": params,
        "responded_at": AT,
        "responded_by_user": who,
        "timedout": timedout,
    }


def test_where_no_review_is_needed_the_task_returns_at_once(attempt: Try) -> None:
    """The gate's own verdict goes on to promote; no message is sent."""
    done = attempt(where="")
    assert (done["returned"]["approved"], done["returned"]["question"]) == (True, None)
    assert done["posted"] == done["asked"] == []


def test_a_question_parks_the_task_and_tells_the_reviewers(attempt: Try) -> None:
    """Subject, card and form go to Airflow as they are; silence is a rejection; the wait ends when the question says."""
    done = attempt()
    (asked,) = done["asked"]
    assert (asked["subject"], asked["body"]) == ("{{ 1/0 }} may it?", "{{ 1/0 }} the card")
    assert (asked["options"], asked["defaults"]) == (["Approve eeeeeeeeeeee", "Reject eeeeeeeeeeee"], ["Reject eeeeeeeeeeee"])
    assert [user["id"] for user in asked["assigned_users"]] == ["alice", "bob"]
    assert list(asked["params"]) == ["why"]
    assert done["parked"][0] == "execute_complete"
    assert 3500 < done["parked"][1] <= 3600
    (message,) = done["posted"]
    assert "<http://page.example|Answer in Airflow>" in message
    assert "alice, bob" in message


def test_words_from_outside_are_no_templates(attempt: Try) -> None:
    """Airflow renders the verdict's reference and nothing else."""
    assert attempt(where="")["templates"] == ["verdict"]


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (
            answered("Approve 0123", why="good"),
            {"decision": "approve", "by": "alice", "why": "good", "at": AT, "evidence": "0123"},
        ),
        (answered("Reject 0123", why=None), {"decision": "reject", "by": "alice", "why": "", "at": AT, "evidence": "0123"}),
        (answered("Approve 0123"), {"decision": "approve", "by": "alice", "why": "", "at": AT, "evidence": "0123"}),
        (
            answered("Approve 0123", why={"a": 1}, other="x"),
            {"decision": "approve", "by": "alice", "why": "", "at": AT, "evidence": "0123"},
        ),
        (answered("Approve 0123", why="a\n<b>" + "x" * 10**6), None),
        (
            answered("Approve 0123", "Reject 0123"),
            {"decision": "reject", "by": "alice", "why": "", "at": AT, "evidence": "0123"},
        ),
        (
            answered("Approve 0123", who={"id": "7", "name": "Al"}),
            {"decision": "approve", "by": "Al (7)", "why": "", "at": AT, "evidence": "0123"},
        ),
        (answered("Reject 0123", who=None, timedout=True), {"decision": None}),
        (answered("Reject 0123", who=None), {"decision": None}),
    ],
)
def test_an_answer_reaches_the_step_unchanged(attempt: Try, event: dict[str, Any], answer: dict[str, Any] | None) -> None:
    """Who, what, why and when; a time-out's default is no person's answer, and what REST lets through breaks nothing."""
    done = attempt("execute_complete", event)
    (performed,) = done["performed"]
    assert done["returned"]["question"] is None
    if answer:
        assert performed["answer"] == answer
    else:
        assert performed["answer"]["why"].startswith("a <b>xxx")
        assert len(performed["answer"]["why"]) == 500


def test_an_answer_survives_an_outage(attempt: Try) -> None:
    """MLflow was away when the reviewer answered: the task is retried with that answer, and does not ask again."""
    failed = attempt("execute_complete", answered("Approve 0123", why="good"), outage=True)
    assert failed["raised"]
    done = attempt(kept=failed["kept"])
    assert done["performed"][0]["answer"]["why"] == "good"
    assert done["returned"]["approved"]
    assert done["kept"] == {}
    assert done["asked"] == []


def test_an_answer_in_mlflow_is_waited_for_by_a_trigger(attempt: Try) -> None:
    """No worker waits, and the end of the time is absolute."""
    done = attempt(where="registry")
    method, path, arguments, timeout = done["deferred"]
    assert (method, path, timeout) == ("look_again", "registry_review_trigger.RegistryReviewTrigger", None)
    asked = arguments["asked"]
    assert datetime.fromisoformat(asked["until"]) == datetime.fromisoformat(done["until"])
    assert (asked["version"], asked["evidence"], asked["needs_reason"]) == ("2", "e" * 64, True)
    assert asked["reviewers"] == ["alice", "bob"]
    assert "Answer in MLflow" in done["posted"][0]
    assert done["asked"] == []


def test_something_new_in_mlflow_is_looked_at(attempt: Try) -> None:
    """If it decides, the task ends; if not, it waits on, until the same time."""
    done = attempt("look_again", {"expired": False}, "registry", decided=True)
    assert done["returned"]["approved"]
    assert list(done["performed"][0]) == ["verdict"]
    again = attempt("look_again", {"expired": False}, "registry")
    until = again["deferred"][2]["asked"]["until"]
    assert datetime.fromisoformat(until) == datetime.fromisoformat(again["until"])


def test_a_review_that_times_out_passes_no_answer_to_the_step(attempt: Try) -> None:
    """It decides what that means."""
    done = attempt("look_again", {"expired": True}, "registry")
    assert done["performed"][0]["answer"] == {"decision": None}
    assert done["returned"]["question"] is None
