"""### Replay: how often should this model be retrained?

The same steps in the same order as `dags/replay.py`, which says what they do and what stops them.
"""

from typing import Any

from prefect import Flow

from flows.prefect_tasks.form import with_form
from flows.prefect_tasks.steps import Steps, flow_of
from include.models import all_models
from include.models.contract import Model
from include.run_form import replay_form


def replay(model: Model) -> Flow[Any, Any]:
    """The replay of one model."""

    @with_form(replay_form())
    def run(form: dict[str, Any], event: dict[str, Any]) -> Any:
        perform = Steps(model, form, event)
        return perform("recommend", refitted=perform("refit"))

    return flow_of(model, "replay", run, __doc__)


for _model in all_models():
    globals()[f"{_model.name}_replay"] = replay(_model)
