"""Why quality fell: a planted cause is found first, with the column that it is in, and shares add up to the loss."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.planted import CASES, COLUMNS, METRICS, PLANTED, champion, explained, world
from include.decisions.monitoring.causes import Problem, Sample, marks_of, why
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Ranking
from include.models.contract import Column, Task


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


def test_a_column_that_counts_up_hides_no_cause() -> None:
    """No row of before is like one of now in it, so it is left out, and what the others show is found."""
    found = explained("regression", "answer", 1, counts_up=True)
    assert found is not None
    assert found.first is not None
    assert found.first.kind == "answer"
    assert not any("n: median" in place for cause in found.causes for place in cause.where)


def test_a_fault_in_every_row_is_no_concept_drift() -> None:
    """No row of now is like one of before: what they lose is the fault's."""
    for task in METRICS:
        found = explained(task, "all in another unit", 1)
        assert found is not None
        assert found.first is not None
        assert found.first.kind == "corruption", found
        assert found.first.share > 0.9 * found.rise


def test_inputs_that_are_nowhere_like_before_are_not_called_concept_drift() -> None:
    """It cannot be told, and the column is named."""
    found = explained("regression", "far away", 1)
    assert found is not None
    assert found.first is not None
    assert (found.first.kind, found.first.where[0][:9]) == ("unclear", "x: median")


def test_a_loss_that_cannot_be_told_is_not_split() -> None:
    """One class alone has no order, a column of nothing no words."""
    frame, labels = world(np.random.default_rng(1), "", "binary", 500)
    frame = frame.assign(w=np.nan, g=None)
    sample = Sample(frame, np.zeros(500), champion("binary")(frame.assign(g="alpha")), Clusters.independent(500), {})
    assert why(sample, sample, Problem(COLUMNS, ["g"], "binary", "roc_auc")) is None
    mixed = replace(sample, labels=labels)
    found = why(mixed, mixed, Problem(COLUMNS, ["g"], "binary", "roc_auc"))
    assert found is not None
    assert found.first is None


def test_texts_are_compared_by_their_words() -> None:
    """Messages about something new, which the champion gets wrong, are inputs that moved."""
    rng = np.random.default_rng(3)
    words = {"a": ["parcel", "order", "late"], "b": ["refund", "money", "back"], "c": ["allergy", "nuts", "vegan"]}

    def sample(topics: str) -> Sample:
        topic = rng.choice(list(topics), 1_000)
        texts = [" ".join(rng.choice(words[one], 3)) for one in topic]
        said = np.where(topic == "a", "a", "b").astype(object)
        right = rng.random(1_000) < 0.9
        ranking = Ranking(np.where(right, said, "z").astype(object)[:, None], np.full((1_000, 1), 0.9), 4)
        return Sample(pd.DataFrame({"text": texts}), topic.astype(object), ranking, Clusters.independent(1_000), {})

    found = why(sample("ab"), sample("aabbc"), Problem([Column("text", "text")], [], "multiclass", "accuracy"))
    assert found is not None
    assert found.first is not None
    assert (found.first.kind, found.first.where) == ("inputs", ("text",))


@pytest.mark.parametrize(("share", "marked"), [(0.0, 0.0), (0.1, 0.1), (0.5, 0.5), (0.6, 0.0), (1.0, 0.0)])
def test_a_column_that_moved_as_a_whole_is_not_corrupted(share: float, marked: float) -> None:
    """A month that was never seen is out of range in every row: a season, which has to be learned. Another unit is a fault."""
    before, moved = pd.DataFrame({"month": np.tile([7.0, 8.0], 50)}), np.arange(100) < 100 * share
    for later, expected in ((12.0, marked), (800.0, share)):
        rows = pd.DataFrame({"month": np.where(moved, later, 8.0)})
        marks = marks_of(rows, before, [Column("month", "number")], {})
        assert marks["month: out of range"].mean() == pytest.approx(expected)
