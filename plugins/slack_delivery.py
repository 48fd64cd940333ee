"""Delivery to Slack through Airflow's provider and its connection `slack_webhook`; without it messages end in the log."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.alerts.throttle import Message

CONNECTION = "slack_webhook"


def post(message: "Message") -> bool:
    """Deliver a message, or hold it back; False, and a line in the log, where it was not delivered. Raises nothing."""
    from include.message_delivery import Channel, deliver

    return deliver(message, Channel(f"no connection {CONNECTION}", slack_client))


def slack_client() -> Any:
    """The client that Airflow's hook makes of the connection; None where there is no connection."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from include.message_delivery import PATIENCE

    try:
        # Without the client's own second try: it would double the time that a task waits.
        return SlackWebhookHook(slack_webhook_conn_id=CONNECTION, timeout=PATIENCE, retry_handlers=[]).client
    except AirflowNotFoundException:
        return None
