"""MLflow's webhook lets a waiting review look early: for who signs, about our tags, and nothing more than that."""

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.webhooks.delivery import _generate_hmac_signature
from starlette.requests import Request
from starlette.testclient import TestClient

import mlflow_webhook
from tests.plugins.airflow_process import DATABASE, told_by
from tests.plugins.test_review_trigger import EVIDENCE, RIGHT, registry

SECRET = "not to be guessed by anybody"
TAG = {"name": "traffic_volume", "version": "2", "key": "review", "value": "approve-0123456789ab"}
# One task in each of these states, each with a trigger. Then it looks early at each version, and tells how many went on, and
# what became of each.
ASK = (
    DATABASE
    + """
import uuid
from sqlalchemy import select
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
tasks, name, versions = json.loads(sys.stdin.read())
with create_session() as session:
    for number, (dag_id, task_id, state, classpath, kwargs) in enumerate(tasks):
        add_run(session, number + 1, dag_id, str(number), "running")
        trigger = Trigger(classpath, kwargs)
        session.add(trigger)
        session.flush()
        session.execute(insert(TaskInstance).values(
            id=uuid.UUID(int=number), dag_id=dag_id, task_id=task_id, run_id=str(number), map_index=-1, state=state,
            pool="default_pool", pool_slots=1, max_tries=0, try_number=1, queue="default", executor_config={}, span_status="x",
            trigger_id=trigger.id))
import mlflow_webhook
went_on = [mlflow_webhook.look_early(name, version) for version in versions]
with create_session() as session:
    found = session.execute(
        select(TaskInstance.state, TaskInstance.trigger_id, TaskInstance.next_kwargs).order_by(TaskInstance.run_id)).all()
print(chr(10) + json.dumps([went_on, [list(map(str, each)) for each in found]]))
"""
)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What an early look was taken at, with the secret set."""
    taken: list[tuple[str, object]] = []
    monkeypatch.setenv("PROVING_GROUND_MLFLOW_WEBHOOK_SECRET", SECRET)
    monkeypatch.setattr(mlflow_webhook, "look_early", lambda *what: taken.append(what) or 0)
    return taken


def body_of(entity: str = "model_version_tag", action: str = "set", **changes: Any) -> str:
    return json.dumps({"entity": entity, "action": action, "timestamp": "2026-01-01T00:00:00+00:00", "data": TAG | changes})


def signed(body: str, secret: str = SECRET, seconds_ago: int = 0, delivery: str = "") -> dict[str, str]:
    """The headers that MLflow itself makes for a body."""
    delivery, timestamp = delivery or str(uuid.uuid4()), str(int(time.time()) - seconds_ago)
    return {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Signature": _generate_hmac_signature(secret, delivery, timestamp, body),
    }


def call(body: str, headers: dict[str, str]) -> int:
    """The status of the answer, which never says more."""
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = TestClient(mlflow_webhook._app()).post("/tags", content=body, headers=sent)
    assert answer.content == b""
    return answer.status_code


@pytest.mark.parametrize("tag", ["review", "review_by", "review_reason"])
def test_what_mlflow_signed_is_an_early_look(looked: list[Any], tag: str) -> None:
    """Whatever a reviewer sets, in any language, the version is looked at; the value is not passed on."""
    body = body_of(key=tag, value="Schöne Grüße \u202e")
    assert call(body, signed(body)) == 204
    assert looked == [("traffic_volume", "2")]


SPOILT = {
    "no signature": {"X-MLflow-Signature": ""},
    "another scheme": {"X-MLflow-Signature": "v0,AAAA"},
    "no ASCII": {"X-MLflow-Signature": "v1,\xff"},
    "another delivery": {"X-MLflow-Delivery-Id": str(uuid.uuid4())},
    "another time": {"X-MLflow-Timestamp": str(int(time.time()) - 60)},
    "no time": {"X-MLflow-Timestamp": "now"},
    "odd digits": {"X-MLflow-Timestamp": "\xb2\xb9"},
}


@pytest.mark.parametrize("how", SPOILT)
def test_who_does_not_sign_is_refused(looked: list[Any], how: str) -> None:
    """Every part of what was signed counts, and the refusal says nothing about which of them was wrong."""
    body = body_of()
    assert call(body, signed(body) | SPOILT[how]) == 401
    assert call(body, {}) == 401
    assert looked == []


def test_what_was_signed_cannot_be_cut_elsewhere(looked: list[Any]) -> None:
    """An id and a time with dots in them could move words of the body out of it, so they are none."""
    body = body_of()
    assert call(body, signed(body, delivery=f"{uuid.uuid4()}.1700000000")) == 401
    assert looked == []


def test_another_secret_another_body_or_another_day_is_refused(looked: list[Any]) -> None:
    """A call that was overheard opens nothing for another version, and nothing at all after five minutes."""
    body = body_of()
    assert call(body, signed(body, secret="x" * 16)) == 401
    assert call(body_of(version="3"), signed(body)) == 401
    assert call(body, signed(body, seconds_ago=310)) == 401
    assert call(body, signed(body, seconds_ago=-310)) == 401
    assert looked == []
    assert call(body, signed(body, seconds_ago=120)) == 204


@pytest.mark.parametrize(
    "body",
    [
        body_of(key="reviewed"),
        body_of(key="review_asked"),
        body_of(key=["review"]),
        body_of(name="nobody"),
        body_of(name="traffic_volume' or '1'='1"),
        body_of(name="%"),
        body_of(name=None),
        body_of(name={"traffic_volume": 1}),
        body_of(entity="registered_model_tag"),
        body_of(action="deleted"),
        json.dumps([TAG]),
        json.dumps({"entity": "model_version_tag", "action": "set", "data": "review"}),
        "{}",
        "",
        "\x00",
    ],
)
def test_what_is_none_of_ours_is_taken_and_forgotten(looked: list[Any], body: str) -> None:
    """Our own tags wake nobody up, and only the name of a model ever gets as far as the database."""
    assert call(body, signed(body)) == 204
    assert looked == []


def test_only_the_beginning_of_a_flood_is_read(looked: list[Any]) -> None:
    """Before anything is known about who sends it, no more than 64 kB are taken in."""
    body = body_of(value="x" * 70_000)
    assert call(body, signed(body)) == 413
    assert looked == []
    read = 0

    async def flood() -> dict[str, Any]:
        nonlocal read
        read += 1000
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    assert asyncio.run(mlflow_webhook._body(Request({"type": "http"}, flood))) is None
    assert read < 70_000


def test_without_a_secret_the_route_is_not_there(looked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can sign with what is not set, and one that is too short opens nothing either."""
    body = body_of()
    monkeypatch.setenv("PROVING_GROUND_MLFLOW_WEBHOOK_SECRET", "")
    assert call(body, signed(body, secret="")) == 404
    monkeypatch.setenv("PROVING_GROUND_MLFLOW_WEBHOOK_SECRET", "short")
    assert call(body, signed(body, secret="short")) == 503
    assert looked == []


