"""Slack messages through Airflow's Slack provider and its connection `slack_webhook`; without it they are logged."""

import logging
from collections.abc import Mapping
from typing import Any

CONNECTION = "slack_webhook"
_log = logging.getLogger(__name__)


def report_failure(context: Mapping[str, Any]) -> None:
    """Task callback: say what failed and what state things are in. Never makes anything worse: it raises nothing."""
    from include.alert_text import failure_text

    try:
        failed = context["ti"]
        post(failure_text(failed.dag_id, failed.task_id, context.get("exception"), failed.log_url))
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert could not be written")


def post(text: str) -> bool:
    """Send a message; False, and a line in the log, when Slack is not set up or does not take it."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        SlackWebhookHook(slack_webhook_conn_id=CONNECTION, timeout=10).send(text=text)
    except AirflowNotFoundException:
        _log.warning("no connection %s, so this goes no further than the log: %s", CONNECTION, text)
        return False
    except Exception:  # noqa: BLE001 - a delivery that fails must never fail the pipeline
        _log.exception("Slack did not take the message: %s", text)
        return False
    return True
