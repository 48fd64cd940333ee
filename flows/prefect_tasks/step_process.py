"""What the process of a step does; it knows nothing of Prefect."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include.request import Run

if TYPE_CHECKING:
    from include.alerts.throttle import Message
    from include.results import Event


@dataclass(frozen=True)
class Shown:
    """Something to show on the run's page: markdown, the rows of a table, or the address of a link."""

    kind: str
    what: str
    content: Any
    description: str


@dataclass(frozen=True)
class Outcome:
    """What a step led to: its result as plain values, events, messages, and what is shown."""

    result: dict[str, Any]
    events: "tuple[Event, ...]"
    messages: "tuple[Message, ...]"
    shown: tuple[Shown, ...]


def perform_step(step: str, model_name: str, run: Run, inputs: dict[str, Any]) -> Outcome:
    """Perform a step of a model."""
    from flows.prefect_tasks.shown import shown_after
    from include.request import request_for
    from include.steps import perform

    performed = perform(step, model_name, request_for(run), **inputs)
    result = dict(performed.result.model_dump(mode="json"))
    return Outcome(result, performed.events, performed.messages, shown_after(step, model_name, result, inputs))
