"""### Monitor: is the champion still good on the newest data?

The same steps in the same order as `dags/monitor.py`, which says what they do and what stops them.
"""

from typing import Any

from prefect import Flow

from flows.prefect_tasks.form import with_form
from flows.prefect_tasks.steps import Steps, flow_of
from include.models import all_models
from include.models.contract import Model
from include.run_form import monitor_form


def monitor(model: Model) -> Flow[Any, Any]:
    """The monitor of one model."""

    @with_form(monitor_form())
    def run(form: dict[str, Any], event: dict[str, Any]) -> Any:
        perform = Steps(model, form, event)
        reconciled = perform("reconcile")
        checked = perform("check", batch=perform("pull", after=[reconciled]))
        scored = perform("score", checked=checked)
        probation = perform("probation", scored=scored)
        drift = perform("detect_drift", checked=checked, scored=scored)
        quality = perform("measure_quality", scored=scored)
        return probation, perform("triage", checked=checked, scored=scored, drift=drift, quality=quality)

    return flow_of(model, "monitor", run, __doc__)


for _model in all_models():
    globals()[f"{_model.name}_monitor"] = monitor(_model)
