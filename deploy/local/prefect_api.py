"""The few calls of Prefect's REST API that the demo and the tests make, as a user's script would."""

import time
import uuid
from datetime import UTC, datetime
from typing import Any

import requests

from deploy.local.orchestrator import SeenRun, State
from include.errors import ProvingGroundError

_PAUSES = (0.5, 1, 2, 4)
# A crashed run is not over: flows/prefect_tasks/watch.py lets it go on, or has it fail.
_RUN_STATES: dict[str, State] = {"COMPLETED": "success", "FAILED": "failed", "CANCELLED": "failed"}
_TASK_STATES = {
    "COMPLETED": "success",
    "FAILED": "failed",
    "CRASHED": "up_for_retry",
    "PENDING": "queued",
    "RUNNING": "running",
    "SCHEDULED": "up_for_retry",
}


class PrefectError(ProvingGroundError):
    """Prefect's API refused a request, or did not reach the state that was waited for."""


class PrefectApi:
    """A logged-in client of one Prefect server."""

    errors: type[Exception] = PrefectError

    def __init__(self, address: str, user: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.auth = (user, password)
        # Straight to this machine, whatever proxy the caller's environment names.
        self._session.trust_env = False

    def get(self, path: str) -> Any:
        """The answer to GET /api/<path>."""
        return self._answer("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """The answer to POST /api/<path>."""
        return self._answer("POST", path, json=body)

    def delete(self, path: str) -> None:
        """DELETE /api/<path>."""
        self._answer("DELETE", path)

    def wait_for_flows(self, names: set[str], seconds: float) -> None:
        """Return once these flows are served.

        Raises:
            PrefectError: it took too long.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            served = self.post("deployments/filter", {"limit": 200})
            if names <= {one["name"] for one in served if one["status"] == "READY"}:
                return
            time.sleep(1)
        raise PrefectError(
            f"Prefect does not serve {', '.join(sorted(names))} after {seconds:.0f} s. Look at .stack/logs/prefect-flows.log."
        )

    def announce_delivery(self, model_name: str, as_of: str) -> str:
        """Post the event of a delivery, as an upstream does; returns the event's time."""
        return self.post_event(f"{model_name}.landing", {"as_of": as_of})

    def post_event(self, name: str, payload: dict[str, Any]) -> str:
        """Post an event of a model; returns the event's time."""
        occurred = datetime.now(UTC).isoformat()
        resource = {"prefect.resource.id": f"proving-ground.{name.partition('.')[0]}"}
        event = {"id": str(uuid.uuid4()), "event": name, "occurred": occurred, "resource": resource, "payload": payload}
        self.post("events", [event])
        return occurred

    def start(self, pipeline: str, form: dict[str, Any]) -> str:
        """Start a run by hand with the form's fields; returns the time of it."""
        return str(self.trigger(pipeline, form)["expected_start_time"])

    def trigger(self, pipeline: str, form: dict[str, Any]) -> dict[str, Any]:
        """Start a run by hand with the form's fields; returns what Prefect says about it."""
        deployment = self.get(f"deployments/name/{pipeline}/{pipeline}")
        return dict(self.post(f"deployments/{deployment['id']}/create_flow_run", {"parameters": form}))

    def runs_since(self, pipeline: str, since: str) -> list[SeenRun]:
        """Runs that were to start at or after a time, oldest first; not those that a schedule plans."""
        wanted = {
            "flows": {"name": {"any_": [pipeline]}},
            "flow_runs": {"expected_start_time": {"after_": since, "before_": datetime.now(UTC).isoformat()}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 100,
        }
        return [_seen(run) for run in self.post("flow_runs/filter", wanted)]

    def run(self, run_id: str) -> dict[str, Any]:
        """What Prefect says about a run."""
        return dict(self.get(f"flow_runs/{run_id}"))

    def seen(self, pipeline: str, run_id: str) -> SeenRun:
        """One run."""
        return _seen(self.run(run_id))

    def tasks(self, pipeline: str, run_id: str) -> dict[str, str]:
        """State of each task of a run, by the step's name, in Airflow's words."""
        return {
            task["name"]: "upstream_failed" if task["state_name"] == "NotReady" else _TASK_STATES[task["state_type"]]
            for task in self.task_runs(run_id)
        }

    def task_runs(self, run_id: str) -> list[dict[str, Any]]:
        """What Prefect says about the tasks of a run, oldest first."""
        wanted = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 100}
        return list(self.post("task_runs/filter", wanted))

    def log(self, run_id: str) -> str:
        """What a run logged, one line after the other."""
        wanted = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
        lines: list[dict[str, Any]] = []
        while page := self.post("logs/filter", wanted | {"offset": len(lines)}):
            lines += page
        return "\n".join(line["message"] for line in lines)

    def _answer(self, method: str, path: str, **request: Any) -> Any:
        address = f"{self._address}/api/{path}"
        answer = self._session.request(method, address, timeout=60, **request)
        # On SQLite a write may find the database locked.
        for pause in _PAUSES:
            if answer.status_code < 500:
                break
            time.sleep(pause)
            answer = self._session.request(method, address, timeout=60, **request)
        if answer.status_code >= 400:
            raise PrefectError(f"{method} {path} was refused with {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else {}


def _seen(run: dict[str, Any]) -> SeenRun:
    return SeenRun(str(run["id"]), _RUN_STATES.get(run["state_type"], "running"), str(run["start_time"]))
