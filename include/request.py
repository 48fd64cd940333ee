"""What a run is about, and how a task performs its step.

A DAG file hands over Airflow's context as it is; nothing here imports Airflow.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter

from include.errors import DataError
from include.untrusted_text import one_line

_log = logging.getLogger(__name__)
_LONGEST = 1000
# A period is announced as of its end, perhaps an evening early, or in local time without its zone.
_AHEAD = timedelta(days=1)
_FORM = {"as_of", "reason", "force", "replace_unscorable_champion", "target", "dry_run", "override"}


@dataclass(frozen=True)
class Request:
    """As of when, why, and how it was asked for.

    `run_id` names the Airflow run; work is never keyed by it, only traced to it. `override` lets a champion be replaced that
    cannot be scored, or a version come back that was rolled back from; `asked_by` is the person who started the run. `target`
    and `dry_run` are a rollback's, and so is `instead_of`: the champion that an event wants to go back from. `started` is when
    Airflow started the run: told, and never decided by.
    """

    as_of: datetime
    reason: str
    run_id: str
    force: bool = False
    override: bool = False
    reason_given: bool = False
    asked_by: str = "the schedule"
    target: str | None = None
    dry_run: bool = False
    instead_of: str | None = None
    started: datetime | None = None

    @property
    def by_hand(self) -> str:
        """Who started this, and why, where a reason was given: to be added to what else is said."""
        return f"; started by {self.asked_by}: {self.reason}" if self.reason_given else ""


def request_from(context: Mapping[str, Any]) -> Request:
    """The request in an Airflow context: the form first, then the newest asset event, then the schedule's interval, then now.

    A run that was started by hand has an interval too, inferred from the schedule; empty means now there, not the last slot.

    Raises:
        DataError: `as_of` is not a time, or one that is still to come, a box is neither ticked nor empty, or the run was
            started with a field that the form does not have.
    """
    params = context.get("params") or {}
    event = _newest_event(context)
    run = context["dag_run"]
    unknown = set(run.conf or {}) - _FORM
    if unknown:
        raise DataError(
            f"{', '.join(sorted(map(str, unknown)))}: not in the form; accepted are {', '.join(sorted(_FORM))}. "
            "Trigger again with these."
        )
    slot = None if run.run_type == "manual" else context.get("data_interval_end")
    as_of = params.get("as_of") or event.get("as_of") or slot or run.run_after
    reason = _words(params.get("reason")) or _words(event.get("reason"))
    return Request(
        as_of=_no_forecast(moment("as_of", as_of)),
        reason=reason or ("manual" if run.run_type == "manual" else "cadence"),
        run_id=str(run.run_id),
        force=_ticked(params, "force"),
        override=_ticked(params, "replace_unscorable_champion") or _ticked(params, "override"),
        reason_given=bool(reason),
        asked_by=_words(getattr(run, "triggering_user_name", None)) or _sender(event) or "the schedule",
        target=_words(params.get("target")) or _words(event.get("target")) or None,
        dry_run=_ticked(params, "dry_run"),
        instead_of=_words(event.get("instead_of")) or None,
        started=getattr(run, "start_date", None),
    )


def _no_forecast(as_of: datetime) -> datetime:
    """Labels that nobody can know yet would count as known, and the runs of every day until then as back-fills."""
    now = datetime.now(UTC)
    if as_of > now + _AHEAD:
        raise DataError(
            f"as_of={as_of.isoformat()} is still to come, it is {now:%Y-%m-%dT%H:%MZ} now; accepted is a time up to a day "
            "ahead. Trigger again with one, or with none, which means now."
        )
    return as_of


def _words(value: object) -> str:
    """What somebody outside wrote, on one line; empty where it holds nothing that can be read."""
    return one_line(str(value), _LONGEST).strip() if value else ""


def _sender(event: Mapping[str, Any]) -> str:
    """Who made an event. One that came through Airflow's API, which says so itself, may name anybody."""
    return "an event posted to Airflow" if event.get("from_rest_api") else _words(event.get("by"))


def _ticked(params: Mapping[str, Any], name: str) -> bool:
    value = params.get(name)
    if value not in (None, True, False):
        raise DataError(f"{name}={value!r:.50} is no answer; accepted are true and false. Trigger again with one of them.")
    return bool(value)


def perform(step: str, model_name: str, context: Mapping[str, Any], **inputs: Any) -> dict[str, Any]:
    """Run `include/steps/<step>.py` for a model and return its reference as plain values, fit for XCom.

    Inputs come as the plain values that earlier tasks returned; they become the references that the step's signature names.
    """
    from include.models import find_model
    from include.services import build_services

    run = import_module(f"include.steps.{step}").run
    references = {name: TypeAdapter(run.__annotations__[name]).validate_python(value) for name, value in inputs.items()}
    reference = run(build_services(), find_model(model_name), request_from(context), **references)
    _log.info("%s %s: %s", model_name, step, reference.summary)
    return dict(reference.model_dump(mode="json"))


def _newest_event(context: Mapping[str, Any]) -> dict[str, Any]:
    """The extra of the newest asset event: several may have started one run, and the newest knows most."""
    events = [event for events in (context.get("triggering_asset_events") or {}).values() for event in events]
    return max((dict(event.extra or {}) for event in events), key=lambda extra: str(extra.get("as_of", "")), default={})


def moment(name: str, value: datetime | str) -> datetime:
    """A time in UTC; without a zone it is meant to be in UTC.

    Raises:
        DataError: the value of that name is not a time.
    """
    try:
        # A schedule's interval comes as pendulum's own kind of datetime, whose differences cannot be divided by a timedelta.
        found = datetime.fromisoformat(value.isoformat() if isinstance(value, datetime) else value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{name}={value!r:.100} is not a time; accepted is ISO 8601 such as 2013-03-18T00:00:00Z. Trigger again with one."
        ) from error
