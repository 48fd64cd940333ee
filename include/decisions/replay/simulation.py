"""The backtest as a table, how good every model was in every later period; and the simulation of a policy on it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from include.decisions.replay.plan import BacktestPlan
from include.decisions.replay.policies import AgeTrigger, DecayTrigger, DriftTrigger, Policy
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import Z80, Z95, Measured


@dataclass(frozen=True, eq=False)
class Backtest:
    """Models by periods, as the plan numbers them; every value is turned so that more is better.

    `values[f, p]` is the metric of model f on the judged rows of period p, NaN where it has none or f was trained on p;
    `covariances[p, f, g]` is that of the values of two models on the same rows of p: all that a paired interval needs;
    `psi[f, p]` is the largest PSI of a feature; `trivial[p]` is the best answer that needs no model; `rows[p]` counts rows.
    `margin` is the gate's.
    """

    plan: BacktestPlan
    values: Floats
    covariances: Floats
    psi: Floats
    trivial: Floats
    rows: NDArray[np.int64]
    margin: float

    @cached_property
    def scored(self) -> list[int]:
        """Positions of the periods that count: served, mature, and with a value for every model that could have served."""
        return [p for p in self.plan.scored if np.isfinite(self.values[self.before(p), p]).all()]

    def before(self, period: int) -> list[int]:
        """Models that could have served a period: trained at the end of an earlier one."""
        return [number for number, fit in enumerate(self.plan.fits) if fit.moment < period]

    def fit_at(self, moment: int, window: int | None) -> int | None:
        """The model that a retraining at the end of a period would have made, or None."""
        return self._by_moment.get((moment, window))

    @cached_property
    def _by_moment(self) -> dict[tuple[int, int | None], int]:
        return {(fit.moment, window): number for number, fit in enumerate(self.plan.fits) for window in fit.windows}

    def difference(self, one: int, other: int, periods: tuple[int, ...]) -> Measured:
        """The gain of one model over another on periods, weighted by their rows, paired; NaN where one has no value."""
        at = list(periods)
        weights = self.rows[at] / max(self.rows[at].sum(), 1)
        gain = float(weights @ (self.values[one, at] - self.values[other, at]))
        c = self.covariances
        variance = c[at, one, one] + c[at, other, other] - 2 * c[at, one, other]
        return Measured(gain, float(np.sqrt(weights**2 @ np.maximum(variance, 0))))

    def passes_gate(self, challenger: int, champion: int) -> bool:
        """The routine lane on the challenger's holdout: lower 80 % bound above 0, lower 95 % bound above minus the margin."""
        gain = self.difference(challenger, champion, self.plan.fits[challenger].holdout)
        return gain.value - Z80 * gain.error > 0 and gain.value - Z95 * gain.error > -self.margin

    @cached_property
    def proved(self) -> list[Measured]:
        """Each model's value on its own holdout."""
        values = []
        for number, fit in enumerate(self.plan.fits):
            at = list(fit.holdout)
            weights = self.rows[at] / max(self.rows[at].sum(), 1)
            error = np.sqrt(weights**2 @ self.covariances[at, number, number])
            values.append(Measured(float(weights @ self.values[number, at]), float(error)))
        return values

    def known(self, moment: int, champion: int, count: int) -> list[int]:
        """The newest `count` periods after the champion's holdout whose labels were known at the end of a period."""
        first, due = self.plan.fits[champion].holdout[-1] + 1, self.plan.mature_at
        mature = [p for p in range(first, moment + 1) if due[p] <= moment and np.isfinite(self.values[champion, p])]
        return mature[-count:]


@dataclass(frozen=True, eq=False)
class Simulation:
    """The course of one policy: by period the model that served, and whether one was retrained just before, and promoted."""

    served: NDArray[np.int64]
    retrained: NDArray[np.bool_]
    promoted: NDArray[np.bool_]


def simulate(backtest: Backtest, policy: Policy, gated: bool = True) -> Simulation:
    """Simulate a policy on the backtest; decisions at the end of a period use what was known by then.

    Every policy begins with the same first model, on the first window. Before that, nothing served.
    """
    periods, begins = len(backtest.plan.starts), backtest.plan.begins
    served, retrained = np.full(periods, -1), np.zeros(periods, dtype=bool)
    promoted = retrained.copy()
    champion, last = 0, begins
    for period in range(begins + 1, periods):
        moment = period - 1
        if moment > begins and moment - last >= policy.cool_down and fires(backtest, policy, moment, champion, last):
            challenger = backtest.fit_at(moment, policy.window)
            if challenger is not None:
                retrained[period], last = True, moment
                promoted[period] = not gated or backtest.passes_gate(challenger, champion)
                champion = challenger if promoted[period] else champion
        served[period] = champion
    return Simulation(served, retrained, promoted)


def fires(backtest: Backtest, policy: Policy, moment: int, champion: int, last: int) -> bool:
    """Whether any trigger asks for a retraining at the end of a period."""
    ask: dict[type, Callable[..., bool]] = {
        AgeTrigger: lambda trigger: moment - last >= trigger.periods,
        DriftTrigger: lambda trigger: bool(backtest.psi[champion, moment] > trigger.psi),
        DecayTrigger: lambda trigger: _decayed(backtest, trigger, moment, champion),
    }
    return any(ask[type(trigger)](trigger) for trigger in policy.triggers)


def _decayed(backtest: Backtest, decay: DecayTrigger, moment: int, champion: int) -> bool:
    proved, periods = backtest.proved[champion], backtest.known(moment, champion, decay.periods)
    if len(periods) < decay.periods:
        return False
    weights = backtest.rows[periods] / backtest.rows[periods].sum()
    lost = proved.value - backtest.values[champion, periods]
    error = np.sqrt(proved.error**2 + weights**2 @ backtest.covariances[periods, champion, champion])
    together = float(weights @ lost)
    return bool((lost > 0).all() and together > decay.share * abs(proved.value) and together > decay.z * error)


def oracle(backtest: Backtest) -> Floats:
    """The value of the best model that there was, in each period that counts: chosen with hindsight, so no policy beats it."""
    return np.array([backtest.values[backtest.before(p), p].max() for p in backtest.scored])


def served_values(backtest: Backtest, simulation: Simulation) -> Floats:
    """The value of the model that served, in each period that counts."""
    return np.asarray(backtest.values[simulation.served[backtest.scored], backtest.scored])
