"""### Rollback: how do we go back?

`verify_target → roll_back`

* **Runs** by hand with the form, or when probation requests it (asset `<model>.needs_rollback`, only where the model's
  probation says `roll_back`).
* **Target:** empty means the version that the champion replaced, as recorded in the ledger. Only versions that were champion
  once are accepted.
* **A reason is required:** it is kept in the ledger and on both versions.
* **Verified first:** the target's artifact is loaded and queried by a fresh process; no training data are needed.
* **Dry run** does all of that and moves nothing.
* **Undo** restores the version that the newest rollback went back from; the ledger says *restored*, and no version is blocked.
* The version rolled back from is blocked from promotion, unless a person brings it back with override.
* **Safe to run again** at any point: a run that was killed half-way is completed or undone, and its log says which.
"""

from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_tasks import ROLLBACK, run_step
from include.models.contract import Model
from include.run_form import rollback_form
from parsed_models import parsed_models
from run_form import params
from task_policy import task_defaults


def rollback(model: Model) -> DAG:
    """The rollback of one model."""
    with DAG(
        dag_id=f"{model.name}.rollback",
        schedule=[Asset(name=f"{model.name}.{ROLLBACK}")],
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=params(rollback_form()),
        tags=[model.name, model.owner, "rollback"],
        description=f"{model.description} Puts an earlier champion back in production.",
        doc_md=__doc__,
    ) as dag:

        @task
        def verify_target(**context: Any) -> dict[str, Any]:
            return run_step("verify_target", model, context)

        @task
        def roll_back(verified: Any, **context: Any) -> dict[str, Any]:
            return run_step("roll_back", model, context, verified=verified)

        roll_back(verify_target())
    return dag


for _model in parsed_models():
    globals()[f"{_model.name}_rollback"] = rollback(_model)
