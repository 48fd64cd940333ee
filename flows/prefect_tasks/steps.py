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
from flows.prefect_tasks.messages import send
from flows.prefect_tasks.policy import TASK_OPTIONS
from include.models.contract import Model
from include.request import Run

Result = dict[str, Any]
_log = logging.getLogger(__name__)


def flow_of(model: Model, stage: str, run: Callable[..., Any], page: str | None) -> Flow[Any, Any]:
    """The flow of a model's stage; its name is the DAG's under Airflow, and so is its page."""
    # Under this name the process of a run finds it in the flow's file.
    run.__name__ = run.__qualname__ = f"{model.name}_{stage}"
    return Flow(
        run,
        name=f"{model.name}.{stage}",
        flow_run_name=_named,
        description=page,
        # One task of a run at a time, in its process: what the steps are made of is not made for threads.
        task_runner=ThreadPoolTaskRunner(max_workers=1),
        validate_parameters=True,
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
    """Perform a step; its result as plain values."""
    from include.request import request_for
    from include.steps import perform

    performed = perform(step, model_name, request_for(run), **inputs)
    for event in performed.events:
        emit(model_name, run.run_id, event)
    send(performed.messages)
    result = dict(performed.result.model_dump(mode="json"))
    publish(step, model_name, result, inputs)
    return result
