"""Sends the messages that follow from a step or a failure, through the Slack webhook that Prefect keeps as a block.

What cannot be sent is logged, and never fails a task.
"""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flows.prefect_tasks.context import run_url, task_url
from include.errors import ProcessLost

if TYPE_CHECKING:
    from include.alerts.throttle import Message

# The name of a block of the type "Secret". Prefect's own type for this takes no address but Slack's.
BLOCK = "slack-webhook"
_log = logging.getLogger("include.messages")


def send(messages: "Iterable[Message]") -> None:
    """Deliver messages, one after the other."""
    from include.message_delivery import Channel, deliver

    for message in messages:
        deliver(message, Channel(f"no block {BLOCK}", slack_client))


def slack_client() -> Any:
    """A client for the address in the block; None where there is no such block."""
    from prefect.blocks.system import Secret
    from slack_sdk.webhook import WebhookClient

    from include.message_delivery import PATIENCE

    try:
        address = str(Secret.load(BLOCK).get())
    except ValueError:
        return None
    # Without the client's own second try: it would double the time that a task waits.
    return WebhookClient(address, timeout=PATIENCE, retry_handlers=[])


def report_failed_task(task: Any, task_run: Any, state: Any) -> None:
    """Task hook: what failed, and what state things are in. It raises nothing."""
    try:
        _report(_flow_name(), task.name, _error(state), task_url(str(task_run.id)))
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert about %s could not be written", task_run.name)


def report_failed_flow(flow: Any, flow_run: Any, state: Any) -> None:
    """Flow hook: what failed outside of every task; a task has reported itself. It raises nothing."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    try:
        with get_client(sync_client=True) as client:
            tasks = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id])))
        if not any(task.state and task.state.is_failed() for task in tasks):
            _report(flow.name, "the flow", _error(state), run_url(str(flow_run.id)))
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert about %s could not be written", flow_run.name)


def report_dead_run(flow_name: str, flow_run_id: str, why: str) -> None:
    """A run whose process died again and again. It raises nothing."""
    try:
        problem = ProcessLost(f"{why}. See the run's log; was it killed for want of memory? Then retry it there")
        _report(flow_name, "its process", problem, run_url(flow_run_id))
    except Exception:  # noqa: BLE001 - as above
        _log.exception("the alert about %s could not be written", flow_run_id)


def _report(flow_name: str, step: str, error: BaseException | None, url: str) -> None:
    from include.alerts.announcements import failure_message
    from include.alerts.texts import Failure
    from include.steps import state_after_failure

    send([failure_message(Failure(flow_name, step, error, url), state_after_failure(step))])


def _flow_name() -> str:
    from prefect.runtime import flow_run

    return str(flow_run.flow_name)


def _error(state: Any) -> BaseException | None:
    try:
        state.result()
    except Exception as error:  # noqa: BLE001 - this is how Prefect gives back what was raised
        return error
    return None
