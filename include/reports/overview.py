"""All models at a glance: what the page "Models" shows of each, from the latest status and from the orchestrator. Pure, light.

What is not known is None and shown as a dash, never as a zero.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from include.holds import ALL_MODELS, FREEZE, Hold
from include.ledger.state import State
from include.models.contract import Model
from include.statuses import Latest, MonitorStatus, RetrainStatus

# Actions of triage that need attention, most urgent first.
_URGENT = ("stop", "alarm", "page", "retrain", "wait")
# Ranks up to that of `page`.
_NEEDS_A_PERSON = 3 + _URGENT.index("page")
# The kind of message in which people hear of an action: a person may snooze it.
_MESSAGES = {"alarm": "silence", "page": "page", "stop": "failure"}
Held = Mapping[str, tuple[Hold, ...]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runs:
    """What only the orchestrator knows about a model: the review that waits for a person, and the next retraining.

    `paused` are the stages whose DAGs are switched off, `failed` the newest runs of monitor and retrain that ended red.
    """

    review_run: str | None = None
    review_since: datetime | None = None
    next_retraining: datetime | None = None
    paused: tuple[str, ...] = ()
    failed: "tuple[FailedRun, ...]" = ()

    @property
    def paused_loop(self) -> tuple[str, ...]:
        """Those of the paused stages that run by themselves."""
        return tuple(stage for stage in self.paused if stage in ("monitor", "retrain"))


@dataclass(frozen=True)
class FailedRun:
    """A run that ended red: of which stage, in which task, when, and why, where that was kept."""

    stage: str
    run_id: str
    task: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One model's line. `drifted` of `features` columns have.

    `silent` means that the last check is too long ago, `answered` that the retraining that it requested has ended. `broken`
    says why the model's file cannot be used, `faults` which documents about it cannot be read.
    """

    name: str
    owner: str
    description: str
    champion: str | None = None
    champion_since: datetime | None = None
    moving: bool = False
    on_probation: bool = False
    checked_at: datetime | None = None
    silent: bool = False
    action: str | None = None
    title: str = ""
    reason: str = ""
    advice: str = ""
    drifted: int | None = None
    features: int | None = None
    metric: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    measured_on: datetime | None = None
    maturity: float | None = None
    estimate: float | None = None
    decayed: bool = False
    measured_version: str | None = None
    verdict: str | None = None
    verdict_version: str | None = None
    refitted_as: str | None = None
    verdict_as_of: datetime | None = None
    answered: bool = False
    broken: str = ""
    faults: tuple[str, ...] = ()
    runs: Runs = Runs()
    held: tuple[Hold, ...] = ()

    @property
    def never_ran(self) -> bool:
        """Whether nothing is known of it: no check, no retraining, no champion, and nothing that is wrong either."""
        known = (
            self.checked_at
            or self.action
            or self.silent
            or self.verdict
            or self.champion
            or self.broken
            or self.faults
            or self.runs.failed
        )
        return not known and not self.runs.review_run

    @property
    def says_more(self) -> bool:
        """Whether the finding says what its title and a failed run have not said."""
        stopped_there = self.action == "stop" and any(run.stage == "monitor" for run in self.runs.failed)
        said = self.title.partition(": ")[2] or self.title
        return not stopped_there and not self.reason.endswith(said)

    @property
    def frozen(self) -> Hold | None:
        """The freeze in force."""
        return next((hold for hold in self.held if hold.what == FREEZE), None)

    def snoozed(self, what: str) -> bool:
        """Whether a person has snoozed this kind of message."""
        return any(hold.what == what for hold in self.held)

    @property
    def urgency(self) -> tuple[int, str]:
        """Most urgent first: by what needs attention, then by name; what never ran is last."""
        last = len(_URGENT) + 4
        if self.broken or self.faults or self.runs.review_run or self.moving:
            return 0, self.name
        if self.runs.failed and not self.snoozed("failure"):
            return 0, self.name
        if self.silent and not self.snoozed("silence"):
            return 1, self.name
        if self.never_ran:
            return last, self.name
        if self.runs.paused_loop:
            return 2, self.name
        waits = self.action in _URGENT and not self.answered and not self.snoozed(_MESSAGES.get(str(self.action), ""))
        return (_URGENT.index(str(self.action)) + 3 if waits else last - 1), self.name

    @property
    def needs_a_person(self) -> bool:
        """Whether there is something to do for a person."""
        return self.urgency[0] <= _NEEDS_A_PERSON

    @property
    def to_do(self) -> str:
        """One sentence: what to do about this model now."""
        return next((sentence for applies, sentence in self._to_do() if applies), "Nothing to do.")

    def _to_do(self) -> "Iterator[tuple[object, str]]":
        yield self.broken, f"Correct include/models/{self.name}.py: it has no DAGs until then."
        yield self.runs.review_run, "Answer the review: read its decision card, then approve or reject. No answer means no."
        yield self.faults, "See what cannot be read, and restore it (docs/runbook.md, a spoilt object)."
        yield self.moving, f"Clear the failed task, or run {self.name}.monitor: it finishes or undoes the promotion."
        for run in self.runs.failed:
            yield not self.snoozed("failure"), _mend(self.name, run)
        if self.never_ran:
            yield self.runs.paused_loop, f"Switch its DAGs on: {', '.join(self.runs.paused_loop)} are paused."
            yield True, f"Deliver its first data into landing, under {self.name}/."
        yield (
            self.runs.paused_loop,
            f"Switch {self.name}.{' and '.join(self.runs.paused_loop)} on again, if the reason is gone.",
        )
        yield (
            self.silent and not self.snoozed("silence"),
            f"See why {self.name}.monitor does not run: upstream, or the scheduler.",
        )
        waits = self.action in ("stop", "alarm", "page") and not self.snoozed(_MESSAGES.get(str(self.action), ""))
        yield waits, self.advice or "Ask upstream; when it is fixed, deliver again and clear the run."
        if self.frozen:
            yield True, f"Nothing to do: frozen until {self.frozen.until:%Y-%m-%d %H:%M} UTC; monitors go on."
        yield self.action == "retrain" and not self.answered, "Nothing to do: a retraining was requested."
        yield self.action == "wait", "Nothing to do: it goes on by itself."


