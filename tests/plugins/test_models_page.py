"""The pages "Models": who may read a model's monitor sees it, no one else does, and there is nothing to press."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import models_page
from include import services
from include.adapters.hold_store import HoldStore
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.adapters.records import Records, stamp
from include.cli.landing import take_again
from include.noise.profile import NoiseProfile
from include.reports.overview import FailedRun, Runs
from include.request import Request
from include.results import Checked, Drift, Moved, Quality, Scored
from include.services import StepContext
from include.settings import Settings
from include.statuses import PeriodProfile
from tests.fakes import MemoryStore
from tests.ledger.test_entries import ledger_fact
from tests.plugins.airflow_process import DATABASE, answers_of
from tests.plugins.test_decision_cards import ASK
from tests.toy import DAY, MODEL, World, changed, day, rows

NOW = datetime(2024, 2, 1, tzinfo=UTC)
SPITE = "<script>alert(1)</script>"
# Airflow's list of what a user may read comes from its own table.
DAGS = """
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
with create_session() as session:
    session.add(DagBundleModel(name="here", version=None))
    session.flush()
    for dag_id in ("traffic_volume.monitor", "traffic_volume.retrain", "flight_delays.monitor"):
        session.add(DagModel(dag_id=dag_id, bundle_name="here", fileloc="x", next_dagrun_create_after=None))
"""
MONITOR = "traffic_volume.monitor"
NOWHERE = {"PROVING_GROUND_S3_ENDPOINT": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}


def served(
    monkeypatch: pytest.MonkeyPatch, store: Any, airflow: Runs | None = None, broken: dict[str, str] | None = None
) -> None:
    """Let the pages read this store, for the toy model alone."""
    reader = services.Reader(Settings.read({}), LatestStatus(store), Records(store), Ledger(store), HoldStore(store))
    monkeypatch.setattr("include.services.reader", lambda: reader)
    monkeypatch.setattr("include.models.all_models", lambda: [MODEL])
    monkeypatch.setattr("include.models.broken_models", lambda: dict(broken or {}))
    monkeypatch.setattr("include.models.find_model", lambda _: MODEL)
    monkeypatch.setattr("include.models.model_names", lambda: ["toy", *(broken or {})])
    monkeypatch.setattr("airflow_facts.runs_of", lambda names: {name: airflow or Runs() for name in names})


def lived_in() -> World:
    """A model with a champion, two checks, and words from outside in all of them."""
    world = World().with_days(12)
    _, _, verdict = world.challenge(day(13))
    approval = world.do("review", day(13), verdict=verdict)
    promotion = world.do("promote", day(13), verdict=verdict, approval=approval)
    world.do("announce", day(13), verdict=verdict, approval=approval, promotion=promotion)
    for number in (13, 14):
        moved = (Moved(view=SPITE, kind="shift", what=SPITE, effect=1.0, weight=0.3),)
        world.do(
            "triage",
            day(number),
            checked=Checked(rows=90, quarantined=10, reasons={}),
            scored=Scored(champion=None, period=day(number - 1)),
            drift=Drift(period=day(number - 1), columns=3, moved=moved, drifted=(SPITE,), report_url="javascript:alert(1)"),
            quality=Quality(period=day(number - 2), metric="roc_auc", value=0.8, low=0.75, high=0.85, reference=0.9),
        )
        profile = PeriodProfile(day(number - 1), NoiseProfile(90, rates={SPITE: {"typo": 0.3}}))
        world.services.lake.write_profile("toy", profile)
    world.services.ledger.append("toy", ledger_fact("refused", version="3", reason=SPITE))
    return world


def test_the_pages_show_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Champion, review that waits, quality, pictures, retrainings and ledger."""
    waits = Runs("manual__1", NOW - timedelta(hours=5), NOW + timedelta(days=1))
    served(monkeypatch, lived_in().lake, waits)
    status, every = models_page.models_page({"toy.monitor"}, NOW)
    assert status == 200
    assert "version 1" in every
    assert "for 5 h" in every
    status, page = models_page.model_page("toy.monitor", NOW)
    assert status == 200
    for said_there in (
        "waits for a person",
        "2024-01-13: roc_auc 0.8",
        "promote",
        "Noise in production",
        "/ledger/toy.monitor",
    ):
        assert said_there in page
    assert ">promoted<" in page
    assert "promoting" not in page, "the intent to, beside what came of it"


