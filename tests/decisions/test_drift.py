"""Checks that come before any distance: what happened to a column, and whether the feed is broken."""

import numpy as np
import pandas as pd
import pytest

from include.decisions.drift import check_feed, comparable
from include.models.contract import Column

SPEED, COLOUR = Column("speed", "number", optional=True), Column("colour", "category", optional=True)


def frame(**changes: object) -> pd.DataFrame:
    """A hundred ordinary rows, with some columns exchanged."""
    colours = pd.Series(["red", "green"] * 50, dtype="object")
    return pd.DataFrame({"speed": np.arange(100.0), "colour": colours} | changes)


GAPS = [float("nan")] * 30 + [1.0, 2.0] * 35
NEVER = [float("nan")] * 100
BLUE = ["blue"] * 5 + ["red", "green"] * 47 + ["red"]
HOLIDAYS = [None] * 98 + ["red", "green"]
CASES = [
    ("all is well", frame(), frame(), 100, []),
    ("vanished", frame(), frame(speed=NEVER), 100, [("speed", "missing in every row", True)]),
    ("gaps", frame(), frame(speed=GAPS), 100, [("speed", "missing in 30% of rows, usually in 0%", False)]),
    ("gaps as usual", frame(speed=GAPS), frame(speed=GAPS), 100, []),
    ("never there", frame(speed=NEVER), frame(speed=NEVER), 100, []),
    ("frozen number", frame(), frame(speed=7.0), 100, [("speed", "frozen at 7.0", True)]),
    ("frozen category", frame(), frame(colour="red"), 100, [("colour", "frozen at 'red'", True)]),
    ("always the same", frame(colour="red"), frame(colour="red"), 100, []),
    ("unseen values", frame(), frame(colour=BLUE), 100, [("colour", "5% of values were never seen", False)]),
    ("collapse", frame(), frame().head(40), 100, [("(rows)", "40 rows, usually about 100", True)]),
    ("a thin period", frame(), frame().head(60), 100, []),
    ("a rare value", frame(colour=HOLIDAYS), frame(colour=[None] * 99 + ["red"]), 100, []),
    ("frozen with gaps", frame(), frame(speed=[7.0] * 95 + [float("nan")] * 5), 100, [("speed", "frozen at 7.0", True)]),
    ("usually at its maximum", frame(speed=[10.0] * 85 + [float(n) for n in range(15)]), frame(speed=10.0), 100, []),
    ("one row is not frozen", frame(), frame().head(1), 1, []),
    ("both at once", frame(), frame(speed=NEVER, colour="red"), 100, [("speed", "missing", True), ("colour", "frozen", True)]),
]


@pytest.mark.parametrize(
    ("reference", "current", "usual", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_check_feed(reference: pd.DataFrame, current: pd.DataFrame, usual: float, found: list[tuple[str, str, bool]]) -> None:
    """Each finding names its column, says what happened, and tells a broken feed from a changed world."""
    periods = pd.Series(np.arange(len(reference)) // usual)
    findings = check_feed(reference, current, (SPEED, COLOUR), periods)
    assert [(finding.column, finding.broken) for finding in findings] == [(column, broken) for column, _, broken in found]
    assert all(what in finding.what for finding, (_, what, _) in zip(findings, found, strict=True))


def test_what_stands_still_in_every_period_is_not_frozen() -> None:
    """A weekday has one value all day, whatever the days before had."""
    reference = frame(speed=np.repeat(np.arange(5.0), 20))
    periods = pd.Series(np.arange(100) // 20)
    assert check_feed(reference, frame(speed=3.0).head(20), (SPEED,), periods) == []


def test_one_outlier_hides_nothing() -> None:
    """Numbers are clipped to the reference's bulk before any distance is taken."""
    reference, current = comparable(pd.Series(np.arange(1000.0)), pd.Series([1.0, 1e12]), SPEED)
    assert current.max() == reference.max() < 1000


def test_a_comparison_gets_plain_values_without_gaps() -> None:
    """Floats and strings, whatever comes in: Evidently knows no other types."""
    numbers = comparable(pd.Series([1, None], dtype="Int64"), pd.Series([2, None], dtype="Int64"), SPEED)
    texts = comparable(pd.Series(["a", None], dtype="str"), pd.Series(["b", None], dtype="category"), COLOUR)
    assert [side.dtype.name for side in (*numbers, *texts)] == ["float64", "float64", "object", "object"]
    assert [len(side) for side in (*numbers, *texts)] == [1, 1, 1, 1]


def test_a_column_that_was_always_the_same_can_drift() -> None:
    """Clipping to a bulk of one value must not make every other value equal to it."""
    reference, current = comparable(pd.Series([0.0] * 100), pd.Series([5.0] * 100), SPEED)
    assert reference.max() < current.min()
