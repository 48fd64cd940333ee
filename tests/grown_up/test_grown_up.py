"""The grown-up stack, from its own file: a whole loop on Celery and Postgres, and a worker that dies in mid-train."""

from collections.abc import Iterator

import psutil
import pytest

from tests.grown_up.composed import Composed
from tests.whole_loop.loop import FIRST, Loop, wait_for
from tests.whole_loop.test_killed import kill

pytestmark = pytest.mark.timeout(900)
WORKERS = ("worker-1", "worker-2")


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """Everything of the file that this machine has a program for, in the order of its `depends_on`, with two workers."""
    composed = Composed(tmp_path_factory.mktemp("grown-up"))
    try:
        composed.start_and_wait("postgres", "redis", "seaweedfs")
        composed.run("prepare")
        composed.start("mlflow")
        composed.start_and_wait("api-server")
        for service in ("scheduler", "dag-processor", "triggerer"):
            composed.start(service)
        for name in WORKERS:
            composed.start("worker", name)
        for service in ("mlflow", "scheduler", "dag-processor", "triggerer"):
            composed.wait_healthy(service, seconds=180)
        for name in WORKERS:
            composed.wait_healthy("worker", name, seconds=180)
        yield composed
    finally:
        composed.stop()


def test_the_loop_survives_the_death_of_a_celery_worker(composed: Composed) -> None:
    """One worker is killed with everything that it runs while it trains: the other one trains again; there is a champion."""
    loop = Loop(composed)  # type: ignore[arg-type]  # it has what Loop asks of a stack
    loop.api.wait_for_dags({loop.dag(stage) for stage in ("monitor", "retrain")}, seconds=90)
    loop.upstream.backlog(FIRST)
    monitor = loop.deliver(loop.next_week())
    assert loop.finished("monitor", monitor) == "success", loop.tasks("monitor", monitor)
    retrain = loop.started("retrain", str(loop.run("monitor", monitor)["start_date"]))

    victim = wait_for(lambda: performing(composed, loop, retrain), "train to run", seconds=120, every=0.05)
    # Every process of it at once, as when its machine loses power.
    kill(*composed.running[victim].members())

    assert loop.finished("retrain", retrain, seconds=300) == "success", loop.tasks("retrain", retrain)
    assert loop.task("retrain", retrain, "train")["try_number"] == 2
    assert not composed.running[victim].is_alive()
    assert loop.aliases()["champion"] == loop.versions(airflow_run=retrain)[0].version
    assert len(loop.versions()) == 1
    assert loop.mlflow_runs("attributes.status = 'RUNNING'") == []
    # Written by a worker, read by the api-server.
    assert "train" in loop.log("retrain", retrain, "train")


def performing(composed: Composed, loop: Loop, run: str) -> str | None:
    """Which worker trains now, if one does: Airflow gives a task's process the task instance's id as its title."""
    task = loop.task("retrain", run, "train")
    assert task["state"] not in ("success", "failed", "upstream_failed"), "train ended before its worker could be killed"
    for name in WORKERS:
        for process in composed.running[name].members():
            try:
                if task["id"] in " ".join(process.cmdline()):
                    return name
            except psutil.Error:
                continue
    return None
