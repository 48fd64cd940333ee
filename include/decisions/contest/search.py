"""The search: which parameters are tried next, on which folds, and which trial is best.

All of it follows from the trials before and the seed, so that a search that was killed goes on as if it had not been. Optuna's
sampler proposes: a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), after some draws at random. Its median
rule ends a trial: one whose best mean so far is below the median of what the finished trials had after as many folds (Golovin
et al., KDD 2017). The newest fold comes first: it is the most like what comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from include.models.contract import Model
from include.search_space import Between, Dimension, OneOf, Search, Value, Whole

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

TrialOutcome: TypeAlias = Literal["finished", "pruned", "failed"]
MOST_FOLDS = 3
# So many trials are drawn at random, and so many have to be finished before one is ended early.
_AT_RANDOM, _FINISHED_FIRST = 6, 4


@dataclass(frozen=True)
class Fold:
    """A fit on rows from `trained` until `scored` is scored on those from there until `ended` (exclusive)."""

    trained: datetime
    scored: datetime
    ended: datetime


def folds(model: Model, periods: Sequence[datetime], ended: datetime, train_periods: int | None) -> list[Fold]:
    """Forward-chained folds in the periods before `ended`, the newest first, each fitted on a window of the candidate's.

    At most MOST_FOLDS, each at most as long as the hold-out, in the newer half of the periods; none for one period.

    >>> from include.models import find_model
    >>> flights, days = find_model("flight_delays"), [datetime(2024, 1, day) for day in range(1, 11)]
    >>> [(f.trained.day, f.scored.day, f.ended.day) for f in folds(flights, days, datetime(2024, 1, 11), 4)]
    [(6, 10, 11), (5, 9, 10), (4, 8, 9)]
    """
    newer = len(periods) // 2
    count = min(MOST_FOLDS, newer)
    length = min(model.held_out, newer // count) if count else 0
    edges = [*periods, ended]
    begins = [len(periods) - length * (number + 1) for number in range(count)]
    return [Fold(edges[max(0, at - (train_periods or at))], edges[at], edges[at + length]) for at in begins]


@dataclass(frozen=True)
class Trial:
    """One trial: its parameters, and what it was worth on each fold that was scored, turned so that more is better.

    `problem` is what building, fitting or scoring raised. It took `seconds`.
    """

    number: int
    parameters: dict[str, Value]
    values: tuple[float, ...] = ()
    outcome: TrialOutcome = "finished"
    problem: str = ""
    seconds: float = 0.0

    @property
    def value(self) -> float:
        """The mean over its folds."""
        return fmean(self.values)


def best(trials: Sequence[Trial]) -> Trial | None:
    """The best finished trial, the first one of several; None where none is."""
    return max((trial for trial in trials if trial.outcome == "finished"), key=lambda trial: trial.value, default=None)


@dataclass(frozen=True)
class Proposal:
    """What is tried next; `asked` is Optuna's trial of it."""

    parameters: dict[str, Value]
    asked: Any

    def is_hopeless(self, values: Sequence[float]) -> bool:
        """Whether to end it, from its values on the folds so far."""
        self.asked.report(fmean(values), len(values))
        return bool(self.asked.should_prune())


def propose(search: Search, trials: Sequence[Trial], first: Sequence[Mapping[str, Any]], seed: int) -> Proposal:
    """What is tried after some trials: the parameters of `first`, one after the other, then what the sampler draws."""
    study = _study(search, trials, seed)
    if len(trials) < len(first):
        study.enqueue_trial(dict(first[len(trials)]))
    asked = study.ask(_distributions(search))
    return Proposal({name: asked.params[name] for name in search.space}, asked)


def _study(search: Search, trials: Sequence[Trial], seed: int) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    states = optuna.trial.TrialState
    outcomes = {"finished": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
    # A seed for each trial: what is drawn does not depend on how many were drawn in this process.
    sampler = optuna.samplers.TPESampler(n_startup_trials=_AT_RANDOM, seed=(seed + len(trials)) % 2**32)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_FINISHED_FIRST)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    distributions = _distributions(search)
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                state=outcomes[trial.outcome],
                value=trial.value if trial.outcome == "finished" else None,
                params=dict(trial.parameters),
                distributions=distributions,
                intermediate_values={turn: fmean(trial.values[:turn]) for turn in range(1, len(trial.values) + 1)},
            )
        )
    return study


def _distributions(search: Search) -> dict[str, "BaseDistribution"]:
    return {name: _distribution(within) for name, within in search.space.items()}


def _distribution(within: Dimension) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(within, OneOf):
        return CategoricalDistribution(within.values)
    if isinstance(within, Whole):
        return IntDistribution(within.low, within.high, log=within.log)
    assert isinstance(within, Between)
    return FloatDistribution(within.low, within.high, log=within.log)
