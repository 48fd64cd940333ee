"""Events of a model: what starts a monitor, a retraining, or a rollback."""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.events import DeploymentEventTrigger

if TYPE_CHECKING:
    from include.results import Event

LANDING, RETRAINING, ROLLBACK = "landing", "needs_retraining", "needs_rollback"
# The payload becomes the flow's parameter `event`.
_PARAMETERS = {
    "event": {
        "__prefect_kind": "json",
        "value": {"__prefect_kind": "jinja", "template": "{{ event.payload | tojson }}"},
    }
}


def trigger(model_name: str, event_name: str) -> DeploymentEventTrigger:
    """Starts a deployment at each event of that name."""
    return DeploymentEventTrigger(
        name=f"{model_name}.{event_name}",
        expect={f"{model_name}.{event_name}"},
        match={"prefect.resource.id": resource(model_name)},
        parameters=_PARAMETERS,
    )


def resource(model_name: str) -> str:
    """The resource that a model's events are about."""
    return f"proving-ground.{model_name}"


def emit(model_name: str, run_id: str, event: "Event") -> None:
    """Post an event, and return once the server has it: a process that is killed later has not lost it.

    A step that is repeated posts the same event under the same id, which Prefect counts once.
    """
    name = f"{model_name}.{event.name}"
    posted = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{run_id}/{name}")),
        "occurred": datetime.now(UTC).isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": resource(model_name)},
        "payload": event.model_dump(mode="json"),
    }
    with get_client(sync_client=True) as client:
        client._client.post("/events", json=[posted])
