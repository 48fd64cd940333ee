"""The verdict: what the evidence allows, under criteria that were fixed before training."""

import math
from dataclasses import dataclass
from typing import Literal

from include.decisions.evidence import Z80, Z95, Condition, Evidence
from include.decisions.metrics import METRICS, Metric
from include.models.contract import Criteria

Word = Literal["promote", "keep", "inconclusive", "blocked"]
Lane = Literal["routine", "change"]


@dataclass(frozen=True)
class Decision:
    """A verdict and its reasons, the deciding one first."""

    verdict: Word
    reasons: tuple[str, ...]


def unsound(evidence: Evidence, criteria: Criteria) -> list[str]:
    """Why this holdout can decide nothing; empty when it can."""
    reasons = []
    unknown = [condition.name for condition in evidence.conditions if not _is_finite(condition)]
    if unknown:
        reasons.append(f"{evidence.metric} cannot be computed on: {', '.join(unknown)}")
    if evidence.rows < criteria.min_rows:
        reasons.append(f"the holdout has {evidence.rows} labelled rows, {criteria.min_rows} are needed")
    if evidence.positives is not None:
        rarer = min(evidence.positives, evidence.rows - evidence.positives)
        if rarer < criteria.min_positives:
            reasons.append(f"the rarer class has {rarer} rows in the holdout, {criteria.min_positives} are needed")
    return reasons


def _is_finite(condition: Condition) -> bool:
    gain = (condition.gain.value, condition.gain.error) if condition.gain else ()
    return all(
        math.isfinite(value) for value in (condition.challenger, condition.challenger_error, condition.champion or 0.0, *gain)
    )


def decide(evidence: Evidence, criteria: Criteria, lane: Lane, problems: list[str]) -> Decision:
    """The verdict. `problems` are checks that failed or could not be made: any of them blocks.

    Routine lane (same recipe, fresher data): the lower 80 % bound of the gain is above 0 and the lower 95 % bound above minus
    the margin. Change lane (anything else): the lower 95 % bound is above 0. Bounds are one-sided. The first champion must
    reach the floors; there is nothing to compare it with.
    """
    blocked = problems + unsound(evidence, criteria)
    if blocked:
        return Decision("blocked", tuple(blocked))
    missed = _missed_floors(evidence, criteria)
    if missed:
        return Decision("keep", tuple(missed))
    if evidence.blend is None:
        return Decision("promote", ("first champion: it reaches the floors on clean and on noisy rows",))
    return _compared(evidence, criteria, lane)


def _missed_floors(evidence: Evidence, criteria: Criteria) -> list[str]:
    metric = METRICS[evidence.metric]
    missed = []
    for where, value, floor in (
        ("clean", evidence.clean.challenger, criteria.floor),
        ("noisy", evidence.noisy_challenger, criteria.noisy_floor),
    ):
        if value is not None and metric.gain(value - floor) < 0:
            missed.append(f"{metric.name} on {where} rows is {value:.4g}, the success criteria ask for {floor:.4g}")
    return missed


def _compared(evidence: Evidence, criteria: Criteria, lane: Lane) -> Decision:
    assert evidence.blend is not None
    gain, error = evidence.blend.value, evidence.blend.error
    low80, low95, high95 = gain - Z80 * error, gain - Z95 * error, gain + Z95 * error
    seen = f"gain on the clean/noisy mix {gain:+.3g} {METRICS[evidence.metric].name}"
    if lane == "routine" and low80 > 0 and low95 > -criteria.margin:
        return Decision("promote", (f"{seen}: the lower 80 % bound {low80:+.3g} is above 0",))
    if lane == "change" and low95 > 0:
        return Decision("promote", (f"{seen}: the lower 95 % bound {low95:+.3g} is above 0",))
    if gain + Z80 * error <= 0:
        return Decision("keep", (f"{seen}: the challenger is worse (upper 80 % bound {gain + Z80 * error:+.3g})",))
    if high95 < criteria.margin:
        return Decision("keep", (f"{seen}: whatever it gains is below the margin {criteria.margin:.4g}",))
    return Decision("inconclusive", (f"{seen}, 90 % interval {low95:+.3g} to {high95:+.3g}", _rows_needed(evidence, criteria)))


def _rows_needed(evidence: Evidence, criteria: Criteria) -> str:
    """Rows at which a true gain of the size of the margin would be seen at 95 % with 80 % power."""
    assert evidence.blend is not None
    factor = ((Z95 + Z80) * evidence.blend.error / criteria.margin) ** 2
    return f"about {math.ceil(evidence.rows * factor):,} rows would decide about a gain of {criteria.margin:.4g}"


def suspicious_predictions(name: str, metric: Metric, finite: bool, distinct: int) -> list[str]:
    """Why a model's predictions cannot be judged; empty when they can."""
    problems = []
    if not finite:
        problems.append(f"{name} predicts values that are not finite: {metric.name} cannot be computed")
    if distinct < 2:
        problems.append(f"{name} predicts one and the same value for every row")
    return problems
