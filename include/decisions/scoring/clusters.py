"""Clusters: rows that share what makes them easy or hard, such as those of one day, and how much they tell together.

A thousand rows of one stormy day are not a thousand observations. So influences are summed within a cluster before they are
squared (Liang and Zeger, Biometrika 73, 1986), with the correction that Bell and McCaffrey call CR2 (Survey Methodology 28,
2002) and the degrees of freedom that its distribution has for these sizes of clusters, with the correlation that the rows
show (Imbens and Kolesár, Review of Economics and Statistics 98, 2016).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from include.decisions.scoring.predictions import Floats

if TYPE_CHECKING:
    import pandas as pd

    from include.models.contract import Feed

# Fewer than so many clusters show nothing that could decide: a t with three degrees of freedom has no tails to speak of.
FEWEST_CLUSTERS = 5
# More are dealt into as many groups: groups of independent clusters are independent, and a thousand of them are enough.
MOST_CLUSTERS = 1000


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which of `count` clusters each of n rows is in: `codes` has the shape (n,), from 0. `unit` names what a cluster is."""

    codes: NDArray[np.intp]
    count: int
    unit: str = "rows"

    @classmethod
    def of(cls, labels: NDArray[np.generic], unit: str) -> "Clusters":
        """One for each distinct label; `unit` names them in the plural."""
        names, codes = np.unique(labels, return_inverse=True)
        return cls(codes % MOST_CLUSTERS, min(len(names), MOST_CLUSTERS), unit)

    @classmethod
    def of_rows(cls, rows: "pd.DataFrame", feed: "Feed") -> "Clusters":
        """Those that the feed declares: the rows that agree in some columns, or by default those of the same day in UTC."""
        if feed.cluster and set(feed.cluster) <= set(rows.columns):
            codes = rows.groupby(list(feed.cluster), dropna=False, sort=False, observed=True).ngroup().to_numpy()
            return cls.of(codes, f"values of {' and '.join(feed.cluster)}")
        return cls.of(rows[feed.time].to_numpy(dtype="datetime64[ns]").astype("datetime64[D]"), "days")

    @classmethod
    def independent(cls, rows: int) -> "Clusters":
        """Every row alone."""
        return cls.of(np.arange(rows), "rows")

    def at(self, rows: NDArray[np.intp] | slice) -> "Clusters":
        """Those of some rows, under the same codes."""
        return Clusters(self.codes[rows], self.count, self.unit)

    @cached_property
    def sizes(self) -> Floats:
        """Rows of each cluster, shape (count,); 0 for one that has none of these rows."""
        return np.bincount(self.codes, minlength=self.count).astype("float64")

    @property
    def present(self) -> int:
        """How many of them have rows."""
        return int((self.sizes > 0).sum())

    @property
    def enough(self) -> bool:
        """Whether they are enough to tell an error by."""
        return self.present >= FEWEST_CLUSTERS

    def sums(self, influence: Floats) -> Floats:
        """The clusters' shares in a statistic, shape (count,): the squares add up to its variance.

        `influence` has the shape (n,). NaN everywhere where all rows are in one cluster.
        """
        n = len(self.codes)
        with np.errstate(divide="ignore", invalid="ignore"):
            corrected = 1 / np.sqrt(1 - self.sizes / n)
            return np.asarray(np.bincount(self.codes, influence, minlength=self.count) * corrected / n)

    def error(self, influence: Floats) -> tuple[float, float]:
        """Standard error of a statistic from its influences, shape (n,), and its degrees of freedom.

        (NaN, 0) where all rows are in one cluster.

        >>> error, freedom = Clusters.of(np.array([0, 0, 1, 1]), "days").error(np.array([1.0, 1.0, -1.0, -1.0]))
        >>> round(error, 6), round(freedom, 6)
        (1.0, 1.0)
        """
        if self.present < 2:
            return float("nan"), 0.0
        return float(np.sqrt(np.sum(self.sums(influence) ** 2))), self.freedom(self.correlation(influence))

    def correlation(self, influence: Floats) -> float:
        """How alike the rows of one cluster are, from 0 to 1: the intraclass correlation, by the analysis of variance."""
        n, k, sizes = len(self.codes), self.present, self.sizes
        between = float(np.sum(np.bincount(self.codes, influence, minlength=self.count) ** 2 / np.maximum(sizes, 1)))
        total = float(influence @ influence)
        if n <= k or not total > 0:
            return 0.0
        of_clusters, of_rows = between / (k - 1), (total - between) / (n - k)
        typical = (n - float(sizes @ sizes) / n) / (k - 1)
        return float(np.clip((of_clusters - of_rows) / (of_clusters + (typical - 1) * of_rows), 0, 1))

    def freedom(self, correlation: float) -> float:
        """Satterthwaite's degrees of freedom of the variance, where rows of one cluster correlate so.

        (trace B)² / trace B² with B the covariance of the corrected sums: the diagonal a²v plus what the common mean adds,
        a a' (p p' V - p v' - p' v), where p is a cluster's share of the rows, v the variance of its sum and a the correction.
        One less than the clusters where all have the same size.
        """
        sizes = self.sizes[self.sizes > 0]
        share, variance = sizes / sizes.sum(), sizes + correlation * sizes * (sizes - 1)
        squared, whole = 1 / (1 - share), float(variance.sum())
        alone = squared * variance
        joint = squared * share * (share * whole - 2 * variance)
        pp, vv, pv = (float(squared @ product) for product in (share**2, variance**2, share * variance))
        of_joint = 2 * pp * vv + (pp * whole) ** 2 + 2 * pv**2 - 4 * pp * pv * whole
        return float((alone + joint).sum() ** 2 / (alone @ alone + 2 * alone @ joint + of_joint))
