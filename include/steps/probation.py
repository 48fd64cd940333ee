"""Probation: is the new champion worse than the one it replaced, on the same rows, now that labels have come?

In: what was scored. Out: the newest look, and what follows from it. Looks are as many as the model declares, at the periods
that it declares, with the bounds of O'Brien and Fleming; between them nothing is computed. Each look is written into the
ledger. Where the new one is worse, a rollback is proposed, once, or asked for; then, after the last look, or where the
previous champion cannot be asked any more, probation is over, and the ledger says why.
Moves no alias. A run that plays before the promotion does nothing. Safe to run again: what was said is found in the ledger, a
look counts as it was taken, and what a killed run did not write is written.
"""

import math
from datetime import datetime
from typing import Any

import pandas as pd

from include.champion.handover import fact
from include.decisions.data.periods import count_periods, is_mature
from include.decisions.monitoring.probation import Look, due, gain_over, look, planned
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import from_columns
from include.decisions.scoring.scorecard import Measured
from include.ledger.entries import Entry, Event, OnProbation
from include.models.contract import Model, Probation
from include.request import Request
from include.results import Probated, Scored, Shadow
from include.services import Services
from include.steps.assemble import labelled, labels_of
from include.steps.measure_quality import is_broken, with_labels

IF_IT_FAILS = "Nobody looked whether the new champion is worse than the previous one; the champion is unchanged."

_BY, _BEFORE = "probation", "_before"


def run(services: Services, model: Model, request: Request, scored: Scored) -> Probated:
    """Take the looks that are due, and say what follows.

    Raises:
        Locked: the champion was changed meanwhile.
    """
    newest = services.ledger.newest(model.name)
    tried = newest.after.on_probation if newest else None
    if newest is None or scored.champion is None:
        return Probated(summary="nobody is on probation")
    if tried is None or tried.version != scored.champion.version or request.as_of < tried.since:
        return _said_before(services, model, request, scored.champion.version)
    trial = _Trial(services, model, request, tried, newest.sequence)
    if model.probation is None:
        return trial.end("none", f"the model declares no probation: version {tried.version} is not looked at")
    last = trial.newest_look()
    if last and last.evidence["decision"] != "going on":
        # Whoever took it was killed before he had drawn the conclusion.
        return trial.conclude(last)
    if scored.shadow is None:
        return trial.going_on("no period has ended since the promotion")
    return _looked(trial, scored.shadow)


class _Trial:
    """One version on probation, and what is written about it."""

    def __init__(self, services: Services, model: Model, request: Request, tried: OnProbation, seen: int) -> None:
        self.services, self.model, self.request, self.tried = services, model, request, tried
        self.taken = tried.looks
        self._seen = seen

    @property
    def plan(self) -> Probation:
        """What was declared when the first look was taken: who changes it in between changes the next probation."""
        assert self.model.probation is not None
        first = self.newest_look()
        return Probation(**(first.evidence["plan"] | {"then": self.model.probation.then})) if first else self.model.probation

    def newest_look(self) -> Entry | None:
        """The newest look at this version, or None."""
        return self.services.ledger.newest_about(self.model.name, "looked", self.tried.version) if self.taken else None

    def write(self, event: Event, key: str, reason: str, evidence: dict[str, Any]) -> Entry:
        """One entry; refused where the champion was changed since the newest one that was read."""
        said = fact(self.request, event, key, by=_BY, reason=reason, version=self.tried.version, evidence=evidence)
        return self.services.ledger.append(self.model.name, said, seen=self._seen)

    def take(self, found: Look, evidence: dict[str, Any]) -> Entry:
        """Write a look; the one that an earlier try wrote is what counts."""
        entry = self.write(
            "looked", f"{self.tried.version} look {found.number}", _in_words(self.tried, found, evidence), evidence
        )
        self.taken = found.number
        return entry

    def conclude(self, entry: Entry) -> Probated:
        """What follows from a look that decides."""
        worse = entry.evidence["decision"] == "worse"
        if worse:
            reason = f"roll back to version {self.tried.against}: {entry.reason}"
            self.write("rollback_proposed", f"{self.tried.version} to {self.tried.against}", reason, entry.evidence)
        return self.end(entry.evidence["decision"], entry.reason, entry.evidence)

    def end(self, decision: str, reason: str, evidence: dict[str, Any] | None = None) -> Probated:
        """Probation is over."""
        told = (evidence or {}) | {"decision": decision, "against": self.tried.against, "looks": self.taken}
        entry = self.write("probation_ended", _ended_key(self.tried.version), reason, told)
        return _probated(self.model, entry)

    def going_on(self, why: str) -> Probated:
        """Nothing follows yet."""
        return Probated(
            decision="going on",
            version=self.tried.version,
            against=self.tried.against,
            looks=self.taken,
            summary=f"version {self.tried.version} is on probation against {self.tried.against}: {why}",
        )


