"""What candidates answered for the rows that they are compared on, and the value of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from include.decisions.contest.choice import Scored
from include.decisions.data.labels import labels_of
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.conditions import frames_of
from include.decisions.scoring.evidence import Answers, blended
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import Predictions
from include.errors import NoValue
from include.models.contract import Model
from include.noise.suite import NoiseSuite


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Labelled rows, their features under every condition, and their clusters."""

    model: Model
    rows: pd.DataFrame
    frames: dict[str, pd.DataFrame]
    clusters: Clusters

    @classmethod
    def of(cls, model: Model, rows: pd.DataFrame, suite: NoiseSuite, drawn_by: str) -> "ComparedRows":
        """Those of some labelled rows; the draw of noise is another one than the hold-out's."""
        rows = rows.reset_index(drop=True)
        return cls(model, rows, frames_of(model, rows, suite, f"{drawn_by}:compared"), Clusters.of_rows(rows, model.feed))

    def scored(self, name: str, predictions: Sequence[Predictions]) -> Scored:
        """One of the pool, from its predictions for each frame.

        Raises:
            NoValue: the metric has no value on these rows.
        """
        model, by_condition = self.model, dict(zip(self.frames, predictions, strict=True))
        answers = Answers(labels_of(model, self.rows), by_condition, None, self.clusters, model.task == "binary")
        value, influence = blended(primary_metric(model), answers, model.criteria.noisy_share)
        if not math.isfinite(value):
            raise NoValue(
                f"{model.criteria.metric} has no value on the {len(self.rows):,} rows that candidates are compared on"
            )
        return Scored(name, value, influence)
