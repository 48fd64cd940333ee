"""A user's weeks with models of several estimators, on a whole stack in a copy of the project; run there as a program.

    python -m tests.estimators.in_copy <models…>

Deliveries, monitors, retrainings and a rollback by the real scheduler, MLflow and object store. It prints one line of JSON a
model: who was champion after what, the probation, and what an MLServer answered beside what the registry's version answers.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import requests

from deploy.local.airflow_api import AirflowApi
from deploy.local.stack import Ports, Stack
from deploy.serving import follow
from include.adapters.s3_store import S3Store
from include.models import find_model
from include.services import Services, build_services
from include.settings import Settings

WEEK, FIRST = timedelta(weeks=1), datetime(2024, 1, 1, tzinfo=UTC)
ROWS, BACKLOG, LAST = 600, 10, 14
BUCKET = "serving"


def week(number: int) -> pd.DataFrame:
    """All that will ever be known of a week: who has been there for long stays, until week ten; then who calls leaves."""
    rng = np.random.default_rng(number)
    months, calls = rng.integers(0, 60, ROWS).astype(float), rng.poisson(3, ROWS).astype(float)
    plan = rng.choice(["basic", "plus", "family"], ROWS)
    leaves = (30 - months) / 12 + 0.3 * calls + (plan == "basic")
    if number >= BACKLOG:
        leaves = (30 - months) / 60 + 1.2 * calls - 2 * (plan == "family")
    at = [FIRST + number * WEEK + timedelta(minutes=16 * turn) for turn in range(ROWS)]
    frame = pd.DataFrame(
        {
            "customer": [f"{number}-{turn}" for turn in range(ROWS)],
            "time": [moment.isoformat() for moment in at],
            "months": months,
            "plan": plan,
            "calls": np.where(rng.random(ROWS) < 0.1, np.nan, calls),
            "left": (leaves + rng.normal(scale=1.5, size=ROWS) > np.median(leaves)).astype(int),
        }
    )
    return frame


def deliver(landing: Any, model: str, number: int) -> None:
    """A week's features, and the labels of the week before."""
    columns = ["customer", "time", "months", "plan", "calls"]
    landing.put(f"{model}/features/{number:02}.csv", week(number)[columns].to_csv(index=False).encode())
    if number:
        labels = week(number - 1)[["customer", "time", "left"]]
        landing.put(f"{model}/labels/{number:02}.csv", labels.to_csv(index=False).encode())


class Story:
    """One model's weeks."""

    def __init__(self, stack: Stack, api: AirflowApi, services: Services, landing: Any, name: str) -> None:
        self.stack, self.api, self.services, self.landing, self.name = stack, api, services, landing, name
        self.told: dict[str, Any] = {"model": name}

    def champion(self) -> str | None:
        """The version that answers."""
        found = self.services.registry.champion(self.name)
        return found.number if found else None

    def begin(self, stage: str, **conf: Any) -> tuple[str, str]:
        """Start a run by hand."""
        dag = f"{self.name}.{stage}"
        self.api.patch(f"dags/{dag}", {"is_paused": False})
        return dag, str(self.api.post(f"dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"])

    def end(self, run: tuple[str, str], seconds: float = 600) -> None:
        """Wait for a run, and for it to have succeeded."""
        dag, number = run
        state = wait(lambda: _ended(self.api.get(f"dags/{dag}/dagRuns/{number}")["state"]), f"{dag} {number}", seconds)
        if state != "success":
            raise RuntimeError(f"{dag}: {state}: {self.api.tasks(dag, number)}")

    def quiet(self) -> None:
        """Wait until no run of the model is on its way."""

        def look() -> bool | None:
            runs = [
                run
                for stage in ("monitor", "retrain", "rollback")
                for run in self.api.get(f"dags/{self.name}.{stage}/dagRuns", limit=50)["dag_runs"]
            ]
            bad = [run for run in runs if run["state"] == "failed"]
            if bad:
                run = bad[0]
                raise RuntimeError(f"{run['dag_id']} failed: {self.api.tasks(run['dag_id'], run['dag_run_id'])}")
            return True if all(run["state"] == "success" for run in runs) else None

        # What an event starts is there a moment later.
        time.sleep(8)
        wait(look, f"{self.name} to have ended all runs", 900)


