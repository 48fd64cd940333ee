"""### Rollback: how do we go back?

`rehearse → roll_back`

* **Runs** by hand with the form, or when probation asks for it (asset `<model>.needs_rollback`, only where the model says
  `roll_back`).
* **Target:** empty means the version that the champion replaced, as the ledger knows it. Only versions that were champion once
  are accepted.
* **A reason is required:** it is kept in the ledger and on both versions.
* **Rehearsed first:** the target's file is loaded and asked by a fresh process; no training data are needed.
* **Dry run** does all of that and moves nothing.
* The version rolled back from is marked and is **not promoted again**, unless somebody brings it back with override.
* **Safe to run again** at any point: a run that was killed half-way is completed or undone, and says which.
"""

from typing import Any

from airflow.sdk import DAG, Asset, task

from include.models.contract import Model
from include.request import perform
from parsed_models import parsed_models
from run_form import rollback_form
from slack_alerts import tell_rolled_back
from task_policy import task_defaults


def rollback(model: Model) -> DAG:
    """The way back of one model."""
    with DAG(
        dag_id=f"{model.name}.rollback",
        schedule=[Asset(name=f"{model.name}.needs_rollback")],
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=rollback_form(),
        tags=[model.name, model.owner, "rollback"],
        description=f"{model.description} Puts an earlier champion back in production.",
        doc_md=__doc__,
    ) as dag:

        @task
        def rehearse(**context: Any) -> dict[str, Any]:
            return perform("rehearse", model.name, context)

        @task
        def roll_back(rehearsed: Any, **context: Any) -> dict[str, Any]:
            return tell_rolled_back(model.name, context, perform("roll_back", model.name, context, rehearsed=rehearsed))

        roll_back(rehearse())
    return dag


for _model in parsed_models():
    globals()[f"{_model.name}_rollback"] = rollback(_model)
