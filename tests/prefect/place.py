"""The lake and the registry that both orchestrators work on, and how the tests drive them."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from demo.upstream import TRAFFIC, WEEK, Upstream
from deploy.local.orchestrator import SeenRun
from deploy.local.stack import Stack
from include.adapters.ledger import Ledger
from include.adapters.records import Records
from include.ledger.entries import Entry
from include.statuses import MonitorStatus, RetrainStatus
from tests.prefect.driver import Driver
from tests.whole_loop.loop import FIRST, _bucket, wait_for

MODEL = TRAFFIC.name
PATIENCE = 400.0


class Place:
    """Whatever is asked here is asked of the lake and the registry, never of an orchestrator."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.landing, self.lake = _bucket(stack, "landing"), _bucket(stack, "lake")
        self.records = Records(self.lake)
        self.mlflow = MlflowClient(stack.mlflow_url, stack.mlflow_url)
        self.upstream = Upstream(self.landing, TRAFFIC)
        self.until = FIRST

    # What is done

    def make_first_champion(self, driver: Driver) -> None:
        """Deliver the backlog and a week, announce it, and answer what is asked."""
        self.upstream.backlog(FIRST)
        run = self.deliver(driver)
        retrain = self.started(driver, "retrain", run.started)
        self.finish(driver, "retrain", retrain.id, why="the first")
        assert self.champion() == "1"

    def deliver(self, driver: Driver) -> SeenRun:
        """Deliver and announce the next week; the run of the monitor that it led to, once it has ended."""
        self.upstream.week(self.until)
        self.until += WEEK
        since = driver.api.announce_delivery(MODEL, self.until.isoformat())
        return self.finish(driver, "monitor", self.started(driver, "monitor", since).id)

    def trigger(self, driver: Driver, stage: str, **form: Any) -> str:
        """Start a run by hand with the form's fields; its id."""
        return self.started(driver, stage, driver.api.start(f"{MODEL}.{stage}", form)).id

    def started(self, driver: Driver, stage: str, since: str) -> SeenRun:
        """The first run that was to start after a time."""
        pipeline = f"{MODEL}.{stage}"
        return wait_for(lambda: driver.api.runs_since(pipeline, since), f"{pipeline} to start", seconds=PATIENCE)[0]

    def finish(self, driver: Driver, stage: str, run_id: str, decision: str = "approve", why: str = "") -> SeenRun:
        """Wait for the end of a run, and answer what is asked meanwhile; it has to end well."""
        run = self.end(driver, stage, run_id, decision, why)
        assert run.state == "success", driver.api.tasks(f"{MODEL}.{stage}", run_id)
        return run

    def end(self, driver: Driver, stage: str, run_id: str, decision: str = "approve", why: str = "") -> SeenRun:
        """Wait for the end of a run, however it ends."""
        pipeline, until, answered = f"{MODEL}.{stage}", time.monotonic() + PATIENCE, False
        while (run := driver.api.seen(pipeline, run_id)).state == "running":
            assert time.monotonic() < until, driver.api.tasks(pipeline, run_id)
            if stage == "retrain" and not answered and driver.is_asking(pipeline, run_id):
                driver.answer(pipeline, run_id, decision, why or "a test")
                answered = True
            time.sleep(0.5)
        return run

    def asked(self, driver: Driver, run_id: str) -> None:
        """Wait until a retraining waits for a person."""
        pipeline = f"{MODEL}.retrain"
        tasks: Callable[[], str] = lambda: f"{run_id} to ask, but {driver.api.tasks(pipeline, run_id)}"  # noqa: E731
        wait_for(lambda: driver.is_asking(pipeline, run_id), tasks, seconds=PATIENCE)

    def without_champion(self) -> None:
        """Without one the gate says yes to the same data again, and a person has to."""
        if self.champion():
            self.mlflow.delete_registered_model_alias(MODEL, "champion")

    # What came of it

    def champion(self) -> str | None:
        """The version that answers."""
        found = self.mlflow.get_registered_model(MODEL).aliases.get("champion")
        return str(found) if found else None

    def check(self, as_of: datetime) -> MonitorStatus | None:
        """What the monitor found as of a time."""
        return self.records.status(MODEL, MonitorStatus, as_of)

    def retraining(self, as_of: datetime) -> RetrainStatus | None:
        """What a retraining decided as of a time."""
        return self.records.status(MODEL, RetrainStatus, as_of)

    def ledger(self) -> list[Entry]:
        """All entries, proved."""
        return Ledger(self.lake).proved(MODEL)

    def runs_in_mlflow(self) -> list[Run]:
        """Runs in the model's experiment."""
        experiment = self.mlflow.get_experiment_by_name(MODEL)
        assert experiment
        return list(self.mlflow.search_runs([experiment.experiment_id]))

    def versions_of(self, run_id: str) -> list[str]:
        """The versions that a run registered."""
        wanted = f"name = '{MODEL}' and tags.pipeline_run = '{run_id}'"
        return [str(version.version) for version in self.mlflow.search_model_versions(wanted)]
