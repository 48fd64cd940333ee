"""### Monitor: is the champion still good on what arrived?

`reconcile, pull → check → score → probation, detect_drift, measure_quality → triage`, and, when triage says so, the event
that starts `<model>.retrain`.

* **Runs** when upstream announces a delivery (asset `<model>.landing`), on the feed's schedule, or by hand with the form.
* **Stops, red,** when a delivery cannot be read, breaks the contract in too many rows, or the feed is broken. The champion
  stays.
* **Green** with "nothing", "note" or "wait" is an answer: the reason is in triage's log, and a button of it shows the words.
* **A message, green,** when somebody has to look: "page" for messier data than ever, "alarm" for silence.
* **Probation:** a new champion is compared with the one before, on the same rows; where it is worse, a rollback is proposed,
  or asked for (`<model>.rollback`).
* **Changed by hand:** reconcile writes it down, and says so.
* **Safe to run again** at any point: a file is new until its intake record is written, and every write names what it is about.
* `as_of` plays the run at another time: labels and periods that were not there yet are not seen.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, AssetOrTimeSchedule, CronTriggerTimetable, task

from include.models.contract import Model
from include.request import Request, perform, request_from
from parsed_models import parsed_models
from run_form import form
from slack_alerts import tell_by_hand, tell_finding, tell_probation
from task_policy import task_defaults


def monitor(model: Model) -> DAG:
    """The monitor of one model."""
    with DAG(
        dag_id=f"{model.name}.monitor",
        schedule=AssetOrTimeSchedule(
            # Unless told otherwise, a timetable that is switched on makes up for a slot that has just passed.
            timetable=CronTriggerTimetable(model.feed.schedule, timezone="UTC", run_immediately=timedelta(0)),
            assets=[Asset(name=f"{model.name}.landing")],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=task_defaults(model.owner),
        params=form(force="Ask for a retraining, whatever is found."),
        tags=[model.name, model.owner, "monitor"],
        description=f"{model.description} Checks what arrived.",
        doc_md=__doc__,
    ) as dag:
        retraining, going_back = (AssetAlias(f"{model.name}.{asked}") for asked in ("retraining_asked", "rollback_asked"))

        @task
        def reconcile(**context: Any) -> dict[str, Any]:
            return tell_by_hand(model.name, context, perform("reconcile", model.name, context))

        @task
        def pull(**context: Any) -> dict[str, Any]:
            return perform("pull", model.name, context)

        @task
        def check(batch: Any, **context: Any) -> dict[str, Any]:
            return perform("check", model.name, context, batch=batch)

        @task
        def score(checked: Any, **context: Any) -> dict[str, Any]:
            return perform("score", model.name, context, checked=checked)

        @task(outlets=[going_back])
        def probation(scored: Any, outlet_events: Any = None, **context: Any) -> dict[str, Any]:
            found = tell_probation(model.name, context, perform("probation", model.name, context, scored=scored))
            return _after_probation(model, found, request_from(context).as_of.isoformat(), outlet_events[going_back])

        @task
        def detect_drift(checked: Any, scored: Any, **context: Any) -> dict[str, Any]:
            return perform("detect_drift", model.name, context, checked=checked, scored=scored)

        @task
        def measure_quality(scored: Any, **context: Any) -> dict[str, Any]:
            return perform("measure_quality", model.name, context, scored=scored)

        @task(outlets=[retraining])
        def triage(
            checked: Any, scored: Any, drift: Any, quality: Any, outlet_events: Any = None, **context: Any
        ) -> dict[str, Any]:
            found = perform("triage", model.name, context, checked=checked, scored=scored, drift=drift, quality=quality)
            tell_finding(model.name, context, found)
            return _after_triage(model, found, request_from(context), outlet_events[retraining])

        checked = check(pull())
        reconcile() >> (scored := score(checked))
        probation(scored)
        triage(checked, scored, detect_drift(checked, scored), measure_quality(scored))
    return dag


def _after_probation(model: Model, found: dict[str, Any], as_of: str, events: Any) -> dict[str, Any]:
    if (found["decision"], found["then"]) == ("worse", "roll_back"):
        event = {"as_of": as_of, "reason": found["summary"], "target": found["against"], "by": "probation"}
        event["instead_of"] = found["version"]
        events.add(Asset(name=f"{model.name}.needs_rollback"), extra=event)
    return found


def _after_triage(model: Model, found: dict[str, Any], request: Request, events: Any) -> dict[str, Any]:
    if found["action"] == "retrain":
        # What the form said goes with it; where it forced the retraining, it is the reason already.
        reason = found["reason"] + ("" if request.force else request.by_hand)
        event = {"as_of": request.as_of.isoformat(), "reason": reason}
        events.add(Asset(name=f"{model.name}.needs_retraining"), extra=event)
    return found


for _model in parsed_models():
    globals()[f"{_model.name}_monitor"] = monitor(_model)
