"""What leaving out one cluster does to average precision, beyond the influences of its rows.

An influence is a first derivative. Where the rows of a day are scored higher or lower together, average precision also depends
on how the days lie among each other, which is a matter of pairs of days: with a few of them, errors from influences alone are
up to a third too small. The jackknife, which leaves out each cluster in turn, has both (Efron and Stein, Ann. Stat. 9, 1981).
"""

import numpy as np
from numpy.typing import NDArray

from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats

BINS = 200
MOST_CLUSTERS = 250
"""With more clusters than these, what one of them does beyond its influences is nothing to speak of."""

_SLIGHTLY = 1e-4


def beyond_influence(bins: NDArray[np.intp], positive: Floats, clusters: Clusters) -> Floats:
    """What to add to the influences on average precision, shape (n,), so that their sums are the jackknife's.

    `bins`, shape (n,), has the rows dealt into bins by their scores, from 0 (the highest) to BINS; rows of equal scores share
    one. The difference between leaving out all and leaving out a little of a cluster hardly depends on how many there are.
    The same for all rows of a cluster; 0 where there are more than MOST_CLUSTERS, where each row stands for itself, or where
    one cluster has every positive.
    """
    n, sizes = len(bins), clusters.sizes
    if not 2 <= clusters.present <= clusters.count <= MOST_CLUSTERS or clusters.present == n:
        return np.zeros(n)
    cells, shape = clusters.codes * (BINS + 1) + bins, (clusters.count, BINS + 1)
    rows, positives = (np.bincount(cells, weight, clusters.count * (BINS + 1)).reshape(shape) for weight in (None, positive))
    among_all, of_all = rows.sum(axis=0), positives.sum(axis=0)
    whole = _binned(of_all, among_all)
    without = whole - _binned(of_all - positives, among_all - rows)
    slope = (whole - _binned(of_all - _SLIGHTLY * positives, among_all - _SLIGHTLY * rows)) / _SLIGHTLY
    moved = without * (n - sizes) - slope * n
    if not np.isfinite(moved).all():
        return np.zeros(n)
    added = (moved / np.maximum(sizes, 1))[clusters.codes]
    return np.asarray(added - added.mean())


def _binned(positives: Floats, rows: Floats) -> Floats:
    """Average precision of rows that are counted in bins, the highest scores first, along the last axis."""
    found, seen = np.cumsum(positives, axis=-1), np.cumsum(rows, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(seen > 0, found / seen, 0.0)
        return np.asarray((positives * precision).sum(axis=-1) / found[..., -1])
