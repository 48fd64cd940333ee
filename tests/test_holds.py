"""Holds: what people freeze or snooze begins, holds, and ends by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from include.errors import ToolError
from include.holds import FREEZE, Hold, Holds, held, require_usable

NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def freeze(**changes: object) -> Hold:
    return Hold(what=FREEZE, by="erin", reason="holiday", since=NOW, until=NOW + 2 * DAY).model_copy(update=changes)


@pytest.mark.parametrize(("after", "holds"), [(-DAY, False), (0 * DAY, True), (DAY, True), (2 * DAY, False), (9 * DAY, False)])
def test_a_freeze_ends_by_itself_at_its_time(after: timedelta, holds: bool) -> None:
    """Before it begins, and from its end on, nothing is held back."""
    assert (held([freeze()], FREEZE, NOW + after) is not None) is holds


def test_a_freeze_that_a_person_ended_stays_on_record() -> None:
    """With who ended it, and when."""
    ended = Holds(holds=(freeze(),)).ended(FREEZE, "dora", NOW + DAY)
    assert held(ended.holds, FREEZE, NOW + DAY) is None
    assert held(ended.holds, FREEZE, NOW + DAY / 2) is not None
    assert (ended.holds[0].ended_by, ended.holds[0].by) == ("dora", "erin")


def test_a_new_freeze_takes_the_place_of_the_old_one() -> None:
    """A shorter one too: what was said last counts; one of another kind stays."""
    holds = Holds().begun(freeze()).begun(freeze(what="page")).begun(freeze(since=NOW + DAY / 2, until=NOW + DAY, by="dora"))
    assert held(holds.holds, FREEZE, NOW + DAY * 0.75).by == "dora"  # type: ignore[union-attr]
    assert held(holds.holds, FREEZE, NOW + DAY * 1.5) is None
    assert held(holds.holds, "page", NOW + DAY * 1.5) is not None


def test_of_several_the_longest_counts() -> None:
    """One of the model, and one of all models."""
    longer = freeze(until=NOW + 5 * DAY, everywhere=True, by="dora")
    assert held([freeze(), longer], FREEZE, NOW) == longer
    assert longer.in_words() == "frozen with all models until 2026-12-29 12:00 UTC by dora: holiday"


@pytest.mark.parametrize(
    ("until", "reason", "says"),
    [
        (NOW - DAY, "r", "a time that has not come yet"),
        (NOW, "r", "a time that has not come yet"),
        (NOW + 367 * DAY, "r", "at most 366 days ahead"),
        (NOW + DAY, " ", "the reason is empty"),
    ],
)
def test_a_hold_needs_an_end_and_a_reason(until: datetime, reason: str, says: str) -> None:
    """What is accepted is said."""
    with pytest.raises(ToolError, match=says):
        require_usable(until, NOW, reason)
