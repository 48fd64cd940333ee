"""The choice: which of the pool becomes the challenger.

What is behind by less than a margin, and by less than one standard error, is as good (the rule of Breiman et al.,
Classification and Regression Trees, 1984, on paired differences); of those that are as good as the best, the first one is
taken. The linear baseline is there to be compared with: it is taken only where it is ahead by a margin, beyond chance. The
hold-out takes no part, so that choosing among many costs no error rate of the gate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import Z95, Measured
from include.models.contract import BASELINE


@dataclass(frozen=True, eq=False)
class Scored:
    """One of the pool on the n rows that all are compared on.

    `value` is the clean/noisy mix of the primary metric, turned so that more is better; `influence` each row's, shape (n,).
    """

    name: str
    value: float
    influence: Floats = field(repr=False)


@dataclass(frozen=True)
class Choice:
    """The name of the winner, and by how much it is ahead of each of the pool, itself included."""

    winner: str
    ahead: dict[str, Measured]


def choose(pool: Sequence[Scored], clusters: Clusters, margin: float) -> Choice:
    """The first of the pool that is as good as the best; `margin` is the success criteria's, in the metric's unit."""
    contestants = [scored for scored in pool if scored.name != BASELINE] or list(pool)
    best = max(contestants, key=lambda scored: scored.value)
    winner = next(scored for scored in contestants if as_good(gain(best, scored, clusters), margin))
    for baseline in pool:
        ahead = gain(baseline, winner, clusters)
        if baseline.name == BASELINE and ahead.value >= margin and ahead.above(-Z95) > 0:
            winner = baseline
    return Choice(winner.name, {scored.name: gain(winner, scored, clusters) for scored in pool})


def gain(one: Scored, other: Scored, clusters: Clusters) -> Measured:
    """How much better one is than another, paired by rows."""
    return Measured(one.value - other.value, *clusters.error(one.influence - other.influence))


def as_good(behind: Measured, margin: float) -> bool:
    """Whether what lies so far behind is as good: less than a margin, and within one standard error where that is known."""
    return behind.value < margin and (not math.isfinite(behind.error) or behind.value <= behind.error)
