"""Looks after the flow runs, beside the process that serves them: what Prefect itself leaves to people.

* A run whose process died (killed, out of memory, a machine that lost power) goes on where it was, twice; then it is reported.
* A review in MLflow is looked for there; a review without an answer in its time goes on, and no answer means no.
"""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import AwaitingRetry, Crashed, Failed, Scheduled

from flows.prefect_tasks.messages import report_dead_run
from flows.prefect_tasks.policy import PAUSE, RETRIES
from flows.prefect_tasks.review import QUESTION

TAG = "proving-ground"
_EVERY = 2.0
# How Prefect says that a process was not killed.
_BY_ITSELF = "status code: 1."
_log = logging.getLogger(__name__)


class StepServer:
    """The process that the steps' processes are copied from: started, and started again where it died."""

    def __init__(self, socket: str) -> None:
        self._socket = Path(socket)
        self._process: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Start it unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._socket.unlink(missing_ok=True)
            command = [sys.executable, "-m", "flows.prefect_tasks.step_server", str(self._socket)]
            self._process = subprocess.Popen(command)  # noqa: S603 - our own module


class Watch:
    """One look after the other, in a thread of its own; an outage of the server is waited for."""

    def __init__(self, steps: StepServer, every: float = _EVERY) -> None:
        self._steps, self._every = steps, every
        self._over = threading.Event()

    def start(self) -> None:
        """Look until the process ends."""
        self._steps.keep()
        threading.Thread(target=self._look_on, name="watch", daemon=True).start()

    def _look_on(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._steps.keep()
                with get_client(sync_client=True) as client:
                    self.look(client)
            except Exception:  # noqa: BLE001 - it looks again in a moment
                _log.exception("the flow runs could not be looked after")

    def look(self, client: SyncPrefectClient) -> None:
        """Look once."""
        for run in _runs(client, [StateType.CRASHED]):
            _revive(client, run)
        for run in _runs(client, [StateType.PAUSED]):
            _resume(client, run)


def _revive(client: SyncPrefectClient, run: FlowRun) -> None:
    """Let a run go on whose process died, or give it up."""
    why = str(run.state and run.state.message)
    deaths = sum(state.type == StateType.CRASHED for state in client.read_flow_run_states(run.id))
    # One that ended by itself before it began has, say, a parameter that its flow does not know: that stays wrong.
    if deaths <= RETRIES and (run.run_count or _BY_ITSELF not in why):
        when = datetime.now(UTC) + timedelta(seconds=0 if deaths == 1 else PAUSE)
        _log.warning("%s died (%s): it goes on where it was", run.name, why)
        client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=when))
    else:
        client.set_flow_run_state(run.id, Failed(message=f"Given up: {why}"), force=True)
        report_dead_run(client.read_flow(run.flow_id).name, str(run.id), why)


def bury(client: SyncPrefectClient) -> None:
    """Before serving begins: runs that an earlier process left behind, and whose own process is gone, have crashed."""
    alive = set(_performed_here())
    for run in _runs(client, [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]):
        if str(run.id) not in alive:
            client.set_flow_run_state(run.id, Crashed(message="The process that served it is gone."), force=True)


def _performed_here() -> Iterable[str]:
    """Flow runs that a process of this machine performs."""
    for process in psutil.process_iter():
        try:
            if run := process.environ().get("PREFECT__FLOW_RUN_ID"):
                yield run
        except (psutil.Error, OSError):
            continue


def _resume(client: SyncPrefectClient, run: FlowRun) -> None:
    """Let a run go on whose time is over, or about which MLflow holds something new."""
    question = _question(client, run)
    if question is None:
        return
    over = datetime.now(UTC) >= datetime.fromisoformat(question["until"])
    if question["where"] == "registry":
        if over or _has_news(client.read_flow(run.flow_id).name.partition(".")[0], question):
            client.resume_flow_run(run.id)
    elif over:
        _answer_nothing(client, run)


def _answer_nothing(client: SyncPrefectClient, run: FlowRun) -> None:
    """The form accepts a person's answers alone: that there is none is filled in past it."""
    assert run.state is not None
    keys = run.state.state_details.run_input_keyset
    assert keys is not None
    answer = json.dumps({"decision": None, "who": "no one", "why": ""})
    client._client.post(f"/flow_runs/{run.id}/input", json={"key": keys["response"], "value": answer})
    client.set_flow_run_state(run.id, Scheduled(name="Resuming"), force=True)


def _has_news(model_name: str, question: dict[str, Any]) -> bool:
    from include.decisions.gate.review import PendingReview
    from include.review_watch import has_news

    asked = PendingReview(question["evidence"], question["needs_reason"], tuple(question["reviewers"]))
    return has_news(model_name, question["version"], asked)


def _question(client: SyncPrefectClient, run: FlowRun) -> dict[str, Any] | None:
    try:
        return dict(client._client.get(f"/flow_runs/{run.id}/input/{QUESTION}").json())
    except PrefectHTTPStatusError:
        # Suspended by a person, or not asking yet.
        return None


def _runs(client: SyncPrefectClient, kinds: list[StateType]) -> list[FlowRun]:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=kinds))
    found = client.read_flow_runs(
        deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])),
        flow_run_filter=FlowRunFilter(state=state),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=200,
    )
    return list(found)
