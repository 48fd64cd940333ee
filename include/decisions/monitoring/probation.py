"""Probation: is the new champion worse than the one it replaced? Looked at a few times, declared before, never in between.

A group sequential test with the boundaries of O'Brien and Fleming (Biometrics 35, 1979), one-sided, as in Jennison and
Turnbull, Group Sequential Methods with Applications to Clinical Trials, 2000, chapters 2.4 and 19.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from include.decisions.data.periods import waiting_periods
from include.decisions.scoring.evidence import Answers, blend_gain
from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.predictions import Predictions
from include.decisions.scoring.scorecard import CLEAN, Measured
from include.models.contract import Model, Probation

# Gauss-Legendre nodes, and how far below zero there is any mass: the constants agree with the published ones to three digits.
_NODES, _FAR = 128, -6.0


@dataclass(frozen=True)
class Look:
    """What one look found: `number` of those planned, on how many periods.

    `gain` is new against previous in the metric's unit, turned so that more is better; `z` is it over its standard error, as a
    normal deviate.
    The new one is worse when z is at or below `-bound`.
    """

    number: int
    periods: int
    gain: Measured
    z: float
    bound: float
    decision: Literal["worse", "going on", "passed"]


def planned(plan: Probation) -> tuple[int, ...]:
    """After how many periods each look is due.

    >>> planned(Probation(periods=4, looks=2)), planned(Probation(periods=5, looks=3))
    ((2, 4), (2, 4, 5))
    """
    return tuple(math.ceil(number * plan.periods / plan.looks) for number in range(1, plan.looks + 1))


def bounds(plan: Probation) -> tuple[float, ...]:
    """The bound on |z| of each look: C / sqrt(t) where t is the share of the planned periods that the look comes after.

    >>> [round(bound, 3) for bound in bounds(Probation(periods=4, looks=2))]
    [2.797, 1.977]
    """
    shares = tuple(periods / plan.periods for periods in planned(plan))
    return tuple(_constant(shares, plan.alpha) / math.sqrt(share) for share in shares)


def due(plan: Probation, periods: int, taken: int) -> list[int]:
    """Numbers of the looks that are due with so many mature periods: those planned by now and not taken yet, each once.

    >>> due(Probation(), 1, 0), due(Probation(), 3, 0), due(Probation(), 3, 1), due(Probation(), 4, 0), due(Probation(), 9, 2)
    ([], [1], [], [1, 2], [])
    """
    return [number for number, after in enumerate(planned(plan), start=1) if number > taken and after <= periods]


def gain_over(metric: Metric, answers: Answers, previous: Predictions) -> Measured:
    """The paired difference of the answers to the previous ones on the same n rows, with its standard error."""
    return blend_gain(metric, answers, {CLEAN: previous}, 0.0)[0]


def look(plan: Probation, number: int, periods: int, gain: Measured) -> Look:
    """What a look decides. Two versions with the same predictions have a z of 0."""
    z = gain.z
    bound = bounds(plan)[number - 1]
    over: Literal["going on", "passed"] = "passed" if number == plan.looks else "going on"
    return Look(number, periods, gain, z, bound, "worse" if z <= -bound else over)


def periods_of_probation(model: Model, plan: Probation, since: datetime, newest: datetime) -> tuple[list[datetime], bool]:
    """The periods of a probation that have ended, and whether it has lasted as long as it may.

    `since` is the start of its first period, `newest` that of the newest one that has ended. Twice the declared periods may
    fall out, broken or without labels, beside those whose labels are waited for; then it is given up.
    """
    longest = 2 * plan.periods + waiting_periods(model)
    ended = max(model.periods_between(since, newest) + 1, 0)
    return [model.later(since, turn) for turn in range(min(ended, longest))], ended > longest


@lru_cache
def _constant(shares: tuple[float, ...], alpha: float) -> float:
    """C, so that a random walk seen at these shares of its time is ever at or above C with probability alpha."""
    single = float(norm.isf(alpha))
    return float(brentq(lambda c: _crossed(shares, c) - alpha, single - 0.1, single + 3, xtol=1e-8))


def _crossed(shares: tuple[float, ...], constant: float) -> float:
    """Probability that a standard Brownian motion is at or above a constant at one of these times, the last of which is 1.

    z at share t is B(t) / sqrt(t), so bounds of C / sqrt(t) on z are one constant for B. By recursive numerical integration
    (Armitage, McPherson and Rowe, J. R. Stat. Soc. A 132, 1969): the density of what has not crossed is carried from look to
    look.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (constant - _FAR) / 2
    at, weights = _FAR + half * (nodes + 1), half * weights
    step = math.sqrt(shares[0])
    crossed, density = float(norm.sf(constant / step)), norm.pdf(at / step) / step
    for before, now in pairwise(shares):
        step = math.sqrt(now - before)
        crossed += float((weights * density) @ norm.sf((constant - at) / step))
        density = norm.pdf((at[:, None] - at) / step) / step @ (weights * density)
    return crossed
