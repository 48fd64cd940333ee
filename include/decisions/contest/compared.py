"""What candidates answered for the rows that they are compared on, and the value of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
    """Labelled rows, and the noise that they are scored under; `drawn_by` fixes its draw, another one than the hold-out's."""

    model: Model
    rows: pd.DataFrame
    suite: NoiseSuite
    drawn_by: str

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Their features under every condition; made when the first version is asked, if any is."""
        return frames_of(self.model, self.rows, self.suite, f"{self.drawn_by}:compared")

    @cached_property
    def clusters(self) -> Clusters:
        """Those of the rows."""
        return Clusters.of_rows(self.rows, self.model.feed)

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
