"""Is what a source says about when its rows changed enough? Rows that change after their own time are seen as they became."""

import re
from collections.abc import Iterator

import pandas as pd

from include.decisions.data.spec_check import SpecFinding
from include.models.contract import Model

# Names of a column that says when a row was changed last.
CHANGED = re.compile(r"(?i)^(?:last_)?(?:updated|modified|changed)(?:_?(?:at|on|time|date))?$|^last_update$")
# A few rows may be corrected by hand.
_SOME = 0.01


def check_source(model: Model, features: pd.DataFrame) -> list[SpecFinding]:
    """Doubts about a source's features, whose values are text as the source holds them; none where files bring them."""
    return [] if features.empty else list(_doubts(model, features))


def _doubts(model: Model, features: pd.DataFrame) -> Iterator[SpecFinding]:
    changed = model.source.changed(model.problem)
    own = _times(features[model.feed.time])
    correct = f"correct include/models/{model.name}.py"
    if changed == model.feed.time:
        others = [name for name in features.columns if CHANGED.match(str(name))]
        later = {name: float((_times(features[name]) > own).mean()) for name in others}
        value = "rows that change after their own time are not pulled again"
        if worst := max(later, key=lambda name: later[name], default=None):
            value = f"{later[worst]:.0%} of the rows have a later {worst}: those changes would not be pulled"
        yield SpecFinding(
            "doubt",
            "source.updated_at",
            f"it names no column, so {value}",
            "a column that says when a row was changed last; or rows that never change",
            f'Name it, such as updated_at="{worst or "updated_at"}": {correct}.',
        )
        return
    due = own + model.feed.label_delay
    share = float((_times(features[changed]) > due).mean())
    if share > _SOME:
        yield SpecFinding(
            "doubt",
            f"source.updated_at {changed}",
            f"{share:.0%} of the rows were changed after their label was due: they are seen as they became, which production "
            "cannot see, and the model may learn its answer",
            "features as they were when the prediction was made: the query takes that version from a table with history",
            "Query the history, or leave out the columns that change.",
        )


def _times(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True, errors="coerce", format="ISO8601")
