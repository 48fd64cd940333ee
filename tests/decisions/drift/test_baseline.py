"""The baseline of a version: complete in itself, and the same after it was kept."""

from datetime import timedelta

import numpy as np
import pandas as pd

from include.decisions.drift.baseline import Baseline, make_baseline, predictions_summary, summary_of_period, thinned
from include.decisions.drift.comparison import Earlier, Newest, compare_all
from include.decisions.scoring.predictions import best_classes
from include.documents import from_bytes, to_bytes
from include.models.contract import Column
from include.noise.profile import NoiseProfile
from include.own_columns import LABEL_DELIVERED
from tests.toy import DAY, FIRST, changed

COLUMNS = (Column("x", "number"), Column("colour", "category"), Column("note", "text"))
MODEL = changed(features=COLUMNS)


def days(count: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = 80 * count
    return pd.DataFrame(
        {
            "at": FIRST + pd.to_timedelta(np.repeat(np.arange(count), 80), unit="D") + timedelta(hours=5),
            "x": rng.normal(size=rows),
            "colour": rng.choice(["red", "green"], rows),
            "note": rng.choice(["so it goes", "so be it"], rows),
            "y": rng.integers(0, 2, rows).astype("float64"),
            LABEL_DELIVERED: np.arange(rows) % 10 > 0,
        }
    )


def made() -> Baseline:
    return make_baseline(MODEL, days(9), {"x": 0.5, "colour": 0.3, "note": 0.2}, [0.5, float("nan")])


def test_it_judges_the_same_after_it_was_kept() -> None:
    """As JSON and back: every finding is the same to the last digit."""
    first = made()
    again = from_bytes(Baseline, to_bytes(first), "key")
    summary = summary_of_period(MODEL, days(1, seed=2), FIRST, first.grid)
    newest = Newest(summary, None, None, NoiseProfile(80), float("nan"), 0)
    assert compare_all(again, newest, Earlier({}), lag=2) == compare_all(first, newest, Earlier({}), lag=2)
    assert (again.starts, again.importance, again.learned) == (first.starts, first.importance, first.learned)


def test_it_knows_its_periods() -> None:
    """In order, with the usual number of rows, the labels that had come, and how far ahead another period lies."""
    baseline = made()
    assert list(baseline.starts) == [FIRST + number * DAY for number in range(9)]
    assert baseline.usual_rows == 80
    assert [summary.rows for summary in baseline.labels] == [72] * 9
    assert baseline.summary_of(FIRST + 3 * DAY) is baseline.features[3]
    assert baseline.summary_of(FIRST + 9 * DAY) is None
    assert len(baseline.noise) == 4


def test_a_columns_importance_is_shared_by_its_views() -> None:
    """A text counts once, however many ways it is looked at."""
    assert made().weights == {"x": 0.5, "colour": 0.3, "note (length)": 0.1, "note (words)": 0.1}


def test_answers_are_summarised_for_every_task() -> None:
    """Probabilities, classes with how sure the model is, and values on the label's own grid."""
    grid = made().grid
    assert set(predictions_summary(MODEL, np.array([0.1, 0.9]), grid).views) == {"answer"}
    ranking = best_classes(np.array([[0.2, 0.8]]), np.array(["a", "b"], dtype=object))
    classes = changed(task="multiclass", label=Column("y", "category"))
    assert set(predictions_summary(classes, ranking, grid).views) == {"answer", "certainty"}
    assert predictions_summary(changed(task="regression"), np.array([0.0, 1.0]), grid).rows == 2


def test_thinning_is_even_over_time() -> None:
    """And leaves what is small alone."""
    rows = days(9)
    assert len(thinned(rows, 100)) <= 100
    assert thinned(rows, 100)["at"].dt.floor("D").nunique() == 9
    assert thinned(rows, 10_000).equals(rows)
