"""`kill -9` in the middle of a step: Airflow tries again by itself, and it ends as if nothing had happened, nothing twice."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial

import psutil
import pytest

from demo.upstream import WEEK
from tests.whole_loop.conftest import Story
from tests.whole_loop.loop import Loop, wait_for

pytestmark = pytest.mark.whole_loop


def test_killed_in_pull(loop: Loop, first_champion: Story) -> None:
    """Pull hangs in a call to the object store when it is killed: the rerun takes in every file once and no row twice."""
    start = loop.next_week()
    delivered = loop.upstream.week(start).rows
    run = loop.announce(start + WEEK)
    # It comes first, and asks the store too.
    wait_for(lambda: loop.tasks("monitor", run).get("reconcile") == "success", "reconcile to end", seconds=120, every=0.1)
    with frozen(loop.stack.ports.s3):
        task = performing(loop, "monitor", run, "pull")
        wait_for(lambda: is_calling(task, loop.stack.ports.s3), "pull to call the object store", seconds=20)
        kill(task)
    assert loop.finished("monitor", run) == "success", loop.tasks("monitor", run)
    assert loop.task("monitor", run, "pull")["try_number"] == 2
    features = next(rows for key, rows in delivered.items() if "/features/" in key)
    found = loop.lake.rows(loop.model, start, start + WEEK)
    assert len(found) == features
    assert not found.duplicated(list(loop.model.feed.key)).any()
    assert len(loop.keys("intake")) == len(list(loop.landing.entries(f"{loop.model.name}/")))
    assert len([key for key in loop.keys("curated") if f"/features/{start:%Y-%m-%d}" in key]) == 1
    assert loop.check(start + WEEK).checked.rows == features
    loop.settle(run, start + WEEK)


def test_killed_in_select_with_its_worker(loop: Loop, first_champion: Story) -> None:
    """The process and its supervisor die while a model is logged, as when a machine loses power.

    Missing heartbeats tell Airflow; the rerun closes the run that was left open in MLflow and registers one version.
    """
    start = loop.next_week()
    loop.take_in(start)
    before = {version.version for version in loop.versions()}
    run = loop.trigger("retrain", as_of=(start + WEEK).isoformat(), reason="killed in select", force=True)
    task = performing(loop, "retrain", run, "select")
    wait_for(lambda: loop.mlflow_runs("attributes.status = 'RUNNING'"), "select to open its run", seconds=30, every=0.05)
    with frozen(loop.stack.ports.mlflow):
        wait_for(lambda: is_calling(task, loop.stack.ports.mlflow), "select to call MLflow", seconds=20)
        kill(supervising(task), task)
    left = loop.mlflow_runs("attributes.status = 'RUNNING'")
    assert len(left) == 1
    assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
    assert loop.task("retrain", run, "select")["try_number"] == 2
    assert loop.mlflow.get_run(left[0].info.run_id).info.status == "KILLED"
    require_nothing_twice(loop, run, start + WEEK, before)


def test_killed_in_promote(loop: Loop, first_champion: Story) -> None:
    """Promote hangs in a call to MLflow when it is killed: there is a champion all the while, and the rerun completes it.

    In the fifth week, whose holdout has Christmas in it: the champion has never seen a holiday, and the challenger wins.
    Killed at each single move of an alias: tests/steps/test_promote.py.
    """
    for weeks in range(5, 9):
        as_of = first_champion.as_of + WEEK * weeks
        take_in_until(loop, as_of)
        before, old = {version.version for version in loop.versions()}, loop.aliases()["champion"]
        run = loop.trigger("retrain", as_of=as_of.isoformat(), reason="killed in promote", force=True)
        task = performing(loop, "retrain", run, "promote")
        with frozen(loop.stack.ports.mlflow):
            wait_for(partial(is_calling, task, loop.stack.ports.mlflow), "promote to call MLflow", seconds=20)
            kill(task)
            assert stored_aliases(loop)["champion"] == old
        assert loop.finished("retrain", run) == "success", loop.tasks("retrain", run)
        assert loop.task("retrain", run, "promote")["try_number"] == 2
        require_nothing_twice(loop, run, as_of, before)
        if loop.retraining(as_of).promotion.promoted:
            break
    else:
        pytest.fail("four retrainings, and none was promoted")
    new = loop.versions(pipeline_run=run)[0].version
    assert {a: n for a, n in loop.aliases().items() if a != "anchor"} == {"champion": new, "previous": old}


def take_in_until(loop: Loop, as_of: datetime) -> None:
    """Deliver the weeks up to a time that have not been delivered yet."""
    while loop.delivered_until < as_of:
        loop.take_in(loop.next_week())


def require_nothing_twice(loop: Loop, run: str, as_of: datetime, before: set[str]) -> None:
    """One new version, of its own training key, no open run, one champion, one status document."""
    assert len({version.version for version in loop.versions()} - before) == 1
    made = loop.versions(pipeline_run=run)
    assert len(made) == 1
    assert len(loop.versions(training_key=made[0].tags["training_key"])) == 1
    assert loop.mlflow_runs("attributes.status = 'RUNNING'") == []
    aliases, announced = loop.aliases(), loop.retraining(as_of)
    assert "challenger" not in aliases
    assert announced.run_id == run
    assert aliases["champion"] == announced.promotion.champion_version


def performing(loop: Loop, stage: str, run: str, task_id: str) -> psutil.Process:
    """The process that performs a task: Airflow gives it the id of the task instance as its title."""

    def look() -> psutil.Process | None:
        task = loop.task(stage, run, task_id)
        assert task["state"] not in ("success", "failed", "upstream_failed"), f"{task_id} ended before it could be killed"
        return titled(f"airflow worker -- {task['id']}") if task["state"] == "running" else None

    return wait_for(look, lambda: f"{task_id} to run, but {loop.tasks(stage, run)}", seconds=90, every=0.05)


def supervising(task: psutil.Process) -> psutil.Process:
    """The executor's process that started a task's, sends its heartbeats, and would report its end."""
    supervisor = task.parent()
    assert supervisor is not None
    assert " ".join(supervisor.cmdline()).startswith("airflow worker -- LocalExecutor: ")
    return supervisor


def titled(title: str) -> psutil.Process | None:
    """The process with this title, if there is one."""
    for process in psutil.process_iter(["cmdline"]):
        if " ".join(process.info["cmdline"] or ()).strip() == title:
            return process
    return None


def is_calling(process: psutil.Process, port: int) -> bool:
    """Whether it has an open connection to a port."""
    return any(
        connection.raddr and connection.raddr.port == port and connection.status == psutil.CONN_ESTABLISHED
        for connection in process.net_connections("tcp")
    )


def kill(*processes: psutil.Process) -> None:
    """`kill -9`, all at once, and wait until they are gone."""
    for process in processes:
        process.suspend()
    for process in processes:
        process.kill()
    wait_for(lambda: not any(is_alive(process) for process in processes), "the killed processes to be gone", seconds=10)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a process whose parent has not yet collected it does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def frozen(port: int) -> Iterator[None]:
    """Whatever listens on a port stands still meanwhile: calls to it hang, and go on afterwards."""
    listening = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid
    }
    assert listening, f"no process listens on port {port}"
    servers = [psutil.Process(pid) for pid in listening]
    for server in servers:
        server.suspend()
    try:
        yield
    finally:
        for server in servers:
            server.resume()


def stored_aliases(loop: Loop) -> dict[str, str]:
    """The aliases as MLflow has stored them, read beside the server."""
    ask = "select alias, version from registered_model_aliases where name = ?"
    with closing(sqlite3.connect(f"file:{loop.stack.home / 'mlflow.db'}?mode=ro", uri=True, timeout=10)) as database:
        return {alias: str(number) for alias, number in database.execute(ask, (loop.model.name,))}
