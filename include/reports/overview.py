"""All models at a glance: what the page "Models" says about each of them, from the board and from Airflow. Pure and light.

What is not known is None and shown as a dash, never as a zero.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.adapters.latest_status import Posted
from include.ledger.tally import Tally
from include.models.contract import Model

# Words of triage and of the gate that ask somebody to look, the most urgent first.
_URGENT = ("stop", "alarm", "page", "retrain", "wait")
# What a document that is not ours raises when it is taken for one.
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
# As the alert in deploy/prometheus/rules.yml: three periods, and never less than three days.
_NOBODYS_SILENCE = timedelta(days=3)


@dataclass(frozen=True)
class InAirflow:
    """What Airflow alone knows about a model: the review that waits for a person, and when it is retrained next.

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

    `silent` says that the last check is too long ago, `answered` that the retraining for which it asked has ended.
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
    measured_on: str = ""
    maturity: float | None = None
    estimate: float | None = None
    decayed: bool = False
    verdict: str | None = None
    verdict_version: str | None = None
    verdict_as_of: str = ""
    answered: bool = False
    unreadable: bool = False
    airflow: InAirflow = InAirflow()

    @property
    def urgency(self) -> tuple[int, str]:
        """Lines that ask somebody to look sort first: by what they ask for, then by name."""
        if self.unreadable or self.airflow.failed or self.airflow.review_run or self.moving:
            return 0, self.name
        if self.silent:
            return 1, self.name
        rank = _URGENT.index(self.action) + 2 if self.action in _URGENT and not self.answered else len(_URGENT) + 2
        return rank, self.name


def overview(
    models: Iterable[Model], board: Mapping[str, Mapping[str, Posted]], airflow: Mapping[str, InAirflow], now: datetime
) -> list[Line]:
    """A line per model, those that ask somebody to look first."""
    lines = (_line(model, board.get(model.name, {}), airflow.get(model.name, InAirflow()), now) for model in models)
    return sorted(lines, key=lambda one: one.urgency)


def _line(model: Model, posted: Mapping[str, Posted], airflow: InAirflow, now: datetime) -> Line:
    """One model's line, also where somebody else wrote on the board: that is no reason to see none of the others."""
    try:
        return line(model, posted, airflow, now)
    except UNREADABLE:
        return Line(model.name, model.owner, model.description, unreadable=True, airflow=airflow)


def line(model: Model, posted: Mapping[str, Posted], airflow: InAirflow, now: datetime) -> Line:
    """One model's line.

    Raises:
        LookupError, TypeError, ValueError: somebody else wrote on the board.
    """
    found: dict[str, Any] = {"metric": model.criteria.metric}
    if "ledger" in posted:
        found |= _of_ledger(Tally.from_json(posted["ledger"].document))
    if "monitor" in posted:
        checked_at = posted["monitor"].at
        found |= {"checked_at": checked_at, "silent": now - checked_at > max(3 * model.feed.period, _NOBODYS_SILENCE)}
        found |= _of_check(posted["monitor"].document)
    if "retrain" in posted:
        found |= _of_retraining(posted["retrain"].document)
        asked = posted["monitor"].document if "monitor" in posted else {}
        found["answered"] = found.get("action") == "retrain" and _moment(posted["retrain"].document) >= _moment(asked)
    return Line(model.name, model.owner, model.description, airflow=airflow, **found)


def _of_ledger(tally: Tally) -> dict[str, Any]:
    return {
        "champion": tally.state.champion,
        "champion_since": tally.champion_since,
        "moving": tally.moving_since is not None,
        "on_probation": tally.state.on_probation is not None,
    }


def _of_check(document: Mapping[str, Any]) -> dict[str, Any]:
    drift, quality, finding = document["drift"], document["quality"], document["finding"]
    compared = drift["columns"] > 0
    return {
        "action": finding["action"],
        "reason": finding["reason"],
        "features": drift["columns"] if compared else None,
        "drifted": len(drift["drifted"]) if compared else None,
        "metric": quality["metric"],
        "measured_on": str(quality["period"] or "")[:10],
        "maturity": quality["newest_maturity"],
    } | {name: quality[name] for name in ("value", "low", "high", "estimate", "decayed")}


def _of_retraining(document: Mapping[str, Any]) -> dict[str, Any]:
    verdict = document["verdict"]
    return {
        "verdict": verdict["verdict"],
        "verdict_version": verdict["version"],
        "verdict_as_of": str(document["as_of"])[:10],
    }


def _moment(document: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(document["as_of"])
