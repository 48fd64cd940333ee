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
    """Task callback: what failed, and what state things are in. It raises nothing."""
    from include.alerts.announcements import failure_message
    from include.alerts.texts import Failure
    from include.steps import state_after_failure

    try:
        failed = context["ti"]
        failure = Failure(failed.dag_id, failed.task_id, context.get("exception"), failed.log_url)
        post(failure_message(failure, state_after_failure(failed.task_id)))
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert could not be written")
