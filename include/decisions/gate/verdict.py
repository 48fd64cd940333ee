"""The verdict: what the evidence allows, under criteria that were fixed before training."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from include.decisions.gate.budgets import Cost, asks_for_budgets, over_budget, unmeasured
from include.decisions.gate.error_budget import Lane, deviate, first_level
from include.decisions.scoring.clusters import FEWEST_CLUSTERS
from include.decisions.scoring.predictions import Predictions, is_constant, numbers_of
from include.decisions.scoring.scorecard import (
    ALL_ROWS,
    CELL_POSITIVES,
    CELL_ROWS,
    Z80,
    Z95,
    Cell,
    Measured,
    Scorecard,
    width,
)
from include.figures import figure, signed
from include.models.contract import Criteria

Word = Literal["promote", "keep", "inconclusive", "blocked"]
_MOST_HARMS = 3


@dataclass(frozen=True)
class Decision:
    """A verdict and its reasons, the deciding one first.

    A `rescue` promotes what is better than the champion and still below the floors that were asked for.
    """

    verdict: Word
    reasons: tuple[str, ...]
    rescue: bool = False


@dataclass(frozen=True)
class Circumstances:
    """What counts beside the scorecard: `problems` are checks that failed or could not be made, and any of them blocks.

    `cost` is what answering costs; `first` is the reason why there is no champion, where there is one; `level` the
    probability with which this comparison may promote an equal challenger, by default that of a lane's first one.
    """

    problems: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    first: str = ""
    level: float | None = None

    def level_of(self, lane: Lane) -> float:
        """The level of this comparison in a lane."""
        return first_level(lane) if self.level is None else self.level


NOTHING_ELSE = Circumstances()


def decide(
    scorecard: Scorecard,
    criteria: Criteria,
    lane: Lane,
    circumstances: Circumstances = NOTHING_ELSE,
) -> Decision:
    """The verdict. Any problem blocks.

    Then the absolute criteria: floors, trivial answers, budgets. Then no slice and no kind of noise may be harmed. Then the
    gain on the clean/noisy mix: its lower bound at the level that this comparison spends of the lane's error budget is
    above 0. The budget of the routine lane (same recipe, fresher data) is larger than that of the change lane (anything else);
    there, the lower 95 % bound also has to be above minus the margin. Last, two lower 95 % bounds: on noisy rows alone above
    minus the margin, so that a gain on clean rows cannot buy a loss on noisy ones, and against the frozen reference above
    minus the anchor's margin. Bounds are one-sided. Without a champion only the absolute criteria count.

    Floors and trivial answers guard against a challenger that is too bad to answer. They are no reason to keep a champion that
    misses the same ones and is shown to be worse: then the challenger is promoted all the same, as a rescue, and people are
    told.
    """
    cost = circumstances.cost
    blocked = [*circumstances.problems, *unsound(scorecard, criteria), *unmeasured(cost, criteria)]
    if blocked:
        return Decision("blocked", tuple(blocked))
    if few := too_few_clusters(scorecard):
        return Decision("inconclusive", (few,))
    missed, rescue = list(_missed(scorecard, criteria).values()), _champion_misses_them_too(scorecard, criteria)
    refused = over_budget(cost, criteria) + _harmed(scorecard)
    if refused or (missed and not rescue):
        return Decision("keep", (*missed, *refused))
    if scorecard.blend is None:
        why = (
            circumstances.first
            or "first champion: it reaches the floors on clean and on noisy rows, and beats the trivial answers"
        )
        return Decision("promote", (why,))
    compared = _compared(scorecard, scorecard.blend, criteria, circumstances.level_of(lane))
    for what, gain, margin in (
        ("on noisy rows alone", scorecard.noisy, criteria.margin),
        ("against the frozen reference", scorecard.anchor, criteria.anchor_tolerance),
    ):
        if compared.verdict == "promote" and gain is not None:
            compared = _not_inferior(scorecard, compared, what, gain, margin)
    return _rescued(compared, missed) if missed else compared


def _rescued(compared: Decision, missed: Sequence[str]) -> Decision:
    """What was decided about a challenger that misses what the champion misses too."""
    if compared.verdict != "promote":
        return Decision("keep", (*missed, *compared.reasons))
    first, *others = compared.reasons
    return Decision("promote", (f"better, and still below what was asked for: {first}", *missed, *others), rescue=True)


Outcome = Literal["passed", "failed", "undecided", "not made"]
CHECKS = ("sound", "clean_floor", "noisy_floor", "baselines", "budgets", "harm", "gain", "noisy_margin", "anchor")


def checks(
    decision: Decision,
    scorecard: Scorecard | None,
    criteria: Criteria,
    lane: Lane,
    circumstances: Circumstances = NOTHING_ELSE,
) -> dict[str, Outcome]:
    """What came of each check of `decide`, by its name in CHECKS; one that was not reached, or not asked for, was not made."""
    made: dict[str, Outcome] = dict.fromkeys(CHECKS, "not made")
    if decision.verdict == "blocked" or scorecard is None:
        return made | {"sound": "failed"}
    made["sound"] = "passed"
    made |= _absolute(scorecard, criteria, circumstances.cost)
    excused = ("clean_floor", "noisy_floor", "baselines") if _champion_misses_them_too(scorecard, criteria) else ()
    if scorecard.blend is None or any(outcome == "failed" and name not in excused for name, outcome in made.items()):
        return made
    made["gain"] = _OUTCOME[_compared(scorecard, scorecard.blend, criteria, circumstances.level_of(lane)).verdict]
    if made["gain"] == "passed":
        made |= _not_worse(scorecard, criteria)
    return made


_OUTCOME: dict[Word, Outcome] = {"promote": "passed", "keep": "failed", "inconclusive": "undecided"}


def _absolute(scorecard: Scorecard, criteria: Criteria, cost: Cost) -> dict[str, Outcome]:
    missed = _missed(scorecard, criteria)
    made_checks: tuple[tuple[str, bool, bool], ...] = (
        ("clean_floor", True, "clean" in missed),
        ("noisy_floor", scorecard.noisy_challenger is not None, "noisy" in missed),
        ("baselines", bool(scorecard.baselines), bool(missed.keys() - {"clean", "noisy"})),
        ("budgets", asks_for_budgets(criteria), bool(over_budget(cost, criteria))),
        ("harm", scorecard.blend is not None, bool(scorecard.harms)),
    )
    return {name: "failed" if failed else "passed" for name, made, failed in made_checks if made}


def _not_worse(scorecard: Scorecard, criteria: Criteria) -> dict[str, Outcome]:
    """The two last checks, in the order in which they are made."""
    made: dict[str, Outcome] = {}
    for name, gain, margin in (
        ("noisy_margin", scorecard.noisy, criteria.margin),
        ("anchor", scorecard.anchor, criteria.anchor_tolerance),
    ):
        if gain is not None and "failed" not in made.values() and "undecided" not in made.values():
            made[name] = _OUTCOME[_not_inferior(scorecard, Decision("promote", ()), name, gain, margin).verdict]
    return made


def too_few_clusters(scorecard: Scorecard) -> str:
    """Why the error of a gain cannot be told on this holdout; empty when it can."""
    if scorecard.clusters >= FEWEST_CLUSTERS:
        return ""
    seen = f"{scorecard.rows:,} holdout rows from {scorecard.clusters} {scorecard.cluster_unit}"
    return (
        f"{seen}, at least {FEWEST_CLUSTERS} are needed to tell a gain from chance: hold out more (holdout_periods), or name "
        "what makes rows independent (feed.cluster)"
    )


def unsound(scorecard: Scorecard, criteria: Criteria) -> list[str]:
    """Why this holdout can decide nothing; empty when it can."""
    reasons = []
    told = scorecard.clusters >= FEWEST_CLUSTERS
    unknown = [cell.condition for cell in scorecard.conditions if not _is_finite(cell, told)]
    if unknown:
        reasons.append(f"{scorecard.metric} cannot be computed on: {', '.join(unknown)}")
    if told and scorecard.anchor and not (math.isfinite(scorecard.anchor.value) and math.isfinite(scorecard.anchor.error)):
        reasons.append(f"{scorecard.metric} cannot be computed for the frozen reference: freeze another, by its alias")
    if scorecard.rows < criteria.min_rows:
        reasons.append(f"the holdout has {scorecard.rows} labelled rows, {criteria.min_rows} are needed")
    if scorecard.positives is not None:
        rarer = min(scorecard.positives, scorecard.rows - scorecard.positives)
        if rarer < criteria.min_positives:
            reasons.append(f"the rarer class has {rarer} rows in the holdout, {criteria.min_positives} are needed")
    return reasons


def _is_finite(cell: Cell, told: bool) -> bool:
    """Whether the values are numbers; their errors too where clusters are enough to tell them."""
    gain = cell.gain or Measured(0.0, 0.0)
    errors = (cell.challenger_error, gain.error) if told else ()
    return all(math.isfinite(value) for value in (cell.challenger, cell.champion or 0.0, gain.value, *errors))


def _missed(scorecard: Scorecard, criteria: Criteria) -> dict[str, str]:
    """The floors and trivial answers that the challenger is not above, and for each why, in words."""
    missed = {}
    for where, (value, champion, floor) in _floors(scorecard, criteria).items():
        if _is_below(scorecard, value, floor):
            beside = "" if champion is None else f"; the champion's is {figure(champion, 4)}"
            missed[where] = (
                f"{scorecard.metric} on {where} rows is {figure(value, 4)}, the success criteria ask for "
                f"{figure(floor, 4)}{beside}"
            )
    return missed | {
        where: f"not shown to beat the answer {where}: gain {signed(gain.value)} ± {figure(gain.error, 2)}"
        for where, gain in not_beaten(scorecard.baselines).items()
    }


def _champion_misses_them_too(scorecard: Scorecard, criteria: Criteria) -> bool:
    """Whether the champion misses everything that the challenger misses, one thing at least."""
    floors = _floors(scorecard, criteria).items()
    of_champion = {where for where, (_, champion, floor) in floors if _is_below(scorecard, champion, floor)}
    of_champion |= not_beaten(scorecard.champion_baselines).keys()
    missed = _missed(scorecard, criteria).keys()
    return bool(missed) and missed <= of_champion


def _floors(scorecard: Scorecard, criteria: Criteria) -> dict[str, tuple[float | None, float | None, float]]:
    """On clean and on noisy rows: the challenger's value, the champion's, and the floor."""
    clean = scorecard.clean
    return {
        "clean": (clean.challenger, clean.champion, criteria.floor),
        "noisy": (scorecard.noisy_challenger, scorecard.noisy_champion, criteria.noisy_floor),
    }


def _is_below(scorecard: Scorecard, value: float | None, floor: float) -> bool:
    return value is not None and (value - floor if scorecard.higher_is_better else floor - value) < 0


def not_beaten(baselines: Mapping[str, tuple[Measured, Measured]]) -> dict[str, Measured]:
    """The trivial answers that a model is not shown to beat, and on which rows; with its gain there."""
    return {
        f'"{name}" on {where} rows': gain
        for name, gains in baselines.items()
        for where, gain in zip(("clean", "noisy"), gains, strict=True)
        if gain.above(-Z95) <= 0
    }


def _harmed(scorecard: Scorecard) -> list[str]:
    reasons = [
        f"worse on {harm.where}: {signed(harm.gain)} {scorecard.metric}, and by at least {figure(-harm.bound, 2)} ({harm.by})"
        if math.isfinite(harm.gain)
        else f"worse on {harm.where}: {scorecard.metric} has no value for the challenger, and has one for the champion"
        for harm in scorecard.harms[:_MOST_HARMS]
    ]
    more = len(scorecard.harms) - len(reasons)
    return [*reasons, f"and worse in {more} other places"] if more > 0 else reasons


def _compared(scorecard: Scorecard, blend: Measured, criteria: Criteria, level: float) -> Decision:
    low, high80 = blend.above(-deviate(level)), blend.above(Z80)
    low95, high95 = blend.above(-Z95), blend.above(Z95)
    seen = f"gain on the clean/noisy mix {signed(blend.value)} {scorecard.metric}"
    shown = f"the lower {100 - float(figure(100 * level, 2)):.8g} % bound {signed(low)}"
    asked = f"{shown} has to be above 0"
    # Above 0 at a level of 5 % or less, it is above minus the margin too: this is about the routine lane.
    if low > 0 and low95 <= -criteria.margin:
        asked = f"{shown} is above 0, and that of 95 % has to be above {figure(-criteria.margin, 4)}"
    elif low > 0:
        return Decision("promote", (f"{seen}: {shown} is above 0",))
    if high80 <= 0:
        return Decision("keep", (f"{seen}: the challenger is not better (upper 80 % bound {signed(high80)})",))
    if high95 < criteria.margin:
        return Decision("keep", (f"{seen}: whatever it gains is below the margin {figure(criteria.margin, 4)}",))
    return Decision(
        "inconclusive",
        (
            f"{seen}, 90 % interval {signed(low95)} to {signed(high95)}: {asked}",
            needed(scorecard, blend, criteria.margin, level),
        ),
    )


def _not_inferior(scorecard: Scorecard, compared: Decision, what: str, gain: Measured, margin: float) -> Decision:
    """Still `promote` where the lower 95 % bound is above minus the margin."""
    low = gain.above(-Z95)
    seen = f"{what} {signed(gain.value)} {scorecard.metric}, lower 95 % bound {signed(low)}"
    if low > -margin:
        return Decision("promote", (*compared.reasons, f"{seen} is above {signed(-margin)}"))
    if gain.value < -margin:
        return Decision("keep", (f"{seen}: it lost more than {figure(margin)}", *compared.reasons))
    return Decision(
        "inconclusive",
        (f"{seen}: not shown to be above {signed(-margin)}", needed(scorecard, gain, margin)),
    )


def needed(scorecard: Scorecard, measured: Measured, gain: float, level: float = 0.05) -> str:
    """What a holdout would need to see a true gain of this size at a level with 80 % power; `measured` is on this one."""
    deviations = width(deviate(level), measured.freedom) + width(Z80, measured.freedom)
    times = (deviations * measured.error / gain) ** 2
    rows = f"about {math.ceil(scorecard.rows * times):,} rows"
    there = f"{scorecard.rows:,}"
    if scorecard.cluster_unit != "rows":
        rows += f" from {math.ceil(scorecard.clusters * times):,} {scorecard.cluster_unit}"
        there += f" from {scorecard.clusters:,}"
    return f"{rows} would decide about a gain of {figure(gain, 4)}; there are {there}"


def untested(scorecard: Scorecard) -> str:
    """Which declared slices are too small to be judged, in words; empty when none is."""
    cells = [c for c in scorecard.cells if c.metric == scorecard.metric and c.where != ALL_ROWS and not c.tested]
    named = list(dict.fromkeys(cell.where for cell in cells))
    if not named:
        return ""
    shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
    fewest = f"{CELL_ROWS} rows or {CELL_POSITIVES} of the rarer class"
    if scorecard.cluster_unit != "rows":
        fewest = f"{CELL_ROWS} rows, {CELL_POSITIVES} of the rarer class or {FEWEST_CLUSTERS} {scorecard.cluster_unit}"
    return f"not tested, fewer than {fewest}, or no value: {shown}"


def suspicious_predictions(name: str, predictions: dict[str, Predictions], clean: Predictions) -> list[str]:
    """Why a model's predictions cannot be judged; empty when they can."""
    problems = []
    wrong = [condition for condition, answers in predictions.items() if not np.isfinite(numbers_of(answers)).all()]
    if wrong:
        problems.append(f"{name} predicts values that are not finite under: {', '.join(wrong)}")
    elif is_constant(clean):
        problems.append(f"{name} predicts one and the same value for every row")
    return problems
