"""What the promises ask of an orchestrator beside its API: one driver for Airflow, and one for Prefect."""

import json
import sqlite3
from contextlib import closing
from typing import Any, Protocol

import psutil

from deploy.local.airflow_api import AirflowApi, AirflowError
from deploy.local.orchestrator import Orchestrator
from deploy.local.prefect_api import PrefectApi, PrefectError
from deploy.local.stack import Stack
from tests.prefect.more_models import STRANGER
from tests.whole_loop.loop import executor_told

PAST = "2020-01-01T00:00:00+00:00"


class Driver(Protocol):
    """One orchestrator; a pipeline is `<model>.<stage>`."""

    api: Orchestrator
    # Who a person is that answers, or starts a run.
    person: str
    # Whom the ledger names where an event was posted that says by whom.
    sender: str

    def attempts(self, pipeline: str, run_id: str, step: str) -> int:
        """How often a step was tried."""
        ...

    def is_asking(self, pipeline: str, run_id: str) -> bool:
        """Whether the run waits for a person."""
        ...

    def question(self, pipeline: str, run_id: str) -> str:
        """What the person is shown."""
        ...

    def answer(self, pipeline: str, run_id: str, decision: str, why: str) -> None:
        """What a person does on the run's page."""
        ...

    def let_time_pass(self, pipeline: str, run_id: str) -> None:
        """The time in which an answer counts is over."""
        ...

    def performing(self, pipeline: str, run_id: str, step: str) -> psutil.Process | None:
        """The process that performs a step now."""
        ...

    def holds_a_process(self, pipeline: str, run_id: str) -> bool:
        """Whether any process is kept for the run."""
        ...

    def post_event(self, name: str, payload: dict[str, Any]) -> str:
        """An event of a model, as an upstream posts it; returns its time."""
        ...

    def refused_answer(self, pipeline: str, run_id: str) -> str:
        """How a user is refused who approves and is none of the reviewers; empty where the answer was taken."""
        ...

    def log(self, pipeline: str, run_id: str, step: str) -> str:
        """What a step logged."""
        ...

    def pause(self, pipeline: str) -> None:
        """Its schedule starts no runs from now on."""
        ...

    def resume(self, pipeline: str) -> None:
        """Its schedule counts again."""
        ...

    def end(self) -> None:
        """End the orchestrator: nothing runs."""
        ...

    def start(self) -> None:
        """Start it again; schedules that were paused may count again."""
        ...

    def connect_slack(self, address: str) -> None:
        """Set up as a person does on the orchestrator's pages."""
        ...

    def disconnect_slack(self) -> None:
        """And taken away again."""
        ...


