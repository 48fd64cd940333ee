"""Delivers a message to Slack, or holds it back, whichever orchestrator sends it; without an address it ends in the log.

Nothing here fails a task or holds it up for more than a few seconds. What all tasks together remember about messages is on
the object store, with compare-and-set; while the store is down nothing is remembered: a message is then sent without grouping
or counting.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from include.alerts.texts import missed_text
from include.alerts.throttle import Admitted, Flow, Message, Outcome, Sent, admit, settled
from include.errors import ProvingGroundError
from include.services import reader

# Seconds: a task waits no longer for a Slack that is away.
PATIENCE = 4
_STORE_PATIENCE = 3.0
_log = logging.getLogger(__name__)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Channel:
    """Where messages go: `client` makes slack_sdk's webhook client, or None; `missing` says what is then not there."""

    missing: str
    client: Callable[[], Any]


def deliver(message: Message, channel: Channel) -> bool:
    """Deliver a message, or hold it back; False, and a line in the log, where it was not delivered. Raises nothing."""
    try:
        return _deliver(message, channel)
    except Exception:  # noqa: BLE001 - an alert that cannot be delivered must not hide what it is about
        _log.exception("not delivered, and not counted either: %s", message.text)
        return False


def _deliver(message: Message, channel: Channel) -> bool:
    slack, is_down = channel.client(), message.outage == "object store"
    if slack is None:
        _log.warning("%s, so this goes no further than the log: %s", channel.missing, message.text)
        update(lambda flow: (settled(flow, message, Sent("unconfigured", time.time())), None), store_is_down=is_down)
        return False

    def admitted(flow: Flow) -> tuple[Flow, Admitted]:
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


def _sent(slack: Any, text: str) -> tuple[Outcome, float]:
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


class Updated(NamedTuple, Generic[Answer]):
    """What a step answered, and whether it could be remembered."""

    answer: Answer
    remembered: bool


def update(step: Callable[[Flow], tuple[Flow, Answer]], *, store_is_down: bool = False) -> Updated[Answer]:
    """Replace what is remembered by the first value of `step`; the second one is the answer.

    Where nothing can be remembered `step` gets an empty flow: one message too many is better than one too few.
    """
    if not store_is_down:
        try:
            return Updated(_in_store(step), remembered=True)
        except ProvingGroundError as error:
            _log.warning("nothing can be remembered about this message, so it is neither grouped nor counted: %s", error)
    return Updated(step(Flow())[1], remembered=False)


def _in_store(step: Callable[[Flow], tuple[Flow, Answer]]) -> Answer:
    answers: list[Answer] = []

    def revised(flow: Flow | None) -> Flow:
        flow, answer = step(flow or Flow())
        answers[:] = [answer]
        return flow

    # A store that is down has been waited for long enough by the task itself.
    reader(patience=2).latest.revise_messages(Flow, revised, within=_STORE_PATIENCE)
    return answers[0]
