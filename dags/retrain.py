"""### Retrain: does a challenger deserve to replace the champion?

`assemble → train (each candidate) → select → validate → review → promote → refresh → announce`

* **Runs** when triage requests it (asset `<model>.needs_retraining`), on the model's cadence, or by hand with the form.
* **Candidates are compared** on rows before the hold-out: `train` runs once for each, and for a linear baseline; `select` fits
  the winner on its whole window and registers it as the challenger. A candidate that fails is named, the others go on.
* **The gate gates:** champion and challenger predict the same held-out rows, clean and under the same noise. Only the verdict
  `promote` moves the alias; `keep`, `inconclusive` and `blocked` leave the champion where it is, and the run is green.
* **The hold-out is learned too**, where the model declares it: `refresh` fits the promoted recipe once more with these rows;
  that version answers if it stays close to the validated one, and is on probation against it.
* **A person is asked** in `review`, where the model declares it: in Airflow, or by a tag on the version in MLflow. No answer
  means no. Only `inconclusive` may be overridden, with a reason.
* **Stops, red,** when rows are in training and hold-out, when an artifact is not the validated one, or when the champion was
  moved meanwhile.
* **Safe to run again** at any point: snapshots and trainings are found by digest, and a promotion killed half-way is
  completed.
* **Messages:** that it started and why, what a person is asked, and the outcome.
* The **decision card** is the description of the version in MLflow; its address is in the log of `announce`.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, task

from airflow_tasks import RETRAINING, run_step
from include.models.contract import Model, candidate_names
from include.run_form import retrain_form
from parsed_models import parsed_models
from review_operator import ReviewOperator
from run_form import params
from task_policy import task_defaults


def retrain(model: Model) -> DAG:
    """The retraining of one model."""
    with DAG(
        dag_id=f"{model.name}.retrain",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(model.retraining.cadence, timezone="UTC", run_immediately=timedelta(0)),
            assets=[Asset(name=f"{model.name}.{RETRAINING}")],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=params(retrain_form(candidate_names(model))),
        tags=[model.name, model.owner, "retrain"],
        description=f"{model.description} Trains a challenger and compares it with the champion.",
        doc_md=__doc__,
    ) as dag:

        @task
        def assemble(**context: Any) -> dict[str, Any]:
            return run_step("assemble", model, context)

        @task(map_index_template="{{ task.op_kwargs['candidate'] }}")
        def train(assembled: Any, candidate: str, **context: Any) -> dict[str, Any]:
            return run_step("train", model, context, assembled=assembled, candidate=candidate)

        @task
        def select(assembled: Any, tried: Any, **context: Any) -> dict[str, Any]:
            return run_step("select", model, context, assembled=assembled, tried=list(tried))

        @task
        def validate(assembled: Any, trained: Any, **context: Any) -> dict[str, Any]:
            return run_step("validate", model, context, assembled=assembled, trained=trained)

        @task
        def promote(verdict: Any, approval: Any, **context: Any) -> dict[str, Any]:
            return run_step("promote", model, context, verdict=verdict, approval=approval)

        @task
        def refresh(assembled: Any, trained: Any, verdict: Any, promotion: Any, **context: Any) -> dict[str, Any]:
            results = {"assembled": assembled, "trained": trained, "verdict": verdict, "promotion": promotion}
            return run_step("refresh", model, context, **results)

        @task
        def announce(verdict: Any, approval: Any, promotion: Any, refreshed: Any, **context: Any) -> dict[str, Any]:
            results = {"verdict": verdict, "approval": approval, "promotion": promotion, "refreshed": refreshed}
            return run_step("announce", model, context, **results)

        assembled = assemble()
        tried = train.partial(assembled=assembled).expand(candidate=candidate_names(model))
        trained = select(assembled, tried)
        verdict = validate(assembled, trained)
        review = ReviewOperator(task_id="review", model=model, verdict=verdict)
        promotion = promote(verdict, review.output)
        announce(verdict, review.output, promotion, refresh(assembled, trained, verdict, promotion))
    return dag


for _model in parsed_models():
    globals()[f"{_model.name}_retrain"] = retrain(_model)
