"""How a model's file reads its deliveries. The lake keeps the layout that its rows were taken in with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from include.models.contract import Model
from include.periods import CalendarPeriod, as_stored, from_stored

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Layout:
    """What names and types the rows in the lake: key, time, label, the period, and the kind of each column.

    `period` is in seconds, or the calendar's name. `taken_in` counts how often the history was taken in from landing as a
    whole: once, unless a layout changed.
    """

    key: tuple[str, ...]
    time: str
    label: str
    period: float | CalendarPeriod
    kinds: Mapping[str, str] = field(default_factory=dict, hash=False)
    taken_in: int = 1

    @classmethod
    def of(cls, model: Model, taken_in: int = 1) -> "Layout":
        """The layout that a model's file has now."""
        kinds = {column.name: column.kind for column in (*model.delivered, model.label)}
        return cls(model.feed.key, model.feed.time, model.label.name, as_stored(model.feed.period), kinds, taken_in)

    def with_columns_of(self, older: "Layout") -> "Layout":
        """This layout, with the columns that only an older one has: one that comes back must be of its kind."""
        return replace(self, kinds=dict(older.kinds) | dict(self.kinds), taken_in=older.taken_in)

    def changes_since(self, older: "Layout") -> list[str]:
        """What rows of the older layout cannot be read by, as `name: before, now`; empty where they can.

        A column that is new or gone is none: it is missing in the rows of before, or is not read. A category and a text are
        stored alike.
        """
        stated = [("feed.key", ", ".join(older.key), ", ".join(self.key)), ("feed.time", older.time, self.time)]
        before, now = (str(from_stored(layout.period)) for layout in (older, self))
        stated += [("label", older.label, self.label), ("feed.period", before, now)]
        shared = [name for name in self.kinds if name in older.kinds]
        stated += [(f"column {name}", older.kinds[name], self.kinds[name]) for name in shared if self._differs(older, name)]
        return [f"{name}: {before} before, {now} now" for name, before, now in stated if before != now]

    def _differs(self, older: "Layout", name: str) -> bool:
        return (older.kinds[name] == "number") != (self.kinds[name] == "number")


def key_texts(model: Model, rows: "pd.DataFrame") -> "pd.DataFrame":
    """The key columns as text that is the same for rows as delivered and as curated: a time in the key has many spellings."""
    import pandas as pd

    def text(name: str) -> "pd.Series":
        if name != model.feed.time:
            return rows[name].astype("str")
        times = pd.to_datetime(rows[name].astype("str"), utc=True, errors="coerce", format="ISO8601")
        return times.astype("datetime64[us, UTC]").astype("str")

    return pd.DataFrame({name: text(name) for name in model.feed.key}, index=rows.index)
