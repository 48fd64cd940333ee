"""`python -m flows.serve`: the one process that serves the flows of every model, and looks after their runs."""

import logging
import os
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect import serve
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import EntrypointType
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron, Schedule
from prefect.settings import PREFECT_HOME

from flows import monitor, replay, retrain, rollback
from flows.prefect_tasks.events import LANDING, RETRAINING, ROLLBACK, trigger
from flows.prefect_tasks.step_server import SOCKET
from flows.prefect_tasks.watch import TAG, StepServer, Watch, bury
from include.models import all_models
from include.models.contract import Model

# As many as Airflow's LocalExecutor has here.
_AT_ONCE = 4
# Two runs of one flow at once would do the same work: the second waits. A champion is guarded by a lock of the pipeline's own.
_ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def deployments() -> list[Any]:
    """What is served: for each model its four flows, when they run, and what starts them."""
    return [deployment for model in all_models() for deployment in _of(model)]


def _of(model: Model) -> list[Any]:
    feed, cadence = model.feed.schedule, model.retraining.cadence
    return [
        _deployment(model, monitor, _cron(feed), [trigger(model.name, LANDING)]),
        _deployment(model, retrain, _cron(cadence), [trigger(model.name, RETRAINING)]),
        _deployment(model, rollback, None, [trigger(model.name, ROLLBACK)]),
        _deployment(model, replay, None, []),
    ]


def _deployment(model: Model, stage: ModuleType, schedule: Schedule | None, triggers: list[DeploymentEventTrigger]) -> Any:
    name = stage.__name__.rpartition(".")[2]
    flow = getattr(stage, f"{model.name}_{name}")
    return flow.to_deployment(
        name=flow.name,
        schedule=schedule,
        triggers=triggers,
        concurrency_limit=_ONE,
        tags=[TAG, model.name, model.owner, name],
        description=f"{model.description}\n\n{stage.__doc__}",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _cron(expression: str) -> Schedule:
    return Cron(expression, timezone="UTC")


def main() -> None:
    """Serve until the process is ended."""
    logging.basicConfig(level=logging.INFO)
    with get_client(sync_client=True) as client:
        bury(client)
    folder = tempfile.mkdtemp(prefix="steps-")
    os.environ[SOCKET] = str(Path(folder) / "socket")
    Watch(StepServer(os.environ[SOCKET])).start()
    (Path(str(PREFECT_HOME.value())) / "serving").touch()
    serve(*deployments(), pause_on_shutdown=False, limit=_AT_ONCE, print_starting_message=False)


if __name__ == "__main__":
    main()
