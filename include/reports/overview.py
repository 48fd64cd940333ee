"""All models at a glance: what the page "Models" shows of each, from the latest status and from the orchestrator. Pure, light.

What is not known is None and shown as a dash, never as a zero.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.ledger.state import State
from include.models.contract import Model
from include.statuses import Latest, MonitorStatus, RetrainStatus

# Actions of triage that need attention, most urgent first.
_URGENT = ("stop", "alarm", "page", "retrain", "wait")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runs:
    """What only the orchestrator knows about a model: the review that waits for a person, and the next retraining.

    `failed` are the newest runs of monitor and retrain that ended red.
    """

    review_run: str | None = None
    review_since: datetime | None = None
    next_retraining: datetime | None = None
    paused: bool = False
    failed: "tuple[FailedRun, ...]" = ()


@dataclass(frozen=True)
class FailedRun:
    """A run that ended red: of which stage, in which task, and when."""

    stage: str
    run_id: str
    task: str
    at: datetime


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
    reason: str = ""
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
    verdict: str | None = None
    verdict_version: str | None = None
    verdict_as_of: datetime | None = None
    answered: bool = False
    broken: str = ""
    faults: tuple[str, ...] = ()
    runs: Runs = Runs()

    @property
    def urgency(self) -> tuple[int, str]:
        """Most urgent first: by what needs attention, then by name."""
        if self.broken or self.faults or self.runs.failed or self.runs.review_run or self.moving:
            return 0, self.name
        if self.silent:
            return 1, self.name
        rank = _URGENT.index(self.action) + 2 if self.action in _URGENT and not self.answered else len(_URGENT) + 2
        return rank, self.name


def overview(models: Iterable[Model], latest: Mapping[str, Latest], runs: Mapping[str, Runs], now: datetime) -> list[Line]:
    """A line per model, most urgent first; a model whose line cannot be made has one that says so."""
    lines = (_one(model, latest.get(model.name, Latest()), runs.get(model.name, Runs()), now) for model in models)
    return sorted(lines, key=lambda one: one.urgency)


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
        "reason": finding.reason,
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
    }


def _of_retraining(status: RetrainStatus) -> dict[str, Any]:
    verdict = status.verdict
    return {"verdict": verdict.verdict, "verdict_version": verdict.version, "verdict_as_of": status.as_of}
