"""Which periods are labelled enough to be judged, and which to train on and to hold out."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from include.errors import NotEnoughHistory
from include.models.contract import Model


@dataclass(frozen=True)
class PeriodCount:
    """Rows of one period, and how many of them have a label that is known (a null label is known to be none)."""

    start: datetime
    rows: int
    known: int

    @property
    def maturity(self) -> float:
        """Share of rows whose label is known, 0 to 1."""
        return self.known / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Split:
    """Training is [train_start, holdout_start), the holdout [holdout_start, holdout_end)."""

    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime


def label_known(frame: pd.DataFrame, model: Model, as_of: datetime) -> pd.Series:
    """For each row, whether its label had come and was due by `as_of`: a back-fill sees no label before its time."""
    return frame["label_delivered"] & (frame[model.feed.time] + model.feed.label_delay <= as_of)


def count_periods(frame: pd.DataFrame, model: Model, as_of: datetime) -> list[PeriodCount]:
    """Every period with rows that had ended by `as_of`, in order."""
    starts = frame[model.feed.time].map(lambda moment: model.period_of(moment.to_pydatetime()))
    known = label_known(frame, model, as_of)
    table = pd.DataFrame({"start": starts, "known": known}).groupby("start")["known"].agg(["size", "sum"])
    return [
        PeriodCount(start.to_pydatetime(), int(rows), int(known_rows))
        for start, rows, known_rows in table.itertuples()
        if start + model.feed.period <= as_of
    ]


def choose_split(periods: list[PeriodCount], model: Model, champion_trained_until: datetime | None) -> Split:
    """Hold out the newest mature periods; train on all that comes before, or on the newest `train_periods` of it.

    A period that is not mature ends the usable history: nothing after it is used, so that the holdout is one stretch of time.

    Raises:
        NotEnoughHistory: too few mature periods, or the champion was trained on rows of every possible holdout.
    """
    mature = _mature_stretch(periods, model)
    needed = model.min_train_periods + model.holdout_periods
    if len(mature) < needed:
        raise NotEnoughHistory(
            f"{model.name} has {len(mature)} periods with mature labels, {needed} are needed "
            f"({model.min_train_periods} to train, {model.holdout_periods} to hold out). Wait for more deliveries."
        )
    holdout = mature[-model.holdout_periods :]
    train = mature[: -model.holdout_periods]
    if model.train_periods:
        train = train[-model.train_periods :]
    if champion_trained_until and holdout[0].start < champion_trained_until:
        raise NotEnoughHistory(
            f"{model.name}: the champion was trained on rows until {champion_trained_until:%Y-%m-%d}, the newest mature "
            f"holdout starts on {holdout[0].start:%Y-%m-%d}. Wait until {model.holdout_periods} newer periods are labelled."
        )
    return Split(train[0].start, holdout[0].start, holdout[-1].start + model.feed.period)


def newest_mature(periods: list[PeriodCount], model: Model) -> PeriodCount | None:
    """The newest period whose labels are known well enough to be judged."""
    return next((p for p in reversed(periods) if p.maturity >= model.feed.mature_share), None)


def _mature_stretch(periods: list[PeriodCount], model: Model) -> list[PeriodCount]:
    newest = newest_mature(periods, model)
    return [p for p in periods if newest and p.start <= newest.start and p.maturity >= model.feed.mature_share]
