"""Delivery over a real Slack hook, a real HTTP server and a real object store: one outage is one message, nothing fails."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from include.adapters.latest_status import LatestStatus
from include.adapters.object_store import ObjectStore
from include.alerts.throttle import OUTAGE_WINDOW, Flow
from tests.adapters.test_s3_store import MakeStore
from tests.slack import Receiver, listening

ROOT = Path(__file__).parents[2]
# Each line of the input is a failure of one task, or with `text` a message. Answers what came of it, after how many seconds.
TELL = """
import json, logging, sys, time
from types import SimpleNamespace
import airflow.sdk
import include.errors
from include.alerts.throttle import Message
from slack_alerts import report_failure
from slack_delivery import post

logging.basicConfig(stream=sys.stderr, level=logging.INFO, force=True)
print("ready", flush=True)
for line in sys.stdin:
    given, began = json.loads(line), time.monotonic()
    if "text" in given:
        delivered = post(Message(given.get("kind", "verdict"), given["text"], once=given.get("once", "")))
    else:
        error = getattr(include.errors, given["error"])("no answer: check that it runs")
        ti = SimpleNamespace(dag_id=given["dag"], task_id="pull", log_url="http://airflow.example/log")
        delivered = report_failure({"ti": ti, "exception": error})
    print(json.dumps([delivered, time.monotonic() - began]), flush=True)
"""


class Workers:
    """Processes that tell, as Airflow's tasks do: each with its own memory."""

    def __init__(self, store: ObjectStore, endpoint: str, slack: str, home: Path) -> None:
        self.store, self.home, self.slack, self.endpoint = store, home, slack, endpoint
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, number: int = 1) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PROVING_"))}
        environment |= {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_CONN_SLACK_WEBHOOK": self.slack,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
            "PROVING_GROUND_S3_ENDPOINT": self.endpoint,
            "PROVING_GROUND_LAKE_BUCKET": self.store.bucket,
            "NO_PROXY": "127.0.0.1",
            "TMPDIR": str(self.home),
        }
        command = [sys.executable, "-c", TELL]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.processes += [subprocess.Popen(command, env=environment, **pipes) for _ in range(number)]
        for process in self.processes:
            assert process.stdout
            while process.stdout.readline() not in ("ready\n", ""):
                pass

    def tell(self, *messages: dict[str, Any], worker: int = 0) -> list[Any]:
        """What each of these came to: whether it was delivered, and the seconds it took."""
        process = self.processes[worker]
        assert process.stdin
        assert process.stdout
        process.stdin.write("".join(json.dumps(one) + "\n" for one in messages))
        process.stdin.flush()
        answers: list[Any] = []
        while len(answers) < len(messages):
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()[-3000:]
            if line.startswith("["):
                answers.append(json.loads(line))
        return answers

    def end(self) -> str:
        """Ends them; what they logged."""
        return "".join(process.communicate(timeout=60)[1] for process in self.processes)

    @property
    def flow(self) -> Flow:
        """What is remembered on the store."""
        return LatestStatus(self.store).messages(Flow) or Flow()

    def wind_on(self, seconds: float) -> None:
        """Let time pass: everything that is remembered has been so much earlier."""
        flow = self.flow
        earlier: dict[str, Any] = {name: tuple(t - seconds for t in getattr(flow, name)) for name in ("sent", "urgent")}
        earlier |= {"outages": {n: t - seconds for n, t in flow.outages.items()}, "paused_until": flow.paused_until - seconds}
        LatestStatus(self.store).revise_messages(Flow, lambda _: flow.model_copy(update=earlier), within=3)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as server:
        yield server


