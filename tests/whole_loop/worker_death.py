"""The story that every grown-up stack has to survive: one of its Celery workers dies in mid-training."""

from collections.abc import Callable, Sequence

from tests.whole_loop.loop import FIRST, Loop, wait_for


def first_champion_despite_a_death(
    loop: Loop, workers: Sequence[str], command_lines: Callable[[str], str], kill: Callable[[str], object]
) -> None:
    """A delivery leads to a first training; its worker is killed with everything that it runs; another trains again.

    `command_lines` are those of all processes of a worker.
    """
    loop.api.wait_for_dags({loop.dag(stage) for stage in ("monitor", "retrain")}, seconds=90)
    loop.upstream.backlog(FIRST)
    monitor = loop.deliver(loop.next_week())
    assert loop.finished("monitor", monitor) == "success", loop.tasks("monitor", monitor)
    retrain = loop.started("retrain", str(loop.run("monitor", monitor)["start_date"]))

    def performing() -> str | None:
        # Airflow gives a task's process the task instance's id as its title.
        task = loop.task("retrain", retrain, "select")
        assert task["state"] not in ("success", "failed", "upstream_failed"), "select ended before its worker could be killed"
        return next((worker for worker in workers if task["id"] in command_lines(worker)), None)

    kill(wait_for(performing, "select to run", seconds=120, every=0.05))

    assert loop.finished("retrain", retrain, seconds=300) == "success", loop.tasks("retrain", retrain)
    assert loop.task("retrain", retrain, "select")["try_number"] == 2
    assert loop.aliases()["champion"] == loop.versions(pipeline_run=retrain)[0].version
    assert len(loop.versions()) == 1
    assert loop.mlflow_runs("attributes.status = 'RUNNING'") == []
    # Written by a worker, read by the api-server.
    assert "select" in loop.log("retrain", retrain, "select")