def test_nothing_that_came_from_outside_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Column names, reasons and addresses are text; there is no script, no form and no button."""
    served(monkeypatch, lived_in().lake)
    for page in (models_page.models_page({"toy.monitor"}, NOW)[1], models_page.model_page("toy.monitor", NOW)[1]):
        for act in ("<script", "javascript:", "<form", "<button", "<input", "onclick"):
            assert act not in page


def test_a_broken_file_is_one_red_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its reason, first; the other models stay, and its own page gives the reason too."""
    why = f"include/models/churn.py defines no MODEL {SPITE}"
    served(monkeypatch, lived_in().lake, broken={"churn": why})
    status, every = models_page.models_page({"toy.monitor", "churn.monitor"}, NOW)
    assert status == 200
    assert every.index("churn.py defines no MODEL") < every.index("toy.monitor")
    assert "version 1" in every
    assert "<script" not in every
    status, page = models_page.model_page("churn.monitor", NOW)
    assert (status, "defines no MODEL" in page, "<script" in page) == (500, True, False)
    assert "churn" not in models_page.models_page({"toy.monitor"}, NOW)[1]


@pytest.mark.parametrize(
    "spoilt", ["latest/toy/monitor", "status/toy/monitor", "status/toy/retrain", "profiles/toy", "intake/toy", "ledger/toy"]
)
def test_a_spoilt_document_is_one_red_line(monkeypatch: pytest.MonkeyPatch, spoilt: str) -> None:
    """The page of its model names the object, and shows what can be read."""
    store = lived_in().lake
    key = [entry.key for entry in store.entries(spoilt)][-1]
    store.put(key, b"{}")
    served(monkeypatch, store)
    status, page = models_page.model_page("toy.monitor", NOW)
    assert status == 200
    assert "cannot be read" in page
    assert key in page
    assert models_page.models_page({"toy.monitor"}, NOW)[0] == 200


def test_a_model_that_one_may_not_read_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even its name."""
    served(monkeypatch, lived_in().lake)
    assert "toy" not in models_page.models_page({"toy.retrain", "other.monitor"}, NOW)[1]


@pytest.mark.parametrize("dag_id", ["nobody.monitor", "", "../../x", f"{SPITE}.monitor"])
def test_other_dags_have_no_page(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    """No name from outside becomes a key in the store."""
    served(monkeypatch, None)
    status, page = models_page.model_page(dag_id, NOW)
    assert (status, "<script" in page) == (404, False)


@pytest.mark.parametrize("written", [b"{}", b"no json", b""])
def test_a_damaged_document_is_named_without_a_traceback(monkeypatch: pytest.MonkeyPatch, written: bytes) -> None:
    """On that model's own line of the list, and on its page as a sentence."""
    store: Any = MemoryStore()
    store.put("latest/toy/monitor.json", written)
    store.put("latest/other/", b"")
    served(monkeypatch, store)
    status, page = models_page._answer(models_page.models_page, {"toy.monitor"})
    assert (status, "cannot be read" in page) == (200, True)
    status, page = models_page._answer(models_page.model_page, "toy.monitor")
    assert (status, "cannot be read" in page) == (200, True)
    store.put(f"status/toy/retrain/{stamp(day(1))}.json", written)
    status, page = models_page._answer(models_page.model_page, "toy.monitor")
    assert (status, "status/toy/retrain/" in page) == (200, True)


