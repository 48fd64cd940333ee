"""The suite gives every model of one shape the same mess, and the same bytes for the same seed."""

import hashlib
import json
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.noise.suite import CORRUPTIONS, MILD, SEVERE, Condition, NoiseSuite, default_suite, rates_made

KINDS = {"miles": "number", "minute": "number", "carrier": "category", "note": "text"}
SEED = "snapshot 1f2e, seed 7"


@dataclass(frozen=True)
class Declared:
    """A column as a model declares it."""

    name: str
    kind: str


def suite(*severities: float, kinds: dict[str, str] = KINDS) -> NoiseSuite:
    """The default suite of a model with these columns."""
    model = SimpleNamespace(features=[Declared(name, kind) for name, kind in kinds.items()])
    return default_suite(model, severities or (SEVERE,))


def rows(count: int = 400) -> pd.DataFrame:
    """Rows of every kind, and two columns that no model declared."""
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "key": np.arange(count),
            "miles": rng.integers(100, 20_000, count) / 4,
            "minute": rng.integers(1, 1440, count).astype("int16"),
            "carrier": pd.Series(rng.choice(["AA", "B6", "UA"], count), dtype="str"),
            "note": pd.Series(rng.choice(["on time", "late inbound aircraft", "weather"], count), dtype="str"),
            "late": rng.integers(0, 2, count),
        }
    )


each_condition = pytest.mark.parametrize("condition", suite().conditions)


def test_the_default_suite_is_six_conditions() -> None:
    """A model with every kind of column is scored under six conditions, all severe."""
    assert suite().conditions == ("missing@0.2", "outlier@0.2", "unit_slip@0.2", "swap@0.2", "unseen@0.2", "typo@0.2")


def test_severities_multiply_the_conditions() -> None:
    """Each severity asked for brings every corruption."""
    assert len(suite(MILD, SEVERE).conditions) == 12
    assert "typo@0.05" in suite(MILD, SEVERE).conditions


def test_corruptions_without_a_column_are_left_out() -> None:
    """A model of numbers alone is not charged a scoring pass for typos."""
    assert suite(kinds={"miles": "number"}).conditions == ("missing@0.2", "outlier@0.2", "unit_slip@0.2")


@each_condition
def test_only_columns_of_the_right_kind_are_touched(condition: str) -> None:
    """Keys, labels and columns of other kinds stay byte for byte; rows, index and column order stay too."""
    frame = rows().sample(frac=1, random_state=1)
    noisy = suite().apply(frame, condition, SEED)
    others = [name for name in frame.columns if name not in suite().columns_of(condition)]
    pd.testing.assert_frame_equal(noisy[others], frame[others])
    pd.testing.assert_index_equal(noisy.index, frame.index)
    assert list(noisy.columns) == list(frame.columns)


@each_condition
def test_every_column_gets_the_rate(condition: str) -> None:
    """Each column of the condition differs in a fifth of its cells, and the run can record it."""
    frame = rows()
    made = rates_made(frame, suite().apply(frame, condition, SEED))
    assert made == dict.fromkeys(suite().columns_of(condition), pytest.approx(0.2))


@each_condition
def test_the_input_is_left_alone(condition: str) -> None:
    """Champion and challenger are scored from the same clean rows after any noise was made of them."""
    frame = rows()
    suite().apply(frame, condition, SEED)
    pd.testing.assert_frame_equal(frame, rows())


