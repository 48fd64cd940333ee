"""What the monitor tells people, and which runs it asks for, once a step has answered."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
RUN = """
import json, runpy, sys
from datetime import datetime
from types import SimpleNamespace
import slack_alerts
from include.request import Request
monitor = runpy.run_path("dags/monitor.py")
context = {"dag_run": SimpleNamespace(dag_id="toy.monitor", run_id="run")}
model = monitor["parsed_models"]()[0]
told = []


class Events(list):
    def add(self, asset, extra):
        self.append([asset.name.removeprefix(model.name), extra])


def after(name, found, *more):
    events, posted = Events(), []
    slack_alerts.post = posted.append
    assert getattr(slack_alerts, f"tell_{name}")(model.name, context, found) is found
    if name == "finding":
        as_of, asked = more
        request = Request(datetime.fromisoformat(as_of), asked["reason"] or "manual", "run", force=asked["force"],
                          reason_given=bool(asked["reason"]), asked_by="carol")
        monitor["_after_triage"](model, found, request, events)
    elif more:
        monitor[f"_after_{name}"](model, found, *more, events)
    told.append([len(posted), events])


for name, found, *more in json.loads(sys.argv[1]):
    after(name, found, *more)
print(chr(10) + json.dumps(told))
"""
AS_OF = "2024-01-12T00:00:00+00:00"


def probation(decision: str, then: str) -> list[Any]:
    return [
        "probation",
        {"decision": decision, "then": then, "version": "2", "against": "1", "summary": "look 1 of 2"},
        AS_OF,
    ]


def triage(action: str, reason: str = "", force: bool = False) -> list[Any]:
    """What triage found, in a run that somebody started with a reason, or not."""
    asked = {"reason": reason, "force": force}
    return ["finding", {"action": action, "reason": "it decayed", "advice": "See."}, AS_OF, asked]


ROLLBACK = [".needs_rollback", {"as_of": AS_OF, "reason": "look 1 of 2", "target": "1", "by": "probation", "instead_of": "2"}]
RETRAINING = [".needs_retraining", {"as_of": AS_OF, "reason": "it decayed"}]
BY_HAND = [".needs_retraining", {"as_of": AS_OF, "reason": "it decayed; started by carol: new prices"}]
CASES = [
    (probation("worse", "propose"), 1, []),
    (probation("worse", "roll_back"), 1, [ROLLBACK]),
    (probation("impossible", "roll_back"), 1, []),
    (probation("passed", "roll_back"), 0, []),
    (triage("retrain"), 0, [RETRAINING]),
    # What was filled in on the form goes on to the retraining, once.
    (triage("retrain", "new prices"), 0, [BY_HAND]),
    (triage("retrain", "new prices", force=True), 0, [RETRAINING]),
    (triage("page"), 1, []),
    (["by_hand", {"by_hand": True, "summary": "version 3 was made champion by hand"}], 1, []),
    (["by_hand", {"by_hand": False, "summary": "version 2 is champion"}], 0, []),
]


@cache
def answers() -> list[Any]:
    """Messages and events of every case, from an interpreter of its own: Airflow is not imported here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PROVING_GROUND_"))}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    asked = json.dumps([case for case, _, _ in CASES])
    done = subprocess.run(
        [sys.executable, "-c", RUN, asked], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case[0]} {list(case[1].values())[:2]}" for case, _, _ in CASES])
def test_an_answer_leads_to_one_message_or_run(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback is asked for only where the model wants it done; nobody is told of what needs nobody."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    _, messages, events = CASES[number]
    assert answers()[number] == [messages, events]
