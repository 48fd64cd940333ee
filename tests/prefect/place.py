"""The lake and the registry that both orchestrators work on, and how the tests drive them."""

import time
from collections.abc import Callable
from dataclasses import replace
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

    def __init__(self, stack: Stack, model: str = MODEL) -> None:
        self.stack, self.model = stack, model
        self.landing, self.lake = _bucket(stack, "landing"), _bucket(stack, "lake")
        self.records = Records(self.lake)
        self.mlflow = MlflowClient(stack.mlflow_url, stack.mlflow_url)
        self.upstream = Upstream(self.landing, replace(TRAFFIC, name=model))
        self.until = FIRST

    # What is done

    def make_first_champion(self, driver: Driver) -> None:
        """Deliver the backlog and a week, announce it, and answer what is asked."""
        self.finish(driver, "retrain", self.deliver_first(driver), why="the first")
        assert self.champion() == "1"

    def deliver_first(self, driver: Driver) -> str:
        """Deliver the backlog and a week, and announce it; the retraining that the monitor asks for."""
        self.upstream.backlog(FIRST)
        return self.started(driver, "retrain", self.deliver(driver).started).id

    def deliver(self, driver: Driver) -> SeenRun:
        """Deliver and announce the next week; the run of the monitor that it led to, once it has ended."""
        self.upstream.week(self.until)
        self.until += WEEK
        since = driver.api.announce_delivery(self.model, self.until.isoformat())
        return self.finish(driver, "monitor", self.started(driver, "monitor", since).id)

    def trigger(self, driver: Driver, stage: str, **form: Any) -> str:
        """Start a run by hand with the form's fields; its id."""
        return self.started(driver, stage, driver.api.start(f"{self.model}.{stage}", form)).id

    def started(self, driver: Driver, stage: str, since: str) -> SeenRun:
        """The first run that was to start after a time."""
        pipeline = f"{self.model}.{stage}"
        return wait_for(lambda: driver.api.runs_since(pipeline, since), f"{pipeline} to start", seconds=PATIENCE)[0]

    def finish(self, driver: Driver, stage: str, run_id: str, decision: str = "approve", why: str = "") -> SeenRun:
        """Wait for the end of a run, and answer what is asked meanwhile; it has to end well."""
        run = self.end(driver, stage, run_id, decision, why)
        assert run.state == "success", driver.api.tasks(f"{self.model}.{stage}", run_id)
        return run

    def end(self, driver: Driver, stage: str, run_id: str, decision: str = "approve", why: str = "") -> SeenRun:
        """Wait for the end of a run, however it ends."""
        pipeline, until, answered = f"{self.model}.{stage}", time.monotonic() + PATIENCE, False
        while (run := driver.api.seen(pipeline, run_id)).state == "running":
            assert time.monotonic() < until, driver.api.tasks(pipeline, run_id)
            if stage == "retrain" and not answered and driver.is_asking(pipeline, run_id):
                driver.answer(pipeline, run_id, decision, why or "a test")
                answered = True
            time.sleep(0.5)
        return run

    def asked(self, driver: Driver, run_id: str) -> None:
        """Wait until a retraining waits for a person."""
        pipeline = f"{self.model}.retrain"
        tasks: Callable[[], str] = lambda: f"{run_id} to ask, but {driver.api.tasks(pipeline, run_id)}"  # noqa: E731
        wait_for(lambda: driver.is_asking(pipeline, run_id), tasks, seconds=PATIENCE)

    def without_champion(self) -> None:
        """Without one the gate says yes to the same data again, and a person has to."""
        if self.champion():
            self.mlflow.delete_registered_model_alias(self.model, "champion")

    def with_champion(self, driver: Driver) -> str:
        """The champion; made of a forced retraining where there is none."""
        if not self.champion():
            self.finish(driver, "retrain", self.forced(driver, "a champion is needed"))
        return str(self.champion())

    def forced(self, driver: Driver, reason: str) -> str:
        """A retraining that is done although it was done before; its id."""
        return self.trigger(driver, "retrain", as_of=self.until.isoformat(), reason=reason, force=True)

    def tag(self, version: str, **tags: str) -> None:
        """What a person does on a version's page in MLflow."""
        for key, value in tags.items():
            self.mlflow.set_model_version_tag(self.model, version, key, value)

    def asked_in_mlflow(self, run_id: str) -> str:
        """Wait until a retraining asks on the page of its version; the version."""

        def asking() -> str | None:
            return next((version for version in self.versions_of(run_id) if "review_asked" in self.tags(version)), None)

        return wait_for(asking, f"{run_id} to ask in MLflow", seconds=PATIENCE)

    # What came of it

    def tags(self, version: str) -> dict[str, str]:
        """Those of a version."""
        return dict(self.mlflow.get_model_version(self.model, version).tags)

    def evidence(self, version: str) -> str:
        """What an answer has to name."""
        return self.tags(version)["evidence"][:12]

    def never_champion(self, driver: Driver) -> str:
        """A version that never was champion, trained now if there is none."""
        were = Ledger(self.lake).state(self.model).were_champion
        versions = [str(one.version) for one in self.mlflow.search_model_versions(f"name = '{self.model}'")]
        if never := [version for version in versions if version not in were]:
            return never[0]
        run = self.forced(driver, "one more version")
        self.finish(driver, "retrain", run, "reject", "a test")
        return self.versions_of(run)[0]

    def champion(self) -> str | None:
        """The version that answers."""
        found = self.mlflow.get_registered_model(self.model).aliases.get("champion")
        return str(found) if found else None

    def check(self, as_of: datetime) -> MonitorStatus | None:
        """What the monitor found as of a time."""
        return self.records.status(self.model, MonitorStatus, as_of)

    def retraining(self, as_of: datetime) -> RetrainStatus | None:
        """What a retraining decided as of a time."""
        return self.records.status(self.model, RetrainStatus, as_of)

    def ledger(self) -> list[Entry]:
        """All entries, proved."""
        return Ledger(self.lake).proved(self.model)

    def runs_in_mlflow(self) -> list[Run]:
        """Runs in the model's experiment."""
        experiment = self.mlflow.get_experiment_by_name(self.model)
        assert experiment
        return list(self.mlflow.search_runs([experiment.experiment_id]))

    def versions_of(self, run_id: str) -> list[str]:
        """The versions that a run registered."""
        wanted = f"name = '{self.model}' and tags.pipeline_run = '{run_id}'"
        return [str(version.version) for version in self.mlflow.search_model_versions(wanted)]
