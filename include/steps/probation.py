"""Probation: is the new champion worse than the one it replaced, on the same rows, now that labels have come?

In: what was scored. Out: the newest look, and what follows from it. Looks are as many as the model declares, at the periods
that it declares, with the bounds of O'Brien and Fleming; between them nothing is computed. Each look is written into the
ledger. Where the new one is worse, a rollback is proposed, once, or asked for; then, after the last look, or where the
previous champion cannot be asked any more, probation is over, and the ledger says why.
Moves no alias. A run as of a time before the promotion does nothing. Safe to run again: its entries are found in the ledger, a
look counts as it was taken, and what a killed run did not write is written.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from include.champion.handover import Author, Subject, fact
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.periods import count_periods, is_mature
from include.decisions.monitoring.probation import Look, due, gain_over, look, planned
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import from_columns
from include.decisions.scoring.scorecard import CLEAN, Measured
from include.figures import figure, signed
from include.ledger.entries import Entry
from include.ledger.state import EventName, OnProbation
from include.models.contract import Model, Probation
from include.results import Event, Probated, RollbackRequested, Scored, Shadow
from include.services import StepContext

IF_IT_FAILS = "It was not checked whether the new champion is worse than the previous one; the champion is unchanged."

_BY, _BEFORE = "probation", "_before"


def run(context: StepContext, scored: Scored) -> Probated:
    """Take the looks that are due, and draw the conclusion.

    Raises:
        Locked: the champion was changed meanwhile.
    """
    newest = context.services.ledger.newest(context.model.name)
    on_probation = newest.after.on_probation if newest else None
    if newest is None or scored.champion is None:
        return Probated(summary="no version is on probation")
    number = scored.champion.version
    if on_probation is None or on_probation.version != number or context.request.as_of < on_probation.since:
        return _concluded_before(context, number)
    trial = _OnTrial(context, on_probation, newest.sequence)
    if context.model.probation is None:
        return trial.end("none", f"the model declares no probation: version {number} is not looked at")
    last = trial.newest_look()
    if last and last.evidence["decision"] != "going on":
        # The run that took the look was killed before it had drawn the conclusion.
        return trial.conclude(last)
    if scored.shadow is None:
        return trial.going_on("no period has ended since the promotion")
    return _take_looks(trial, scored.shadow)


def events(context: StepContext, probated: Probated) -> tuple[Event, ...]:
    """A worse champion requests a rollback, where the model declares that."""
    if (probated.decision, probated.then) != ("worse", "roll_back"):
        return ()
    return (
        RollbackRequested(
            as_of=context.request.as_of,
            reason=probated.summary,
            target=str(probated.against),
            instead_of=str(probated.version),
        ),
    )


class _OnTrial:
    """One version on probation, and what is written about it."""

    def __init__(self, context: StepContext, on_probation: OnProbation, seen: int) -> None:
        self.services, self.model, self.request = context.services, context.model, context.request
        self.version, self.against = on_probation.version, on_probation.against
        self.taken = on_probation.looks
        self._seen = seen

    @property
    def plan(self) -> Probation:
        """What was declared when the first look was taken: a change in between counts for the next probation."""
        assert self.model.probation is not None
        first = self.newest_look()
        return Probation(**(first.evidence["plan"] | {"then": self.model.probation.then})) if first else self.model.probation

    def newest_look(self) -> Entry | None:
        """The newest look at this version, or None."""
        return self.services.ledger.newest_about(self.model.name, "looked", self.version) if self.taken else None

    def write(self, event: EventName, key: str, reason: str, evidence: dict[str, Any]) -> Entry:
        """One entry; refused where the champion was changed since the newest one that was read."""
        about = Subject(key, self.version)
        return self.services.ledger.append(
            self.model.name, fact(self.request, event, about, Author(_BY, reason), evidence=evidence), seen=self._seen
        )

    def take(self, look: Look, evidence: dict[str, Any]) -> Entry:
        """Write a look; the one that an earlier try wrote is what counts."""
        entry = self.write("looked", f"{self.version} look {look.number}", _in_words(self.version, look, evidence), evidence)
        self.taken = look.number
        return entry

    def conclude(self, entry: Entry) -> Probated:
        """What follows from a look that decides."""
        worse = entry.evidence["decision"] == "worse"
        if worse:
            reason = f"roll back to version {self.against}: {entry.reason}"
            self.write("rollback_proposed", f"{self.version} to {self.against}", reason, entry.evidence)
        return self.end(entry.evidence["decision"], entry.reason, entry.evidence)

    def end(self, decision: str, reason: str, evidence: dict[str, Any] | None = None) -> Probated:
        """Probation is over."""
        evidence = (evidence or {}) | {"decision": decision, "against": self.against, "looks": self.taken}
        entry = self.write("probation_ended", _ended_key(self.version), reason, evidence)
        return _probated(self.model, entry)

    def going_on(self, why: str) -> Probated:
        """Nothing follows yet."""
        return Probated(
            decision="going on",
            version=self.version,
            against=self.against,
            looks=self.taken,
            summary=f"version {self.version} is on probation against {self.against}: {why}",
        )


def _take_looks(trial: _OnTrial, shadow: Shadow) -> Probated:
    plan = trial.plan
    rows, mature = _mature_rows(trial, shadow, plan.periods)
    numbers = due(plan, len(mature), trial.taken)
    gain = _measured(trial.model, rows) if numbers else None
    for number in numbers if gain else ():
        assert gain is not None
        taken = look(plan, number, len(mature), gain)
        entry = trial.take(taken, _evidence(trial.model, plan, taken, _Compared(len(rows), shadow, mature)))
        if entry.evidence["decision"] != "going on":
            return trial.conclude(entry)
    if shadow.impossible:
        return trial.end("impossible", shadow.impossible)
    if numbers and gain is None and numbers[-1] == plan.looks:
        return trial.end("impossible", _no_gain(trial.model, rows, len(mature)))
    if shadow.given_up:
        return trial.end(
            "impossible", f"only {len(mature)} of {plan.periods} periods could be judged: labels or rows are missing"
        )
    after = planned(plan)[trial.taken]
    return trial.going_on(f"{len(mature)} periods are mature, look {trial.taken + 1} of {plan.looks} comes after {after}")


def _mature_rows(trial: _OnTrial, shadow: Shadow, at_most: int) -> tuple[pd.DataFrame, list[datetime]]:
    """Labelled rows of the first so many mature periods, with the predictions of both versions, and these periods' starts."""
    lake, model, as_of = trial.services.lake, trial.model, trial.request.as_of
    # No label of a later period is due yet.
    due_by_now = [one for one in shadow.periods if one.start + model.feed.label_delay <= as_of]
    if not due_by_now:
        return pd.DataFrame(), []
    row = list(dict.fromkeys([*model.feed.key, model.feed.time, *model.feed.cluster]))
    tables = (
        lake.read_table(one.key).merge(lake.read_table(one.shadow_key), on=row, suffixes=("", _BEFORE), validate="one_to_one")
        for one in due_by_now
    )
    predictions = pd.concat(tables, ignore_index=True)
    rows, _ = lake.with_labels(model, predictions, lake.files_about(model, predictions), as_of)
    mature = [
        period.start
        for period in count_periods(rows, model, as_of)
        if is_mature(period, model) and not lake.is_broken(model.name, period.start)
    ][:at_most]
    return labelled(model, rows[model.periods_of(rows[model.feed.time]).isin(mature)], as_of), mature


