"""The backtest as a table, how good every model was in every later period; and the simulation of a policy on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from include.decisions.gate.error_budget import spend
from include.decisions.replay.plan import BacktestPlan
from include.decisions.replay.policies import AgeTrigger, DecayTrigger, DriftTrigger, Policy
from include.decisions.scoring.clusters import FEWEST_CLUSTERS
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.scorecard import Z95, Measured, weighted

# So many of the newest earlier champions take part, as in `steps/select`.
_EARLIER = 6


@dataclass(frozen=True, eq=False)
class Backtest:
    """Models by periods, as the plan numbers them; every value is turned so that more is better.

    `values[f, p]` is the metric of model f on the judged rows of period p, NaN where it has none or f was trained on p;
    `covariances[p, f, g]` is that of the values of two models on the same rows of p: all that a paired interval needs;
    `psi[f, p]` is the largest PSI of a feature; `trivial[p]` is the best answer that needs no model; `rows[p]` and
    `clusters[p]` count rows and their clusters. `margin` is the gate's. `corrected[f, p]` is by how much model f looks better
    on the rows of p as they were corrected later, NaN where they were not.
    """

    plan: BacktestPlan
    values: Floats
    covariances: Floats
    psi: Floats
    trivial: Floats
    rows: NDArray[np.int64]
    clusters: NDArray[np.int64]
    margin: float
    corrected: Floats | None = None

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
    def holdouts(self) -> dict[int, tuple[int, ...]]:
        """The periods that a retraining at the end of a period holds out, by that period."""
        return {fit.moment: fit.holdout for fit in self.plan.fits}

    @cached_property
    def _by_moment(self) -> dict[tuple[int, int | None], int]:
        return {(fit.moment, window): number for number, fit in enumerate(self.plan.fits) for window in fit.windows}

    @cached_property
    def _by_holdout(self) -> dict[tuple[int, int | None], int]:
        return {(fit.holdout[0], window): number for number, fit in enumerate(self.plan.fits) for window in fit.windows}

    def chosen(self, moment: int, windows: Sequence[int | None], earlier: Sequence[int]) -> int | None:
        """The challenger of a retraining: the first of the windows and earlier champions that none is shown to beat.

        Compared on as many periods before the hold-out as that has, each window by a model that was trained before these; as
        `decisions/contest` does, on clean rows.
        """
        fits = [(window, fit) for window in windows if (fit := self.fit_at(moment, window)) is not None]
        if not fits:
            return None
        first = self.plan.fits[fits[0][1]].holdout
        compared = [p for p in range(first[0] - len(first), first[0]) if p >= 0 and self.plan.mature_at[p] <= moment]
        pool = {fit: self._by_holdout.get((compared[0], window)) for window, fit in fits} if compared else {}
        pool |= {one: one for one in earlier if compared and self.plan.fits[one].holdout[0] <= compared[0]}
        known = {one: by for one, by in pool.items() if by is not None and np.isfinite(self.values[by, compared]).all()}
        if not known:
            return fits[0][1]
        best = max(known.values(), key=lambda by: self.value(by, compared).value)
        return next(one for one, by in known.items() if not self.difference(best, by, compared).above(-Z95) > 0)

    def flattered(self) -> tuple[int, float] | None:
        """How many periods were corrected later, and by how much models look better on the corrected rows, on average."""
        if self.corrected is None:
            return None
        by_period = [self.corrected[self.before(p), p] for p in self.scored]
        means = [float(np.nanmean(each)) for each in by_period if np.isfinite(each).any()]
        return (len(means), float(np.mean(means))) if means else None

    def difference(self, one: int, other: int, periods: Sequence[int]) -> Measured:
        """The gain of one model over another on periods, weighted by their rows, paired; NaN where one has no value."""
        at, c = list(periods), self.covariances
        variances = c[at, one, one] + c[at, other, other] - 2 * c[at, one, other]
        return self._together(at, self.values[one, at] - self.values[other, at], variances)

    def value(self, model: int, periods: Sequence[int]) -> Measured:
        """What a model was worth on periods, weighted by their rows."""
        at = list(periods)
        return self._together(at, self.values[model, at], self.covariances[at, model, model])

    def _together(self, at: list[int], values: Floats, variances: Floats) -> Measured:
        """Some periods as one: the error from the clusters within each or, where they have too few, from how periods differ.

        That of independent rows where there are too few of both.
        """
        weights = self.rows[at] / max(self.rows[at].sum(), 1)
        if len(at) >= FEWEST_CLUSTERS > self.clusters[at].min():
            mean, freedom = float(weights @ values), len(at) - 1
            spread = weights * (values - mean)
            return Measured(mean, float(np.sqrt(spread @ spread * len(at) / freedom)), freedom)
        told = (self.clusters[at] >= FEWEST_CLUSTERS).all()
        errors = np.sqrt(np.maximum(variances, 0)).tolist()
        freedoms = self.clusters[at] - 1.0 if told else np.full(len(at), np.inf)
        return weighted(list(zip(weights.tolist(), map(Measured, values.tolist(), errors, freedoms.tolist()), strict=True)))

    def _can_tell(self, periods: Sequence[int]) -> bool:
        """Whether these periods have clusters enough to tell a gain from chance."""
        return len(periods) >= FEWEST_CLUSTERS or bool((self.clusters[list(periods)] >= FEWEST_CLUSTERS).all())

    def passes_gate(self, challenger: int, champion: int, z: float, holdout: Sequence[int]) -> bool:
        """The routine lane on a hold-out: the bound `z` errors below is above 0, that of 95 % above -margin."""
        gain = self.difference(challenger, champion, holdout)
        return self._can_tell(holdout) and gain.above(-z) > 0 and gain.above(-Z95) > -self.margin

    @cached_property
    def proved(self) -> list[Measured]:
        """Each model's value on its own holdout."""
        return [self.value(number, fit.holdout) for number, fit in enumerate(self.plan.fits)]

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
    champion, last, spent, earlier = 0, begins, None, list[int]()
    for period in range(begins + 1, periods):
        moment = period - 1
        if moment > begins and moment - last >= policy.cool_down and fires(backtest, policy, moment, champion, last):
            challenger = backtest.chosen(moment, policy.windows, earlier if policy.earlier_return else [])
            if challenger is not None:
                retrained[period], last = True, moment
                spent = spend("routine", backtest.plan.ends[moment], spent)
                promoted[period] = not gated or backtest.passes_gate(challenger, champion, spent.z, backtest.holdouts[moment])
                if promoted[period]:
                    earlier = [one for one in (champion, *earlier) if one != challenger][:_EARLIER]
                    champion = challenger
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
    lost = weighted([(1.0, proved), (-1.0, backtest.value(champion, periods))])
    each = (proved.value - backtest.values[champion, periods] > 0).all()
    return bool(each and lost.value > decay.share * abs(proved.value) and lost.z > decay.z)


def oracle(backtest: Backtest) -> Floats:
    """The value of the best model that there was, in each period that counts: chosen with hindsight, so no policy beats it."""
    return np.array([backtest.values[backtest.before(p), p].max() for p in backtest.scored])


def served_values(backtest: Backtest, simulation: Simulation) -> Floats:
    """The value of the model that served, in each period that counts."""
    return np.asarray(backtest.values[simulation.served[backtest.scored], backtest.scored])