@each_condition
@settings(deadline=None, max_examples=30)
@given(seed=st.text('abc é🙂"\\', max_size=20))
def test_the_same_seed_gives_the_same_rows(condition: str, seed: str) -> None:
    """Noise is a function of the rows, the suite and the seed material."""
    frame = rows(40)
    first, second = (suite().apply(frame, condition, seed) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@each_condition
def test_another_seed_gives_other_rows(condition: str) -> None:
    """A new snapshot or seed is a new draw in every column."""
    frame = rows()
    first, second = (suite().apply(frame, condition, seed) for seed in ("a", "b"))
    assert list(rates_made(first, second)) == [name for name in frame.columns if name in suite().columns_of(condition)]


@each_condition
@settings(deadline=None, max_examples=30)
@given(order=st.permutations(list(KINDS)))
def test_column_order_changes_no_draw(condition: str, order: list[str]) -> None:
    """Neither the order of the frame's columns nor of the model's changes what happens to any of them."""
    frame = rows(60)
    shuffled = suite(kinds={name: KINDS[name] for name in order})
    expected = suite().apply(frame, condition, SEED)
    pd.testing.assert_frame_equal(shuffled.apply(frame[order], condition, SEED), expected[order])
    assert shuffled.digest() == suite().digest()


def test_other_columns_and_conditions_change_no_draw() -> None:
    """A model that gains a column, or a suite that gains a severity, keeps the noise that it had."""
    frame = rows()
    alone = suite(kinds={"miles": "number"}).apply(frame, "outlier@0.2", SEED)
    pd.testing.assert_series_equal(suite(MILD, SEVERE).apply(frame, "outlier@0.2", SEED)["miles"], alone["miles"])


def test_columns_do_not_share_their_draws() -> None:
    """Two equal columns lose different cells."""
    frame = rows()[["miles"]].assign(minute=lambda table: table["miles"])
    noisy = suite(kinds={"miles": "number", "minute": "number"}).apply(frame, "missing@0.2", SEED)
    assert (noisy["miles"].isna() != noisy["minute"].isna()).any()


def test_the_bytes_have_not_changed_since_they_were_written_down() -> None:
    """Noise made last month can be made today: if this fails on purpose, raise VERSION, since scores no longer compare."""
    frame = rows()
    said = [suite().apply(frame, condition, SEED).to_csv(index=False) for condition in suite().conditions]
    assert hashlib.sha256("".join(said).encode()).hexdigest()[:16] == "6e870d43af613355"


@pytest.mark.parametrize("frame", [rows(0), rows(1), rows(2).iloc[1:]], ids=["no row", "one row", "one row of two"])
@each_condition
def test_small_frames_survive(condition: str, frame: pd.DataFrame) -> None:
    """No row or one row is no error; a fifth of one cell is none."""
    pd.testing.assert_frame_equal(suite().apply(frame, condition, SEED), frame)


def test_severity_zero_is_the_identity() -> None:
    """A condition of rate 0 returns the clean rows, dtypes and all."""
    none = suite(0.0)
    for condition in none.conditions:
        pd.testing.assert_frame_equal(none.apply(rows(), condition, SEED), rows())


def test_the_description_is_json_and_names_everything() -> None:
    """What a run records says which columns meet which corruption, at what rate, in words."""
    said = json.loads(json.dumps(suite().describe()))
    assert {condition["id"] for condition in said["conditions"]} == set(suite().conditions)
    assert said["columns"] == dict(sorted(KINDS.items()))
    assert all(condition["meaning"] and condition["columns"] for condition in said["conditions"])


def test_the_digest_follows_what_is_done() -> None:
    """Another severity, column or kind is another suite; the same twice is not."""
    digests = {
        suite().digest(),
        suite().digest(),
        suite(MILD).digest(),
        suite(MILD, SEVERE).digest(),
        suite(kinds={"miles": "number"}).digest(),
        suite(kinds={**KINDS, "note": "category"}).digest(),
    }
    assert len(digests) == 5


def test_an_unknown_condition_is_refused_by_name() -> None:
    """The message lists the conditions there are."""
    with pytest.raises(DataError, match=r"'flood@0.2'.*missing@0.2, outlier@0.2"):
        suite().apply(rows(), "flood@0.2", SEED)


def test_an_absent_column_is_refused_by_name() -> None:
    """Noise that cannot be made as the suite says is not made in part."""
    with pytest.raises(DataError, match="no column miles"):
        suite().apply(rows().drop(columns="miles"), "outlier@0.2", SEED)


def test_a_severity_that_is_no_share_is_refused() -> None:
    """A rate above 1 is an error when the suite is made, not when it is used."""
    with pytest.raises(ValueError, match="missing@20"):
        Condition(CORRUPTIONS[0], 20)
