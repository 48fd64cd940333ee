"""The few calls of Airflow's REST API that the demo and the tests make, as a user's script would."""

import time
from contextlib import nullcontext
from threading import Lock
from typing import Any

import requests

from deploy.local.orchestrator import SeenRun, State
from include.errors import ProvingGroundError

_PAUSES = (1, 2, 4)
_DONE: dict[str, State] = {"success": "success", "failed": "failed"}


class AirflowError(ProvingGroundError):
    """Airflow's API refused a request, or did not reach the state that was waited for."""


class AirflowApi:
    """A logged-in client of one Airflow."""

    errors: type[Exception] = AirflowError

    def __init__(self, address: str, user: str, password: str) -> None:
        self._address = address
        self._writing = Lock()
        self._session = requests.Session()
        answer = self._session.post(f"{address}/auth/token", json={"username": user, "password": password}, timeout=30)
        if answer.status_code != 201:
            raise AirflowError(
                f"{address} does not let {user} in ({answer.status_code}). Look at .stack/airflow/passwords.json."
            )
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to GET /api/v2/<path>."""
        return self._answer("GET", path, params=query)

    def page(self, path: str, **query: Any) -> str:
        """A page outside of the API, as a user who is signed in sees it."""
        answer = self._session.get(f"{self._address}/{path}", params=query, timeout=60)
        if answer.status_code >= 400:
            raise AirflowError(f"GET {path} was refused with {answer.status_code}: {answer.text[:500]}")
        return answer.text

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to POST /api/v2/<path>."""
        return self._answer("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to PATCH /api/v2/<path>."""
        return self._answer("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """DELETE /api/v2/<path>."""
        self._answer("DELETE", path)

    def wait_for_dags(self, dag_ids: set[str], seconds: float) -> None:
        """Return once Airflow knows these DAGs.

        Raises:
            AirflowError: a DAG file does not import, or it took too long.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            broken = self.get("importErrors")["import_errors"]
            if broken:
                raise AirflowError(f"{broken[0]['filename']} does not import: {broken[0]['stack_trace'][-600:]}")
            if dag_ids <= {dag["dag_id"] for dag in self.get("dags", limit=500)["dags"]}:
                return
            time.sleep(1)
        raise AirflowError(
            f"Airflow does not know {', '.join(sorted(dag_ids))} after {seconds:.0f} s. Look at .stack/logs/dag-processor.log."
        )

    def announce_delivery(self, model_name: str, as_of: str) -> str:
        """Post the asset event of a delivery, as an upstream does; returns the event's time."""
        return self.post_event(f"{model_name}.landing", {"as_of": as_of})

    def post_event(self, name: str, extra: dict[str, Any]) -> str:
        """Post an event of an asset; returns the event's time."""
        assets = [asset for asset in self.get("assets", name_pattern=name)["assets"] if asset["name"] == name]
        if not assets:
            raise AirflowError(f"Airflow knows no asset {name}: is a DAG there that waits for it?")
        event = self.post("assets/events", {"asset_id": assets[0]["id"], "extra": extra})
        return str(event["timestamp"])

    def start(self, pipeline: str, form: dict[str, Any]) -> str:
        """Start a run by hand with the form's fields; returns the time of it."""
        return str(self.post(f"dags/{pipeline}/dagRuns", {"logical_date": None, "conf": form})["run_after"])

    def runs_since(self, pipeline: str, since: str) -> list[SeenRun]:
        """Runs queued at or after a time, oldest first."""
        return [_seen(run) for run in self.runs(pipeline, since)]

    def seen(self, pipeline: str, run_id: str) -> SeenRun:
        """One run."""
        return _seen(self.get(f"dags/{pipeline}/dagRuns/{run_id}"))

    def runs(self, dag_id: str, since: str = "2000-01-01T00:00:00Z") -> list[dict[str, Any]]:
        """Runs of a DAG queued at or after a time, oldest first."""
        return list(self.get(f"dags/{dag_id}/dagRuns", run_after_gte=since, order_by="run_after", limit=100)["dag_runs"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """State of each task of a run, by task id."""
        answer = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {task["task_id"]: str(task["state"]) for task in answer["task_instances"]}

    def _answer(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        address = f"{self._address}/api/v2/{path}"
        # One write at a time, and again where the database was locked: on SQLite, Airflow's api-server writes its audit log in
        # the thread that would let another request finish, so two writes at once can wait for each other until one is refused.
        with nullcontext() if method == "GET" else self._writing:
            answer = self._session.request(method, address, timeout=60, **request)
            for pause in _PAUSES:
                if answer.status_code < 500:
                    break
                time.sleep(pause)
                answer = self._session.request(method, address, timeout=60, **request)
        if answer.status_code >= 400:
            raise AirflowError(f"{method} {path} was refused with {answer.status_code}: {answer.text[:500]}")
        return dict(answer.json()) if answer.content else {}


def _seen(run: dict[str, Any]) -> SeenRun:
    return SeenRun(str(run["dag_run_id"]), _DONE.get(str(run["state"]), "running"), str(run["start_date"]))
