"""On which rows candidates are compared, and on which each is trained: never on a row of the hold-out."""

from collections.abc import Sequence
from datetime import datetime

from include.decisions.contest.linear_baseline import pool
from include.models.contract import Model
from include.results import Window


def compared_from(model: Model, periods: Sequence[datetime]) -> datetime | None:
    """Where the rows begin that candidates are compared on: the newest training periods, as many as are held out.

    At most half of them; None where there is only one. `periods` are the starts of the mature training periods, in order.

    >>> from include.models import find_model
    >>> flights, days = find_model("flight_delays"), [datetime(2024, 1, day) for day in (1, 8, 15, 22, 29)]
    >>> compared_from(flights, days).day, compared_from(flights, days[:2]).day, compared_from(flights, days[:1])
    (29, 8, None)
    """
    count = min(model.held_out, len(periods) // 2)
    return periods[-count] if count else None


def windows(model: Model, periods: Sequence[datetime]) -> dict[str, Window]:
    """The rows that each of the pool is fitted on, by its name: to be compared, and to become the challenger."""
    compared = compared_from(model, periods)
    before = [start for start in periods if compared is not None and start < compared]
    return {
        candidate.name: Window(
            compared=_newest(before, candidate.train_periods) if before else None,
            trained=_newest(periods, candidate.train_periods),
        )
        for candidate in pool(model)
    }


def _newest(periods: Sequence[datetime], count: int | None) -> datetime:
    return periods[-min(count or len(periods), len(periods))]
