"""What do a hundred models cost Airflow? Four hundred DAGs against four, on the real scheduler, and the page of five hundred.

Copies of this project with one model, a hundred and five hundred, each with its own embedded stack. Per copy: how long each
DAG file takes to import, whole and where a task is started, and to be processed; how soon the scheduler has taken up the first
task of a run of every model when all are asked for at once; how long the page "Models" takes. How long two cores need for all
those tasks is not measured.
"""

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import results

ROOT = Path(__file__).parents[1]
STAGES = ("monitor", "replay", "retrain", "rollback")
MANY = 100
PAGES = 500
_REPEATS = 5
# Inside an interpreter that has loaded Airflow, as the process has in which Airflow parses.
_IMPORT = """
import sys, time
import importlib.util
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
import airflow.sdk
spec = importlib.util.spec_from_file_location("dag_file", sys.argv[1])
began = time.process_time()
with _airflow_parsing_context_manager(dag_id=sys.argv[2] or None):
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
took = time.process_time() - began
heavy = {"pandas", "numpy", "scipy", "sklearn", "mlflow", "evidently", "boto3", "pyarrow"} & set(sys.modules)
assert not heavy, heavy
print(took)
"""


def main() -> int:
    """Measure, print, write."""
    if len(sys.argv) > 1:
        print(json.dumps(lived(int(sys.argv[1]), Path(sys.argv[2]))))
        return 0
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="scale-") as home:
        for models in (1, MANY, PAGES):
            copy = copied(Path(home) / str(models), models)
            figures[f"import_cpu_seconds_{models}"] = {stage: imported(copy, stage) for stage in STAGES}
            figures[f"task_cpu_seconds_{models}"] = {stage: imported(copy, stage, f"{name_of(0)}.{stage}") for stage in STAGES}
            figures |= {f"{name}_{models}": value for name, value in in_copy(copy, models).items()}
    for kind in ("import", "task"):
        alone, many = figures[f"{kind}_cpu_seconds_1"], figures[f"{kind}_cpu_seconds_{MANY}"]
        figures[f"{kind}_ratio"] = {stage: many[stage] / alone[stage] for stage in STAGES}
    worst = max(figures["task_ratio"].values())
    for name, value in figures.items():
        print(f"{name:28} {value}")
    aims = {"task_ratio": "< 2 for each DAG file", f"page_seconds_{PAGES}": "< 1", f"first_task_seconds_{MANY}": "< 60"}
    met = worst < 2 and figures[f"page_seconds_{PAGES}"] < 1 and figures[f"first_task_seconds_{MANY}"] < 60
    results.write("scale", figures, aims, met)
    return 0


def copied(copy: Path, models: int) -> Path:
    """The project with so many models, all like the smallest example."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in listed.split("\0")[:-1]:
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    example = (ROOT / "include/models/traffic_volume.py").read_text()
    for path in (copy / "include/models").glob("[!_]*.py"):
        if path.stem != "contract":
            path.unlink()
    for number in range(models):
        text = example.replace('name="traffic_volume"', f'name="{name_of(number)}"')
        (copy / f"include/models/{name_of(number)}.py").write_text(text)
    return copy


def name_of(number: int) -> str:
    """The name of a model of this benchmark."""
    return f"traffic_{number:03}"


def imported(copy: Path, stage: str, dag_id: str = "") -> float:
    """CPU seconds that a DAG file takes to import, the median of some: whole, or where a task of one DAG is started."""
    command = [sys.executable, "-c", _IMPORT, str(copy / f"dags/{stage}.py"), dag_id]
    outputs = [
        subprocess.run(command, cwd=copy, env=_surroundings(copy), capture_output=True, check=True, text=True).stdout
        for _ in range(_REPEATS)
    ]
    return statistics.median(float(each.splitlines()[-1]) for each in outputs)


def in_copy(copy: Path, models: int) -> dict[str, float]:
    """What `lived` measures, in a process whose project is the copy."""
    command = [sys.executable, "-m", "bench.scale", str(models), str(copy / ".stack")]
    answer = subprocess.run(command, cwd=copy, env=_surroundings(copy), stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def lived(models: int, home: Path) -> dict[str, float]:
    """Start the stack of this very copy, and look at Airflow."""
    from deploy.local.airflow_api import AirflowApi
    from deploy.local.stack import Ports, Stack

    stack = Stack(home, Ports.free())
    try:
        stack.start()
        api = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
        began = time.monotonic()
        dags = {f"{name_of(number)}.{stage}" for number in range(models) for stage in STAGES}
        wait_for_dags(api, dags)
        measured = {"known_seconds": time.monotonic() - began, **processed(home)}
        if models <= MANY:
            measured["first_task_seconds"] = taken_up(api, models, home)
        filled(stack, models)
        measured["page_first_seconds"] = paged(api)
        measured["page_seconds"] = statistics.median(paged(api) for _ in range(_REPEATS))
        return measured
    finally:
        stack.stop()


def wait_for_dags(api: Any, dags: set[str]) -> None:
    """Until Airflow knows them; its API hands out a hundred at a time."""
    until = time.monotonic() + 900
    while time.monotonic() < until:
        known = {
            dag["dag_id"]
            for offset in range(0, len(dags), 100)
            for dag in api.get("dags", limit=100, offset=offset, order_by="dag_id")["dags"]
        }
        if dags <= known:
            return
        time.sleep(1)
    raise AssertionError(f"{len(dags - known)} DAGs are not known after fifteen minutes")


def processed(home: Path) -> dict[str, float]:
    """How long the real DAG processor took for its slowest file, from Airflow's own books: import, serialize, write."""
    with closing(sqlite3.connect(home / "airflow" / "airflow.db")) as database:
        took = database.execute("select max(last_parse_duration) from dag").fetchone()[0]
    return {"processed_seconds": float(took)}


