"""Sends the messages that follow from a step or a failure. What cannot be sent is logged, and never fails a task.

The texts are in `include/alerts/texts.py`, which messages follow from what in `announcements.py`, delivery in
`slack_delivery`.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from slack_delivery import post

if TYPE_CHECKING:
    from include.alerts.throttle import Message

_log = logging.getLogger(__name__)


def send(messages: "Iterable[Message]") -> None:
    """Deliver messages, one after the other."""
    for message in messages:
        post(message)


def report_failure(context: Mapping[str, Any]) -> None:
    """Task callback: what failed, and what state things are in. It raises nothing.

    The reason goes to the page Models, to Slack, and, for an error of ours, into the last line of the task's log.
    """
    from include.alerts.announcements import failure_message
    from include.alerts.texts import Failure
    from include.errors import ProvingGroundError
    from include.steps import state_after_failure

    error = context.get("exception")
    try:
        failed = context["ti"]
        state = state_after_failure(failed.task_id, error)
        message = failure_message(Failure(failed.dag_id, failed.task_id, error, failed.log_url), state)
        send(_kept(failed, error, message))
        if isinstance(error, ProvingGroundError):
            _log.error("%s: %s %s", type(error).__name__, error, state)
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert could not be written")


def _kept(failed: Any, error: BaseException | None, message: "Message") -> "tuple[Message, ...]":
    """The message, unless a person has snoozed it, once the reason is kept for the page Models."""
    from include.services import reader
    from include.statuses import FailedTask
    from include.steps import keep_failure, not_snoozed

    if message.outage == "object store":
        # A store that is down has been waited for long enough by the task itself.
        return (message,)
    try:
        read = reader(patience=2)
        keep_failure(read.latest, failed.dag_id, FailedTask.of(str(failed.run_id), failed.task_id, error))
        return not_snoozed((message,), read.holds, failed.dag_id.rpartition(".")[0])
    except Exception:  # noqa: BLE001 - a failure is reported whatever else fails
        _log.exception("why it failed is not kept for the page Models")
        return (message,)
