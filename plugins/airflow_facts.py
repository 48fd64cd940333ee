"""What Airflow's own database knows about the models: reviews that wait, runs that failed, and when each is retrained next."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.overview import FailedRun, InAirflow

# Airflow parks the task in one state where it is answered in Airflow, in the other where it is answered in MLflow.
_WAITING = ("awaiting_input", "deferred")


def in_airflow(model_names: Iterable[str]) -> "dict[str, InAirflow]":
    """By model; three queries, however many models there are. Only the api-server has a database to ask."""
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from include.overview import InAirflow

    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused)
    waiting = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.start_date)
    with create_session() as session:
        # Picked below and not in the query: a thousand names are more than SQLite takes in one.
        planned = session.execute(select(*columns).where(DagModel.dag_id.like("%.retrain"))).all()
        asked = session.execute(
            select(*waiting)
            .where(TaskInstance.task_id == "review", TaskInstance.state.in_(_WAITING))
            .order_by(TaskInstance.start_date.desc())
        ).all()
        failed = _failed(session)
    # The oldest question of a model comes last, and stays.
    reviews = {_model(dag_id): (run_id, since) for dag_id, run_id, since in asked}
    plans = {_model(dag_id): (after, bool(paused)) for dag_id, after, paused in planned}
    found = {}
    for name in model_names:
        run_id, since = reviews.get(name, (None, None))
        after, paused = plans.get(name, (None, False))
        found[name] = InAirflow(run_id, since, None if paused else after, paused, failed.get(name))
    return found


def failed_task(dag_id: str, run_id: str) -> str:
    """The task in which a run stopped; empty where none failed."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    here = (TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.state == "failed")
    with create_session() as session:
        return session.scalar(select(TaskInstance.task_id).where(*here).order_by(TaskInstance.end_date)) or ""


def _failed(session: Any) -> "dict[str, FailedRun]":
    """By model, the newest red run that no later one of its DAG has followed."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import func, select

    from include.overview import FailedRun

    newest = select(func.max(DagRun.id)).group_by(DagRun.dag_id)
    same_run = (TaskInstance.dag_id == DagRun.dag_id) & (TaskInstance.run_id == DagRun.run_id)
    rows = session.execute(
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.end_date)
        .join(DagRun, same_run)
        .where(DagRun.id.in_(newest), DagRun.state == "failed", TaskInstance.state == "failed")
        .order_by(TaskInstance.end_date)
    ).all()
    return {
        _model(dag_id): FailedRun(dag_id.rpartition(".")[2], run_id, task_id, at)
        for dag_id, run_id, task_id, at in rows
        if at is not None
    }


def _model(dag_id: str) -> str:
    return dag_id.rpartition(".")[0]
