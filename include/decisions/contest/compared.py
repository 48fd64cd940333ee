"""What candidates answered for the rows that they are compared on, and the value of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from include.decisions.contest.choice import Scored
from include.decisions.data.labels import labels_of
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.conditions import frames_of
from include.decisions.scoring.evidence import Answers, estimates
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import Predictions
from include.errors import NoValue
from include.models.contract import Model
from include.noise.suite import NoiseSuite

_VALUE, _INFLUENCE = "value: ", "influence: "


@dataclass(frozen=True, eq=False)
class ComparedRows:
    """Labelled rows, and the noise that they are scored under: another draw than a hold-out of these rows gets."""

    model: Model
    rows: pd.DataFrame
    suite: NoiseSuite

    @cached_property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Their features under every condition; made when the first version is asked, if any is."""
        return frames_of(self.model, self.rows, self.suite, "compared")

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
        scored = Scored.mixed(name, estimates(primary_metric(model), answers), model.criteria.noisy_share)
        if not math.isfinite(scored.value):
            raise NoValue(
                f"{model.criteria.metric} has no value on the {len(self.rows):,} rows that candidates are compared on"
            )
        return scored


def to_columns(scored: Scored) -> pd.DataFrame:
    """What is kept of one of the pool: for each condition the metric's value, and each row's influence on it."""
    columns = dict[str, Any]()
    for condition, (value, influence) in scored.by_condition.items():
        columns |= {f"{_VALUE}{condition}": value, f"{_INFLUENCE}{condition}": influence}
    return pd.DataFrame(columns)


def from_kept(name: str, kept: pd.DataFrame, noisy_share: float) -> Scored:
    """One of the pool, from what was kept of it."""
    conditions = [str(column).removeprefix(_VALUE) for column in kept if str(column).startswith(_VALUE)]
    by_condition = {one: (float(kept[f"{_VALUE}{one}"].iloc[0]), kept[f"{_INFLUENCE}{one}"].to_numpy()) for one in conditions}
    return Scored.mixed(name, by_condition, noisy_share)
