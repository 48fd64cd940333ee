"""One module per task, of the task's name. Each has `run(context, ...)`, which takes and returns results of `results.py`.

`IF_IT_FAILS` states in one line what state things are in when the step stops: the alert and the log repeat it; `STATE_AFTER`
has what is true after one error, by its name, where more is known then. A step that
asks for another run has `events(context, result)`.
"""

import logging
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from include.alerts.announcements import Inputs, messages_after
from include.alerts.throttle import Message
from include.errors import StoreError
from include.holds import SNOOZABLE
from include.models import find_model
from include.request import Request
from include.results import Event, Result
from include.services import StepContext, build_services
from include.sources import Connections
from include.statuses import FAILURES, FailedTask

if TYPE_CHECKING:
    from include.adapters.hold_store import HoldStore
    from include.adapters.latest_status import LatestStatus

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Performed:
    """What a step led to: its result, the events that start other runs, and the messages that people get."""

    result: Result
    events: tuple[Event, ...]
    messages: tuple[Message, ...]


def perform(step: str, model_name: str, request: Request, connections: Connections | None = None, **inputs: Any) -> Performed:
    """Run `include/steps/<step>.py` for a model, with the real services; `connections` as in `build_services`.

    Inputs come as the plain values that earlier tasks returned; they become the results that the step's signature names.
    """
    module = import_module(f"include.steps.{step}")
    context = StepContext(build_services(connections=connections), find_model(model_name), request)
    typed = {name: TypeAdapter(module.run.__annotations__[name]).validate_python(value) for name, value in inputs.items()}
    result = module.run(context, **typed)
    _log.info("%s %s: %s", model_name, step, result.summary)
    events = module.events(context, result) if hasattr(module, "events") else ()
    messages = _messages(step, model_name, request, typed, result)
    return Performed(result, events, not_snoozed(messages, context.services.holds, model_name))


def keep_failure(latest: "LatestStatus", pipeline: str, failed: FailedTask) -> None:
    """Keep why a task failed, so that the page Models can say it; `pipeline` is `<model>.<stage>`. It raises nothing."""
    model_name, _, stage = pipeline.rpartition(".")
    if (kind := FAILURES.get(stage)) is None:
        return
    try:
        latest.post(model_name, kind, failed)
    except StoreError as error:
        _log.warning("why %s failed is only in this log: %s", pipeline, error)


def state_after_failure(step: str, error: BaseException | None = None) -> str:
    """In which state a step leaves things when it stops by this error."""
    try:
        module = import_module(f"include.steps.{step}")
    except (ImportError, ValueError):
        return "The champion is unchanged."
    by_error: dict[str, str] = getattr(module, "STATE_AFTER", {})
    return by_error.get(type(error).__name__, str(module.IF_IT_FAILS))


def not_snoozed(messages: tuple[Message, ...], holds: "HoldStore", model_name: str) -> tuple[Message, ...]:
    """Those that no person has snoozed; a store that does not answer snoozes none."""
    if not any(message.kind in SNOOZABLE for message in messages):
        return messages
    try:
        snoozed = {hold.what: hold for hold in holds.in_force(model_name)}
    except StoreError as error:
        _log.warning("whether messages about %s are snoozed could not be read, so they are sent: %s", model_name, error)
        return messages
    for message in messages:
        if message.kind in snoozed:
            _log.info("not sent, %s: %s", snoozed[message.kind].in_words(), message.text)
    return tuple(message for message in messages if message.kind not in snoozed)


def _messages(step: str, model_name: str, request: Request, inputs: Inputs, result: Result) -> tuple[Message, ...]:
    """The messages that follow; one that cannot be written is never a reason for a step to fail."""
    try:
        return messages_after(step, model_name, request, inputs, result)
    except Exception:  # noqa: BLE001 - whatever went wrong with its text, the step is done
        _log.exception("a message about %s of %s could not be written", step, model_name)
        return ()
