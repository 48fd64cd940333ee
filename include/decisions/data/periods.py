"""Which periods are labelled enough to be judged, and which to train on and to hold out."""

import math
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from include.errors import NotEnoughHistory
from include.models.contract import Model
from include.own_columns import LABEL_DELIVERED

# A holdout grows to at most so many times what it is by default.
_LONGEST = 4


@dataclass(frozen=True)
class PeriodCount:
    """Rows of one period, and how many of them have a label that is known (a null label is known to be none).

    `positives` are those with the label 1; None where labels are no two classes, or were not read.
    """

    start: datetime
    rows: int
    known: int
    positives: int | None = None

    @property
    def maturity(self) -> float:
        """Share of rows whose label is known, 0 to 1."""
        return self.known / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Split:
    """Training is [train_start, holdout_start), the holdout [holdout_start, holdout_end).

    `periods` are the starts of the mature training periods, in order. There are so many more than the longest window of a
    candidate as candidates are compared on.
    """

    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime
    periods: tuple[datetime, ...]


def waiting_periods(model: Model) -> int:
    """How many periods there are from one whose labels have come to the newest one, both included; at least 3."""
    return max(3, math.ceil(model.feed.label_delay / model.feed.longest_period) + 2)


def label_known(frame: pd.DataFrame, model: Model, as_of: datetime) -> pd.Series:
    """For each row, whether its label had come and was due by `as_of`: a back-fill sees no label before its time."""
    return frame[LABEL_DELIVERED] & (frame[model.feed.time] + model.feed.label_delay <= as_of)


def count_periods(frame: pd.DataFrame, model: Model, as_of: datetime) -> list[PeriodCount]:
    """Every period with rows that had ended by `as_of`, in order."""
    starts = model.periods_of(frame[model.feed.time])
    known = label_known(frame, model, as_of)
    has_classes = model.task == "binary" and model.label.name in frame
    positive = known & (frame[model.label.name] == 1) if has_classes else known
    table = pd.DataFrame({"start": starts, "known": known, "positive": positive}).groupby("start")
    counted = table.agg(rows=("known", "size"), known=("known", "sum"), positive=("positive", "sum"))
    return [
        PeriodCount(start.to_pydatetime(), int(rows), int(of_known), int(of_positive) if has_classes else None)
        for start, rows, of_known, of_positive in counted.itertuples()
        if model.later(start) <= as_of
    ]


def choose_split(periods: list[PeriodCount], model: Model, champion_trained_until: datetime | None) -> Split:
    """Hold out the newest stretch of mature periods; train on what comes before, as far back as any candidate looks.

    By default a week, or as much more, up to a month, as the rows and positives need that the criteria ask for.

    The labels that a period has early are not like those that it gets late, so no period of the holdout may be immature; among
    the training periods, one that never matures does not count.

    Raises:
        NotEnoughHistory: too few mature periods, or the champion was trained on rows of every possible holdout.
    """
    train, holdout = _newest_stretch(periods, model)
    needed = model.min_train_periods + model.held_out
    if len(train) < model.min_train_periods:
        mature = sum(is_mature(period, model) for period in periods)
        raise NotEnoughHistory(
            f"{model.name} has {mature} periods with mature labels, {needed} are needed "
            f"({model.min_train_periods} to train, then {model.held_out} in a row to hold out). Wait for more."
        )
    looks_back = [candidate.train_periods for candidate in model.candidates]
    if None not in looks_back:
        train = train[-(max(periods for periods in looks_back if periods) + model.held_out) :]
    if champion_trained_until and holdout[0].start < champion_trained_until:
        raise NotEnoughHistory(
            f"{model.name}: the champion was trained on rows until {champion_trained_until:%Y-%m-%d}, the newest mature "
            f"holdout starts on {holdout[0].start:%Y-%m-%d}. Wait until {model.held_out} newer periods are labelled."
        )
    starts = tuple(period.start for period in train)
    return Split(starts[0], holdout[0].start, model.later(holdout[-1].start), starts)


def _newest_stretch(periods: list[PeriodCount], model: Model) -> tuple[list[PeriodCount], list[PeriodCount]]:
    """The newest adjacent mature periods that make a holdout, and the mature ones before them; empty where there are none."""
    for end in range(len(periods), model.held_out - 1, -1):
        if all(is_mature(period, model) for period in periods[end - model.held_out : end]):
            count = _count_that_is_enough(periods[:end], model)
            return [period for period in periods[: end - count] if is_mature(period, model)], periods[end - count : end]
    return [], []


def _count_that_is_enough(periods: list[PeriodCount], model: Model) -> int:
    """How many of the newest are held out; where even a month is not enough, the gate says what is missing."""
    if model.holdout_periods is None:
        trained_on = [number for number, period in enumerate(periods) if is_mature(period, model)][: model.min_train_periods]
        most = len(periods) - 1 - max(trained_on, default=0)
        for count in range(model.held_out, min(most, _LONGEST * model.held_out) + 1):
            held_out = periods[-count:]
            if not all(is_mature(period, model) for period in held_out):
                break
            if _is_enough(held_out, model):
                return count
    return model.held_out


def _is_enough(held_out: list[PeriodCount], model: Model) -> bool:
    known, counted = sum(period.known for period in held_out), [one.positives for one in held_out if one.positives is not None]
    rarer_is_enough = min(sum(counted), known - sum(counted)) >= model.criteria.min_positives
    return known >= model.criteria.min_rows and (rarer_is_enough or len(counted) < len(held_out))


def is_mature(period: PeriodCount, model: Model) -> bool:
    """Whether so many of a period's labels are known that it may be judged."""
    return period.maturity >= model.feed.mature_share
