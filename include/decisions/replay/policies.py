"""Policies: when to retrain, and on which window. Hundreds of them, simulated on the same history."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import TypeAlias

from scipy.stats import norm

from include.decisions.scoring.scorecard import Z95
from include.models.contract import Model

Z90 = float(norm.ppf(0.90))
CADENCES = (1, 2, 4, 8, 13, 26)
_SHARES, _PSI = (0.01, 0.02, 0.05, 0.10), (0.1, 0.2, 0.5)


@dataclass(frozen=True)
class AgeTrigger:
    """Fires when the last retraining, promoted or not, is so many periods old."""

    periods: int

    def in_words(self, unit: str) -> str:
        """The trigger in a sentence."""
        return f"every {unit}" if self.periods == 1 else f"every {self.periods} {unit}s"


@dataclass(frozen=True)
class DecayTrigger:
    """Fires when the newest `periods` mature periods are together worse than what the champion proved, and each of them is.

    Worse by more than `share` of it, and by more than `z` standard errors of the difference.
    """

    share: float
    z: float
    periods: int

    def in_words(self, unit: str) -> str:
        """The trigger in a sentence."""
        when = f"{self.periods} {unit}s running" if self.periods > 1 else f"in a {unit}"
        return f"on a drop of {self.share:.0%} {when} ({norm.cdf(self.z):.0%} sure)"


@dataclass(frozen=True)
class DriftTrigger:
    """Fires when the PSI of any feature, newest period against the champion's training rows, is above `psi`."""

    psi: float

    def in_words(self, unit: str) -> str:
        """The trigger in a sentence."""
        return f"on PSI above {self.psi:g}"


Trigger: TypeAlias = AgeTrigger | DecayTrigger | DriftTrigger


@dataclass(frozen=True)
class Policy:
    """Retrain when any trigger fires, but not within `cool_down` periods of the last time; on `window` periods, or all.

    With `others` the better window is chosen before the hold-out; where `earlier_return`, earlier champions take part in that
    choice. Without a trigger it never retrains.
    """

    triggers: tuple[Trigger, ...]
    cool_down: int = 1
    window: int | None = None
    others: tuple[int | None, ...] = ()
    earlier_return: bool = False

    @property
    def windows(self) -> tuple[int | None, ...]:
        """All that are compared, in the order in which ties are decided."""
        return tuple(dict.fromkeys([self.window, *self.others]))

    @property
    def longest(self) -> int | None:
        """Periods after which it retrains whatever the data say; None if that may never be."""
        return min((trigger.periods for trigger in self.triggers if isinstance(trigger, AgeTrigger)), default=None)

    def in_words(self, unit: str) -> str:
        """The policy in a sentence.

        >>> Policy((DecayTrigger(0.05, Z90, 2), AgeTrigger(13)), cool_down=2).in_words("week")
        'on a drop of 5% 2 weeks running (90% sure), or every 13 weeks, 2 weeks apart at least, trained on all history'
        """
        if not self.triggers:
            return "never"
        apart = f", {self.cool_down} {unit}s apart at least" if self.cool_down > 1 else ""
        on = " or ".join("all history" if size is None else f"the newest {size} {unit}s" for size in self.windows)
        back = ", earlier champions may return" if self.earlier_return else ""
        return ", or ".join(trigger.in_words(unit) for trigger in self.triggers) + apart + f", trained on {on}{back}"


NEVER = Policy(())


def label_delay_in_periods(model: Model) -> int:
    """Whole periods until the labels of a new model's first period are known; at least one."""
    return _in_periods(model, model.feed.label_delay)


def _in_periods(model: Model, span: timedelta) -> int:
    """So many whole periods that a time is over; at least one."""
    return max(1, -(-span // model.feed.longest_period))


def default_policy(model: Model) -> Policy:
    """A drop of 5 % in two mature periods, each shown at 90 %, or thirteen periods since the last retraining."""
    return Policy((DecayTrigger(0.05, Z90, 2), AgeTrigger(13)), label_delay_in_periods(model), model.candidate.train_periods)


def current_policy(model: Model) -> Policy:
    """The settings of the model's file: as often as it pays, or its decay, cadence, age and cool-down; and its windows.

    Of candidates that differ in more than their windows the first one is played.
    """
    first, *others = (candidate.train_periods for candidate in model.candidates)
    if model.retraining.when == "it pays":
        apart = round((model.retraining.cool_down or timedelta(0)) / model.feed.longest_period)
        every = AgeTrigger(max(model.worthwhile_periods, apart))
        return Policy((every,), 1, first, tuple(others), earlier_return=True)
    cool_down = _in_periods(model, model.effective_cool_down)
    age = max(1, round(min(interval_of(model.retraining.cadence), model.max_model_age) / model.feed.longest_period))
    triggers = (DecayTrigger(model.retraining.decay_share, Z90, 2), AgeTrigger(age))
    return Policy(triggers, cool_down, first, tuple(others), earlier_return=True)


def interval_of(cron: str) -> timedelta:
    """About how long it is from one slot of a cron line to the next.

    >>> [interval_of(line).days for line in ("0 7 1 * *", "0 7 1 */3 *", "0 8 * * TUE", "30 6 * * *")]
    [30, 91, 7, 1]
    """
    _, hour, day, month, weekday = cron.split()
    if month != "*":
        return timedelta(days=365) / _times(month, 12)
    if day != "*":
        return timedelta(days=30) / _times(day, 30)
    if weekday != "*":
        return timedelta(days=7) / _times(weekday, 7)
    return timedelta(hours=1) if hour == "*" else timedelta(days=1) / _times(hour, 24)


def _times(field: str, of: int) -> int:
    """How many values of so many a field of a cron line takes."""
    _, every, step = field.partition("*/")
    return math.ceil(of / int(step)) if every else len(field.split(","))


def candidates(model: Model, windows: Sequence[int | None], longest: int) -> list[Policy]:
    """Every policy that is tried, the rarest cadence included; none is rarer than `longest` periods."""
    delay = label_delay_in_periods(model)
    ages = [AgeTrigger(periods) for periods in CADENCES if periods <= longest] or [AgeTrigger(1)]
    decays = [DecayTrigger(share, z, periods) for share, z, periods in product(_SHARES, (Z90, Z95), (1, 2, 3))]
    rare = ages[-2:]
    policies: list[Policy] = []
    for window in windows:
        policies += [Policy((age,), 1, window) for age in ages]
        for cool_down in (delay, 2 * delay, 4 * delay):
            policies += [Policy((decay,), cool_down, window) for decay in decays]
            policies += [Policy((DriftTrigger(psi),), cool_down, window) for psi in _PSI]
            policies += [Policy((decay, age), cool_down, window) for decay, age in product(decays, rare)]
    return policies
