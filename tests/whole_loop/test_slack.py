"""Slack hears what failed and what was decided, through Airflow's provider; a Slack that is away changes nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from deploy.local.environment import inherited
from include.adapters.latest_status import LatestStatus
from include.alerts.throttle import Flow
from tests.slack import Receiver, listening
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop, wait_for

pytestmark = pytest.mark.whole_loop
# Before all history: a retraining as of then has nothing to train, and says so in a few seconds.
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)

NAME = "AIRFLOW_CONN_SLACK_WEBHOOK"
POST = """
import os, sys
from include.alerts.throttle import Message
from slack_delivery import post
print("posted", post(Message("verdict", "as told")))
for connection in sys.argv[2:]:
    os.environ[sys.argv[1]] = connection
    print("posted", post(Message("verdict", "otherwise")))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A Slack on this machine."""
    with listening() as server:
        yield server


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
    """Model, task, what is wrong, what state things are in, and where the log is; a file's name mentions no one."""
    key = f"{loop.model.name}/features/<!channel> & co.jsonl"
    loop.landing.put(key, b'{"hour": "never"}\n')
    try:
        run = loop.announce(loop.delivered_until)
        assert loop.finished("monitor", run) == "failed"
    finally:
        loop.landing.delete(key)
    text = wait_for(lambda: slack.texts, "a message about the failure", seconds=30)[0]
    title, why, state, link = text.splitlines()
    assert title == ":red_circle: *traffic_volume* · feed broken: monitor stopped in *check* (BrokenFeed)"
    assert why.startswith(f"landing file {loop.model.name}/features/&lt;!channel&gt; &amp; co.jsonl lacks the columns")
    assert "Deliver it again under the same name" in why
    assert "he champion is unchanged" in state
    page = f"{loop.stack.airflow_url}/dags/traffic_volume.monitor/runs/{quote(run)}/tasks/check?try_number=1"
    assert link == f"<{page}|Log and retry>"
    assert "<" not in title + why + state
    assert len(slack.texts) == 1


def test_a_decision_is_announced(loop: Loop, slack: Receiver) -> None:
    """Model, reason, who is champion now, and the run; that it started is not announced where nothing is trained."""
    run = announced(loop)
    (text,) = slack.texts
    title, why, state, link = text.splitlines()
    assert title == ":white_circle: *traffic_volume* · nothing was trained"
    assert why.startswith("traffic_volume has 0 periods with mature labels")
    assert state == f"_Version {loop.aliases()['champion']} stays champion. No action needed._"
    assert link == f"<{loop.stack.airflow_url}/dags/traffic_volume.retrain/runs/{quote(run, safe='')}|Run>"


def test_a_retraining_tells_once_why_it_started_and_what_came_of_it(loop: Loop, slack: Receiver) -> None:
    """Two messages; a run that is cleared and does the same again adds none."""
    as_of = loop.delivered_until.isoformat()
    run = loop.trigger("retrain", as_of=as_of, reason="does Slack hear of it?", force=True)
    assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
    started, came = slack.texts
    assert started.splitlines()[:2] == [
        ":arrows_counterclockwise: *traffic_volume* · retraining started: by hand, admin",
        "does Slack hear of it?",
    ]
    assert came.splitlines()[-1].endswith("|Decision card>")
    again = {"dag_run_id": run, "task_ids": ["assemble"], "include_downstream": True, "only_failed": False, "dry_run": False}
    loop.api.post(f"dags/{loop.dag('retrain')}/clearTaskInstances", again)
    wait_for(lambda: loop.task("retrain", run, "assemble")["try_number"] > 1, "the second try", seconds=60)
    assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
    assert slack.texts[0] == started
    assert [text for text in slack.texts[1:] if "retraining started" in text] == []


def test_an_outage_of_the_store_is_announced_by_real_callbacks(loop: Loop, slack: Receiver) -> None:
    """While it is down nothing can be remembered, so each task that failed for want of it sends its own message."""
    loop.stack._end_parts(["seaweedfs"])
    try:
        run = loop.announce(loop.delivered_until)
        assert loop.finished("monitor", run) == "failed"
        wait_for(lambda: slack.texts, "a message about the outage", seconds=60)
    finally:
        loop.stack.start(["seaweedfs"])
    assert {text.partition(" · ")[0] for text in slack.texts} == {
        ":red_circle: *object store* cannot be used (StoreUnreachable)"
    }
    before = len(slack.texts)
    announced(loop)
    assert len(slack.texts) == before + 1
    assert (LatestStatus(loop.lake_store).messages(Flow) or Flow()).count("verdict", "delivered")


@pytest.mark.parametrize("answer", [500, 0], ids=["answers 500", "does not answer"])
def test_a_slack_that_is_away_fails_nothing(loop: Loop, slack: Receiver, answer: int) -> None:
    """The run is green, and the message, and why it was not delivered, are in the log."""
    slack.answer = answer
    run = announced(loop)
    assert slack.texts
    log = loop.log("retrain", run, "announce")
    assert "Slack did not take the message (" in log
    assert "*traffic_volume* · nothing was trained" in log
    assert ("it answered 500" if answer else "timed out") in log
    assert slack.address not in log


def test_without_a_connection_messages_end_in_the_log(loop: Loop, first_champion: Story) -> None:
    """Nothing fails, nothing is lost: the announcement of the first champion is in the log of its task."""
    log = loop.log("retrain", first_champion.retrain, "announce")
    assert (
        "no connection slack_webhook, so this goes no further than the log: :large_green_circle: *traffic_volume* · version"
        in log
    )


def test_the_environment_can_name_slack(loop: Loop, receiver: Receiver) -> None:
    """The variable reaches the stack and is read as `.env.example` writes it; host and token do as well; empty is none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, json.dumps({"conn_type": "slackwebhook", "password": receiver.address}))
        environment = inherited() | loop.stack.environment()
    host, token = receiver.address.split("/T0/")
    others = [json.dumps({"conn_type": "slackwebhook", "host": host, "password": f"T0/{token}"}), ""]
    plugins = {"PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], environment["AIRFLOW__CORE__PLUGINS_FOLDER"]])}
    answer = subprocess.run(
        [sys.executable, "-c", POST, NAME, *others],
        env=environment | plugins,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    posted = [line for line in answer.stdout.splitlines() if line.startswith("posted")]
    assert posted == ["posted True", "posted True", "posted False"]
    # The first may have a second line, about what an earlier test kept Slack from taking.
    assert [text.splitlines()[0] for text in receiver.texts] == ["as told", "otherwise"]
