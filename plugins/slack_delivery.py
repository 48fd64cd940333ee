"""Delivery to Slack through Airflow's provider and its connection `slack_webhook`; without it messages end in the log.

Nothing here fails a task or holds it up for more than a few seconds; what was not delivered is counted (`message_memory`).
"""

import logging
import time
from typing import TYPE_CHECKING, Any

from message_memory import update

if TYPE_CHECKING:
    from include.alerts.throttle import Admitted, Flow, Message, Outcome

CONNECTION = "slack_webhook"
# Seconds: a task waits no longer for a Slack that is away.
_PATIENCE = 4
_log = logging.getLogger(__name__)


def post(message: "Message") -> bool:
    """Deliver a message, or hold it back; False, and a line in the log, where it was not delivered. Raises nothing."""
    try:
        return _post(message)
    except Exception:  # noqa: BLE001 - an alert that cannot be delivered must not hide what it is about
        _log.exception("not delivered, and not counted either: %s", message.text)
        return False


def _post(message: "Message") -> bool:
    from include.alerts.texts import missed_text
    from include.alerts.throttle import Sent, admit, settled

    slack, is_down = _slack(), message.outage == "object store"
    if slack is None:
        _log.warning("no connection %s, so this goes no further than the log: %s", CONNECTION, message.text)
        update(lambda flow: (settled(flow, message, Sent("unconfigured", time.time())), None), store_is_down=is_down)
        return False

    def admitted(flow: "Flow") -> "tuple[Flow, Admitted]":
        admission = admit(flow, message, time.time())
        return admission.flow, admission

    admission, remembered = update(admitted, store_is_down=is_down)
    if not admission.allowed:
        why = "sent before" if admission.repeated else "held back, and counted: one outage is one message, with a rate limit"
        _log.info("%s: %s", why, message.text)
        return False
    more = missed_text({cause: (one.count, one.since) for cause, one in admission.missed.items()})
    outcome, pause = _sent(slack, "\n".join(filter(None, (message.text, more))))
    sent = Sent(outcome, time.time(), admission.missed, pause)
    update(lambda flow: (settled(flow, message, sent), None), store_is_down=not remembered)
    return outcome == "delivered"


def _slack() -> Any:
    """The client that Airflow's hook makes of the connection; None where there is no connection."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        # Without the client's own second try: it would double the time that a task waits.
        return SlackWebhookHook(slack_webhook_conn_id=CONNECTION, timeout=_PATIENCE, retry_handlers=[]).client
    except AirflowNotFoundException:
        return None


def _sent(slack: Any, text: str) -> "tuple[Outcome, float]":
    """What became of it, and for how many seconds Slack asks to be left alone."""
    try:
        answer = slack.send(text=text, unfurl_links=False, unfurl_media=False)
    except Exception as error:  # noqa: BLE001 - whatever the network raises, the message was not delivered
        _log.error("Slack did not take the message (%s: %s): %s", type(error).__name__, error, text)
        return "failed", 0.0
    if answer.status_code == 200:
        return "delivered", 0.0
    _log.error("Slack did not take the message (it answered %s, %.100r): %s", answer.status_code, answer.body, text)
    retry_after = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after", "")
    return "failed", float(retry_after) if str(retry_after).isdecimal() else 0.0
