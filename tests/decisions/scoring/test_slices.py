"""Slices: a row is in one slice of a partition, and a search names slices that were not declared."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.slices import Searched, partition, search


@given(st.lists(st.one_of(st.sampled_from(["a", "b", "c"]), st.none()), min_size=1, max_size=60))
def test_every_row_is_in_the_slice_of_its_value(values: list[str | None]) -> None:
    """Also the rows that have none."""
    made = partition(pd.Series(values, name="s", dtype="object"))
    expected = ["s is missing" if value is None else f"s={value}" for value in values]
    assert [made.names[code] for code in made.codes] == expected


def test_numbers_are_cut_into_quarters() -> None:
    """A slice of one temperature would hold hardly a row."""
    made = partition(pd.Series(np.arange(100.0), name="t"))
    assert np.bincount(made.codes).tolist() == pytest.approx([25, 25, 25, 25], abs=1)


def test_few_numbers_are_values() -> None:
    """The weekday is a number, and each of its seven values a slice."""
    assert len(partition(pd.Series(np.arange(100) % 7, name="weekday")).names) == 7


def test_a_feature_of_a_thousand_values_has_thirty_slices() -> None:
    """The most frequent ones, and one for all others: no row goes unjudged."""
    made = partition(pd.Series([f"v{n % 1000}" for n in range(5000)], name="s"))
    assert len(made.names) == 31
    assert made.names[-1] == "s: all other values"
    assert (made.codes == 30).sum() == 5000 - 30 * 5


def test_a_search_finds_the_planted_pair() -> None:
    """Only where both meet it is bad: the pair is named, not just one of the two."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.choice(list("abc"), 6000) for name in ("one", "two", "three")})
    there = (frame["one"] == "a") & (frame["two"] == "b")
    influence = rng.normal(size=6000) - 2.0 * there.to_numpy()
    found = search(frame, Searched(influence - influence.mean(), Clusters.independent(len(frame)), 200))
    assert found[0].name in ("one=a and two=b", "two=b and one=a")
    assert len(found[0].rows) == there.sum()


def test_a_search_tells_nothing_below_the_least_rows() -> None:
    """What holds too few rows is chance."""
    frame = pd.DataFrame({"one": ["rare"] * 50 + ["usual"] * 5000})
    influence = np.r_[np.full(50, -5.0), np.full(5000, 0.05)]
    assert "one=rare" not in {
        suspect.name for suspect in search(frame, Searched(influence, Clusters.independent(len(frame)), 200))
    }
