"""What Airflow's own database knows about the models: which reviews wait for a person, and when each is retrained next."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.overview import InAirflow

# Airflow parks the task in one state where it is answered in Airflow, in the other where it is answered in MLflow.
_WAITING = ("awaiting_input", "deferred")


def in_airflow(model_names: Iterable[str]) -> "dict[str, InAirflow]":
    """By model; two queries, however many models there are. Only the api-server has a database to ask."""
    from airflow.models.dag import DagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from include.overview import InAirflow

    dags = {f"{name}.retrain": name for name in model_names}
    columns = (DagModel.dag_id, DagModel.next_dagrun_create_after, DagModel.is_paused)
    waiting = (TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.start_date)
    with create_session() as session:
        # Picked here and not in the query: a thousand names are more than SQLite takes in one.
        planned = session.execute(select(*columns).where(DagModel.dag_id.like("%.retrain"))).all()
        asked = session.execute(
            select(*waiting)
            .where(TaskInstance.task_id == "review", TaskInstance.state.in_(_WAITING))
            .order_by(TaskInstance.start_date.desc())
        ).all()
    # The oldest question of a model comes last, and stays.
    reviews = {dag_id: (run_id, since) for dag_id, run_id, since in asked}
    found = {}
    for dag_id, after, paused in planned:
        if dag_id in dags:
            run_id, since = reviews.get(dag_id, (None, None))
            found[dags[dag_id]] = InAirflow(run_id, since, None if paused else after, bool(paused))
    return found
