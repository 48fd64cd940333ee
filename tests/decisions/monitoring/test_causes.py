"""Why quality fell: a planted cause is found first, with the column that it is in, and shares add up to the loss."""

import pytest

from bench.planted import CASES, METRICS, PLANTED, explained
from include.models.contract import Task


@pytest.mark.parametrize(("task", "planted"), CASES)
def test_the_planted_cause_is_found_first_with_its_column(task: Task, planted: str) -> None:
    """In each of two worlds of 5,000 rows; `make bench-field_causes` counts many more."""
    for seed in (1, 2):
        found = explained(task, planted, seed)
        kind, where = PLANTED[planted]
        assert found is not None
        assert found.first is not None, found
        assert found.first.kind == kind, found
        assert found.first.where[0].startswith(where), found.first.where
        assert sum(cause.share for cause in found.causes) == pytest.approx(found.rise)
        assert found.first.low < found.first.share < found.first.high


@pytest.mark.parametrize("task", METRICS)
def test_where_nothing_changed_there_is_no_cause(task: Task) -> None:
    """Chance is not explained."""
    found = [explained(task, "", seed) for seed in (1, 2, 3)]
    assert [one and one.first for one in found].count(None) >= 2


def test_too_few_rows_are_not_split() -> None:
    """None instead of a guess."""
    assert explained("binary", "answer", 1, rows=100) is None