class PrefectDriver:
    """Prefect, through its REST API."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.prefect = PrefectApi(stack.prefect_url, "admin", stack.passwords["admin"])
        self.api: Orchestrator = self.prefect
        self.person = "alice"
        self.sender = "probation"
        self._block = ""

    def attempts(self, pipeline: str, run_id: str, step: str) -> int:
        return next((int(task["run_count"]) for task in self.prefect.task_runs(run_id) if task["name"] == step), 0)

    def is_asking(self, pipeline: str, run_id: str) -> bool:
        # The form comes a moment after the state.
        try:
            return bool(self.prefect.get(f"flow_runs/{run_id}/input/{self._keys(run_id)['schema']}"))
        except (PrefectError, TypeError):
            return False

    def question(self, pipeline: str, run_id: str) -> str:
        return str(self.prefect.get(f"flow_runs/{run_id}/input/{self._keys(run_id)['description']}"))

    def answer(self, pipeline: str, run_id: str, decision: str, why: str) -> None:
        given = {"decision": decision, "who": self.person, "why": why}
        answer = self.prefect.post(f"flow_runs/{run_id}/resume", {"run_input": given})
        assert answer["status"] == "ACCEPT", answer

    def let_time_pass(self, pipeline: str, run_id: str) -> None:
        kept = dict(self.prefect.get(f"flow_runs/{run_id}/input/question"))
        self.prefect.delete(f"flow_runs/{run_id}/input/question")
        self.prefect.post(f"flow_runs/{run_id}/input", {"key": "question", "value": json.dumps(kept | {"until": PAST})})

    def performing(self, pipeline: str, run_id: str, step: str) -> psutil.Process | None:
        return next((process for process in self.processes() if _name(process) == step[:15]), None)

    def holds_a_process(self, pipeline: str, run_id: str) -> bool:
        return bool(self.processes_of(run_id))

    def processes_of(self, run_id: str) -> list[psutil.Process]:
        """Those of a flow run, without its steps'."""
        return [process for process in self.processes() if _environment(process).get("PREFECT__FLOW_RUN_ID") == run_id]

    def processes(self, component: str = "prefect-flows") -> list[psutil.Process]:
        """The one that serves the flows, or the server, with all that it started."""
        return next(running for running in self._stack._recorded()[1] if running.name == component).members()

    def post_event(self, name: str, payload: dict[str, Any]) -> str:
        return self.prefect.post_event(name, payload)

    def refused_answer(self, pipeline: str, run_id: str) -> str:
        given = {"decision": "approve", "who": STRANGER, "why": "why not"}
        try:
            answer = self.prefect.post(f"flow_runs/{run_id}/resume", {"run_input": given})
        except PrefectError as refused:
            return str(refused)
        return "" if answer["status"] == "ACCEPT" else str(answer)

    def log(self, pipeline: str, run_id: str, step: str) -> str:
        return self.prefect.log(run_id)

    def pause(self, pipeline: str) -> None:
        self.prefect.post(f"deployments/{self._deployment(pipeline)}/pause_deployment", {})

    def resume(self, pipeline: str) -> None:
        self.prefect.post(f"deployments/{self._deployment(pipeline)}/resume_deployment", {})

    def end(self) -> None:
        self._stack._end_parts(["prefect"])

    def start(self) -> None:
        self._stack.start(["prefect"])

    def connect_slack(self, address: str) -> None:
        kind = self.prefect.get("block_types/slug/secret")["id"]
        (schema, *_) = self.prefect.post("block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})
        block = {"name": "slack-webhook", "data": {"value": address}, "block_type_id": kind, "block_schema_id": schema["id"]}
        self._block = self.prefect.post("block_documents/", block)["id"]

    def disconnect_slack(self) -> None:
        self.prefect.delete(f"block_documents/{self._block}")

    def _deployment(self, pipeline: str) -> str:
        return str(self.prefect.get(f"deployments/name/{pipeline}/{pipeline}")["id"])

    def _keys(self, run_id: str) -> dict[str, str]:
        return dict(self.prefect.run(run_id)["state"]["state_details"]["run_input_keyset"])


class AirflowDriver:
    """Airflow, through its REST API."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.airflow = AirflowApi(stack.airflow_url, "admin", stack.passwords["admin"])
        self.api: Orchestrator = self.airflow
        self.person = "admin"
        # A client that posts to Airflow may give any name.
        self.sender = "an event posted to the API"

    def attempts(self, pipeline: str, run_id: str, step: str) -> int:
        return int(self._task(pipeline, run_id, step)["try_number"])

    def is_asking(self, pipeline: str, run_id: str) -> bool:
        waits = self.airflow.tasks(pipeline, run_id).get("review") == "awaiting_input"
        return waits and executor_told(self._stack, pipeline, run_id, "review")

    def question(self, pipeline: str, run_id: str) -> str:
        asked = self.airflow.get(self._hitl(pipeline, run_id))
        return f"{asked['subject']}\n{asked['body']}"

    def answer(self, pipeline: str, run_id: str, decision: str, why: str) -> None:
        path = self._hitl(pipeline, run_id)
        (chosen,) = [option for option in self.airflow.get(path)["options"] if option.lower().startswith(decision)]
        self.airflow.patch(path, {"chosen_options": [chosen], "params_input": {"why": why}})

    def let_time_pass(self, pipeline: str, run_id: str) -> None:
        with closing(sqlite3.connect(self._stack.home / "airflow" / "airflow.db", timeout=30)) as database:
            over = "2020-01-01 00:00:00.000000"
            passed = database.execute(
                "update task_instance set trigger_timeout = ? where run_id = ? and task_id = 'review'", (over, run_id)
            )
            assert passed.rowcount == 1
            database.commit()

    def performing(self, pipeline: str, run_id: str, step: str) -> psutil.Process | None:
        task = self._task(pipeline, run_id, step)
        if task["state"] != "running":
            return None
        title = f"airflow worker -- {task['id']}"
        return next((one for one in psutil.process_iter() if _title(one) == title), None)

    def holds_a_process(self, pipeline: str, run_id: str) -> bool:
        title = f"airflow worker -- {self._task(pipeline, run_id, 'review')['id']}"
        return any(_title(process) == title for process in psutil.process_iter())

    def post_event(self, name: str, payload: dict[str, Any]) -> str:
        return self.airflow.post_event(name, payload)

    def refused_answer(self, pipeline: str, run_id: str) -> str:
        passwords = json.loads((self._stack.home / "airflow" / "passwords.json").read_text())
        stranger = AirflowApi(self._stack.airflow_url, STRANGER, passwords[STRANGER])
        path = self._hitl(pipeline, run_id)
        (approve,) = [option for option in self.airflow.get(path)["options"] if option.startswith("Approve")]
        try:
            stranger.patch(path, {"chosen_options": [approve], "params_input": {"why": "why not"}})
        except AirflowError as refused:
            return str(refused)
        return ""

    def log(self, pipeline: str, run_id: str, step: str) -> str:
        attempt = self._task(pipeline, run_id, step)["try_number"]
        return str(self.airflow.get(f"dags/{pipeline}/dagRuns/{run_id}/taskInstances/{step}/logs/{attempt}"))

    def pause(self, pipeline: str) -> None:
        self.airflow.patch(f"dags/{pipeline}", {"is_paused": True})

    def resume(self, pipeline: str) -> None:
        self.airflow.patch(f"dags/{pipeline}", {"is_paused": False})

    def end(self) -> None:
        self._stack._end_parts(["airflow"])

    def start(self) -> None:
        self._stack.start(["airflow"])

    def connect_slack(self, address: str) -> None:
        connection = {"connection_id": "slack_webhook", "conn_type": "slackwebhook", "password": address}
        self.airflow.post("connections", connection)

    def disconnect_slack(self) -> None:
        self.airflow.delete("connections/slack_webhook")

    def _task(self, pipeline: str, run_id: str, step: str) -> dict[str, Any]:
        return self.airflow.get(f"dags/{pipeline}/dagRuns/{run_id}/taskInstances/{step}")

    def _hitl(self, pipeline: str, run_id: str) -> str:
        return f"dags/{pipeline}/dagRuns/{run_id}/taskInstances/review/-1/hitlDetails"


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}
