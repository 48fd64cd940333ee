"""A comparison that would be unsound is named as that, before any model is asked."""

import numpy as np
import pandas as pd

from include.decisions.gate import soundness
from include.own_columns import LABEL_DELIVERED
from tests.toy import MODEL, changed, day


def test_every_version_is_asked_for_its_last_training_day() -> None:
    """Champion, challenger and reference alike; one that ends where the holdout starts is fine."""
    problems = soundness.older_than_training(day(6), {"1": day(6), "2": day(7)})
    assert problems == ["version 2 was trained on rows until 2024-01-08, the holdout starts on 2024-01-07"]


def test_any_criterion_counts_as_changed() -> None:
    """Floors, slices, budgets and the noise plan: what is judged by is what was fixed."""
    fixed = MODEL.criteria_digest
    assert soundness.changed_criteria(MODEL, fixed) == []
    for other in (
        changed(floor=0.1),
        changed(slices=("colour",)),
        changed(max_size_mb=3.0),
        changed(noise=MODEL.noise.__class__(drop=("typo",))),
    ):
        assert "changed after training" in soundness.changed_criteria(other, fixed)[0]


def test_labels_are_immature_below_the_share_that_the_feed_names() -> None:
    """Ninety-five of a hundred will do, ninety-four will not."""
    for known, problems in ((95, 0), (94, 1)):
        rows = pd.DataFrame({"at": pd.Series([day(1)] * 100), LABEL_DELIVERED: np.arange(100) < known})
        assert len(soundness.immature(MODEL, rows, day(5))) == problems
    assert soundness.immature(
        MODEL, pd.DataFrame({"at": [], LABEL_DELIVERED: []}).astype({"at": "datetime64[us, UTC]"}), day(5)
    )


def test_labels_that_fit_no_task_are_shown() -> None:
    """The first five values are in the message."""
    assert soundness.unusable_labels(MODEL, np.array([1.0, 2.0])) == [
        "labels of the holdout are «[1.0, 2.0]»; a binary model needs both 0 and 1, and nothing else"
    ]
    assert soundness.unusable_labels(MODEL, np.array([0.0, 1.0])) == []


def test_shared_keys_are_counted_and_one_is_shown() -> None:
    """By key alone: a row that was delivered again at another time is the same row."""
    holdout, seen = pd.DataFrame({"id": ["a", "b"]}), pd.DataFrame({"id": ["b", "c"]})
    problems = soundness.overlap(("id",), holdout, seen, "7")
    assert problems == ["1 rows of the holdout are in champion 7's training data, such as «{'id': 'b'}»"]
    assert soundness.overlap(("id",), holdout, seen.tail(1), "7") == []