def kwargs(version: str = "2") -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    told = {"model_name": "traffic_volume", "version": version, "evidence": EVIDENCE, "needs_reason": False}
    return told | {"reviewers": [], "until": until, "every": 5.0}


OURS = "registry_review_trigger.RegistryReviewTrigger"
DAG = "traffic_volume.retrain"
TASKS = [
    [DAG, "review", "deferred", OURS, kwargs()],
    [DAG, "review", "deferred", OURS, kwargs("3")],
    [DAG, "review", "running", OURS, kwargs()],
    [DAG, "review", "deferred", "another.Trigger", kwargs()],
    [DAG, "train", "deferred", OURS, kwargs()],
    ["card_fraud.retrain", "review", "deferred", OURS, kwargs()],
]


def early(home: Path, tags: dict[str, str], *versions: object) -> tuple[list[int], list[list[str]]]:
    """How many tasks went on at a look at each of these versions, and what became of each task."""
    with registry(tags) as address:
        went_on, found = told_by(ASK, home, [TASKS, "traffic_volume", versions], MLFLOW_TRACKING_URI=address)
    return went_on, found


def test_only_the_review_of_this_version_goes_on_and_once(tmp_path: Path) -> None:
    """As if its trigger had ended: Airflow starts the step, and nothing else is touched, whatever a version is called."""
    went_on, found = early(tmp_path, RIGHT, "2' or '1'='1", ["2"], 2, "%", "2", "2")
    assert went_on == [0, 0, 0, 0, 1, 0]
    state, trigger, told = found[0]
    assert (state, trigger) == ("scheduled", "None")
    assert "'expired': False" in told
    assert [state for state, _, _ in found[1:]] == ["deferred", "running", "deferred", "deferred", "deferred"]


def test_what_a_call_says_counts_for_nothing(tmp_path: Path) -> None:
    """Where MLflow itself holds no answer, no task goes on."""
    went_on, found = early(tmp_path, {"review_by": "alice"}, "2")
    assert went_on == [0]
    assert found[0][0] == "deferred"
