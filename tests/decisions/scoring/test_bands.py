"""Joint bands hold together as often as they say, and their covariances are those of the estimates."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from include.decisions.scoring.bands import bonferroni, covariance, critical_value
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.slices import everything, partition

RNG = np.random.default_rng(1)


def test_covariances_are_those_of_the_cell_means() -> None:
    """Cells of overlapping slices move together exactly as far as they share rows."""
    values = pd.Series(RNG.choice(list("ab"), 500), name="s")
    parts = [everything(500), partition(values)]
    influence = RNG.normal(size=(500, 2))
    found = covariance([(part, influence) for part in parts], Clusters.independent(500))
    rows = np.stack(
        [
            np.where(part.codes == number, influence[:, condition], 0) / np.sqrt(size * (size - 1))
            for part in parts
            for number in range(len(part.names))
            for size in [(part.codes == number).sum()]
            for condition in range(2)
        ]
    )
    np.testing.assert_allclose(found, rows @ rows.T, atol=1e-15)


def test_one_cell_has_the_normal_quantile() -> None:
    """Without company the band is the ordinary interval."""
    assert critical_value(np.array([[2.0]])) == pytest.approx(norm.ppf(0.975), abs=0.05)


def test_equal_cells_need_no_wider_band_and_independent_ones_do() -> None:
    """Fifty copies of one cell are one cell; fifty strangers need the width of Bonferroni."""
    assert critical_value(np.ones((50, 50))) == pytest.approx(norm.ppf(0.975), abs=0.05)
    assert critical_value(np.eye(50)) == pytest.approx(norm.ppf(1 - 0.025 / 50), abs=0.1)


def test_cells_without_variance_do_not_count() -> None:
    """Where both models say the same there is nothing to be unsure about."""
    assert critical_value(np.diag([1.0, 0.0])) == critical_value(np.array([[1.0]]))
    assert critical_value(np.zeros((2, 2))) == pytest.approx(norm.ppf(0.975))


def test_the_same_evidence_has_the_same_band() -> None:
    """The draw is seeded: clearing the task decides as before."""
    assert critical_value(np.eye(5)) == critical_value(np.eye(5))


def test_bands_hold_for_all_cells_in_95_of_100_worlds() -> None:
    """Nine conditions on ten slices, no true difference: at least one cell leaves its band in about 5 % of 400 worlds."""
    rows, left = 1000, 0
    sizes = pd.Series(np.arange(rows) % 10, name="s").astype(str)
    parts = [everything(rows), partition(sizes)]
    for seed in range(400):
        rng = np.random.default_rng(seed)
        raw = rng.normal(size=(rows, 1)) + rng.normal(size=(rows, 9))
        within = raw - pd.DataFrame(raw).groupby(sizes.to_numpy()).transform("mean").to_numpy()
        influences = [raw - raw.mean(axis=0), within]
        covariances = covariance(list(zip(parts, influences, strict=True)), Clusters.independent(rows))
        cells = np.concatenate([raw.mean(axis=0), *(raw[parts[1].rows_of(n)].mean(axis=0) for n in range(10))])
        left += bool((np.abs(cells) > critical_value(covariances) * np.sqrt(np.diag(covariances))).any())
    assert 0.02 <= left / 400 <= 0.09


def test_bonferroni_shares_the_error() -> None:
    """Five margins at 2.5 % together are half a per cent each."""
    assert bonferroni(5) == pytest.approx(norm.ppf(1 - 0.005))
