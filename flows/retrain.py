"""### Retrain: does a challenger deserve to replace the champion?

The same steps in the same order as `dags/retrain.py`, which says what they do and what stops them.
"""

from typing import Any

from prefect import Flow

from flows.prefect_tasks.form import with_form
from flows.prefect_tasks.review import review
from flows.prefect_tasks.steps import Steps, flow_of
from include.models import all_models
from include.models.contract import Model, candidate_names
from include.run_form import retrain_form


def retrain(model: Model) -> Flow[Any, Any]:
    """The retraining of one model."""

    @with_form(retrain_form(candidate_names(model)))
    def run(form: dict[str, Any], event: dict[str, Any]) -> Any:
        perform = Steps(model, form, event)
        assembled = perform("assemble")
        tried = [perform("train", name, assembled=assembled, candidate=name) for name in candidate_names(model)]
        trained = perform("select", assembled=assembled, tried=tried)
        verdict = perform("validate", assembled=assembled, trained=trained)
        approval = review(perform, verdict.result())
        promotion = perform("promote", verdict=verdict, approval=approval)
        refreshed = perform("refresh", assembled=assembled, trained=trained, verdict=verdict, promotion=promotion)
        return perform("announce", verdict=verdict, approval=approval, promotion=promotion, refreshed=refreshed)

    return flow_of(model, "retrain", run, __doc__)


for _model in all_models():
    globals()[f"{_model.name}_retrain"] = retrain(_model)
