"""### Replay: how often should this model be retrained?

`refit → recommend`

* **Runs** only by hand, with the form. It reads the lake, and changes neither champion nor cadence.
* **refit** trains one model per historical period, on what was known at its end, and scores it in every later period.
  The first time this takes as long as that many trainings, spread over the cores; the log shows progress.
* **recommend** simulates hundreds of policies on that history: cadences, decay, drift, both, windows, cool-downs, with the
  gate in the loop. The best one of the first half of the history is reported on the second half.
* The answer is a **page in MLflow**: the button "Replay report" of `recommend` opens it, its log has the sentence.
* **Green** with "nothing to replay" is an answer: there is too little history.
* **Safe to run again** at any point: each model that was scored is kept, so a run that was killed goes on where it stopped.
"""

from typing import Any

from airflow.sdk import DAG, task

from airflow_tasks import run_step
from include.models.contract import Model
from include.run_form import replay_form
from parsed_models import parsed_models
from run_form import params
from task_policy import task_defaults


def replay(model: Model) -> DAG:
    """The replay of one model."""
    with DAG(
        dag_id=f"{model.name}.replay",
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=params(replay_form()),
        tags=[model.name, model.owner, "replay"],
        description=f"{model.description} Answers how often it should be retrained.",
        doc_md=__doc__,
    ) as dag:

        @task
        def refit(**context: Any) -> dict[str, Any]:
            return run_step("refit", model, context)

        @task
        def recommend(refitted: Any, **context: Any) -> dict[str, Any]:
            return run_step("recommend", model, context, refitted=refitted)

        recommend(refit())
    return dag


for _model in parsed_models():
    globals()[f"{_model.name}_replay"] = replay(_model)
