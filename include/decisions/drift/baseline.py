"""The reference: what a champion's training rows were like, period by period. It belongs to the version, not to the model.

It is made once, from the training snapshot; every check after that reads the newest period alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from include.decisions.drift.chart_statistics import MATERIAL_SHARE, MATERIAL_WORDS, ViewBaseline, view_baseline
from include.decisions.drift.summaries import Grid, Summary, column_of, is_of_words, lay_grid, summarise
from include.decisions.scoring.predictions import Floats, Predictions, Ranking, numbers_of
from include.models.contract import Column, Model
from include.noise.profile import NoiseProfile, learn_columns, measure_profile
from include.noise.recognition import LearnedColumn

# More periods than these tell nothing new about how a column usually moves.
_MOST_PERIODS = 520
# The newest periods of the training rows, whose mess is measured against the rows before them.
_MESS_PERIODS = 6
_GRID_ROWS = 50_000


@dataclass(frozen=True, eq=False)
class Baseline:
    """What is kept: a summary of the features and of the label for each period, `starts` in order, and what they taught.

    `importance` is each column's share of what moves the champion's answers, summing to 1; `mess` are noise profiles of the
    newest periods, `known` what text in the training rows looks like, `told_apart` how well a classifier told single periods
    of the training rows from the others (areas under the curve).
    """

    grid: Grid
    starts: tuple[datetime, ...]
    features: tuple[Summary, ...]
    labels: tuple[Summary, ...]
    importance: Mapping[str, float]
    mess: tuple[NoiseProfile, ...] = ()
    known: Mapping[str, LearnedColumn] = field(default_factory=dict)
    told_apart: tuple[float, ...] = ()

    @cached_property
    def views(self) -> dict[str, ViewBaseline]:
        """Every view of the features, by name."""
        return _views(self.features)

    @cached_property
    def label_views(self) -> dict[str, ViewBaseline]:
        """The view of the label, by name."""
        return _views(self.labels)

    def columns(self, model: Model) -> list[Column]:
        """The features that were there when the reference was made: one that the model gained since has nothing to be like."""
        known = {column_of(view) for view in self.features[0].views}
        return [column for column in model.features if column.name in known]

    @property
    def usual_rows(self) -> float:
        """Rows of an ordinary period."""
        return float(median(summary.rows for summary in self.features))

    @property
    def weights(self) -> dict[str, float]:
        """The importance of each view: a column's is shared by its views."""
        views = list(self.views)
        of = [column_of(view) for view in views]
        return {view: self.importance.get(column, 0.0) / of.count(column) for view, column in zip(views, of, strict=True)}

    def lag(self, period: datetime, length: timedelta) -> int:
        """How many periods a period lies after the reference; at least 1."""
        return max(1, round((period - self.starts[-1]) / length))

    def summary_of(self, period: datetime) -> Summary | None:
        """The summary of a period of the reference itself, or None."""
        return self.features[self.starts.index(period)] if period in self.starts else None

    def as_json(self) -> dict[str, Any]:
        """A document of plain values, for `from_json`."""
        return {
            "grid": {name: edges.tolist() for name, edges in self.grid.items()},
            "starts": [start.isoformat() for start in self.starts],
            "features": [summary.as_json() for summary in self.features],
            "labels": [summary.as_json() for summary in self.labels],
            "importance": dict(self.importance),
            "mess": [profile.as_json() for profile in self.mess],
            "known": {name: known.as_json() for name, known in self.known.items()},
            "told_apart": list(self.told_apart),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Baseline":
        """The reference that `as_json` wrote."""
        return cls(
            grid={name: np.asarray(edges, dtype="float64") for name, edges in document["grid"].items()},
            starts=tuple(datetime.fromisoformat(start) for start in document["starts"]),
            features=tuple(Summary.from_json(summary) for summary in document["features"]),
            labels=tuple(Summary.from_json(summary) for summary in document["labels"]),
            importance=document["importance"],
            mess=tuple(NoiseProfile.from_json(profile) for profile in document["mess"]),
            known={name: LearnedColumn.from_json(known) for name, known in document["known"].items()},
            told_apart=tuple(document["told_apart"]),
        )


def make_baseline(
    model: Model, rows: pd.DataFrame, importance: Mapping[str, float], told_apart: Sequence[float]
) -> Baseline:
    """The reference from a champion's training rows, as the lake reads them."""
    grid = lay_grid(thinned(rows, _GRID_ROWS), [*model.features, model.label])
    periods = [(start.to_pydatetime(), part) for start, part in rows.groupby(model.periods_of(rows[model.feed.time]))]
    periods = periods[-_MOST_PERIODS:]
    return Baseline(
        grid=grid,
        starts=tuple(start for start, _ in periods),
        features=tuple(summary_of_period(model, part, start, grid) for start, part in periods),
        labels=tuple(summarise(part[part["label_delivered"]], [model.label], grid) for _, part in periods),
        importance=importance,
        mess=_usual_mess(model, periods),
        known=learn_columns(rows, model.features),
        told_apart=tuple(told_apart),
    )


def summary_of_period(
    model: Model, rows: pd.DataFrame, start: datetime, grid: Grid, columns: Sequence[Column] | None = None
) -> Summary:
    """The summary of a period's features, or of some of them."""
    newest = rows[model.feed.time].max()
    idle = (start + model.feed.period - newest).total_seconds() if len(rows) else model.feed.period.total_seconds()
    return summarise(rows, model.features if columns is None else columns, grid, idle)


def predictions_summary(model: Model, predictions: Predictions, grid: Grid) -> Summary:
    """What a model answered, as a summary of its own: the first answer, and of classes how sure it was of it."""
    if isinstance(predictions, Ranking):
        rows = pd.DataFrame({"answer": predictions.labels[:, 0], "certainty": predictions.probabilities[:, 0]})
        columns = [Column("answer", "category"), Column("certainty", "number")]
        return summarise(rows, columns, {"certainty": _probabilities()})
    edges = _probabilities() if model.task == "binary" else grid[model.label.name]
    rows = pd.DataFrame({"answer": numbers_of(predictions)})
    return summarise(rows, [Column("answer", "number")], {"answer": edges})


def _views(summaries: Sequence[Summary]) -> dict[str, ViewBaseline]:
    found = {}
    for name in summaries[0].views:
        views = [summary.views[name] for summary in summaries]
        material = MATERIAL_WORDS if is_of_words(name) else MATERIAL_SHARE
        found[name] = view_baseline(views, max(float(median(view.rows for view in views)), 1.0), material)
    return found


def _usual_mess(model: Model, periods: Sequence[tuple[datetime, pd.DataFrame]]) -> tuple[NoiseProfile, ...]:
    """The mess of the newest periods, against what the rows before them taught: a mistake in both is no mistake."""
    newest = periods[-min(_MESS_PERIODS, len(periods) // 2) :] if len(periods) > 1 else []
    before = [part for _, part in periods[: len(periods) - len(newest)]]
    if not newest:
        return ()
    known = learn_columns(pd.concat(before), model.features)
    return tuple(measure_profile(known, part, model.features) for _, part in newest)


def thinned(rows: pd.DataFrame, at_most: int) -> pd.DataFrame:
    """Every so-manieth row: without a seed, and even over time."""
    return rows.iloc[:: max(1, math.ceil(len(rows) / at_most))]


def _probabilities() -> Floats:
    return np.linspace(0, 1, 65)[1:-1]
