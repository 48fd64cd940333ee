"""Buttons on tasks in Airflow's page: the drift report, version and run in MLflow, the decision card, the replay report.

They are evaluated in the api-server, which needs no settings of ours for it: the addresses are in the references that the
steps returned.
"""

import json
from typing import Any

import attrs
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

from include.untrusted_text import web


@attrs.define(kw_only=True)
class ReferenceLink(BaseOperatorLink):
    """A button on tasks of a stage, with the address in `field` of what the task `source` returned in the same run.

    Where that is another task, the button is there although the task itself has failed: that is when it is needed.
    """

    name: str
    stage: str
    tasks: tuple[str, ...]
    source: str
    field: str

    def get_link(self, operator: object, *, ti_key: TaskInstanceKey) -> str:
        """The address; empty, which draws no button, where this task has none."""
        if ti_key.task_id not in self.tasks or not ti_key.dag_id.endswith(f".{self.stage}"):
            return ""
        return web_address(returned(ti_key.dag_id, ti_key.run_id, self.source), self.field)


def web_address(returned: str | None, field: str) -> str:
    """The http(s) address under a name in a stored JSON object; empty for everything else."""
    try:
        return web(json.loads(returned or "")[field])
    except (ValueError, TypeError, KeyError):
        return ""


def returned(dag_id: str, run_id: str, task_id: str) -> str | None:
    """What a task of a run returned, as it is stored: JSON, never made into objects here; None where it returned nothing."""
    # Every component of Airflow imports its plugins; only the api-server has a database to ask.
    from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
    from airflow.utils.session import create_session

    query = XComModel.get_many(key=XCOM_RETURN_KEY, run_id=run_id, dag_ids=dag_id, task_ids=task_id)
    with create_session() as session:
        stored = session.scalar(query.with_only_columns(XComModel.value))
    return stored if stored is None or isinstance(stored, str) else json.dumps(stored)


_BUTTONS: list[Any] = [
    ReferenceLink(name="Drift report", stage="monitor", tasks=("detect_drift",), source="detect_drift", field="report_url"),
    ReferenceLink(
        name="Version in MLflow",
        stage="retrain",
        tasks=("select", "validate", "review", "promote", "announce"),
        source="select",
        field="version_url",
    ),
    ReferenceLink(
        name="Run in MLflow",
        stage="retrain",
        tasks=("select", "validate", "review", "promote", "announce"),
        source="select",
        field="run_url",
    ),
    ReferenceLink(name="Replay report", stage="replay", tasks=("recommend",), source="recommend", field="report_url"),
    ReferenceLink(name="Decision card", stage="retrain", tasks=("validate", "review"), source="validate", field="card_url"),
]


class ReportLinks(AirflowPlugin):
    """What Airflow reads from this file."""

    name = "report_links"
    global_operator_extra_links = _BUTTONS
