"""The loop as its users see it: deliveries start it, the form steers it, and bad rows do not get through."""

import gzip
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
import requests

from demo.upstream import TRAFFIC, WEEK, Upstream
from deploy.local.airflow_api import AirflowError
from include.adapters.ledger import Ledger
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop

pytestmark = pytest.mark.whole_loop
MONITORED = dict.fromkeys(
    ("reconcile", "pull", "check", "score", "probation", "detect_drift", "measure_quality", "triage"), "success"
)
STOPPED = dict.fromkeys(MONITORED, "upstream_failed") | {"reconcile": "success", "pull": "success", "check": "failed"}
RETRAINED = dict.fromkeys(("assemble", "train", "select", "validate", "review", "promote", "refresh", "announce"), "success")


def test_a_delivery_leads_to_the_first_champion(loop: Loop, first_champion: Story) -> None:
    """Files, one event, and no hand: monitor, triage, retraining, champion, each naming what started it."""
    assert loop.tasks("monitor", first_champion.monitor) == MONITORED
    assert loop.tasks("retrain", first_champion.retrain) == RETRAINED
    check = loop.check(first_champion.as_of)
    assert check.finding.reason == "first champion: none is in production yet"
    announced = loop.retraining(first_champion.as_of)
    assert announced.trigger == check.finding.reason
    assert announced.promotion.promoted
    assert str(announced.version_url).startswith(loop.stack.mlflow_url)


def test_a_champion_carries_its_proof(loop: Loop, first_champion: Story) -> None:
    """The version's page is the decision card, and its tags say from what it was made, by which run, and what it proved."""
    version = loop.versions()[0]
    card, run_id = str(version.description), str(version.run_id)
    assert card.startswith("## PROMOTE: traffic_volume version 1")
    assert "no champion to compare with" in card
    assert "beats the trivial answers" in card
    assert version.tags["verdict"] == "promote"
    assert version.tags["pipeline_run"] == first_champion.retrain
    assert version.tags["trained_until"] == "2012-11-12T00:00:00+00:00"
    assert {"training_key", "train_digest", "holdout_digest", "git", "lock", "proved_value", "criteria"} <= set(version.tags)
    assert loop.mlflow.get_run(run_id).info.status == "FINISHED"
    assert {file.path for file in loop.mlflow.list_artifacts(run_id)} >= {
        "decision_card.md",
        "decision.png",
        "noise_suite.json",
        "scorecard.json",
    }
    picture = requests.get(re.search(r"!\[[^\]]*\]\(([^)]+)\)", card)[1], timeout=30)  # type: ignore[index]
    assert picture.content.startswith(b"\x89PNG")
    assert {"latency_ms", "size_mb", "memory_mb", "baselines"} <= set(version.tags)
    # The frozen reference: the first champion, or a later one that was proved better than it.
    anchor, entries = loop.aliases()["anchor"], Ledger(loop.lake_store).proved(loop.model.name)
    proofs = {entry.version: entry.evidence["against_anchor"] for entry in entries if "against_anchor" in entry.evidence}
    assert anchor == "1" or proofs[anchor]["low"] > 0


def test_the_same_card_is_a_page_in_airflow(loop: Loop, first_champion: Story) -> None:
    """For signed-in users, with the picture in it; for no one else."""
    page = f"{loop.stack.airflow_url}/decision-cards/{loop.dag('retrain')}"
    asked = {"run_id": first_champion.retrain}
    assert requests.get(page, params=asked, timeout=30).status_code == 401
    seen = loop.api.page(f"decision-cards/{loop.dag('retrain')}", **asked)
    assert "PROMOTE: traffic_volume version 1" in seen
    assert "data:image/png;base64," in seen


def test_a_calm_week_is_only_monitored(loop: Loop, first_champion: Story) -> None:
    """The champion holds: green, with the reason in words, and no retraining is started."""
    before = len(loop.api.runs(loop.dag("retrain")))
    start = loop.next_week()
    run = loop.deliver(start)
    assert loop.finished("monitor", run) == "success", loop.tasks("monitor", run)
    check = loop.check(start + WEEK)
    assert check.finding.action == "nothing"
    assert re.match(r"mae [\d.]+ (holds against|after) [\d.]+", check.finding.reason), check.finding
    assert check.scored.champion
    assert check.scored.champion.version == loop.aliases()["champion"]
    # Each monitored period leaves a profile of its noise, from which the next retraining takes its noise.
    assert loop.records.profiles(loop.model.name, start + WEEK)[-1].period == start
    assert len(loop.api.runs(loop.dag("retrain"))) == before


def test_the_form_does_what_it_says(loop: Loop, first_champion: Story) -> None:
    """`as_of` sets the time, `force` trains again, and `reason` is kept on tags and card, with nothing in it at work."""
    reason = "asked by <b>ops</b>, see [the ticket](http://example.invalid)"
    start = loop.next_week()
    loop.take_in(start)
    before = len(loop.versions())
    run = loop.trigger("retrain", as_of=(start + WEEK).isoformat(), reason=reason, force=True)
    assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
    assert len(loop.versions()) == before + 1
    version = loop.versions()[-1]
    assert (version.tags["pipeline_run"], version.tags["trigger"]) == (run, reason)
    assert datetime.fromisoformat(version.tags["trained_until"]) < start
    assert "asked by &lt;b&gt;ops" in str(version.description)
    assert "[the ticket](" not in str(version.description)
    assert loop.retraining(start + WEEK).trigger == reason


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"as_of": "tomorrow"}, "param as_of: 'tomorrow' does not match"),
        ({"as_of": 20121210}, "param as_of: 20121210 is not of type"),
        ({"force": "yes"}, "param force: 'yes' is not of type 'boolean'"),
        ({"reason": "x" * 501}, "param reason: 'xxx"),
    ],
)
def test_a_form_filled_in_wrongly_starts_nothing(loop: Loop, params: dict[str, Any], why: str) -> None:
    """Airflow answers 400, names the field and says what is wrong with it."""
    with pytest.raises(AirflowError, match="refused with 400") as refusal:
        loop.trigger("retrain", **params)
    assert why in str(refusal.value)


