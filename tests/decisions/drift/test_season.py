"""Season: days that the calendar knows, and the same days a year ago."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from include.decisions.drift.baseline import make_baseline, summary_of_period
from include.decisions.drift.comparison import LABEL, TOGETHER, Compared
from include.decisions.drift.season import as_a_year_ago, known_days, year_before
from include.errors import ModelError
from include.models.contract import Column, KnownDays
from include.own_columns import LABEL_DELIVERED
from tests.toy import DAY, FIRST, changed

WINTER = KnownDays("the holidays", "12-20", "01-05")


@pytest.mark.parametrize(
    ("day", "named"),
    [((12, 19), ""), ((12, 20), "the holidays"), ((1, 1), "the holidays"), ((1, 5), "the holidays"), ((1, 6), "")],
)
def test_days_in_the_calendar(day: tuple[int, int], named: str) -> None:
    """From one day to another, over the turn of the year too."""
    assert known_days(changed(calendar=(WINTER,)), datetime(2024, *day, tzinfo=UTC)) == named


def test_a_week_that_touches_such_a_day_is_one_of_them() -> None:
    """Whatever day it starts on."""
    weekly = changed(calendar=(WINTER,), period=timedelta(days=7))
    assert known_days(weekly, datetime(2024, 12, 16, tzinfo=UTC)) == "the holidays"
    assert known_days(weekly, datetime(2024, 12, 9, tzinfo=UTC)) == ""


@pytest.mark.parametrize("first", ["20-12", "1-5", "13-01", "Christmas"])
def test_a_day_that_is_none_is_refused(first: str) -> None:
    """When the model is made, by name."""
    with pytest.raises(ModelError, match="calendar: the fair does not go from one MM-DD to another, such as 12-20 to 01-05"):
        changed(calendar=(KnownDays("the fair", first, "12-31"),))


def test_a_year_ago_is_the_same_weekday() -> None:
    """52 weeks."""
    then = year_before(changed(), datetime(2024, 3, 4, tzinfo=UTC))
    assert (then, then.weekday()) == (datetime(2023, 3, 6, tzinfo=UTC), 0)


def test_what_is_closer_to_a_year_ago_than_to_the_usual_is_a_season() -> None:
    """A column that was as high then; one that was not; and what is no column has no year ago."""
    model = changed(features=(Column("x", "number"), Column("z", "number")))
    rng = np.random.default_rng(1)

    def days(first: int, count: int, **moved: float) -> pd.DataFrame:
        at = [FIRST + (first + number) * DAY for number in range(count) for _ in range(100)]
        rows = {name: rng.normal(moved.get(name, 0.0), 1, len(at)) for name in ("x", "z")}
        return pd.DataFrame(rows | {"at": pd.to_datetime(at, utc=True), "y": 1.0, LABEL_DELIVERED: True})

    baseline = make_baseline(model, days(0, 8), {}, [])
    now, then = (
        summary_of_period(model, days(9, 1, **moved), FIRST, baseline.grid) for moved in ({"x": 2, "z": 2}, {"x": 1.8, "z": 0})
    )
    moved = [Compared(view, "level", 0.001, 1.0, 1.0, 0.0) for view in ("x", "z", LABEL)]
    assert as_a_year_ago(moved, baseline, now, then) == {"x": True, "z": False, LABEL: False}
    half_a_year_ago = summary_of_period(model, days(8, 1, x=1.9), FIRST, baseline.grid)
    assert as_a_year_ago(moved, baseline, now, then, half_a_year_ago)["x"] is False, "a shift that stayed is no season"
    calm_in_between = summary_of_period(model, days(8, 1), FIRST, baseline.grid)
    assert as_a_year_ago(moved, baseline, now, then, calm_in_between)["x"] is True
    followed = Compared(TOGETHER, "told apart", 0.001, 0.3, 0.8, 0.5)
    assert as_a_year_ago([moved[0], followed], baseline, now, then)[TOGETHER]
    assert not as_a_year_ago([*moved, followed], baseline, now, then)[TOGETHER]
    assert not as_a_year_ago([followed], baseline, now, then)[TOGETHER]
