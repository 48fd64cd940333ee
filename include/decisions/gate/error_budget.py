"""The error budget: how often a lane may promote an equal challenger by chance, spent over the model's year.

Every comparison with the champion is a chance to promote a challenger that is only equal. The chance of at least one such
promotion in a year, and the number that is expected, are at most the sum of the levels of the year's comparisons, whatever
these share: hold-outs, champions, code (Boole's inequality). So levels are spent from a budget. It follows the calendar, as in
Lan and DeMets (Biometrika 70, 1983), because the number of a year's comparisons is not known beforehand: a part is there at
once, the rest is added evenly, and each comparison spends at most half of what is there. Over any year that is at most the
year's budget: what is there at once and what is added in a year make up the whole.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from scipy.stats import norm

from include.figures import figure

Lane = Literal["routine", "change"]
YEAR = timedelta(days=365)
# The rest is added over the year: one comparison a week gets two thirds of what an even share of the whole would be.
AT_ONCE = 1 / 3


@dataclass(frozen=True)
class Budget:
    """Promotions of equal challengers that are expected in a year, at most, and the largest level of one comparison."""

    yearly: float
    largest: float

    @property
    def at_once(self) -> float:
        """The most that is ever there: also what a lane begins with."""
        return self.yearly * AT_ONCE

    def added_in(self, time: timedelta) -> float:
        """What is added to it meanwhile."""
        return self.yearly * (1 - AT_ONCE) * max(time, timedelta()) / YEAR


# A change of recipe has to be an improvement: a wrong one in at most 5 % of years. 4 % are spent, because bounds at levels of
# a few in ten thousand, from the days of a month, hold only nearly. An equal model of the same recipe costs a deployment and
# no quality, while a retraining that was refused by chance costs quality until the next one.
BUDGETS: dict[Lane, Budget] = {"change": Budget(yearly=0.04, largest=0.05), "routine": Budget(yearly=5.0, largest=0.20)}


@dataclass(frozen=True)
class Spent:
    """What one comparison spends: the probability `level` with which it may promote an equal challenger.

    `left` is there after it, as of `at`.
    """

    level: float
    left: float
    at: datetime

    @property
    def z(self) -> float:
        """The level as a one-sided normal deviate: the lower bound lies so many standard errors below the gain."""
        return deviate(self.level)


def deviate(level: float) -> float:
    """The normal deviate that is exceeded with this probability; infinite at 0."""
    return float(norm.isf(level))


def spend(lane: Lane, at: datetime, before: Spent | None) -> Spent:
    """What a comparison as of a time spends, after the lane's last one before it; None where there was none.

    A comparison as of an earlier time than the last one adds nothing to the budget: time is counted once.
    """
    budget = BUDGETS[lane]
    there = budget.at_once if before is None else min(budget.at_once, before.left + budget.added_in(at - before.at))
    level = min(budget.largest, there / 2)
    return Spent(level, there - level, max(at, before.at) if before else at)


def first_level(lane: Lane) -> float:
    """The level of a lane's first comparison, which no later one exceeds."""
    budget = BUDGETS[lane]
    return min(budget.largest, budget.at_once / 2)


def in_words(lane: Lane, spent: Spent) -> str:
    """What a comparison spent, and how much of the lane's year is left."""
    budget = BUDGETS[lane]
    monthly = budget.added_in(timedelta(days=30))
    return (
        f"An equal challenger passes this comparison with a probability of {figure(100 * spent.level, 2)} %. The "
        f"{lane} lane may "
        f"promote {budget.yearly:g} by chance in any 365 days: {figure(spent.left, 2)} are left now, and 30 days "
        f"add {figure(monthly, 2)}. "
        "Comparing again soon is stricter."
    )
