"""Review by people through Airflow itself: in its page by REST, in MLflow by tags, and by no one.

A stack of its own, switched on by the setting that an operator would use, and switched over in the middle.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from demo.upstream import WEEK
from deploy.local.airflow_api import AirflowApi, AirflowError
from deploy.local.stack import Ports, Stack
from include.adapters.ledger import Ledger
from include.ledger.entries import Entry
from tests.whole_loop.loop import FIRST, Loop, executor_told, wait_for

pytestmark = [pytest.mark.whole_loop, pytest.mark.timeout(1200)]
HOSTILE = "<script>alert(1)</script>\n\u202e" + "x" * 1_000_000


@contextmanager
def switched(stack: Stack, where: str) -> Iterator[Loop]:
    """The stack with the review of its model switched on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVING_GROUND_REVIEW", f"traffic_volume={where}")
        stack.start()
    try:
        loop = Loop(stack)
        loop.api.wait_for_dags({loop.dag("monitor"), loop.dag("retrain")}, seconds=120)
        yield loop
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return Stack(tmp_path_factory.mktemp("reviewed"), Ports.free())


def asked(loop: Loop, run: str) -> str:
    """Waits until the task review waits for a person; returns its state."""

    def look() -> str | None:
        state = loop.tasks("retrain", run)["review"]
        ended = state in ("success", "failed", "upstream_failed")
        waits = state in ("awaiting_input", "deferred") and executor_told(loop.stack, loop.dag("retrain"), run, "review")
        return state if ended or waits else None

    return wait_for(look, lambda: f"{run} to ask, but {loop.tasks('retrain', run)}", seconds=180)


def retrain(loop: Loop) -> str:
    """A challenger that the gate would make the first champion."""
    return loop.trigger("retrain", as_of=(FIRST + WEEK).isoformat(), reason="a review", force=True)


def path_of(loop: Loop, run: str) -> str:
    return f"dags/{loop.dag('retrain')}/dagRuns/{run}/taskInstances/review/-1/hitlDetails"


def answer(loop: Loop, run: str, option: str, **fields: Any) -> None:
    (chosen,) = [found for found in loop.api.get(path_of(loop, run))["options"] if found.startswith(option)]
    loop.api.patch(path_of(loop, run), {"chosen_options": [chosen], "params_input": fields})


def ledger(loop: Loop) -> list[Entry]:
    return Ledger(loop.lake_store).proved(loop.model.name)


def test_people_answer_in_airflow(own_stack: Stack) -> None:
    """A no leaves things as they are, silence is a no, and a yes makes the champion, each with who and why in the ledger."""
    with switched(own_stack, "orchestrator") as loop:
        loop.upstream.backlog(FIRST)
        monitor = loop.deliver(loop.next_week())
        assert loop.finished("monitor", monitor) == "success", loop.tasks("monitor", monitor)
        first = loop.started("retrain", str(loop.run("monitor", monitor)["start_date"]))
        assert asked(loop, first) == "awaiting_input"
        question = loop.api.get(path_of(loop, first))
        assert question["subject"] == "traffic_volume: may version 1 become champion?"
        assert "## PROMOTE: traffic_volume version 1" in question["body"]
        viewer = AirflowApi(loop.stack.airflow_url, "viewer", loop.stack.passwords["viewer"])
        with pytest.raises(AirflowError, match="403"):
            viewer.patch(path_of(loop, first), {"chosen_options": question["options"][:1], "params_input": {}})
        answer(loop, first, "Reject", why=HOSTILE, unasked={"a": 1})
        assert loop.finished("retrain", first) == "success"
        assert loop.aliases() == {}

        silent = retrain(loop)
        assert asked(loop, silent) == "awaiting_input"
        time_is_over(loop, silent)
        assert loop.finished("retrain", silent) == "success"
        assert loop.aliases() == {}

        approved = retrain(loop)
        asked(loop, approved)
        answer(loop, approved, "Approve", why="as good as we need it")
        assert loop.finished("retrain", approved) == "success"
        assert loop.aliases()["champion"] == "3"
        recorded = [(entry.event, entry.by, entry.version) for entry in ledger(loop)]
        assert recorded == [
            ("rejected", "admin", "1"),
            ("refused", "admin", "1"),
            ("rejected", "no one", "2"),
            ("refused", "no one", "2"),
            ("approved", "admin", "3"),
            ("promoting", "admin", "3"),
            ("promoted", "admin", "3"),
        ]
        assert not {"\n", "\u202e"} & set(ledger(loop)[0].reason)
        assert loop.versions()[2].tags["reviewed"].endswith("approved by admin: as good as we need it")


def test_people_answer_in_mlflow(own_stack: Stack) -> None:
    """Wrong tags are reported and the review waits on, right ones decide; an approval is void once the champion has moved."""
    with switched(own_stack, "registry") as loop:
        # Without a champion the gate says yes to the same data again, and a person has to.
        loop.mlflow.delete_registered_model_alias(loop.model.name, "champion")
        run = retrain(loop)
        assert asked(loop, run) == "deferred"
        version = loop.versions()[-1]
        evidence = version.tags["evidence"][:12]
        assert str(version.description).startswith("## Your review")
        assert f"`approve-{evidence}`" in str(version.description)
        tag(loop, version.version, review="approve-000000000000", review_by="alice")
        wait_for(lambda: reviewed_tag(loop, version.version).startswith("void: "), "the tag to be told void", seconds=60)
        assert asked(loop, run) == "deferred"
        tag(loop, version.version, review=f"approve-{evidence}", review_reason="trucks")
        assert loop.finished("retrain", run) == "success"
        assert loop.aliases()["champion"] == version.version
        newest = loop.mlflow.get_model_version(loop.model.name, version.version)
        assert str(newest.description).startswith("## PROMOTE")
        assert newest.tags["reviewed"].endswith("approved by alice: trucks")

        loop.mlflow.delete_registered_model_alias(loop.model.name, "champion")
        late = retrain(loop)
        assert asked(loop, late) == "deferred"
        challenger = loop.versions()[-1]
        loop.mlflow.set_registered_model_alias(loop.model.name, "champion", "1")
        tag(loop, challenger.version, review_by="alice", review_reason="trucks")
        time.sleep(7)  # longer than the time between two polls
        assert asked(loop, late) == "deferred"
        tag(loop, challenger.version, review=f"approve-{challenger.tags['evidence'][:12]}")
        assert loop.finished("retrain", late) == "success"
        assert loop.aliases()["champion"] == "1"
        assert "is void: the champion is version 1" in reviewed_tag(loop, challenger.version)
        assert ledger(loop)[-1].event == "refused"


def tag(loop: Loop, version: str, **tags: str) -> None:
    """As a reviewer sets them in MLflow's page."""
    for name, value in tags.items():
        loop.mlflow.set_model_version_tag(loop.model.name, version, name, value)


def reviewed_tag(loop: Loop, version: str) -> str:
    return str(loop.mlflow.get_model_version(loop.model.name, version).tags.get("reviewed", ""))


def time_is_over(loop: Loop, run: str) -> None:
    """Two days pass at once: the end of the wait is moved in Airflow's own database."""
    with closing(sqlite3.connect(loop.stack.home / "airflow" / "airflow.db", timeout=30)) as database:
        passed = database.execute(
            "update task_instance set trigger_timeout = '2020-01-01 00:00:00.000000' where run_id = ? and task_id = 'review'",
            (run,),
        )
        assert passed.rowcount == 1
        database.commit()
