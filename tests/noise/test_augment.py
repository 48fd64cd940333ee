"""Training on noise: the copies hold every kind of it, labels follow their rows, and no holdout shares the draw."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.errors import ModelError
from include.models.contract import Augment, NoisePlan
from include.noise.augment import augmented
from include.noise.drawing import changed
from include.noise.suite import NoiseSuite, default_suite

SEED = "snapshot 1f2e, seed 7"
COLUMNS = [SimpleNamespace(name="x", kind="number"), SimpleNamespace(name="place", kind="category")]
SUITE: NoiseSuite = default_suite(SimpleNamespace(name="parcels", features=COLUMNS, noise=NoisePlan()))


def rows(count: int = 800) -> pd.DataFrame:
    """Rows that tell their own number."""
    rng = np.random.default_rng(1)
    places = rng.choice(["Newark", "Kennedy", "LaGuardia"], count)
    return pd.DataFrame({"x": np.arange(count) + 0.25, "place": pd.Series(places, dtype="str")})


def made(plan: Augment, frame: pd.DataFrame | None = None, seed: str = SEED) -> tuple[pd.DataFrame, Any]:
    frame = rows() if frame is None else frame
    return augmented(frame, np.arange(len(frame), dtype="float64"), plan, SUITE, seed)


def test_clean_rows_come_first_and_labels_follow() -> None:
    """Three times the rows with two copies; a row's copy has its label, and nearly all cells are what they were."""
    frame, labels = made(Augment(copies=2))
    assert (len(frame), len(labels)) == (2_400, 2_400)
    pd.testing.assert_frame_equal(frame.iloc[:800], rows())
    assert frame.index.tolist() == labels.astype(int).tolist()
    assert (np.floor(frame["x"]) == labels).mean() > 0.8


def test_labels_may_be_words() -> None:
    """A multi-class model's labels stay objects."""
    words = np.array([f"class {number % 3}" for number in range(800)], dtype=object)
    _, labels = augmented(rows(), words, Augment(), SUITE, SEED)
    assert labels.dtype == object
    assert labels[800:].tolist() == words.tolist()


def test_a_copy_holds_every_kind_of_noise() -> None:
    """Each of eight kinds befalls its eighth of the rows at the plan's severity: in each column that it befalls, half here."""
    frame, _ = made(Augment(severity=0.5))
    copy = frame.iloc[800:]
    assert copy["x"].isna().sum() == copy["place"].isna().sum() == 50
    assert copy["place"].str.startswith("unseen").sum() == 50
    # missing, outlier, unit_slip and frozen; missing, swap, unseen, typo and case
    assert changed(rows()["x"], copy["x"]).sum() == 200
    assert changed(rows()["place"], copy["place"]).sum() == 250


def test_only_the_kinds_asked_for_are_made() -> None:
    """A plan may name them, and an unknown name is refused with a list of them."""
    frame, _ = made(Augment(severity=1.0, corruptions=("missing",)))
    assert frame.iloc[800:].isna().all(axis=None)
    with pytest.raises(ModelError, match=r"phonetic is not in the model's noise suite, which has: missing, outlier, .*case"):
        made(Augment(corruptions=("phonetic",)))


def test_no_holdout_shares_the_draw() -> None:
    """Even from the same rows and the same seed material, other cells are hit than in any condition of the holdout."""
    copy = made(Augment(severity=0.2, corruptions=("missing",)))[0].iloc[800:]
    holdout = SUITE.apply(rows(), "missing@0.2", SEED)
    both = (copy["x"].isna() & holdout["x"].isna()).mean()
    assert both == pytest.approx(0.2 * 0.2, abs=0.02)


def test_copies_differ_and_can_be_made_again() -> None:
    """Each copy is its own draw; the same seed gives the same training rows."""
    frame, _ = made(Augment(copies=2))
    assert changed(frame["x"].iloc[800:1600], frame["x"].iloc[1600:]).any()
    pd.testing.assert_frame_equal(made(Augment(copies=2))[0], frame)
    assert changed(made(Augment(copies=2), seed="another")[0]["x"], frame["x"]).any()


@pytest.mark.parametrize("plan", [Augment(copies=0), Augment(severity=0.0)], ids=str)
def test_nothing_asked_is_nothing_changed(plan: Augment) -> None:
    """No copy, or copies without corruption: the rows and their dtypes are as they were."""
    frame, _ = made(plan)
    for start in range(0, len(frame), 800):
        pd.testing.assert_frame_equal(frame.iloc[start : start + 800], rows())


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_rows_are_no_error(count: int) -> None:
    """Fewer rows than kinds of corruption, or none."""
    frame, labels = made(Augment(copies=2), rows(count))
    assert len(frame) == len(labels) == 3 * count
