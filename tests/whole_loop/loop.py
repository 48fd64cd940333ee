"""The loop as its users drive it: files into landing, Airflow's REST API, and a look at what came of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient

from demo.upstream import TRAFFIC, WEEK, Upstream
from deploy.local.airflow_api import AirflowApi
from deploy.local.stack import Stack
from include.adapters.lake import Lake
from include.adapters.object_store import ObjectStore
from include.adapters.records import Records
from include.adapters.s3_store import S3Store
from include.models import find_model
from include.statuses import MonitorStatus, RetrainStatus

# Eight weeks are before it, six of them with labels: the least that a first champion is made of.
FIRST = datetime(2012, 11, 26, tzinfo=UTC)
PATIENCE = 180.0
_DONE = ("success", "failed")

Found = TypeVar("Found")


class Loop:
    """One running stack and its smallest model; `as_of` of a week is its end, when its delivery is complete."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.model = find_model(TRAFFIC.name)
        self.api = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
        self.landing, self.lake_store = (_bucket(stack, name) for name in ("landing", "lake"))
        self.lake, self.records = Lake(self.lake_store), Records(self.lake_store)
        self.mlflow = MlflowClient(stack.mlflow_url, stack.mlflow_url)
        self.upstream = Upstream(self.landing, TRAFFIC)
        self._next = FIRST

    # Upstream

    @property
    def delivered_until(self) -> datetime:
        """The end of the last week that was delivered."""
        return self._next

    def next_week(self) -> datetime:
        """The start of the next week that has not been delivered yet."""
        start, self._next = self._next, self._next + WEEK
        return start

    def announce(self, as_of: datetime) -> str:
        """Post the delivery's asset event, and return the id of the run of the monitor that it starts."""
        since = self.api.announce_delivery(self.model.name, as_of.isoformat())
        return self.started("monitor", since)

    def deliver(self, start: datetime) -> str:
        """Deliver and announce a week; returns the id of the run of the monitor."""
        self.upstream.week(start)
        return self.announce(start + WEEK)

    def take_in(self, start: datetime) -> None:
        """Deliver a week and wait until all that it leads to is over, also a retraining that the monitor asks for."""
        run = self.deliver(start)
        assert self.finished("monitor", run) == "success", self.tasks("monitor", run)
        self.settle(run, start + WEEK)

    def settle(self, run_id: str, as_of: datetime) -> None:
        """Wait until the retraining that a finished run of the monitor asked for is over, if it asked for one."""
        if self.check(as_of).finding.action == "retrain":
            asked = self.started("retrain", str(self.run("monitor", run_id)["start_date"]))
            assert self.finished("retrain", asked) == "success", self.tasks("retrain", asked)

    def deliver_again(self, start: datetime, as_of: datetime) -> str:
        """Deliver a week under the same names once more, as of a later time; returns the id of the run of the monitor."""
        self.upstream.week(start)
        return self.announce(as_of)

    # Airflow

    def dag(self, stage: str) -> str:
        """Id of the DAG of a stage."""
        return f"{self.model.name}.{stage}"

    def trigger(self, stage: str, **params: Any) -> str:
        """Start a run by hand with the form's fields, and return its id."""
        answer = self.api.post(f"dags/{self.dag(stage)}/dagRuns", {"logical_date": None, "conf": params})
        return str(answer["dag_run_id"])

    def started(self, stage: str, since: str) -> str:
        """Id of the first run that an asset event started after a time."""

        def look() -> str | None:
            runs = [run for run in self.api.runs(self.dag(stage), since) if run["run_type"] == "asset_triggered"]
            return str(runs[0]["dag_run_id"]) if runs else None

        return wait_for(look, f"{self.dag(stage)} to start after {since}", seconds=60)

    def run(self, stage: str, run_id: str) -> dict[str, Any]:
        """What Airflow says about a run."""
        return self.api.get(f"dags/{self.dag(stage)}/dagRuns/{run_id}")

    def finished(self, stage: str, run_id: str, seconds: float = PATIENCE) -> str:
        """The state in which a run ended; waits for it."""

        def look() -> str | None:
            state = str(self.run(stage, run_id)["state"])
            return state if state in _DONE else None

        tasks = self.api.tasks
        return wait_for(look, lambda: f"{run_id} to end, but {tasks(self.dag(stage), run_id)}", seconds=seconds)

    def tasks(self, stage: str, run_id: str) -> dict[str, str]:
        """State of each task of a run."""
        return self.api.tasks(self.dag(stage), run_id)

    def task(self, stage: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What Airflow says about one task of a run: its newest try."""
        return self.api.get(f"dags/{self.dag(stage)}/dagRuns/{run_id}/taskInstances/{task_id}")

    def log(self, stage: str, run_id: str, task_id: str) -> str:
        """The log of a task's newest try, as text."""
        number = self.task(stage, run_id, task_id)["try_number"]
        path = f"dags/{self.dag(stage)}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{number}"
        return str(self.api.get(path, full_content="true")["content"])

    # What came of it

    def check(self, as_of: datetime) -> MonitorStatus:
        """What the monitor found as of a time."""
        found = self.records.status(self.model.name, MonitorStatus, as_of)
        assert found, f"no check as of {as_of}"
        return found

    def retraining(self, as_of: datetime) -> RetrainStatus:
        """What a retraining decided as of a time."""
        found = self.records.status(self.model.name, RetrainStatus, as_of)
        assert found, f"no retraining as of {as_of}"
        return found

    def keys(self, prefix: str) -> list[str]:
        """Keys in the lake below `<prefix>/<model>/`."""
        return [entry.key for entry in self.lake_store.entries(f"{prefix}/{self.model.name}/")]

    def versions(self, **tags: str) -> list[ModelVersion]:
        """Registered versions with these tags, oldest first."""
        wanted = " and ".join([f"name = '{self.model.name}'", *(f"tags.{name} = '{value}'" for name, value in tags.items())])
        return sorted(self.mlflow.search_model_versions(wanted), key=lambda version: int(version.version))

    def aliases(self) -> dict[str, str]:
        """Which version carries which alias."""
        found = self.mlflow.get_registered_model(self.model.name).aliases
        return {alias: str(number) for alias, number in found.items()}

    def mlflow_runs(self, wanted: str = "") -> list[Run]:
        """Runs in the model's experiment."""
        experiment = self.mlflow.get_experiment_by_name(self.model.name)
        return list(self.mlflow.search_runs([experiment.experiment_id], wanted)) if experiment else []


def wait_for(look: Callable[[], Found | None], what: str | Callable[[], str], *, seconds: float, every: float = 0.2) -> Found:
    """The first answer of `look` that is neither None nor false; fails after some seconds, saying what was waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(every)
    raise AssertionError(f"waited {seconds:.0f} s for {what if isinstance(what, str) else what()}")


def executor_told(stack: Stack, dag: str, run_id: str, task_id: str) -> bool:
    """Whether Airflow's executor has told the scheduler that the process of a task that now waits has ended.

    An answer before that, within a fraction of a second, is lost in Airflow 3.3.2: the scheduler finds the task queued again,
    takes it for one that was killed, and asks anew.
    """
    event = f"with state success for task instance TaskInstanceKey(dag_id='{dag}', task_id='{task_id}', run_id='{run_id}'"
    return event in (stack.home / "logs" / "scheduler.log").read_text(encoding="utf-8", errors="replace")


def _bucket(stack: Stack, name: str) -> ObjectStore:
    """A bucket of this very stack, whatever credentials the environment names."""
    environment = stack.environment()
    session = boto3.session.Session(
        environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], region_name="us-east-1"
    )
    return S3Store(session.client("s3", endpoint_url=stack.s3_endpoint), name)
