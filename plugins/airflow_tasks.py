"""How a task of Airflow performs a step: from its context to a request, from the step's events to asset events."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias

from include.models.contract import Model

if TYPE_CHECKING:
    from include.request import Request
    from include.results import Event

Context = Mapping[str, Any]
_log = logging.getLogger(__name__)
# The aliases under which a task announces that it may ask for another run.
RETRAINING, ROLLBACK = "needs_retraining", "needs_rollback"


def run_step(step: str, model: Model, context: Context, **inputs: Any) -> dict[str, Any]:
    """Perform a step; its result as plain values, fit for XCom."""
    from airflow_databases import database
    from include.errors import ProvingGroundError
    from include.steps import perform
    from slack_alerts import send

    try:
        performed = perform(step, model.name, request_from(context), connections=database, **inputs)
    except ProvingGroundError:
        # What went wrong is in the message; where it was raised is for those who change this code.
        _log.debug("%s of %s", step, model.name, exc_info=True)
        without_frames()
        raise
    for event in performed.events:
        _emit(model, context, event)
    send(performed.messages)
    return dict(performed.result.model_dump(mode="json"))


def without_frames() -> None:
    """Let Airflow log an error of ours, which is expected, in one line: the stack frames hide what to do."""
    import structlog

    processors = structlog.get_config()["processors"]
    if in_one_line not in processors:
        processors.insert(0, in_one_line)


def in_one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog's event of an error of ours with the error's message as its text; every other event as it is."""
    from include.errors import ProvingGroundError

    error = sys.exc_info()[1] if event.get("exc_info") is True else event.get("exc_info")
    if isinstance(error, ProvingGroundError):
        del event["exc_info"]
        event["event"] = f"{type(error).__name__}: {error}"
    return event


def request_from(context: Context) -> "Request":
    """The request in a task's context.

    Raises:
        DataError: the form or the event holds what cannot be used.
    """
    import os

    from include.request import Run, request_for
    from include.settings import Settings

    run = context["dag_run"]
    dag_id, run_id = str(getattr(run, "dag_id", "")), str(run.run_id)
    url = run_url(Settings.read(os.environ).airflow_url, dag_id, run_id)
    return request_for(
        Run(
            run_id=run_id,
            due=run.run_after,
            by_hand=run.run_type == "manual",
            slot=context.get("data_interval_end"),
            user=str(getattr(run, "triggering_user_name", None) or ""),
            started=getattr(run, "start_date", None),
            form=context.get("params") or {},
            submitted=run.conf or {},
            event=_newest_event(context),
            orchestrator="Airflow",
            url=url,
            answer_url=f"{url}/tasks/review/required_actions",
        )
    )


def run_url(airflow_url: str, dag_id: str, run_id: str) -> str:
    """The page of a run in Airflow."""
    return f"{airflow_url}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def alias_of(model: Model, event_name: str) -> AssetAlias:
    """The alias through which a task of this model may emit an event."""
    return AssetAlias(f"{model.name}.{event_name}.requested")


def _emit(model: Model, context: Context, event: "Event") -> None:
    extra = event.model_dump(mode="json")
    context["outlet_events"][alias_of(model, event.name)].add(Asset(name=f"{model.name}.{event.name}"), extra=extra)


def _newest_event(context: Context) -> dict[str, Any]:
    """The extra of the newest asset event: several may have started one run, and the newest knows most."""
    events = [event for events in (context.get("triggering_asset_events") or {}).values() for event in events]
    return max((dict(event.extra or {}) for event in events), key=lambda extra: str(extra.get("as_of", "")), default={})