def taken_up(api: Any, models: int, home: Path) -> float:
    """Seconds from asking for a run of every model until the scheduler has taken up the first task of all of them."""
    for number in range(models):
        dag = f"{name_of(number)}.replay"
        api.post(f"dags/{dag}/dagRuns", {"logical_date": None, "dag_run_id": "bench", "conf": {}})
    with closing(sqlite3.connect(home / "airflow" / "airflow.db")) as database:
        until = time.monotonic() + 600
        query = "select count(distinct dag_id) from task_instance where run_id = 'bench' and state is not null"
        while database.execute(query).fetchone()[0] < models and time.monotonic() < until:
            time.sleep(0.2)
        queued, started = database.execute(
            "select min(julianday(queued_at)), max(julianday(start_date)) from dag_run where run_id = 'bench'"
        ).fetchone()
        last = database.execute("select max(julianday(scheduled_dttm)) from task_instance where run_id = 'bench'").fetchone()[
            0
        ]
    return float(max(started, last) - queued) * 86400


def paged(api: Any) -> float:
    """Wall seconds of the page "Models", as a user who is signed in gets it."""
    began = time.perf_counter()
    api.page("models/")
    return time.perf_counter() - began


def filled(stack: Any, models: int) -> None:
    """Write the latest status of every model."""
    import boto3

    from include.documents import to_bytes

    environment = stack.environment()
    store = boto3.client(
        "s3",
        endpoint_url=stack.s3_endpoint,
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    documents = {kind: to_bytes(document) for kind, document in _documents().items()}
    for number in range(models):
        for kind, document in documents.items():
            store.put_object(Bucket="lake", Key=f"latest/{name_of(number)}/{kind}.json", Body=document)


def _documents() -> dict[str, Any]:
    """As runs write them, with what a page shows."""
    from include.ledger.entries import following
    from include.ledger.state import Fact
    from include.results import Champion, Checked, Drift, Finding, Promotion, Quality, Scored, Verdict
    from include.statuses import MonitorStatus, RetrainStatus

    at = datetime(2024, 1, 8, tzinfo=UTC)
    check = MonitorStatus(
        as_of=at,
        run_id="bench",
        checked=Checked(rows=168, quarantined=0, reasons={}),
        scored=Scored(champion=Champion(version="1", run_id="bench"), period=at),
        drift=Drift(period=at, columns=6),
        quality=Quality(period=at, metric="mae"),
        finding=Finding(action="nothing", reason="mae 327 holds against 321"),
    )
    verdict = Verdict(verdict="promote", reasons=(), version="1", artifact_digest="d", champion_version=None)
    promotion = Promotion(promoted=True, champion_version="1", previous_version=None)
    entry = following(None, "bench", Fact("promoted", "bench", at, "bench", "", "bench", "1", new="1"), at)
    retraining = RetrainStatus(as_of=at, run_id="bench", trigger="cadence", verdict=verdict, promotion=promotion)
    return {"monitor": check, "retrain": retraining, "ledger": entry}


def _surroundings(copy: Path) -> dict[str, str]:
    """This process's variables, with the copy as the project."""
    return os.environ | {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'plugins'}", "AIRFLOW_HOME": str(copy / "nowhere")}


if __name__ == "__main__":
    sys.exit(main())
