"""### Rollback: how do we go back?

The same steps in the same order as `dags/rollback.py`, which says what they do and what stops them.
"""

from typing import Any

from prefect import Flow

from flows.prefect_tasks.form import with_form
from flows.prefect_tasks.steps import Steps, flow_of
from include.models import all_models
from include.models.contract import Model
from include.run_form import rollback_form


def rollback(model: Model) -> Flow[Any, Any]:
    """The rollback of one model."""

    @with_form(rollback_form())
    def run(form: dict[str, Any], event: dict[str, Any]) -> Any:
        perform = Steps(model, form, event)
        return perform("roll_back", verified=perform("verify_target"))

    return flow_of(model, "rollback", run, __doc__)


for _model in all_models():
    globals()[f"{_model.name}_rollback"] = rollback(_model)
