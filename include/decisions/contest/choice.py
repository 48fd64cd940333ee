"""The choice: which of the pool becomes the challenger.

What is not shown to be behind the best, at 95 % and paired by rows, is as good; of those the first one is taken. One that is
not shown to be better than the recipe of the champion, and loses against it on clean rows or under one kind of noise, is left
out: the gate would refuse it (`harm`). The linear baseline is there to be compared with: it is taken only where it is ahead
by a margin, beyond chance. The hold-out takes no part, so that choosing among many costs no error rate of the gate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import blended
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import Z95, Measured
from include.models.contract import BASELINE, Criteria


@dataclass(frozen=True, eq=False)
class Scored:
    """One of the pool on the n rows that all are compared on.

    `value` is the clean/noisy mix of the primary metric, turned so that more is better; `influence` each row's, shape (n,);
    `by_condition` has both for each condition.
    """

    name: str
    value: float
    influence: Floats = field(repr=False)
    by_condition: Mapping[str, tuple[float, Floats]] = field(default_factory=dict, repr=False)

    @classmethod
    def mixed(cls, name: str, by_condition: Mapping[str, tuple[float, Floats]], noisy_share: float) -> "Scored":
        """From what it is worth under each condition, and the share of noise in the mix."""
        return cls(name, *blended(by_condition, noisy_share), by_condition)


@dataclass(frozen=True)
class Choice:
    """The name of the winner, and by how much it is ahead of each of the pool, itself included.

    `harmful` names those that were left out because of noise, each with the condition under which it loses most.
    """

    winner: str
    ahead: dict[str, Measured]
    harmful: dict[str, str]


def choose(pool: Sequence[Scored], clusters: Clusters, criteria: Criteria, of_champion: str = "") -> Choice:
    """The first of the pool that is as good as the best; `of_champion` names the candidate that the champion came from."""
    recipe = next((one for one in pool if one.name == of_champion), None)
    worst = {one.name: harmed(one, recipe, clusters, criteria) if recipe else "" for one in pool}
    left = [one for one in pool if not worst[one.name]]
    contestants = [one for one in left if one.name != BASELINE] or left
    best = max(contestants, key=lambda scored: scored.value)
    winner = next(one for one in contestants if as_good(gain(best, one, clusters), criteria.margin))
    for baseline in left:
        ahead = gain(baseline, winner, clusters)
        if baseline.name == BASELINE and ahead.value >= criteria.margin and ahead.above(-Z95) > 0:
            winner = baseline
    harmful = {name: condition for name, condition in worst.items() if condition}
    return Choice(winner.name, {one.name: gain(winner, one, clusters) for one in pool}, harmful)


def harmed(one: Scored, recipe: Scored, clusters: Clusters, criteria: Criteria) -> str:
    """The condition under which it loses most against a recipe, by more than `harm` and beyond chance.

    Empty where there is none, or where it is shown to be better on the mix. Each condition by itself, at 95 %: the gate judges
    all of them together, and on other rows.
    """
    if gain(one, recipe, clusters).above(-Z95) > 0:
        return ""
    lost = dict[str, float]()
    for condition, (value, influence) in one.by_condition.items():
        if condition in recipe.by_condition:
            its_value, its_influence = recipe.by_condition[condition]
            ahead = Measured(value - its_value, *clusters.error(influence - its_influence))
            if ahead.above(Z95) < 0 and ahead.value < -criteria.largest_harm:
                lost[condition] = ahead.value
    return min(lost, key=lambda condition: lost[condition]) if lost else ""


def gain(one: Scored, other: Scored, clusters: Clusters) -> Measured:
    """How much better one is than another, paired by rows."""
    return Measured(one.value - other.value, *clusters.error(one.influence - other.influence))


def as_good(behind: Measured, margin: float) -> bool:
    """Whether what lies so far behind is not shown to be worse; where no error is known, whether it is less than a margin."""
    return behind.above(-Z95) <= 0 if math.isfinite(behind.error) else behind.value < margin