def _mend(name: str, run: "FailedRun") -> str:
    """What to do about a failed run: one that was asked for wrongly asks for the same when it is cleared."""
    if "Trigger it again" in run.reason or "Trigger again" in run.reason:
        return f"Start {name}.{run.stage} again as its message says, and delete this run."
    return f"Mend what stopped {name}.{run.stage}, then clear its task {run.task}."


def overview(
    models: Iterable[Model], latest: Mapping[str, Latest], runs: Mapping[str, Runs], held: Held, now: datetime
) -> list[Line]:
    """A line per model, most urgent first; a model whose line cannot be made has one that says so."""
    lines = (_one(model, latest.get(model.name, Latest()), runs.get(model.name, Runs()), now) for model in models)
    return sorted((replace(one, held=held_of(held, one.name)) for one in lines), key=lambda one: one.urgency)


def held_of(held: Held, name: str) -> tuple[Hold, ...]:
    """What is held back of a model: by itself, or with all."""
    return (*held.get(name, ()), *held.get(ALL_MODELS, ()))


def broken_line(name: str, why: str) -> Line:
    """The line of a model whose file cannot be used."""
    return Line(name, owner="", description="", broken=why)


def _one(model: Model, latest: Latest, runs: Runs, now: datetime) -> Line:
    try:
        return line(model, latest, runs, now)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one model, the others are shown
        _log.exception("the line of %s could not be made", model.name)
        why = f"its line could not be made ({type(error).__name__}: {error}): the log of the api-server has more"
        return Line(model.name, model.owner, model.description, runs=runs, faults=(why,))


def line(model: Model, latest: Latest, runs: Runs, now: datetime) -> Line:
    """One model's line; a document that cannot be read is marked, and the others are shown."""
    fields: dict[str, Any] = {"metric": model.criteria.metric, "faults": latest.faults}
    runs = replace(runs, failed=tuple(_with_reason(run, latest) for run in runs.failed))
    if latest.ledger:
        fields |= _of_ledger(latest.ledger.document.after)
    if latest.monitor:
        checked_at = latest.monitor.at
        fields |= {"checked_at": checked_at, "silent": now > model.silent_after(checked_at)}
        fields |= _of_check(latest.monitor.document)
    if latest.retrain:
        fields |= _of_retraining(latest.retrain.document)
        since = latest.monitor.document.as_of if latest.monitor else now
        fields["answered"] = fields.get("action") == "retrain" and latest.retrain.document.as_of >= since
    return Line(model.name, model.owner, model.description, runs=runs, **fields)


def _with_reason(run: FailedRun, latest: Latest) -> FailedRun:
    """The run with the reason that was kept of it: of an earlier run it would be another one's."""
    kept = {"monitor": latest.failed_monitor, "retrain": latest.failed_retrain}.get(run.stage)
    if kept is None or (kept.document.run_id, kept.document.task) != (run.run_id, run.task):
        return run
    return replace(run, reason=kept.document.reason)


def _of_ledger(state: State) -> dict[str, Any]:
    return {
        "champion": state.champion,
        "champion_since": state.champion_since,
        "moving": state.moving_since is not None,
        "on_probation": state.on_probation is not None,
    }


def _of_check(status: MonitorStatus) -> dict[str, Any]:
    drift, quality, finding = status.drift, status.quality, status.finding
    compared = drift.columns > 0
    return {
        "action": finding.action,
        "title": finding.headline,
        "reason": "; ".join(filter(None, [finding.page, finding.reason])),
        "advice": finding.advice,
        "features": drift.columns if compared else None,
        "drifted": len(drift.drifted) if compared else None,
        "metric": quality.metric,
        "measured_on": quality.period,
        "maturity": quality.newest_maturity,
        "value": quality.value,
        "low": quality.low,
        "high": quality.high,
        "estimate": quality.estimate,
        "decayed": quality.decayed,
        "measured_version": status.scored.champion.version if status.scored.champion else None,
    }


def _of_retraining(status: RetrainStatus) -> dict[str, Any]:
    verdict = status.verdict
    return {
        "verdict": verdict.verdict,
        "verdict_version": verdict.version,
        "refitted_as": status.refitted_as,
        "verdict_as_of": status.as_of,
    }
