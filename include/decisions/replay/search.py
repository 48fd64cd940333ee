"""How often should this model be retrained?

Every policy lives through the same past; the one that is best in its first part is reported on the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from include.decisions.replay.ageing import Ageing, ageing
from include.decisions.replay.bootstrap import Interval, mean_of
from include.decisions.replay.policies import (
    NEVER,
    Age,
    Drift,
    Policy,
    candidates,
    current_policy,
    default_policy,
    label_delay_in_periods,
    unit_of,
)
from include.decisions.replay.simulation import Past, Walk, oracle, served_values, walk
from include.decisions.scoring.predictions import Floats
from include.models.contract import Model

# Fewer periods are no history to choose from.
FEWEST_PERIODS = 12
Grounds = Literal["tuned", "changed", "nothing"]
_OPEN_ENDED = ("mae", "rmse", "pinball", "money")


@dataclass(frozen=True)
class Part:
    """What a policy did in a part of the past.

    `gain` is the mean over its periods of the metric against the first model, which never changed, turned so that more is
    better; `kept` is that as a share of the gain of retraining in every period, None where that gain is not shown; `net` is
    what a period brought, in money, after paying for the retrainings.
    """

    gain: Interval
    retrains: int
    promoted: int
    kept: float | None
    net: float


@dataclass(frozen=True)
class Tried:
    """One policy, with or without the gate, in the part that it may be chosen by and in the part that it is reported on."""

    policy: Policy
    gated: bool
    tuning: Part
    reporting: Part


@dataclass(frozen=True)
class Replay:
    """The answer. `named` holds what a person would ask about; `recommended` is one of `tried`.

    `ungated` are these as they would have done without the gate. `against_current` is what the recommended one brings more
    than the current settings, in money a period, on the reporting part. `ceiling` is the gain of the best model of each
    period, chosen with hindsight. `grounds`: the policy that was chosen holds on the reporting part ("tuned"); it does not,
    and retraining in every period does ("changed"); nothing is shown to beat the first model there ("nothing").
    """

    unit: str
    point: float
    windows: tuple[int | None, ...]
    tried: tuple[Tried, ...]
    named: dict[str, Tried]
    ungated: dict[str, Tried]
    recommended: Tried
    grounds: Grounds
    against_current: Interval
    ceiling: Interval
    ageing: Ageing
    tuning_periods: int
    reporting_periods: int


def replay(past: Past, model: Model, point: float) -> Replay:
    """Try every policy; `point` is what one point is in the metric's unit."""
    windows = past.plan.windows
    scale = _scale(past, model, point)
    longest = max(1, len(past.scored) // 2)
    tried = [scale.tried(policy) for policy in candidates(model, windows, longest)]
    named = {name: scale.tried(policy) for name, policy in _named(model, longest).items()}
    recommended, grounds = _recommended(tried, named[EVERY], scale, windows[0])
    return Replay(
        unit=unit_of(model.feed.period),
        point=point,
        windows=windows,
        tried=tuple(tried),
        named=named,
        ungated={name: scale.tried(one.policy, gated=False) for name, one in (named | {RECOMMENDED: recommended}).items()},
        recommended=recommended,
        grounds=grounds,
        against_current=scale.net_of(recommended, named[CURRENT], scale.reporting),
        ceiling=mean_of((oracle(past) - scale.static)[scale.reporting], model.seed),
        ageing=ageing(past, windows[0], model.seed),
        tuning_periods=scale.tuning.stop,
        reporting_periods=scale.reporting.stop - scale.tuning.stop,
    )


def point_of(metric: str, own: bool) -> float:
    """What one point is, in the metric's unit.

    >>> point_of("roc_auc", own=False), point_of("mae", own=False)
    (0.01, 1.0)
    """
    return 1.0 if own or metric in _OPEN_ENDED else 0.01


STATIC, EVERY, CURRENT, DEFAULT, RECOMMENDED = "never", "every period", "current settings", "default", "recommended"


def _named(model: Model, longest: int) -> dict[str, Policy]:
    unit, window = unit_of(model.feed.period), model.candidate.train_periods
    rare = {f"every {k} {unit}s": Policy((Age(k),), 1, window) for k in (4, 13) if k <= longest}
    drift = {"PSI above 0.2": Policy((Drift(0.2),), label_delay_in_periods(model), window)}
    found = {STATIC: NEVER, EVERY: Policy((Age(1),), 1, window), **rare, **drift}
    return found | {CURRENT: current_policy(model), DEFAULT: default_policy(model)}


def _recommended(tried: Sequence[Tried], every: Tried, scale: "_Scale", window: int | None) -> tuple[Tried, Grounds]:
    chosen = _chosen(tried, scale, window)
    if chosen.reporting.gain.low > 0:
        return chosen, "tuned"
    if every.reporting.gain.low <= 0:
        return _rarest(tried, window), "nothing"
    # Where retraining is dear, the chosen one may rightly be too rare to show a gain.
    return (every, "changed") if every.reporting.net > chosen.reporting.net else (chosen, "tuned")


def _chosen(tried: Sequence[Tried], scale: "_Scale", window: int | None) -> Tried:
    """The best net value on the tuning part; of equals, the one with fewer retrainings.

    A trigger alone falls silent with its labels, so only what has an age is chosen. What is plainer stays unless the other is
    better: a cadence stays unless the best policy brings more by over one standard error (Breiman et al., 1984), the model's
    own window unless the best one on another is shown to bring more. Early in a history windows hardly differ.
    """
    aged = [one for one in tried if one.policy.longest is not None]
    own = _plainer(scale, [one for one in aged if one.policy.window == window])
    best = _plainer(scale, aged)
    return best if scale.net_of(best, own, scale.tuning).low > 0 else own


def _plainer(scale: "_Scale", tried: Sequence[Tried]) -> Tried:
    ranked = sorted(tried, key=lambda one: (-round(one.tuning.net, 2), one.tuning.retrains))
    cadence = next(one for one in ranked if len(one.policy.triggers) == 1)
    more = scale.net_of(ranked[0], cadence, scale.tuning)
    return ranked[0] if more.value > more.error else cadence


def _rarest(tried: Sequence[Tried], window: int | None) -> Tried:
    """The plain cadence with the longest interval."""
    plain = [one for one in tried if one.policy.window == window and len(one.policy.triggers) == 1]
    return max(plain, key=lambda one: one.policy.longest or 0)


@dataclass(frozen=True, eq=False)
class _Scale:
    """What every policy is held against: the first model, the gains of retraining in every period, and the price."""

    past: Past
    model: Model
    point: float
    static: Floats
    tuning: slice
    reporting: slice
    every: dict[int, Interval]

    def tried(self, policy: Policy, gated: bool = True) -> Tried:
        walked = walk(self.past, policy, gated)
        return Tried(policy, gated, self.part(walked, self.tuning), self.part(walked, self.reporting))

    def part(self, walked: Walk, part: slice) -> Part:
        gain = self.gain(walked, part)
        first, last = self.past.scored[part.start], self.past.scored[part.stop - 1]
        retrains, promoted = (int(done[first : last + 1].sum()) for done in (walked.retrained, walked.promoted))
        every, worth = self.every[part.start], self.model.retraining.worth
        return Part(
            gain=gain,
            retrains=retrains,
            promoted=promoted,
            kept=gain.value / every.value if every.low > 0 else None,
            net=worth.point * gain.value / self.point - worth.retrain * retrains / (part.stop - part.start),
        )

    def net_of(self, one: Tried, over: Tried, part: slice) -> Interval:
        """How much more one policy brings than another, in money a period."""
        more = self._nets(one.policy) - self._nets(over.policy)
        return mean_of(more[part], self.model.seed)

    def _nets(self, policy: Policy) -> Floats:
        walked, worth = walk(self.past, policy), self.model.retraining.worth
        earned = worth.point / self.point * served_values(self.past, walked)
        return np.asarray(earned - worth.retrain * walked.retrained[self.past.scored])

    def gain(self, walked: Walk, part: slice) -> Interval:
        return mean_of((served_values(self.past, walked) - self.static)[part], self.model.seed)


def _scale(past: Past, model: Model, point: float) -> _Scale:
    periods = len(past.scored)
    tuning, reporting = slice(0, periods // 2), slice(periods // 2, periods)
    scale = _Scale(past, model, point, served_values(past, walk(past, NEVER)), tuning, reporting, {})
    every = walk(past, Policy((Age(1),), 1, model.candidate.train_periods))
    return replace(scale, every={part.start: scale.gain(every, part) for part in (tuning, reporting)})