def _looked(trial: _Trial, shadow: Shadow) -> Probated:
    plan = trial.plan
    rows, mature = _mature_rows(trial, shadow, plan.periods)
    numbers = due(plan, len(mature), trial.taken)
    gain = _measured(trial.model, rows) if numbers else None
    for number in numbers if gain else ():
        assert gain is not None
        found = look(plan, number, len(mature), gain)
        entry = trial.take(found, _evidence(trial.model, plan, found, len(rows), shadow, mature))
        if entry.evidence["decision"] != "going on":
            return trial.conclude(entry)
    if shadow.impossible:
        return trial.end("impossible", shadow.impossible)
    if numbers and gain is None and numbers[-1] == plan.looks:
        return trial.end("impossible", f"{trial.model.criteria.metric} has no value on the rows of {len(mature)} periods")
    if shadow.given_up:
        return trial.end(
            "impossible", f"only {len(mature)} of {plan.periods} periods could be judged: labels or rows are missing"
        )
    after = planned(plan)[trial.taken]
    return trial.going_on(f"{len(mature)} periods are mature, look {trial.taken + 1} of {plan.looks} comes after {after}")


def _mature_rows(trial: _Trial, shadow: Shadow, at_most: int) -> tuple[pd.DataFrame, list[datetime]]:
    """Labelled rows of the first so many mature periods, with what both versions said, and these periods' starts."""
    services, model, as_of = trial.services, trial.model, trial.request.as_of
    # Of later ones not even the first label is due.
    due_by_now = [one for one in shadow.periods if one.start + model.feed.label_delay <= as_of]
    if not due_by_now:
        return pd.DataFrame(), []
    lake, row = services.lake, list(dict.fromkeys([*model.feed.key, model.feed.time]))
    tables = (
        lake.read_table(one.key).merge(lake.read_table(one.shadow_key), on=row, suffixes=("", _BEFORE), validate="one_to_one")
        for one in due_by_now
    )
    rows = with_labels(services, model, pd.concat(tables, ignore_index=True))
    mature = [
        period.start
        for period in count_periods(rows, model, as_of)
        if is_mature(period, model) and not is_broken(services, model, period.start)
    ][:at_most]
    return labelled(model, rows[model.periods_of(rows[model.feed.time]).isin(mature)], as_of), mature


def _measured(model: Model, rows: pd.DataFrame) -> Measured | None:
    """The gain of new over previous; None where the metric has no value on these rows."""
    if rows.empty:
        return None
    before = {name: name.removesuffix(_BEFORE) for name in rows.columns if name.endswith(_BEFORE)}
    previous = from_columns(rows[list(before)].rename(columns=before))
    gain = gain_over(primary_metric(model), labels_of(model, rows), from_columns(rows), previous)
    return gain if math.isfinite(gain.value) and math.isfinite(gain.error) else None


def _evidence(model: Model, plan: Probation, found: Look, rows: int, shadow: Shadow, mature: list[datetime]) -> dict[str, Any]:
    """What the look rests on: figures, the plan, and where the predictions are."""
    return {
        "decision": found.decision,
        "against": shadow.against,
        "look": found.number,
        "metric": model.criteria.metric,
        "gain": found.gain.value,
        "error": found.gain.error,
        "z": found.z,
        "bound": found.bound,
        "rows": rows,
        "periods": [start.isoformat() for start in mature],
        "plan": {"periods": plan.periods, "looks": plan.looks, "alpha": plan.alpha},
        "predictions": [key for one in shadow.periods if one.start in mature for key in (one.key, one.shadow_key)],
    }


def _in_words(tried: OnProbation, found: Look, evidence: dict[str, Any]) -> str:
    outcome = {"worse": "it is worse", "going on": "it goes on", "passed": "it is not shown to be worse, and has passed"}
    return (
        f"look {found.number} of {evidence['plan']['looks']}: version {tried.version} against {tried.against} on "
        f"{evidence['rows']:,} rows of {found.periods} periods: {evidence['metric']} {found.gain.value:+.4g} "
        f"(standard error {found.gain.error:.2g}), z {found.z:.2f}, worse at {-found.bound:.2f} or below: "
        f"{outcome[found.decision]}"
    )


def _said_before(services: Services, model: Model, request: Request, version: str) -> Probated:
    """Nobody is on probation: but a run that was cleared, or tried again, says what it said."""
    ended = services.ledger.newest_of(model.name, "probation_ended", _ended_key(version))
    if ended is None or ended.run_id != request.run_id or _changed_since(services, model, ended):
        return Probated(summary="nobody is on probation")
    return _probated(model, ended)


def _ended_key(version: str) -> str:
    return f"{version} on probation"


def _changed_since(services: Services, model: Model, ended: Entry) -> bool:
    return any(entry.champion != ended.version for entry in services.ledger.entries(model.name, after=ended.sequence))


def _probated(model: Model, ended: Entry) -> Probated:
    told = ended.evidence
    return Probated(
        decision=told["decision"],
        version=ended.version,
        against=told["against"],
        looks=told["looks"],
        z=told.get("z"),
        bound=told.get("bound"),
        then=model.probation.then if model.probation else "propose",
        summary=ended.reason,
    )
