"""How often should this model be retrained?

Every policy is simulated on the same history; the one that is best in the first part is reported on the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from include.decisions.replay.ageing import Ageing, ageing
from include.decisions.replay.bootstrap import Interval, mean_of
from include.decisions.replay.policies import (
    NEVER,
    AgeTrigger,
    DriftTrigger,
    Policy,
    candidates,
    current_policy,
    default_policy,
    label_delay_in_periods,
)
from include.decisions.replay.simulation import Backtest, Simulation, oracle, served_values, simulate
from include.decisions.scoring.predictions import Floats
from include.models.contract import Model
from include.periods import in_a_word

# Fewer periods are no history to choose from.
FEWEST_PERIODS = 12
Grounds = Literal["tuned", "changed", "nothing"]
_OPEN_ENDED = ("mae", "rmse", "pinball", "money")


@dataclass(frozen=True)
class PolicyScore:
    """The result of a policy in a part of the history.

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
class PolicyResult:
    """One policy, with or without the gate, in the part that it may be chosen by and in the part that it is reported on."""

    policy: Policy
    gated: bool
    tuning: PolicyScore
    reporting: PolicyScore


@dataclass(frozen=True)
class Replay:
    """The answer. `named` holds the usual policies; `recommended` is one of `tried`.

    `ungated` are these without the gate. `against_current` is what the recommended one brings more
    than the current settings, in money a period, on the reporting part, and `over_current` what each of `named` brings more.
    `ceiling` is the gain of the best model of each
    period, chosen with hindsight. `grounds`: the policy that was chosen holds on the reporting part ("tuned"); it does not,
    and retraining in every period does ("changed"); nothing is shown to beat the first model there ("nothing").
    `flattered` is in how many periods rows or labels were corrected later, and by how much models look better on the corrected
    ones, in the metric's unit; None where nothing was. `returning` is what earlier champions that come back bring the current
    settings, in the metric's unit.
    """

    unit: str
    point: float
    windows: tuple[int | None, ...]
    tried: tuple[PolicyResult, ...]
    named: dict[str, PolicyResult]
    ungated: dict[str, PolicyResult]
    recommended: PolicyResult
    grounds: Grounds
    against_current: Interval
    ceiling: Interval
    ageing: Ageing
    tuning_periods: int
    reporting_periods: int
    returning: Interval
    flattered: tuple[int, float] | None = None
    over_current: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def is_better(self) -> bool:
        """Whether the recommended policy was shown to bring more than the current settings: only then is it advised."""
        return self.against_current.low > 0