def wait(look: Callable[[], Any], what: str, seconds: float) -> Any:
    """What `look` finds once it is not None."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    raise RuntimeError(f"waited {seconds:.0f} s for {what}")


def _ended(state: str) -> str | None:
    return state if state in ("success", "failed") else None


def play(stories: list[Story]) -> None:
    """Weeks for all models side by side: first champion, a world that turns, a better one, probation, rollback."""
    for story in stories:
        for number in range(BACKLOG):
            deliver(story.landing, story.name, number)
    each_monitor(stories, BACKLOG)
    for story in stories:
        story.told["first champion"] = story.champion()
    for number in range(BACKLOG, LAST):
        for story in stories:
            deliver(story.landing, story.name, number)
        each_monitor(stories, number + 1)
        for story in stories:
            story.told[f"champion after week {number}"] = story.champion()
    for story in stories:
        story.told["served"] = served(story)
    runs = [story.begin("rollback", reason="a test", as_of=(FIRST + LAST * WEEK).isoformat()) for story in stories]
    for story, run in zip(stories, runs, strict=True):
        story.end(run)
        story.told["champion after the rollback"] = story.champion()
        story.told["served after the rollback"] = served(story)
        story.told["ledger"] = [f"{e.event} {e.version}" for e in story.services.ledger.entries(story.name)]


def each_monitor(stories: list[Story], ends: int) -> None:
    """A run of each monitor as of a week's end, and all that follows from them."""
    runs = [story.begin("monitor", as_of=(FIRST + ends * WEEK).isoformat(), reason="a delivery") for story in stories]
    for story, run in zip(stories, runs, strict=True):
        story.end(run)
    for story in stories:
        story.quiet()


def served(story: Story) -> dict[str, Any]:
    """The largest difference between what an MLServer answers from what is published, and the champion's version."""
    folder, port = story.stack.home / f"served-{story.name}", 27_300
    follow.copy(boto3.client("s3"), f"s3://{BUCKET}/serving/{story.name}", folder)
    project = Path.cwd()
    model = find_model(story.name)
    ports = {f"MLSERVER_{name}_PORT": str(port + turn) for turn, name in enumerate(("HTTP", "GRPC", "METRICS"))}
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | ports
    environment |= {
        "PYTHONPATH": f"{project}/deploy/serving{os.pathsep}{project}",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_HOST": "127.0.0.1",
        "TRUSTED_TYPES": ",".join(model.declared_types),
        "TRUSTED_FORMATS": ",".join(sorted(model.formats)),
    }
    with (story.stack.home / f"mlserver-{story.name}.log").open("ab") as log:
        server = subprocess.Popen([".serving/bin/mlserver", "start", str(folder)], env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}/v2/models/{story.name}"
            wait(lambda: _ready(address), f"MLServer to serve {story.name}: {log.name}", 120)
            return _compared(story, address)
        finally:
            server.terminate()
            server.wait(30)


def _ready(address: str) -> bool | None:
    try:
        return True if requests.get(f"{address}/ready", timeout=5).ok else None
    except requests.RequestException:
        return None


def _compared(story: Story, address: str) -> dict[str, Any]:
    model, number = find_model(story.name), str(story.champion())
    frame = week(99)[model.feature_names].head(200)
    frame.loc[0, "plan"] = "never seen"
    inputs = [
        {
            "name": name,
            "datatype": "BYTES" if frame[name].dtype.kind in "OTU" else "FP64",
            "shape": [len(frame)],
            "data": [None if pd.isna(value) else value for value in frame[name]],
        }
        for name in frame
    ]
    asked = {"inputs": inputs, "outputs": [{"name": "predict_proba"}]}
    answer = requests.post(f"{address}/infer", json=asked, timeout=60)
    answer.raise_for_status()
    output = answer.json()["outputs"][0]
    there = np.array(output["data"]).reshape(output["shape"])
    here = np.asarray(story.services.registry.load(model, number).predict_proba(frame), dtype="float64")
    return {"version": answer.json()["parameters"]["registry_version"], "largest difference": float(abs(there - here).max())}


def main(names: list[str]) -> int:
    """Play, print, end the stack."""
    began = time.monotonic()
    stack = Stack(Path(".stack").absolute(), Ports.free(), {"PROVING_GROUND_SERVING_BUCKET": BUCKET})
    try:
        stack.start()
        os.environ.update(stack.environment() | {"PROVING_GROUND_SERVING_BUCKET": BUCKET})
        os.environ["AWS_ENDPOINT_URL_S3"] = stack.s3_endpoint
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        api = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
        api.wait_for_dags({f"{name}.{stage}" for name in names for stage in ("monitor", "retrain", "rollback")}, 120)
        landing = S3Store.connect("landing", endpoint=stack.s3_endpoint, region="us-east-1")
        services = build_services(Settings.read(os.environ))
        stories = [Story(stack, api, services, landing, name) for name in names]
        play(stories)
        for story in stories:
            sys.stdout.write(json.dumps(story.told | {"seconds": round(time.monotonic() - began)}) + "\n")
    finally:
        stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
