"""Performs the steps as Prefect tasks: from the flow run to a request, from the step's events to Prefect's events."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefect import Flow, Task
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from flows.prefect_tasks.artifacts import publish
from flows.prefect_tasks.context import run_from_context
from flows.prefect_tasks.events import emit
from flows.prefect_tasks.messages import report_failed_flow, send
from flows.prefect_tasks.policy import LONGEST, TASK_OPTIONS
from flows.prefect_tasks.step_server import call
from include.models.contract import Model
from include.request import Run

Result = dict[str, Any]
# Steps of one run at once, where none waits for another.
_AT_ONCE = 4
# What the steps log is shown with their task runs.
logging.getLogger("include").setLevel(logging.INFO)


def flow_of(model: Model, stage: str, run: Callable[..., Any], page: str | None) -> Flow[Any, Any]:
    """The flow of a model's stage; its name is the DAG's under Airflow, and so is its page."""
    # Under this name the process of a run finds it in the flow's file.
    run.__name__ = run.__qualname__ = f"{model.name}_{stage}"
    return Flow(
        run,
        name=f"{model.name}.{stage}",
        flow_run_name=_named,
        description=page,
        # The threads only wait: each step has a process of its own.
        task_runner=ThreadPoolTaskRunner(max_workers=_AT_ONCE),
        on_failure=[report_failed_flow],
    )


def _named() -> str:
    """`<model>.<stage> <when>`."""
    from prefect.runtime import flow_run

    return f"{flow_run.flow_name} {flow_run.scheduled_start_time:%Y-%m-%d %H:%M:%S}"


class Steps:
    """The steps of one model in one flow run."""

    def __init__(self, model: Model, form: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        self._model = model
        self._run = run_from_context(form, event)

    def __call__(self, step: str, about: str = "", after: Sequence[Any] = (), **inputs: Any) -> PrefectFuture[Result]:
        """Perform a step once its inputs, and what it comes `after`, are there; inputs may be results of others.

        `about` tells several of a name apart.
        """
        name = f"{step} {about}" if about else step
        task = Task(fn=run_step, name=step, task_run_name=name, **TASK_OPTIONS)
        return task.submit(step, self._model.name, self._run, about, inputs, wait_for=list(after))


def run_step(step: str, model_name: str, run: Run, about: str, inputs: dict[str, Any]) -> Result:
    """Perform a step in a process of its own; its result as plain values."""
    outcome = call("flows.prefect_tasks.step_process:perform_step", (step, model_name, run, inputs), LONGEST)
    for event in outcome.events:
        emit(model_name, run.run_id, event)
    send(outcome.messages)
    publish(model_name, outcome.shown)
    return dict(outcome.result)
