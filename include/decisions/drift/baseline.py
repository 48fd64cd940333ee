"""The baseline: what a champion's training rows were like, period by period. It belongs to the version, not to the model.

It is made once, from the training snapshot; every check after that reads the newest period alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from statistics import median

import numpy as np
import pandas as pd

from include.decisions.drift.chart_statistics import MATERIAL_SHARE, MATERIAL_WORDS, ViewBaseline, view_baseline
from include.decisions.drift.summaries import Grid, StoredFloats, Summary, column_of, is_of_words, lay_grid, summarise
from include.decisions.scoring.predictions import Floats, Predictions, Ranking, numbers_of
from include.models.contract import Column, Model
from include.noise.profile import NoiseProfile, learn_columns, measure_profile
from include.noise.recognition import LearnedColumn
from include.own_columns import LABEL_DELIVERED

# More periods than these tell nothing new about how a column usually moves.
_MOST_PERIODS = 520
# The newest periods of the training rows, whose noise is measured against the rows before them.
_NOISE_PERIODS = 6
_GRID_ROWS = 50_000


@dataclass(frozen=True, eq=False)
class Baseline:
    """What is kept: a summary of the features and of the label for each period, `starts` in order, and what they taught.

    `importance` is each column's share of what moves the champion's predictions, summing to 1; `noise` are noise profiles of
    the newest periods, `learned` what text in the training rows looks like, `separability` how well a classifier separated
    single periods of the training rows from the others (areas under the curve).
    """

    grid: Mapping[str, StoredFloats]
    starts: tuple[datetime, ...]
    features: tuple[Summary, ...]
    labels: tuple[Summary, ...]
    importance: Mapping[str, float]
    noise: tuple[NoiseProfile, ...] = ()
    learned: Mapping[str, LearnedColumn] = field(default_factory=dict)
    separability: tuple[float, ...] = ()

    @cached_property
    def views(self) -> dict[str, ViewBaseline]:
        """Every view of the features, by name."""
        return _views(self.features)

    @cached_property
    def label_views(self) -> dict[str, ViewBaseline]:
        """The view of the label, by name."""
        return _views(self.labels)

    def columns(self, model: Model) -> list[Column]:
        """The features that were there when the baseline was made: one that the model gained since has nothing to be like."""
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

    def summary_of(self, period: datetime) -> Summary | None:
        """The summary of a period of the baseline itself, or None."""
        return self.features[self.starts.index(period)] if period in self.starts else None


def make_baseline(
    model: Model, rows: pd.DataFrame, importance: Mapping[str, float], separability: Sequence[float]
) -> Baseline:
    """The baseline from a champion's training rows, as the lake reads them."""
    grid = lay_grid(thinned(rows, _GRID_ROWS), [*model.features, model.label])
    periods = [(start.to_pydatetime(), part) for start, part in rows.groupby(model.periods_of(rows[model.feed.time]))]
    periods = periods[-_MOST_PERIODS:]
    return Baseline(
        grid=grid,
        starts=tuple(start for start, _ in periods),
        features=tuple(summary_of_period(model, part, start, grid) for start, part in periods),
        labels=tuple(summarise(part[part[LABEL_DELIVERED]], [model.label], grid) for _, part in periods),
        importance=importance,
        noise=_usual_noise(model, periods),
        learned=learn_columns(rows, model.features),
        separability=tuple(separability),
    )


def summary_of_period(
    model: Model, rows: pd.DataFrame, start: datetime, grid: Grid, columns: Sequence[Column] | None = None
) -> Summary:
    """The summary of a period's features, or of some of them."""
    newest = rows[model.feed.time].max() if len(rows) else start
    idle = (model.later(start) - newest).total_seconds()
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
    baselines = {}
    for name in summaries[0].views:
        views = [summary.views[name] for summary in summaries]
        material = MATERIAL_WORDS if is_of_words(name) else MATERIAL_SHARE
        baselines[name] = view_baseline(views, max(float(median(view.rows for view in views)), 1.0), material)
    return baselines


def _usual_noise(model: Model, periods: Sequence[tuple[datetime, pd.DataFrame]]) -> tuple[NoiseProfile, ...]:
    """The noise of the newest periods, measured against the rows before them: what is usual in both is no noise."""
    newest = periods[-min(_NOISE_PERIODS, len(periods) // 2) :] if len(periods) > 1 else []
    before = [part for _, part in periods[: len(periods) - len(newest)]]
    if not newest:
        return ()
    known = learn_columns(pd.concat(before), model.features)
    return tuple(measure_profile(known, part, model.features) for _, part in newest)


def thinned(rows: pd.DataFrame, at_most: int) -> pd.DataFrame:
    """Every n-th row: needs no seed, and is even over time."""
    return rows.iloc[:: max(1, math.ceil(len(rows) / at_most))]


def _probabilities() -> Floats:
    return np.linspace(0, 1, 65)[1:-1]