def test_five_hundred_models_load_in_under_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by its requests, not by the clock: one listing of the latest statuses and, the second time, no document."""
    world = lived_in()
    documents = {key: world.lake.read(key) for key in (entry.key for entry in world.lake.entries("latest/"))}
    for number in range(500):
        for key, data in documents.items():
            world.lake.put(key.replace("/toy/", f"/m{number}/"), data)
    models = [replace(MODEL, name=f"m{number}") for number in range(500)]
    served(monkeypatch, world.lake)
    monkeypatch.setattr("include.models.all_models", lambda: models)
    readable = {f"{model.name}.monitor" for model in models}
    models_page.models_page(readable, NOW)
    read: list[str] = []
    monkeypatch.setattr(type(world.lake), "read", lambda _, key: read.append(key))
    began = time.process_time()
    status, page = models_page.models_page(readable, NOW)
    assert (status, read) == (200, [])
    assert page.count("version 1") >= 500
    # Ten times what it takes: a loop over something slow would show, a busy machine does not.
    assert time.process_time() - began < 5


def test_only_airflows_own_users_see_them(tmp_path: Path) -> None:
    """Who is not logged in gets nothing, who may read no DAG gets no model; the pages forbid every script."""
    code = ASK.replace("from fastapi import FastAPI\n", DAGS + "\nfrom fastapi import FastAPI\n", 1)
    who = [("viewer", "cookie"), ("", "cookie"), ("none", "cookie")]
    asked = [(path, MONITOR, "any", *each) for path in ("models/", "models/{DAG_ID}") for each in who]
    every, stranger, anonymous, one, unknown, may_not = answers_of(code, tmp_path, [[], asked], **NOWHERE)[2]
    assert (every[0], stranger[0]) == (503, 401)
    assert "The object store did not return what is known" in every[1]
    assert "traffic_volume" not in stranger[1] + anonymous[1]
    assert (one[0], unknown[0], may_not[0]) == (503, 401, 403)
    assert "default-src 'none'" in one[2]["content-security-policy"]


def test_airflow_tells_what_waits_and_what_comes_next(tmp_path: Path) -> None:
    """Parked reviews of both kinds, the next retraining, a paused DAG; other tasks and other DAGs are no review."""
    code = (
        DATABASE
        + """
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils import timezone
from sqlalchemy import text
when = timezone.datetime(2024, 3, 1)
with create_session() as session:
    session.add(DagBundleModel(name="here", version=None))
    session.flush()
    for name, paused in (("a", False), ("b", False), ("c", True), ("d", False)):
        session.add(DagModel(dag_id=f"{name}.retrain", bundle_name="here", fileloc="x", is_paused=paused, is_stale=False,
                             next_dagrun_create_after=when))
    session.flush()
    session.execute(text("pragma foreign_keys = off"))
    tasks = [("a.retrain", "review", "awaiting_input", "2024-02-02"), ("a.retrain", "review", "deferred", "2024-02-01"),
             ("b.retrain", "review", "success", "2024-02-01"), ("b.retrain", "train", "deferred", "2024-02-01"),
             ("e.retrain", "review", "deferred", "2024-02-01")]
    for number, (dag, task, state, at) in enumerate(tasks):
        add_run(session, number + 1, dag, f"run{number}")
        session.execute(text(
            "insert into task_instance (id, task_id, dag_id, run_id, map_index, state, start_date, pool, pool_slots,"
            " try_number, max_tries, custom_operator_name, executor_config)"
            " values (:id, :task, :dag, :run, -1, :state, :at, 'p', 1, 1, 1, '', '')"
        ).bindparams(id=f"{number:032x}", task=task, dag=dag, run=f"run{number}", state=state, at=at + " 00:00:00.000000"))

from airflow_facts import runs_of
found = runs_of(["a", "b", "c", "x"])
print(chr(10) + json.dumps({name: [one.review_run, str(one.review_since)[:10], str(one.next_retraining)[:10], one.paused]
                            for name, one in found.items() if name != "x" or one.review_run}))
"""
    )
    assert answers_of(code, tmp_path, []) == {
        "a": ["run1", "2024-02-01", "2024-03-01", []],
        "b": [None, "None", "2024-03-01", []],
        "c": [None, "None", "None", ["retrain"]],
    }


def test_airflow_tells_which_newest_run_failed_and_where(tmp_path: Path) -> None:
    """A red run that a later one has followed is history; a back-fill is none; of its tasks the first that failed is named."""
    code = (
        DATABASE
        + """
from sqlalchemy import text
runs = [("a.monitor", "old", "failed", "manual", 1), ("a.monitor", "new", "success", "manual", 2),
        ("b.monitor", "r1", "failed", "manual", 1), ("b.retrain", "r2", "failed", "manual", 1),
        ("b.monitor", "past", "success", "backfill", 3), ("c.monitor", "r3", "running", "manual", 1),
        ("c.replay", "r4", "failed", "manual", 1)]
