"""One backtest model per period: which rows it would have been trained on, and which periods it could be judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.decisions.data.periods import PeriodCount, choose_split, count_periods, is_mature, label_known
from include.decisions.data.versions import known_at
from include.errors import NotEnoughHistory
from include.models.contract import Model
from include.own_columns import KNOWN_FROM, KNOWN_UNTIL, LABEL_DELIVERED

# So many rows of a period are scored: enough for a standard error of half a point, and a hundred models fit in memory.
SCORED_ROWS = 10_000


@dataclass(frozen=True)
class BacktestModel:
    """A model as it would have been trained at the end of period `moment`; `windows` are those that gave these very rows.

    It was held out from the periods at the positions in `holdout` and all later ones. A window is a number of periods; None
    is all of the history.
    """

    moment: int
    windows: tuple[int | None, ...]
    train_start: datetime
    holdout_start: datetime
    holdout: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it is kept under."""
        return f"{self.moment:04}-{self.train_start:%Y-%m-%dT%H%M}"


@dataclass(frozen=True)
class BacktestPlan:
    """The periods with rows, in order; when each one's labels were known; and every model worth fitting.

    `mature_at[p]` is the position of the first period at whose end the labels of period p were known; as many as there are
    periods if they are not known yet.
    """

    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    mature_at: tuple[int, ...]
    windows: tuple[int | None, ...]
    fits: tuple[BacktestModel, ...]

    @property
    def begins(self) -> int:
        """The moment of the first model: it serves from the next period on."""
        return min((fit.moment for fit in self.fits), default=len(self.starts))

    @property
    def scored(self) -> list[int]:
        """Positions of the periods that some model served, and whose labels are known."""
        return [p for p, known in enumerate(self.mature_at) if self.begins < p and known < len(self.starts)]


def plan_backtest(history: pd.DataFrame, model: Model, until: datetime, windows: Sequence[int | None] = ()) -> BacktestPlan:
    """What to fit and what to score, from the rows of the periods that had ended by `until`.

    Each model gets the split that a retraining at the end of its period would have got, from what was known by then. The first
    of `windows` has to be the model's own; none asks for the usual ones.

    Raises:
        ValueError: `windows` begins with another one: the current settings would have no models to be simulated with.
    """
    own = model.candidate.train_periods
    if windows and windows[0] != own:
        raise ValueError(f"windows {tuple(windows)}: the first has to be {model.name}'s own, {own}")
    needed = (model.feed.time, LABEL_DELIVERED, KNOWN_FROM, KNOWN_UNTIL)
    counted = history[[name for name in needed if name in history]]

    def seen_at(moment: datetime) -> list[PeriodCount]:
        return count_periods(known_at(counted, moment), model, moment)

    starts = tuple(period.start for period in seen_at(until))
    windows = tuple(windows) or default_windows(model, len(starts))
    ends = tuple(model.later(start) for start in starts)
    seen = [seen_at(end) for end in ends]
    fits = [fit for moment, counts in enumerate(seen) for fit in _fits_at(moment, counts, model, windows)]
    return BacktestPlan(starts, ends, _mature_at(seen, model), windows, tuple(fits))


def default_windows(model: Model, periods: int) -> tuple[int | None, ...]:
    """The windows of the candidates first, then all of the history, and what windows of a third and a sixth would see."""
    sliding = [size for size in (round(periods / 3), round(periods / 6)) if size >= model.min_train_periods]
    return tuple(dict.fromkeys([*(candidate.train_periods for candidate in model.candidates), None, *sliding]))


def positions(history: pd.DataFrame, plan: BacktestPlan, model: Model) -> NDArray[np.int64]:
    """For each row the position of its period; -1 for one that has not ended."""
    starts = pd.DatetimeIndex(plan.starts)
    return np.asarray(starts.get_indexer(pd.DatetimeIndex(model.periods_of(history[model.feed.time]))), dtype="int64")


def judged(history: pd.DataFrame, position: NDArray[np.int64], plan: BacktestPlan, model: Model) -> NDArray[np.bool_]:
    """Which rows judge their period: those whose label had come when it became mature, and no more than are needed.

    A period is judged by the rows and labels that were known when it became mature, by every policy and at any later time.
    """
    due, needed = (
        np.zeros(len(history), dtype=bool),
        [model.feed.time, model.label.name, LABEL_DELIVERED, KNOWN_FROM, KNOWN_UNTIL],
    )
    labels = history[[name for name in needed if name in history]].reset_index(drop=True)
    for number, known in enumerate(plan.mature_at):
        if known < len(plan.ends):
            rows = known_at(labels[position == number], plan.ends[known])
            usable = rows.index[label_known(rows, model, plan.ends[known]) & rows[model.label.name].notna()].to_numpy()
            if len(usable) > SCORED_ROWS:
                usable = np.random.default_rng([model.seed, number]).choice(usable, SCORED_ROWS, replace=False)
            due[usable] = True
    return due


def _fits_at(moment: int, counts: list[PeriodCount], model: Model, windows: Sequence[int | None]) -> list[BacktestModel]:
    models: dict[datetime, BacktestModel] = {}
    try:
        split = choose_split(counts, model.with_candidate(train_periods=None), None)
    except NotEnoughHistory:
        return []
    training = [c.start for c in counts if c.start < split.holdout_start and is_mature(c, model)]
    holdout = tuple(n for n, c in enumerate(counts) if split.holdout_start <= c.start < split.holdout_end)
    for window in windows:
        start = training[-min(window or len(training), len(training))]
        earlier = models[start].windows if start in models else ()
        models[start] = BacktestModel(moment, (*earlier, window), start, split.holdout_start, holdout)
    return list(models.values())


def _mature_at(seen: list[list[PeriodCount]], model: Model) -> tuple[int, ...]:
    known = [len(seen)] * len(seen)
    for moment in reversed(range(len(seen))):
        for position, period in enumerate(seen[moment]):
            if is_mature(period, model):
                known[position] = moment
    return tuple(known)
