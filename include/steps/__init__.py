"""One module per task, of the task's name. Each has `run(context, ...)`, which takes and returns results of `results.py`.

`IF_IT_FAILS` states in one line what state things are in when the step stops: the alert and the log repeat it. A step that
asks for another run has `events(context, result)`.
"""

import logging
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from include.alerts.announcements import Inputs, messages_after
from include.alerts.throttle import Message
from include.models import find_model
from include.request import Request
from include.results import Event, Result
from include.services import StepContext, build_services
from include.sources import Connections

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
    return Performed(result, events, _messages(step, model_name, request, typed, result))


def state_after_failure(step: str) -> str:
    """In which state a step leaves things when it stops."""
    try:
        return str(import_module(f"include.steps.{step}").IF_IT_FAILS)
    except ImportError:
        return "The champion is unchanged."


def _messages(step: str, model_name: str, request: Request, inputs: Inputs, result: Result) -> tuple[Message, ...]:
    """The messages that follow; one that cannot be written is never a reason for a step to fail."""
    try:
        return messages_after(step, model_name, request, inputs, result)
    except Exception:  # noqa: BLE001 - whatever went wrong with its text, the step is done
        _log.exception("a message about %s of %s could not be written", step, model_name)
        return ()
