"""Joint bands over many cells at once: how far off the worst of them may lie by chance.

One interval of 95 % for each of 90 cells finds harm in nearly every equal model. The bands here hold for all cells together:
the critical value is the 95 % quantile of the largest of the cells' |t|, drawn from a normal distribution with their own
correlation (Hothorn, Bretz and Westfall, Biometrical Journal 50, 2008; for influences: Chernozhukov, Chetverikov and Kato,
Ann. Stat. 41, 2013).
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from include.decisions.scoring.predictions import Floats
from include.decisions.scoring.slices import Partition

_DRAWS = 10_000
_SEED = 20130101


def covariance(differences: Sequence[tuple[Partition, Floats]]) -> Floats:
    """Covariance of every cell's estimate with every other's.

    `differences` pairs a partition with the influences of the rows within their own slices, shape (n, conditions). The
    cells are numbered partition by partition, then slice by slice, then condition by condition. Work is proportional to rows.
    """
    cells = [len(part.names) * influence.shape[1] for part, influence in differences]
    offsets = np.concatenate([[0], np.cumsum(cells)])
    made = np.zeros((offsets[-1], offsets[-1]))
    for first, (part, influence) in enumerate(differences):
        for second, (other, also) in enumerate(differences[: first + 1]):
            block = _block(part, influence, other, also)
            rows, columns = slice(*offsets[first : first + 2]), slice(*offsets[second : second + 2])
            made[rows, columns], made[columns, rows] = block, block.T
    return made


def _block(part: Partition, influence: Floats, other: Partition, also: Floats) -> Floats:
    """Only rows that two slices share make their estimates move together."""
    sizes, others = (np.bincount(p.codes[p.codes >= 0], minlength=len(p.names)) for p in (part, other))
    joint = np.where((part.codes >= 0) & (other.codes >= 0), part.codes * len(other.names) + other.codes, -1)
    order = np.argsort(joint.astype(np.int32), kind="stable")
    present, starts = np.unique(joint[order], return_index=True)
    block = np.zeros((len(part.names), influence.shape[1], len(other.names), also.shape[1]))
    for code, start, end in zip(present, starts, [*starts[1:], len(joint)], strict=True):
        if code >= 0:
            one, two = divmod(int(code), len(other.names))
            rows = order[start:end]
            block[one, :, two, :] = influence[rows].T @ also[rows] / (sizes[one] * others[two])
    return block.reshape(len(part.names) * influence.shape[1], -1)


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
