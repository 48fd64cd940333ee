"""Told apart: what no single column shows, for every kind of column."""

import numpy as np
import pandas as pd
import pytest

from include.decisions.drift.domain_classifier import area_between, areas_within
from include.models.contract import Column

RNG = np.random.default_rng(1)
NUMBERS = [Column("a", "number"), Column("b", "number"), Column("c", "category")]


def numbers(rows: int, together: bool) -> pd.DataFrame:
    """Two columns of the same shape either way: they move together, or against each other."""
    a = RNG.normal(size=rows)
    b = (a if together else -a) + RNG.normal(scale=0.3, size=rows)
    return pd.DataFrame({"a": a, "b": b, "c": RNG.choice(["x", "y"], rows)})


def test_a_relation_that_changes_is_seen() -> None:
    """Each column alone is what it was."""
    assert area_between(numbers(600, True), numbers(600, True), NUMBERS, seed=1) == pytest.approx(0.5, abs=0.06)
    assert area_between(numbers(600, True), numbers(600, False), NUMBERS, seed=1) > 0.8


def test_texts_are_distinguished_by_their_words() -> None:
    """A few messages in ten about something new."""
    columns = [Column("text", "text")]
    old = pd.DataFrame({"text": RNG.choice(np.array(["where is my order", "i want a refund", None], dtype=object), 600)})
    new = pd.DataFrame({"text": np.where(np.arange(600) % 3 == 0, "is it vegan", RNG.choice(old["text"], 600))})
    assert area_between(old, old.sample(600, random_state=1), columns, seed=1) == pytest.approx(0.5, abs=0.06)
    assert area_between(old, new, columns, seed=1) > 0.6


def test_too_few_rows_tell_nothing() -> None:
    """No number is made up."""
    assert np.isnan(area_between(numbers(600, True), numbers(49, True), NUMBERS, seed=1))


def test_entirely_missing_columns_raise_no_error() -> None:
    """All missing on both sides, or on one."""
    empty = pd.DataFrame({"a": [float("nan")] * 100, "b": 1.0, "c": [None] * 100})
    assert area_between(empty, empty, NUMBERS, seed=1) == pytest.approx(0.5, abs=0.06)
    assert area_between(numbers(100, True), empty, NUMBERS, seed=1) > 0.9


def test_what_is_usual_is_measured_on_single_periods() -> None:
    """One area for each of six periods, near a half where all are alike."""
    rows = numbers(1000, True)
    areas = areas_within(rows, pd.Series(np.arange(1000) // 100), NUMBERS, seed=1)
    assert len(areas) == 6
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06)
