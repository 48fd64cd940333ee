"""Joint bands over many cells at once: how far off the worst of them may lie by chance.

One interval of 95 % for each of 90 cells finds harm in nearly every equal model. The bands here hold for all cells together:
the critical value is the 95 % quantile of the largest of the cells' |t|, drawn from a normal distribution with their own
correlation (Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008; for influences: Chernozhukov, Chetverikov and Kato,
Ann. Stat. 41, 2013). A cell whose error has few degrees of freedom gets the width that is as improbable for its t.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.slices import Partition

_DRAWS = 10_000
_SEED = 20130101


def covariance(differences: Sequence[tuple[Partition, Floats]], clusters: Clusters) -> Floats:
    """Covariance of every cell's estimate with every other's.

    `differences` pairs a partition with the influences of the rows within their own slices, shape (n, conditions). The
    cells are numbered partition by partition, then slice by slice, then condition by condition. Two slices without a row in
    common move together as well, where they have rows of the same clusters.
    """
    sums = []
    for part, influence in differences:
        for number in range(len(part.names)):
            rows = part.rows_of(number)
            its = clusters.at(rows)
            sums += [its.sums(influence[rows, condition]) for condition in range(influence.shape[1])]
    # A slice whose rows are all of one cluster has no error that could be told: as if it did not vary.
    stacked = np.nan_to_num(np.stack(sums), nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(stacked @ stacked.T)


def critical_value(covariances: Floats, level: float = 0.95) -> float:
    """How many standard errors a two-sided band needs to hold for all cells together with probability `level`.

    Cells without variance do not count. The draw has a fixed seed: the same evidence gives the same verdict.
    """
    errors = np.sqrt(np.diag(covariances))
    counted = np.isfinite(errors) & (errors > 0)
    if not counted.any():
        return float(norm.ppf((1 + level) / 2))
    correlation = covariances[np.ix_(counted, counted)] / np.outer(errors[counted], errors[counted])
    values, vectors = np.linalg.eigh(correlation)
    kept = values > 1e-10 * values.max()
    factor = vectors[:, kept] * np.sqrt(values[kept])
    drawn = np.random.default_rng(_SEED).standard_normal((_DRAWS, int(kept.sum()))) @ factor.T
    return float(np.quantile(np.abs(drawn).max(axis=1), level))


def bonferroni(count: int, level: float = 0.025) -> float:
    """Standard errors for a one-sided bound that holds for `count` quantities together with probability 1 - level."""
    return float(norm.ppf(1 - level / max(count, 1)))