def _measured(model: Model, rows: pd.DataFrame) -> Measured | None:
    """The gain of new over previous; None where the metric has no value on these rows."""
    if rows.empty:
        return None
    before = {name: name.removesuffix(_BEFORE) for name in rows.columns if name.endswith(_BEFORE)}
    previous = from_columns(rows[list(before)].rename(columns=before))
    answers = Answers(labels_of(model, rows), {CLEAN: from_columns(rows)}, None, Clusters.of_rows(rows, model.feed))
    gain = gain_over(primary_metric(model), answers, previous)
    return gain if math.isfinite(gain.value) and math.isfinite(gain.error) else None


def _no_gain(model: Model, rows: pd.DataFrame, periods: int) -> str:
    clusters = Clusters.of_rows(rows, model.feed)
    if clusters.present < 2:
        return f"the rows of {periods} periods are from {clusters.present} {clusters.unit}: a loss cannot be told from chance"
    return f"{model.criteria.metric} has no value on the rows of {periods} periods"


@dataclass(frozen=True)
class _Compared:
    """What two versions were compared on: how many rows, of which periods, and where their predictions are."""

    rows: int
    shadow: Shadow
    mature: list[datetime]


def _evidence(model: Model, plan: Probation, taken: Look, on: _Compared) -> dict[str, Any]:
    """What the look rests on: numbers, the plan, and where the predictions are."""
    return {
        "decision": taken.decision,
        "against": on.shadow.against,
        "look": taken.number,
        "metric": model.criteria.metric,
        "gain": taken.gain.value,
        "error": taken.gain.error,
        "degrees_of_freedom": taken.gain.freedom if math.isfinite(taken.gain.freedom) else None,
        "z": taken.z,
        "bound": taken.bound,
        "rows": on.rows,
        "periods": [start.isoformat() for start in on.mature],
        "plan": {"periods": plan.periods, "looks": plan.looks, "alpha": plan.alpha},
        "predictions": [key for one in on.shadow.periods if one.start in on.mature for key in (one.key, one.shadow_key)],
    }


def _in_words(version: str, taken: Look, evidence: dict[str, Any]) -> str:
    outcome = {"worse": "it is worse", "going on": "it goes on", "passed": "it is not shown to be worse, and has passed"}
    return (
        f"look {taken.number} of {evidence['plan']['looks']}: version {version} against {evidence['against']} on "
        f"{evidence['rows']:,} rows of {taken.periods} periods: {evidence['metric']} {signed(taken.gain.value, 4)} "
        f"(standard error {figure(taken.gain.error, 2)}), z {taken.z:.2f}, worse at {-taken.bound:.2f} or below: "
        f"{outcome[taken.decision]}"
    )


def _concluded_before(context: StepContext, version: str) -> Probated:
    """No version is on probation: but a run that was cleared, or tried again, repeats its conclusion."""
    ledger, model = context.services.ledger, context.model
    ended = ledger.newest_of(model.name, "probation_ended", _ended_key(version))
    if ended is None or ended.run_id != context.request.run_id or _changed_since(context, ended):
        return Probated(summary="no version is on probation")
    return _probated(model, ended)


def _ended_key(version: str) -> str:
    return f"{version} on probation"


def _changed_since(context: StepContext, ended: Entry) -> bool:
    later = context.services.ledger.entries(context.model.name, after=ended.sequence)
    return any(entry.champion != ended.version for entry in later)


def _probated(model: Model, ended: Entry) -> Probated:
    evidence = ended.evidence
    return Probated(
        decision=evidence["decision"],
        version=ended.version,
        against=evidence["against"],
        looks=evidence["looks"],
        z=evidence.get("z"),
        bound=evidence.get("bound"),
        then=model.probation.then if model.probation else "propose",
        summary=ended.reason,
    )