tasks = [("a.monitor", "old", "check", "failed", "2024-02-01"), ("b.monitor", "r1", "check", "failed", "2024-02-01"),
         ("b.monitor", "r1", "reconcile", "failed", "2024-02-02"),
         ("b.monitor", "r1", "score", "upstream_failed", "2024-02-03"),
         ("b.retrain", "r2", "train", "failed", "2024-02-02"), ("c.monitor", "r3", "check", "failed", "2024-02-01"),
         ("c.replay", "r4", "refit", "failed", "2024-02-01")]
with create_session() as session:
    for number, (dag, run, state, kind, day) in enumerate(runs, start=1):
        add_run(session, number, dag, run, state)
        session.execute(text("update dag_run set run_type = :kind, run_after = :at where id = :id").bindparams(
            kind=kind, at=f"2024-01-{day:02} 00:00:00.000000", id=number))
    session.execute(text("pragma foreign_keys = off"))
    for number, (dag, run, task, state, at) in enumerate(tasks):
        session.execute(text(
            "insert into task_instance (id, task_id, dag_id, run_id, map_index, state, end_date, pool, pool_slots,"
            " try_number, max_tries, custom_operator_name, executor_config)"
            " values (:id, :task, :dag, :run, -1, :state, :at, 'p', 1, 1, 1, '', '')"
        ).bindparams(id=f"{number:032x}", task=task, dag=dag, run=run, state=state, at=at + " 00:00:00.000000"))

from airflow_facts import failed_task, runs_of
found = runs_of(["a", "b", "c"])
print(chr(10) + json.dumps([
    {name: sorted([run.stage, run.run_id, run.task] for run in one.failed) for name, one in found.items()},
    failed_task("b.monitor", "r1"), failed_task("a.monitor", "new"),
]))
"""
    )
    failed, task, none = answers_of(code, tmp_path, [])
    assert failed == {"a": [], "b": [["monitor", "r1", "check"], ["retrain", "r2", "train"]], "c": []}
    assert (task, none) == ("check", "")


def test_a_run_that_failed_stands_first_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier check found is no answer to a delivery that could not be read."""
    failed = FailedRun("monitor", "run/1", "check", NOW - timedelta(minutes=5))
    served(monkeypatch, lived_in().lake, Runs(failed=(failed,)))
    for page in (models_page.models_page({"toy.monitor"}, NOW)[1], models_page.model_page("toy.monitor", NOW)[1]):
        assert "monitor failed" in page
        assert 'href="../dags/toy.monitor/runs/run%2F1/tasks/check"' in page


def test_deliveries_stand_on_the_page_with_what_became_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first, with the reasons of what broke the contract, and withdrawals by whom and why."""
    world = World().with_days(4)
    wrong = rows(4).drop(columns="y").assign(x=900)
    world.deliver("features", f"04{SPITE}", wrong)
    world.model = changed(max_bad_share=1.0)
    world.take_in(day(6))
    world.do("reconcile", day(7), asked={"withdraw": "toy/features/02.csv", "reason": "twice the same"})
    served(monkeypatch, world.lake)
    _, page = models_page.model_page("toy.monitor", NOW)
    shown = page[page.index("<h2>Deliveries</h2>") : page.index("<h2>Ledger</h2>")]
    assert SPITE not in shown
    assert "by carol: twice the same" in shown
    assert "60: x: above 50" in shown
    assert shown.count("60 rows, withdrawn since") == 1, "its own line says so too"
    assert shown.count("<tr>") == 1 + 10
    assert "Withdraw a delivery" in shown
    deliveries, _ = Records(world.lake).newest_intakes("toy", 12)
    assert models_page._withdrawn_periods(deliveries) == {day(2)}


def test_a_history_that_was_taken_in_again_is_the_one_that_is_shown() -> None:
    """Its records are in a place of their own; those of before count no more."""
    world = World().with_days(2)
    world.model = changed(period=2 * DAY)
    request = Request(as_of=day(5), reason="weeks", run_id="take-again", asked_by="carol")
    take_again(StepContext(world.services, world.model, request))
    world.deliver_day(2)
    world.take_in(day(6))
    newest, faults = Records(world.lake).newest_intakes("toy", 100)
    assert (len(newest), faults) == (6, [])
