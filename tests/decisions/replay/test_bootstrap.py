"""Intervals over periods whose neighbours are alike."""

import numpy as np

from include.decisions.replay.bootstrap import counts_of, mean_of


def test_the_same_seed_gives_the_same_interval() -> None:
    """And the same periods are drawn for every series, so that differences stay paired."""
    series = np.random.default_rng(1).normal(size=40)
    one, shifted = mean_of(series, seed=5), mean_of(series + 1, seed=5)
    assert one == mean_of(series, seed=5)
    assert np.allclose([one.low + 1, one.high + 1], [shifted.low, shifted.high])


def test_each_history_has_as_many_periods() -> None:
    """Blocks of neighbours, the end joined to the beginning."""
    assert (counts_of(22, seed=1).sum(axis=1) == 22).all()
    assert (counts_of(1, seed=1) == 1).all()


def test_neighbours_that_are_alike_widen_the_interval() -> None:
    """Runs of good and bad periods say less than as many periods without them."""
    runs = np.repeat([1.0, -1.0] * 5, 6)
    alternating = np.tile([1.0, -1.0], 30)
    (slow, fast) = (mean_of(series, seed=2) for series in (runs, alternating))
    assert slow.high - slow.low > 2 * (fast.high - fast.low)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """95 % is what it is called; with 40 independent periods it is a little less, and the page says so."""
    rng = np.random.default_rng(4)
    found = [mean_of(rng.normal(size=40), seed=3) for _ in range(300)]
    assert 0.86 < np.mean([one.low < 0 < one.high for one in found]) < 0.98


def test_without_periods_there_is_no_value() -> None:
    """Instead of an error there is no number."""
    assert np.isnan(mean_of([], seed=1).value)
