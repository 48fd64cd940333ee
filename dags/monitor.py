"""### Monitor: is the champion still good on the newest data?

`reconcile → pull → check → score → probation, detect_drift, measure_quality → triage`, and, when triage requests it, the event
that starts `<model>.retrain`.

* **Runs** when upstream announces a delivery (asset `<model>.landing`), on the feed's schedule, or by hand with the form.
* **Stops, red,** when a delivery cannot be read, breaks the contract in too many rows, or the feed is broken. The champion
  stays.
* **Green** with "nothing", "note" or "wait" is an answer: the reason is in triage's log, and on its decision card.
* **A message, green,** when a person should look: "page" for noisier data than ever, "alarm" for silence.
* **Probation:** a new champion is compared with the one before, on the same rows; where it is worse, a rollback is proposed,
  or requested (`<model>.rollback`).
* **Changed by hand:** reconcile records it in the ledger and reports it.
* **Safe to run again** at any point: a file is new until its intake record is written, and every write is keyed by what it is
  about.
* **Fewer rows for good?** *This is normal now* in the form goes on at once; otherwise the third such period does.
* **Freeze until** in the form holds promotions and retrainings back until then; this monitor goes on.
* `as_of` runs it as of another time: labels and periods that were not there yet are not seen.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, task

from airflow_tasks import RETRAINING, ROLLBACK, alias_of, run_step
from include.models.contract import Model
from include.run_form import monitor_form
from parsed_models import parsed_models
from run_form import params
from task_policy import task_defaults


def monitor(model: Model) -> DAG:
    """The monitor of one model."""
    with DAG(
        dag_id=f"{model.name}.monitor",
        schedule=AssetOrTimeSchedule(
            # By default, a timetable that is switched on makes up for a slot that has just passed.
            timetable=CronTriggerTimetable(model.feed.schedule, timezone="UTC", run_immediately=timedelta(0)),
            assets=[Asset(name=f"{model.name}.landing")],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=params(monitor_form()),
        tags=[model.name, model.owner, "monitor"],
        description=f"{model.description} Checks the newest data.",
        doc_md=__doc__,
    ) as dag:

        @task
        def reconcile(**context: Any) -> dict[str, Any]:
            return run_step("reconcile", model, context)

        @task
        def pull(**context: Any) -> dict[str, Any]:
            return run_step("pull", model, context)

        @task
        def check(batch: Any, **context: Any) -> dict[str, Any]:
            return run_step("check", model, context, batch=batch)

        @task
        def score(checked: Any, **context: Any) -> dict[str, Any]:
            return run_step("score", model, context, checked=checked)

        @task(outlets=[alias_of(model, ROLLBACK)])
        def probation(scored: Any, **context: Any) -> dict[str, Any]:
            return run_step("probation", model, context, scored=scored)

        @task
        def detect_drift(checked: Any, scored: Any, **context: Any) -> dict[str, Any]:
            return run_step("detect_drift", model, context, checked=checked, scored=scored)

        @task
        def measure_quality(scored: Any, **context: Any) -> dict[str, Any]:
            return run_step("measure_quality", model, context, scored=scored)

        @task(outlets=[alias_of(model, RETRAINING)])
        def triage(checked: Any, scored: Any, drift: Any, quality: Any, **context: Any) -> dict[str, Any]:
            return run_step("triage", model, context, checked=checked, scored=scored, drift=drift, quality=quality)

        # What the form withdraws is withdrawn before this run takes anything in.
        reconcile() >> (batch := pull())
        checked = check(batch)
        scored = score(checked)
        probation(scored)
        triage(checked, scored, detect_drift(checked, scored), measure_quality(scored))
    return dag


for _model in parsed_models():
    globals()[f"{_model.name}_monitor"] = monitor(_model)
