"""A team names its columns as it likes: none of the names that the pipeline uses itself stands in the way."""

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import pytest

from include.models.contract import Column, Model
from tests.toy import MODEL, World, changed, day

NAMES = [
    "version",
    "prediction",
    "scored_as_of",
    "label_delivered",
    "_delivered_at",
    "_source",
    "_period",
    "ranked",
    "period",
    "bad",
    "index",
    "level_0",
    "two words",
    "ümlaut",
    "speed (km/h)",
    "y_before",
]


def build(names: dict[str, str], seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    numbers = [names.get(name, name) for name in ("x", "z")]
    return make_pipeline(make_column_transformer((SimpleImputer(), numbers)), LogisticRegression(random_state=seed, C=0.1))


def renamed(names: dict[str, str]) -> Model:
    """The toy model with other names for some of its columns."""

    def other(column: Column) -> Column:
        return replace(column, name=names.get(column.name, column.name))

    return changed(
        build=lambda seed: build(names, seed),
        label=other(MODEL.label),
        features=tuple(map(other, MODEL.features)),
        key=tuple(names.get(name, name) for name in MODEL.feed.key),
        cluster=tuple(names.get(name, name) for name in MODEL.feed.cluster),
        time=names.get("at", "at"),
    )


@dataclass
class Renamed(World):
    """An upstream that calls its columns by other names."""

    names: dict[str, str] = field(default_factory=dict)

    def deliver(self, stream: str, name: str, frame: pd.DataFrame) -> str:
        return super().deliver(stream, name, frame.rename(columns=self.names))


@pytest.mark.parametrize(
    ("column", "name"),
    [*(("id", name) for name in NAMES), *((column, name) for column in ("at", "x", "y") for name in NAMES[:6:2])],
)
def test_quality_is_measured_whatever_a_column_is_called(column: str, name: str) -> None:
    """From delivery to decay: the champion whose answers turned is found out, as under any other name."""
    names = {column: name}
    world = Renamed(model=renamed(names), names=names).with_champion()
    world.deliver_day(8, turned=True)
    world.take_in(day(10))
    checked, scored = world.take_in(day(10)), world.scored(day(9))
    quality = world.do("measure_quality", day(10), scored=scored)
    assert (quality.period, quality.rows, quality.decayed) == (day(8), 60, True)
    drift = world.do("detect_drift", day(10), checked=checked, scored=scored)
    finding = world.do("triage", day(10), checked=checked, scored=scored, drift=drift, quality=quality)
    assert finding.action == "retrain", finding