@pytest.fixture
def workers(object_store: MakeStore, seaweedfs: Stack, receiver: Receiver, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(object_store(), seaweedfs.s3_endpoint, receiver.connection, tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def failures(error: str, number: int) -> list[dict[str, Any]]:
    return [{"error": error, "dag": f"model_{one}.monitor"} for one in range(number)]


def test_one_outage_is_one_message_however_many_processes_fail(workers: Workers, receiver: Receiver) -> None:
    """Fifty failures of five processes at once; the first message of the next window says that there were 49 more."""
    workers.start(5)
    ten = failures("RegistryUnreachable", 10)
    threads = [threading.Thread(target=workers.tell, args=ten, kwargs={"worker": one}) for one in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(receiver.texts) == 1
    assert receiver.texts[0].startswith(":red_circle: *MLflow* cannot be used (RegistryUnreachable) · first in *model_")
    workers.wind_on(OUTAGE_WINDOW)
    workers.tell(*failures("RegistryUnreachable", 1))
    assert len(receiver.texts) == 2
    assert "and 49 more of MLflow since " in receiver.texts[1].splitlines()[-1]


def test_an_outage_of_the_store_is_announced_though_nothing_can_be_stored(workers: Workers, receiver: Receiver) -> None:
    """Neither grouped nor counted: one message too many is better than one too few."""
    workers.start()
    workers.tell(*failures("StoreUnreachable", 3), {"text": "it is back"})
    assert len(receiver.texts) == 4
    assert receiver.texts[0].startswith(":red_circle: *object store* cannot be used (StoreUnreachable)")
    flow = workers.flow
    assert (flow.count("outage", "delivered"), flow.count("verdict", "delivered")) == (0, 1)


def test_a_store_that_is_found_to_be_away_stops_no_message(workers: Workers, receiver: Receiver) -> None:
    """Nothing listens there: the message goes all the same, within seconds, and the log says that it was not counted."""
    workers.endpoint = "http://127.0.0.1:9"
    workers.start()
    ((delivered, seconds),) = workers.tell({"text": "a", "once": "x"})
    assert (receiver.texts, delivered) == (["a"], True)
    # Seconds on a busy machine too, where the process imports what it sends with; never a minute.
    assert seconds < 20
    assert "neither grouped nor counted" in workers.end()


@pytest.mark.parametrize(("answer", "summary"), [(500, "it answered 500"), (0, "timed out"), (429, "it answered 429")])
def test_a_slack_that_is_away_costs_seconds_and_is_counted(
    workers: Workers, receiver: Receiver, answer: int, summary: str
) -> None:
    """Nothing is raised; the log has message and reason, but not the secret address; the next one that gets through tells."""
    receiver.answer, receiver.retry_after = answer, "30" if answer == 429 else ""
    workers.start()
    ((delivered, seconds),) = workers.tell({"text": "lost <b>", "kind": "page"})
    assert (delivered, workers.flow.count("page", "failed")) == (False, 1)
    # Seconds on a busy machine too, where the process imports what it sends with; never a minute.
    assert seconds < 20
    receiver.answer = 200
    if answer == 429:
        assert workers.tell({"text": "too early"})[0][0] is False
        assert len(receiver.texts) == 1
        workers.wind_on(31)
    workers.tell({"text": "through"})
    assert "and 1 more of page since " in receiver.texts[-1]
    log = workers.end()
    assert summary in log
    assert receiver.address not in log


def test_without_a_connection_messages_end_in_the_log(workers: Workers, receiver: Receiver) -> None:
    """Each of them whole, and counted as that."""
    workers.slack = ""
    workers.start()
    workers.tell({"text": "one"}, {"text": "two"})
    assert workers.flow.count("verdict", "unconfigured") == 2
    log = workers.end()
    assert all(f"no connection slack_webhook, so this goes no further than the log: {word}" in log for word in ("one", "two"))


def test_no_count_is_lost_between_processes(workers: Workers, receiver: Receiver) -> None:
    """Thirty messages of three processes at once: twenty are delivered, ten held back, all counted."""
    workers.start(3)
    messages = [{"text": f"message {number}"} for number in range(10)]
    threads = [threading.Thread(target=workers.tell, args=messages, kwargs={"worker": one}) for one in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    flow = workers.flow
    assert (flow.count("verdict", "delivered"), flow.count("verdict", "held_back"), len(receiver.texts)) == (20, 10, 20)
