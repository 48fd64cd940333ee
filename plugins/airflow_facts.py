"""What Airflow's own database knows of the models: reviews that wait, runs that failed, and when each is retrained next."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.reports.overview import FailedRun, Runs

STAGES = ("monitor", "retrain", "rollback", "replay")
# Airflow parks the task in one state where it is answered in Airflow, in the other where it is answered in MLflow.
_WAITING = ("awaiting_input", "deferred")


def runs_of(model_names: Iterable[str]) -> "dict[str, Runs]":
    """By model; three queries, however many models there are. Only the api-server has a database to ask."""
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from include.reports.overview import Runs

    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused, DagModel.is_stale)
    waiting = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.start_date)
    with create_session() as session:
        # Picked below and not in the query: a thousand names are more than SQLite takes in one.
        planned = session.execute(select(*columns)).all()
        under_review = session.execute(
            select(*waiting)
            .where(TaskInstance.task_id == "review", TaskInstance.state.in_(_WAITING))
            .order_by(TaskInstance.start_date.desc())
        ).all()
        failed = _failed(session)
    # Newest first: of several reviews of a model the oldest one is kept.
    reviews = {_model(dag_id): (run_id, since) for dag_id, run_id, since in under_review}
    dags = {dag_id: (after, bool(paused) and not stale) for dag_id, after, paused, stale in planned}
    runs = {}
    for name in model_names:
        run_id, since = reviews.get(name, (None, None))
        after, _ = dags.get(f"{name}.retrain", (None, False))
        paused = tuple(stage for stage in STAGES if dags.get(f"{name}.{stage}", (None, False))[1])
        runs[name] = Runs(run_id, since, None if "retrain" in paused else after, paused, tuple(failed.get(name, ())))
    return runs


def failed_task(dag_id: str, run_id: str) -> str:
    """The task in which a run stopped; empty where none failed."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    here = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.state == "failed")
    with create_session() as session:
        return session.scalar(select(TaskInstance.task_id).where(*here).order_by(TaskInstance.end_date)) or ""


def _failed(session: Any) -> "dict[str, list[FailedRun]]":
    """By model, the newest runs that ended red; back-fills neither raise nor end an alarm."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import func, select

    from include.reports.overview import FailedRun

    live = DagRun.run_type != "backfill"
    newest = select(DagRun.dag_id, func.max(DagRun.run_after).label("at")).where(live).group_by(DagRun.dag_id).subquery()
    same_run = (TaskInstance.dag_id == DagRun.dag_id) & (TaskInstance.run_id == DagRun.run_id)
    rows = session.execute(
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.end_date)
        .join(DagRun, same_run)
        .join(newest, (DagRun.dag_id == newest.c.dag_id) & (DagRun.run_after == newest.c.at))
        .where(live, DagRun.state == "failed", TaskInstance.state == "failed")
        .order_by(TaskInstance.end_date.desc())
    ).all()
    # Newest first: of several failed tasks the one that failed first is kept.
    first = {dag_id: FailedRun(dag_id.rpartition(".")[2], run_id, task_id, at) for dag_id, run_id, task_id, at in rows if at}
    failed: dict[str, list[FailedRun]] = {}
    for dag_id, run in first.items():
        # A rollback or a replay is watched by the person who starts it.
        if run.stage in ("monitor", "retrain"):
            failed.setdefault(_model(dag_id), []).append(run)
    return failed


def _model(dag_id: str) -> str:
    return dag_id.rpartition(".")[0]
