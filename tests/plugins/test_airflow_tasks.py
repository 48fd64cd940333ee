"""A task performs its step: the events that follow become asset events, and the messages are sent."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Airflow settles where it lives when it is imported, so this is tried in a process of its own.
RUN = """
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from airflow.sdk import AssetAlias
import airflow_databases, airflow_tasks, include.steps, slack_alerts
from include.alerts.throttle import Message
from include.results import Finding, RetrainingRequested
from tests.toy import MODEL

AT = datetime(2024, 1, 12, tzinfo=UTC)
performed, posted, added = [], [], []

def perform(step, model_name, request, connections, **inputs):
    assert connections is airflow_databases.database
    performed.append([step, model_name, request.url, request.answer_url, request.orchestrator, inputs])
    event = RetrainingRequested(as_of=AT, reason="it decayed")
    return include.steps.Performed(Finding(action="retrain", reason="it decayed"), (event,), (Message("page", "text"),))

class Events(dict):
    def __missing__(self, alias):
        return SimpleNamespace(add=lambda asset, extra: added.append([alias.name, asset.name, extra]))

include.steps.perform, slack_alerts.post = perform, lambda message: posted.append(message.text)
run = SimpleNamespace(run_id="manual 1", dag_id="toy.monitor", run_type="manual", run_after=AT, conf=None)
import io, structlog
from include.errors import BrokenFeed
written = io.StringIO()
structlog.configure(
    [structlog.processors.ExceptionRenderer(), structlog.processors.JSONRenderer()],
    logger_factory=structlog.PrintLoggerFactory(written),
)
log = structlog.get_logger("task")
airflow_tasks.without_frames()
airflow_tasks.without_frames()
for error in (BrokenFeed("ask upstream"), ValueError("a fault of ours")):
    try:
        raise error
    except Exception:
        log.exception("Task failed with exception")
lines = [json.loads(line) for line in written.getvalue().splitlines()]

result = airflow_tasks.run_step("triage", MODEL, {"dag_run": run, "outlet_events": Events()}, checked={"rows": 1})
print(chr(10) + json.dumps([result["action"], performed, posted, added, lines]))
"""


def test_a_step_is_performed_and_what_follows_is_passed_on(tmp_path: Path) -> None:
    """The result goes to XCom as plain values, the event to its asset through the model's alias, the message to Slack."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PROVING_GROUND_"))}
    environment |= {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    action, performed, posted, added, (expected, fault) = json.loads(done.stdout.splitlines()[-1])
    page = "http://127.0.0.1:8080/dags/toy.monitor/runs/manual%201"
    answer = f"{page}/tasks/review/required_actions"
    assert performed == [["triage", "toy", page, answer, "Airflow", {"checked": {"rows": 1}}]]
    assert (action, posted) == ("retrain", ["text"])
    extra = {"as_of": "2024-01-12T00:00:00Z", "reason": "it decayed", "routine": False}
    assert added == [["toy.needs_retraining.requested", "toy.needs_retraining", extra]]
    assert expected == {"event": "BrokenFeed: ask upstream"}, "an error of ours is one line"
    assert "Traceback" in fault["exception"], "any other has its stack frames"