def replay(backtest: Backtest, model: Model, point: float) -> Replay:
    """Try every policy; `point` is what one point is in the metric's unit."""
    windows = backtest.plan.windows
    evaluator = _evaluator(backtest, model, point)
    longest = max(1, len(backtest.scored) // 2)
    tried = [evaluator.tried(policy) for policy in candidates(model, windows, longest)]
    named = {name: evaluator.tried(policy) for name, policy in _named(model, longest).items()}
    recommended, grounds = _recommended(tried, named[EVERY], evaluator, windows[0])
    return Replay(
        unit=in_a_word(model.feed.period),
        point=point,
        windows=windows,
        tried=tuple(tried),
        named=named,
        ungated={name: evaluator.tried(one.policy, gated=False) for name, one in (named | {RECOMMENDED: recommended}).items()},
        recommended=recommended,
        grounds=grounds,
        against_current=evaluator.net_of(recommended, named[CURRENT], evaluator.reporting),
        ceiling=mean_of((oracle(backtest) - evaluator.static)[evaluator.reporting], model.seed),
        ageing=ageing(backtest, windows[0], model.seed),
        tuning_periods=evaluator.tuning.stop,
        reporting_periods=evaluator.reporting.stop - evaluator.tuning.stop,
        returning=evaluator.more_of(named[CURRENT], named[ALONE], evaluator.reporting),
        flattered=backtest.flattered(),
        over_current={name: evaluator.net_of(one, named[CURRENT], evaluator.reporting) for name, one in named.items()},
    )


def point_of(metric: str, own: bool) -> float:
    """What one point is, in the metric's unit.

    >>> point_of("roc_auc", own=False), point_of("mae", own=False)
    (0.01, 1.0)
    """
    return 1.0 if own or metric in _OPEN_ENDED else 0.01


STATIC, EVERY, CURRENT, DEFAULT, RECOMMENDED = "never", "every period", "current settings", "default", "recommended"
ALONE = "current settings, no earlier champion"


def _named(model: Model, longest: int) -> dict[str, Policy]:
    unit, window = in_a_word(model.feed.period), model.candidate.train_periods
    rare = {f"every {k} {unit}s": Policy((AgeTrigger(k),), 1, window) for k in (4, 13) if k <= longest}
    drift = {"PSI above 0.2": Policy((DriftTrigger(0.2),), label_delay_in_periods(model), window)}
    cadences = {STATIC: NEVER, EVERY: Policy((AgeTrigger(1),), 1, window), **rare, **drift}
    current = current_policy(model)
    return cadences | {CURRENT: current, ALONE: replace(current, earlier_return=False), DEFAULT: default_policy(model)}


def _recommended(
    tried: Sequence[PolicyResult], every: PolicyResult, evaluator: "_Evaluator", window: int | None
) -> tuple[PolicyResult, Grounds]:
    chosen = _chosen(tried, evaluator, window)
    if chosen.reporting.gain.low > 0:
        return chosen, "tuned"
    if every.reporting.gain.low <= 0:
        return _rarest(tried, window), "nothing"
    # Where retraining is dear, the chosen one may rightly be too rare to show a gain.
    return (every, "changed") if every.reporting.net > chosen.reporting.net else (chosen, "tuned")


def _chosen(tried: Sequence[PolicyResult], evaluator: "_Evaluator", window: int | None) -> PolicyResult:
    """The best net value on the tuning part; of equals, the one with fewer retrainings.

    A trigger alone falls silent with its labels, so only what has an age is chosen. What is plainer stays unless the other is
    better: a cadence stays unless the best policy brings more by over one standard error (Breiman et al., 1984), the model's
    own window unless the best one on another is shown to bring more. Early in a history windows hardly differ.
    """
    aged = [one for one in tried if one.policy.longest is not None]
    own = _plainer(evaluator, [one for one in aged if one.policy.window == window])
    best = _plainer(evaluator, aged)
    return best if evaluator.net_of(best, own, evaluator.tuning).low > 0 else own


def _plainer(evaluator: "_Evaluator", tried: Sequence[PolicyResult]) -> PolicyResult:
    ranked = sorted(tried, key=lambda one: (-round(one.tuning.net, 2), one.tuning.retrains))
    cadence = next(one for one in ranked if len(one.policy.triggers) == 1)
    more = evaluator.net_of(ranked[0], cadence, evaluator.tuning)
    return ranked[0] if more.value > more.error else cadence


def _rarest(tried: Sequence[PolicyResult], window: int | None) -> PolicyResult:
    """The plain cadence with the longest interval."""
    plain = [one for one in tried if one.policy.window == window and len(one.policy.triggers) == 1]
    return max(plain, key=lambda one: one.policy.longest or 0)


@dataclass(frozen=True, eq=False)
class _Evaluator:
    """Scores policies against the first model, the gains of retraining in every period, and the price."""

    backtest: Backtest
    model: Model
    point: float
    static: Floats
    tuning: slice
    reporting: slice
    every: dict[int, Interval]

    def tried(self, policy: Policy, gated: bool = True) -> PolicyResult:
        simulation = simulate(self.backtest, policy, gated)
        return PolicyResult(policy, gated, self.part(simulation, self.tuning), self.part(simulation, self.reporting))

    def part(self, simulation: Simulation, part: slice) -> PolicyScore:
        gain = self.gain(simulation, part)
        first, last = self.backtest.scored[part.start], self.backtest.scored[part.stop - 1]
        retrains, promoted = (int(done[first : last + 1].sum()) for done in (simulation.retrained, simulation.promoted))
        every, worth = self.every[part.start], self.model.retraining.worth
        return PolicyScore(
            gain=gain,
            retrains=retrains,
            promoted=promoted,
            kept=gain.value / every.value if every.low > 0 else None,
            net=worth.point * gain.value / self.point - worth.retrain * retrains / (part.stop - part.start),
        )

    def net_of(self, one: PolicyResult, over: PolicyResult, part: slice) -> Interval:
        """How much more one policy brings than another, in money a period."""
        more = self._nets(one.policy) - self._nets(over.policy)
        return mean_of(more[part], self.model.seed)

    def more_of(self, one: PolicyResult, over: PolicyResult, part: slice) -> Interval:
        """How much more one policy gains than another, in the metric's unit."""
        values = [served_values(self.backtest, simulate(self.backtest, each.policy)) for each in (one, over)]
        return mean_of((values[0] - values[1])[part], self.model.seed)

    def _nets(self, policy: Policy) -> Floats:
        simulation, worth = simulate(self.backtest, policy), self.model.retraining.worth
        earned = worth.point / self.point * served_values(self.backtest, simulation)
        return np.asarray(earned - worth.retrain * simulation.retrained[self.backtest.scored])

    def gain(self, simulation: Simulation, part: slice) -> Interval:
        return mean_of((served_values(self.backtest, simulation) - self.static)[part], self.model.seed)


def _evaluator(backtest: Backtest, model: Model, point: float) -> _Evaluator:
    periods = len(backtest.scored)
    tuning, reporting = slice(0, periods // 2), slice(periods // 2, periods)
    evaluator = _Evaluator(backtest, model, point, served_values(backtest, simulate(backtest, NEVER)), tuning, reporting, {})
    every = simulate(backtest, Policy((AgeTrigger(1),), 1, model.candidate.train_periods))
    return replace(evaluator, every={part.start: evaluator.gain(every, part) for part in (tuning, reporting)})
