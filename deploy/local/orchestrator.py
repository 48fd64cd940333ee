"""What the demo and the tests ask of an orchestrator, whichever it is."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

State = Literal["running", "success", "failed"]
# A task that has something to do now, or will have in a moment.
BUSY = ("queued", "running", "up_for_retry")


@dataclass(frozen=True)
class SeenRun:
    """A run of a pipeline (`<model>.<stage>`): its id, its state, and when it started."""

    id: str
    state: State
    started: str


class Orchestrator(Protocol):
    """One running orchestrator. Times are its own, as text that orders and can be handed back."""

    # What is raised where it refuses something.
    errors: type[Exception]

    def announce_delivery(self, model_name: str, as_of: str) -> str:
        """Announce a delivery, as an upstream does; returns the time of it."""
        ...

    def start(self, pipeline: str, form: dict[str, Any]) -> str:
        """Start a run by hand with the form's fields; returns the time of it."""
        ...

    def runs_since(self, pipeline: str, since: str) -> list[SeenRun]:
        """Runs that were to start at or after a time, oldest first."""
        ...

    def seen(self, pipeline: str, run_id: str) -> SeenRun:
        """One run."""
        ...

    def tasks(self, pipeline: str, run_id: str) -> dict[str, str]:
        """State of each task of a run, by the step's name, in Airflow's words."""
        ...
