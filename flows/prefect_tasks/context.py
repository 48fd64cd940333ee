"""From Prefect's context to a run as `include/request.py` has it."""

from collections.abc import Mapping
from typing import Any

from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_UI_URL

from include.request import Run


def run_from_context(form: Mapping[str, Any], event: Mapping[str, Any]) -> Run:
    """The flow run that this process performs."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    flow_run = context.flow_run
    # Prefect notes on a run which automation or schedule made it; a person's has neither.
    made_by = flow_run.created_by.type if flow_run.created_by else ""
    by_hand = not made_by and not flow_run.auto_scheduled
    due = flow_run.expected_start_time or flow_run.created
    assert due is not None
    url = run_url(str(flow_run.id))
    return Run(
        run_id=str(flow_run.id),
        due=due,
        by_hand=by_hand,
        slot=due if flow_run.auto_scheduled else None,
        user=_login() if by_hand else "",
        started=flow_run.start_time,
        form=form,
        # A person who fills in the event is still a person.
        event={} if by_hand else event,
        orchestrator="Prefect",
        url=url,
        answer_url=url,
    )


def run_url(flow_run_id: str) -> str:
    """The page of a run in Prefect."""
    return f"{_pages()}/runs/flow-run/{flow_run_id}"


def task_url(task_run_id: str) -> str:
    """The page of a task run in Prefect."""
    return f"{_pages()}/runs/task-run/{task_run_id}"


def _pages() -> str:
    return str(PREFECT_UI_URL.value() or str(PREFECT_API_URL.value()).removesuffix("/api")).rstrip("/")


def _login() -> str:
    """The user of the one login that all share: Prefect has no users of its own."""
    return str(PREFECT_API_AUTH_STRING.value() or "").partition(":")[0] or "a user of Prefect"
