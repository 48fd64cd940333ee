"""Slack hears what failed and what was decided, through Airflow's provider; a Slack that is away changes nothing."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from demo.environment import inherited
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop, wait_for

pytestmark = pytest.mark.whole_loop
# Before all history: a retraining as of then has nothing to train, and says so in a few seconds.
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)

NAME = "AIRFLOW_CONN_SLACK_WEBHOOK"
POST = """
import os, sys
from slack_alerts import post
print("posted", post("as told"))
for connection in sys.argv[2:]:
    os.environ[sys.argv[1]] = connection
    print("posted", post("otherwise"))
"""


class Receiver(ThreadingHTTPServer):
    """Stands in for Slack's address: keeps what it is sent, and answers 200, 500, or (0) nothing until it is released."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 200
        self.texts: list[str] = []
        self.released = threading.Event()

    @property
    def address(self) -> str:
        """What a person would paste into the connection."""
        return f"http://127.0.0.1:{self.server_address[1]}/services/T0/B0/secret"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts.append(json.loads(body)["text"])
        if not self.server.answer:
            self.server.released.wait(120)
            return
        self.send_response(self.server.answer)
        self.end_headers()
        self.wfile.write(b"ok" if self.server.answer == 200 else b"no_service")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A Slack on this machine."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


@pytest.fixture
def slack(loop: Loop, first_champion: Story, receiver: Receiver) -> Iterator[Receiver]:
    """Slack set up as on Airflow's page "Connections", and taken away again."""
    connection = {"connection_id": "slack_webhook", "conn_type": "slackwebhook", "password": receiver.address}
    loop.api.post("connections", connection)
    yield receiver
    loop.api.delete("connections/slack_webhook")


def announced(loop: Loop) -> str:
    """A retraining that finds nothing to train; returns its id once it has ended well."""
    run = loop.trigger("retrain", as_of=LONG_AGO.isoformat(), reason="does Slack hear of it?")
    assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
    return run


def test_a_failure_says_what_on_call_needs(loop: Loop, slack: Receiver) -> None:
    """Model, task, what is wrong, what state things are in, and where the log is; a file's name pages nobody."""
    key = f"{loop.model.name}/features/<!channel> & co.jsonl"
    loop.landing.put(key, b'{"hour": "never"}\n')
    try:
        run = loop.announce(loop.delivered_until)
        assert loop.finished("monitor", run) == "failed"
    finally:
        loop.landing.delete(key)
    text = wait_for(lambda: slack.texts, "a message about the failure", seconds=30)[0]
    title, why, state, link = text.splitlines()
    assert title == ":red_circle: *traffic_volume* · monitor failed in *check* (BrokenFeed)"
    assert why.startswith(f"landing file {loop.model.name}/features/&lt;!channel&gt; &amp; co.jsonl lacks the columns")
    assert "Deliver it again under the same name" in why
    assert "the champion is unchanged" in state
    page = f"{loop.stack.airflow_url}/dags/traffic_volume.monitor/runs/{quote(run)}/tasks/check?try_number=1"
    assert link == f"<{page}|Log and retry>"
    assert "<" not in title + why + state
    assert len(slack.texts) == 1


def test_a_decision_is_announced(loop: Loop, slack: Receiver) -> None:
    """One line: model, verdict, reason, and who is champion now."""
    announced(loop)
    assert len(slack.texts) == 1
    assert slack.texts[0].startswith("traffic_volume: keep: traffic_volume has 0 periods with mature labels")
    assert slack.texts[0].endswith(f"version {loop.aliases()['champion']} stays champion")


@pytest.mark.parametrize("answer", [500, 0], ids=["answers 500", "does not answer"])
def test_a_slack_that_is_away_fails_nothing(loop: Loop, slack: Receiver, answer: int) -> None:
    """The run is green, and the message, and why it was not delivered, are in the log."""
    slack.answer = answer
    run = announced(loop)
    assert slack.texts
    log = loop.log("retrain", run, "announce")
    assert "Slack did not take the message: traffic_volume: keep" in log
    assert ("Status Code: 500" if answer else "timed out") in log
    assert slack.address not in log


def test_without_a_connection_messages_end_in_the_log(loop: Loop, first_champion: Story) -> None:
    """Nothing fails, nothing is lost: the announcement of the first champion is in the log of its task."""
    log = loop.log("retrain", first_champion.retrain, "announce")
    assert "no connection slack_webhook, so this goes no further than the log: traffic_volume: promote" in log


def test_the_environment_can_name_slack(loop: Loop, receiver: Receiver) -> None:
    """The variable reaches the stack and is read as `.env.example` writes it; host and token do as well; empty is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, json.dumps({"conn_type": "slackwebhook", "password": receiver.address}))
        told = inherited() | loop.stack.environment()
    host, token = receiver.address.split("/T0/")
    others = [json.dumps({"conn_type": "slackwebhook", "host": host, "password": f"T0/{token}"}), ""]
    plugins = {"PYTHONPATH": os.pathsep.join([told["PYTHONPATH"], told["AIRFLOW__CORE__PLUGINS_FOLDER"]])}
    answer = subprocess.run(
        [sys.executable, "-c", POST, NAME, *others],
        env=told | plugins,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said = [line for line in answer.stdout.splitlines() if line.startswith("posted")]
    assert said == ["posted True", "posted True", "posted False"]
    assert receiver.texts == ["as told", "otherwise"]