def test_damaged_rows_are_quarantined_and_good_rows_go_on(loop: Loop, first_champion: Story) -> None:
    """Each bad row is kept with its place and reasons; the run is green, and the good rows are curated."""
    start = loop.next_week()

    def damage(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"temperature_k": "n/a", "weather": None}

    total = put_damaged(loop, start, damage, rows=5)
    run = loop.announce(start + WEEK)
    assert loop.finished("monitor", run) == "success", loop.tasks("monitor", run)
    checked = loop.check(start + WEEK).checked
    assert (checked.rows, checked.quarantined) == (total - 5, 5)
    kept = [json.loads(line) for line in loop.lake_store.read(checked.quarantine_keys[0]).splitlines()]
    assert [row["row"] for row in kept] == [1, 2, 3, 4, 5]
    assert all("weather: missing" in row["reasons"] and len(row["reasons"]) == 2 for row in kept)
    assert kept[0]["values"]["temperature_k"] == "n/a"
    assert len(loop.lake.rows(loop.model, start, start + WEEK)) == total - 5
    loop.settle(run, start + WEEK)


def test_a_delivery_that_is_mostly_bad_stops_until_it_is_mended(loop: Loop, first_champion: Story) -> None:
    """`check` fails and says what to do; nothing goes on, also not the week after, until upstream delivers again; then all."""
    start = loop.next_week()
    after = loop.next_week()

    def damage(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"rain_mm": -1}

    put_damaged(loop, start, damage, rows=100)
    curated = loop.keys("curated")
    for week in (start, after):
        run = loop.announce(start + WEEK) if week == start else loop.deliver(after)
        assert loop.finished("monitor", run) == "failed"
        assert loop.tasks("monitor", run) == STOPPED
        assert loop.task("monitor", run, "check")["try_number"] == 1
        assert "Ask upstream to deliver it again under the same name" in loop.log("monitor", run, "check")
    assert loop.keys("curated") == curated

    run = loop.deliver_again(start, after + WEEK)
    assert loop.finished("monitor", run) == "success", loop.tasks("monitor", run)
    whole = files(start) | files(after)
    features = sum(len(rows_of(data)) for key, data in whole.items() if "/features/" in key)
    assert len(loop.lake.rows(loop.model, start, after + WEEK)) == features
    assert loop.check(after + WEEK).checked.quarantined == 0
    loop.settle(run, after + WEEK)


def put_damaged(loop: Loop, start: datetime, damage: Callable[[dict[str, Any]], dict[str, Any]], rows: int) -> int:
    """Deliver a week of which the first rows of features are damaged; returns how many rows it has."""
    total = 0
    for key, data in files(start).items():
        if "/features/" in key:
            whole = rows_of(data)
            total = len(whole)
            damaged = [damage(row) for row in whole[:rows]] + whole[rows:]
            data = gzip.compress("\n".join(json.dumps(row) for row in damaged).encode())
        loop.landing.put(key, data)
    return total


def files(start: datetime) -> dict[str, bytes]:
    """What upstream delivers in a week, by key."""
    kept = Kept()
    Upstream(kept, TRAFFIC).week(start)
    return kept.files


def rows_of(data: bytes) -> list[dict[str, Any]]:
    """The rows of a gzipped jsonl file."""
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


class Kept:
    """A landing that keeps what it is given."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        self.files[key] = data


def test_a_replay_answers_from_the_history_that_there_is(loop: Loop, first_champion: Story) -> None:
    """Started by the form, it fits the models of the past and says what can be said of so few weeks; the champion stays."""
    before = loop.aliases()
    run = loop.trigger("replay", as_of=first_champion.as_of.isoformat(), reason="how often?")
    assert loop.finished("replay", run) == "success", loop.tasks("replay", run)
    assert loop.tasks("replay", run) == {"refit": "success", "recommend": "success"}
    log = loop.log("replay", run, "recommend")
    assert "nothing to recommend" in log, log[-2000:]
    assert loop.aliases() == before


def test_no_secret_is_in_a_log_or_in_what_tasks_hand_over(loop: Loop, first_champion: Story) -> None:
    """Keys, passwords and signing secrets stay where they were put: not in a log, an XCom, a form or an audit entry."""
    kept = json.loads((loop.stack.home / "secrets.json").read_text())
    secrets = [value for value in [*kept.values(), *kept.pop("passwords").values()] if isinstance(value, str)]
    assert len(secrets) >= 7
    logs = [*(loop.stack.home / "logs").iterdir(), *(loop.stack.home / "airflow" / "logs").rglob("*.log")]
    texts = {path.name: path.read_bytes() for path in logs}
    assert any(b"challenger is version" in text for text in texts.values()), "these are not the logs of the tasks"
    with closing(sqlite3.connect(loop.stack.home / "airflow" / "airflow.db")) as database:
        for table in ("xcom", "rendered_task_instance_fields", "log", "dag_run", "task_instance"):
            texts[table] = repr(database.execute(f"select * from {table}").fetchall()).encode()
    assert [name for name, text in texts.items() for secret in secrets if secret.encode() in text] == []
