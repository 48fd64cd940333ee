"""What a model offers: the one thing a file in this folder must define is `MODEL`.

This module is imported when Airflow parses its DAG files, every few seconds. So nothing here, and nothing at the top of a
model's file, imports a science library; `build` does, in its body.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from include.errors import ModelError

Kind = Literal["number", "category", "text"]
Task = Literal["binary", "regression"]

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_A_MONDAY = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Column:
    """One column of a delivery, and what a value in it must satisfy.

    `low` and `high` are inclusive and in the column's own `unit`; `values` closes the domain of a category;
    `optional` lets a value be missing.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    optional: bool = False
    unit: str = ""


@dataclass(frozen=True)
class Feed:
    """How fresh data arrive.

    Files land under `<model>/features/` and, later, `<model>/labels/`. Rows of both carry `key` and `time`; a label
    counts as known `label_delay` after the row's time, whenever its file came.
    """

    key: tuple[str, ...]
    time: str
    period: timedelta
    label_delay: timedelta
    schedule: str
    max_bad_share: float = 0.2
    mature_share: float = 0.95


@dataclass(frozen=True)
class Criteria:
    """Success criteria, fixed before training and hashed onto every version.

    `floor` and `noisy_floor` bound the primary metric on the clean and on the noisy holdout, in its own unit; `margin` is the
    non-inferiority margin, in the same unit; `noisy_share` is the weight of noisy rows in the score that decides.
    """

    metric: str
    floor: float
    noisy_floor: float
    margin: float
    noisy_share: float = 0.5
    min_rows: int = 200
    min_positives: int = 50

    def digest(self) -> str:
        """Sixteen hex digits that change when any criterion does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Model:
    """One thing to predict, from what, with what estimator, under which success criteria.

    `build(seed)` returns an unfitted scikit-learn pipeline that takes the raw feature columns as a DataFrame. It is made of
    scikit-learn's own parts, so that a registered version carries everything it needs; `trusted_types` lists the types
    beyond skops' defaults that loading it may create.
    """

    name: str
    owner: str
    description: str
    task: Task
    label: Column
    features: tuple[Column, ...]
    feed: Feed
    criteria: Criteria
    cadence: str
    build: Callable[[int], Any] = field(compare=False)
    trusted_types: tuple[str, ...] = ()
    holdout_periods: int = 2
    train_periods: int | None = None
    min_train_periods: int = 4
    decay_share: float = 0.05
    drift_share: float = 0.3
    retrain_on_drift: bool = False
    cool_down: timedelta = timedelta(0)
    seed: int = 20130101

    def __post_init__(self) -> None:
        """Refuse a model that could not work, naming what is wrong.

        Raises:
            ModelError: a name, column, period or count is not usable.
        """
        names = [column.name for column in self.features]
        for wrong, message in (
            (not _NAME.fullmatch(self.name), f"name {self.name!r}: use lower-case letters, digits and _, at most 50"),
            (len(set(names)) != len(names), f"features: {sorted({n for n in names if names.count(n) > 1})} appear twice"),
            (self.label.name in names, f"label {self.label.name!r} is also a feature: the model would read its answer"),
            (
                bool(numbers := [c.name for c in self.features if c.kind == "number" and c.name in self.feed.key]),
                f"feed.key: {', '.join(numbers)} is a number, and files of different formats write numbers differently; "
                "declare it as a category, or leave it out of the key",
            ),
            (not self.feed.key, "feed.key is empty: name the columns that identify a row"),
            (self.feed.period <= timedelta(0), f"feed.period {self.feed.period}: must be longer than nothing"),
            (self.feed.label_delay < timedelta(0), f"feed.label_delay {self.feed.label_delay}: cannot be negative"),
            (self.holdout_periods < 1, f"holdout_periods {self.holdout_periods}: at least 1"),
            (self.min_train_periods < 1, f"min_train_periods {self.min_train_periods}: at least 1"),
            (self.criteria.margin <= 0, f"criteria.margin {self.criteria.margin}: must be above 0"),
            (not 0 <= self.criteria.noisy_share <= 1, f"criteria.noisy_share {self.criteria.noisy_share}: between 0 and 1"),
        ):
            if wrong:
                raise ModelError(f"model {self.name!r}: {message}. Correct it in include/models/{self.name}.py.")

    @property
    def feature_names(self) -> list[str]:
        """The columns that `build`'s pipeline is fitted on, in order."""
        return [column.name for column in self.features]

    def column(self, name: str) -> Column:
        """The feature of that name; KeyError if there is none."""
        return {column.name: column for column in self.features}[name]

    def period_of(self, moment: datetime) -> datetime:
        """Start of the period that holds `moment` (aware UTC); weeks start on Monday."""
        return _A_MONDAY + (moment - _A_MONDAY) // self.feed.period * self.feed.period

    def periods_of(self, moments: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
        """Start of each moment's period, for a whole column of UTC times."""
        return _A_MONDAY + (moments - _A_MONDAY) // self.feed.period * self.feed.period
