"""PSI: nothing moved is zero, what moved is large, what is new or missing counts."""

import numpy as np
import pandas as pd
import pytest

from include.decisions.replay.psi import largest_psi
from include.models.contract import Column

X, C, T = Column("x", "number"), Column("c", "category"), Column("t", "text")
RNG = np.random.default_rng(1)
THEN = pd.DataFrame({"x": RNG.normal(size=4000), "c": ["a", "b"] * 2000, "t": ["red bag", "lamp"] * 2000})


def psi(now: pd.DataFrame, *columns: Column) -> float:
    return float(largest_psi(THEN, now, np.zeros(len(now), dtype="int64"), 1, columns)[0])


def test_psi_of_the_same_rows_is_zero() -> None:
    """Whatever kind a column is of."""
    assert psi(THEN, X, C, T) == pytest.approx(0)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (C, ["a"] * 3000 + ["b"] * 1000, 0.25 * np.log(1.5) - 0.25 * np.log(0.5)),
        (C, ["a", "b"] * 1500 + ["new"] * 1000, 0.25 * np.log(0.25 / 1e-4) + 2 * 0.125 * np.log(0.5 / 0.375)),
        (T, ["red bag"] * 3000 + ["lamp"] * 1000, 0.25 * np.log(1.5) - 0.25 * np.log(0.5)),
    ],
    ids=["shares moved", "a value never seen", "texts got longer"],
)
def test_psi_matches_its_formula(column: Column, values: list[str], expected: float) -> None:
    """Shares against shares, with a floor of 1e-4 where there were none."""
    assert psi(pd.DataFrame({column.name: values}), column) == pytest.approx(expected, rel=2e-3)


def test_a_number_is_binned_by_what_was_trained_on() -> None:
    """A shift by one standard deviation is large, missing values count, and one outlier does not."""
    shifted = THEN.assign(x=THEN["x"] + 1)
    gone = THEN.assign(x=THEN["x"].where(np.arange(4000) % 2 == 0))
    odd = THEN.assign(x=THEN["x"].where(np.arange(4000) > 0, 1e9))
    assert psi(shifted, X) > 0.5
    assert psi(gone, X) > 0.5
    assert psi(odd, X) < 0.01


def test_the_largest_column_of_each_period_counts() -> None:
    """Periods are told apart, and one without rows has none."""
    now = pd.concat([THEN, THEN.assign(c="a")])
    found = largest_psi(THEN, now, np.repeat([0, 2], 4000), 3, [X, C])
    assert found[0] == pytest.approx(0)
    assert np.isnan(found[1])
    assert found[2] > 1
