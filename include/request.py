"""What a run is about: as of when, why, and who asked. Pure; `plugins/` and `flows/` turn their own context into a `Run`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from include.errors import DataError
from include.untrusted_text import one_line

# What a list in the form shows where nothing is chosen. No empty text: Airflow's page takes that for a field that has to be
# filled in, and then its button cannot be pressed.
NOTHING, WHOLE_POOL = "nothing", "the best of all"
_LONGEST = 1000
# A period is announced as of its end, perhaps an evening early, or in local time without its zone.
_AHEAD = timedelta(days=1)
_EARLIEST_YEAR = 1900
_FORM = {
    "as_of",
    "reason",
    "force",
    "replace_unscorable_champion",
    "candidate",
    "target",
    "dry_run",
    "override",
    "undo",
    "freeze_until",
    "unfreeze",
    "snooze",
    "snooze_until",
    "withdraw",
    "normal_now",
}


@dataclass(frozen=True)
class Run:
    """A run as its orchestrator knows it, in plain values.

    `due` is when it was to start, `slot` the end of the schedule's interval that it is for, if there is one. `form` holds the
    values of the form, `submitted` those of its fields that were filled in; `event` is what the newest event that triggered
    the run carries. `url` is the run's page, `answer_url` the page where a review is answered, `orchestrator` its name.
    """

    run_id: str
    due: datetime
    by_hand: bool = False
    slot: datetime | None = None
    user: str = ""
    started: datetime | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    submitted: Mapping[str, Any] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)
    orchestrator: str = "the orchestrator"
    url: str = ""
    answer_url: str = ""


@dataclass(frozen=True)
class Request:
    """As of when, why, and how it was asked for.

    `run_id` names the orchestrator's run; work is never keyed by it, only traced to it. `override` lets a champion be replaced
    that cannot be scored, or a version come back that was rolled back from; `asked_by` is the person or the event that started
    the run, `by_person` whether a person did. `normal_now` calls the newest period's number of rows normal. `candidate` alone
    takes part in a retraining; empty means the whole pool. `target`, `undo` (the newest rollback) and `dry_run` are a
    rollback's, and so is `instead_of`: the champion that an event wants to go back from. `freeze_until`, `unfreeze`, `snooze`
    (a kind of message), `snooze_until` and `withdraw` (a key in landing) are a monitor's. `started` is when the run started:
    recorded, and never used in a decision. `url`, `answer_url` and `orchestrator` are as in `Run`. A `routine` retraining
    tells and asks people only what comes of it.
    """

    as_of: datetime
    reason: str
    run_id: str
    force: bool = False
    override: bool = False
    normal_now: bool = False
    candidate: str = ""
    reason_given: bool = False
    asked_by: str = "the schedule"
    by_person: bool = False
    target: str | None = None
    dry_run: bool = False
    undo: bool = False
    freeze_until: datetime | None = None
    unfreeze: bool = False
    snooze: str = ""
    snooze_until: datetime | None = None
    withdraw: str = ""
    instead_of: str | None = None
    started: datetime | None = None
    orchestrator: str = "the orchestrator"
    url: str = ""
    answer_url: str = ""
    routine: bool = False

    @property
    def by_hand(self) -> str:
        """Who started this, and why, where a reason was given: to be added to another reason."""
        return f"; started by {self.asked_by}: {self.reason}" if self.reason_given else ""


def request_for(run: Run) -> Request:
    """The request of a run: the form first, then the event, then the schedule's slot, then the time at which it was due.

    A run that was started by hand may have a slot too, inferred from the schedule: there an empty form means `due`.

    Raises:
        DataError: `as_of` is not a time, before 1900 or in the future, a box is neither ticked nor empty, or a field was
            submitted that the form does not have.
    """
    if unknown := set(run.submitted) - _FORM:
        raise DataError(
            f"{', '.join(sorted(map(str, unknown)))}: not in the form; accepted are {', '.join(sorted(_FORM))}. "
            "Trigger again with these."
        )
    form, event = run.form, run.event
    as_of = form.get("as_of") or event.get("as_of") or (None if run.by_hand else run.slot) or run.due
    reason = _line(form.get("reason")) or _line(event.get("reason"))
    return Request(
        as_of=_plausible(moment("as_of", as_of)),
        reason=reason or ("manual" if run.by_hand else "cadence"),
        run_id=run.run_id,
        force=_ticked(form, "force"),
        override=_ticked(form, "replace_unscorable_champion") or _ticked(form, "override"),
        normal_now=_ticked(form, "normal_now"),
        candidate=_chosen(form, "candidate", WHOLE_POOL),
        reason_given=bool(reason),
        asked_by=_line(run.user) or _sender(event) or "the schedule",
        by_person=run.by_hand,
        target=_line(form.get("target")) or _line(event.get("target")) or None,
        dry_run=_ticked(form, "dry_run"),
        undo=_ticked(form, "undo"),
        freeze_until=moment("freeze_until", form["freeze_until"]) if form.get("freeze_until") else None,
        unfreeze=_ticked(form, "unfreeze"),
        snooze=_chosen(form, "snooze", NOTHING),
        snooze_until=moment("snooze_until", form["snooze_until"]) if form.get("snooze_until") else None,
        withdraw=_line(form.get("withdraw")),
        instead_of=_line(event.get("instead_of")) or None,
        started=run.started,
        orchestrator=run.orchestrator,
        url=run.url,
        answer_url=run.answer_url,
        routine=event.get("routine") is True and not run.by_hand,
    )


def _chosen(form: Mapping[str, Any], name: str, none: str) -> str:
    """The value that was chosen from a list; empty for the one that stands for none."""
    chosen = _line(form.get(name))
    return "" if chosen == none else chosen


def moment(name: str, value: datetime | str) -> datetime:
    """A time in UTC; without a zone it is meant to be in UTC.

    Raises:
        DataError: the value of that name is not a time.
    """
    try:
        # A schedule's interval comes as pendulum's own kind of datetime, whose differences cannot be divided by a timedelta.
        parsed = datetime.fromisoformat(value.isoformat() if isinstance(value, datetime) else value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{name}={value!r:.100} is not a time; accepted is ISO 8601 such as 2013-03-18T00:00:00Z. Trigger again with one."
        ) from error


def _plausible(as_of: datetime) -> datetime:
    """In the future labels that cannot be known yet would count as known, and every day's runs until then as back-fills."""
    now = datetime.now(UTC)
    if as_of.year < _EARLIEST_YEAR:
        raise DataError(
            f"as_of={as_of.isoformat()} is before the year {_EARLIEST_YEAR}, and no data are so old: a mistyped year? Trigger "
            "again with another."
        )
    if as_of > now + _AHEAD:
        raise DataError(
            f"as_of={as_of.isoformat()} is in the future, it is {now:%Y-%m-%dT%H:%MZ} now; accepted is a time up to a day "
            "ahead. Trigger again with one, or with none, which means now."
        )
    return as_of


def _line(value: object) -> str:
    """Text from outside, as one line; empty where it holds nothing that can be read."""
    return one_line(str(value), _LONGEST).strip() if value else ""


def _sender(event: Mapping[str, Any]) -> str:
    """Who made an event. One that came through the orchestrator's API, which marks it, may name any user."""
    return "an event posted to the API" if event.get("from_rest_api") else _line(event.get("by"))


def _ticked(form: Mapping[str, Any], name: str) -> bool:
    value = form.get(name)
    if value not in (None, True, False):
        raise DataError(f"{name}={value!r:.50} is no answer; accepted are true and false. Trigger again with one of them.")
    return bool(value)
