"""The scorecard: what was measured of a challenger, beside the champion, and the words for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from scipy import stats
from scipy.special import ndtri_exp
from scipy.stats import norm

CLEAN = "clean"
ALL_ROWS = "all rows"
CELL_ROWS, CELL_POSITIVES = 200, 20
Z80, Z95 = float(norm.ppf(0.80)), float(norm.ppf(0.95))
_Z95_TWO_SIDED = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """A metric's value with its standard error, in the metric's own unit, and the error's degrees of freedom.

    `trials` are what a share is a share of, None where it is none: a share lies between 0 and 1, and so does the interval of
    it, which is never empty.
    """

    value: float
    error: float
    freedom: float = math.inf
    trials: float | None = None

    def doubted(self, variance: float) -> "Measured":
        """The same with so much more variance; see Metric.doubt."""
        return replace(self, error=math.hypot(self.error, math.sqrt(variance)))

    def above(self, z: float) -> float:
        """The bound so far above the value as a normal one with `z` standard errors is improbable; below it where z < 0."""
        return self.value + math.copysign(width(abs(z), self.freedom), z) * self.error

    @property
    def low(self) -> float:
        """Lower end of the two-sided 95 % interval."""
        return self.above(-_Z95_TWO_SIDED) if self.trials is None else self._score_interval[0]

    @property
    def high(self) -> float:
        """Upper end of the two-sided 95 % interval."""
        return self.above(_Z95_TWO_SIDED) if self.trials is None else self._score_interval[1]

    @property
    def _score_interval(self) -> tuple[float, float]:
        """Wilson's interval of a share (J. Am. Stat. Assoc. 22, 1927), with as many trials as its error is worth.

        Near 0 and 1, where the error itself vanishes, that is as many as there were (Korn and Graubard, Survey Methodology 24,
        1998, for clustered rows).
        """
        assert self.trials is not None
        share, z = self.value, width(_Z95_TWO_SIDED, self.freedom)
        worth = share * (1 - share) / self.error**2 if self.error > 0 else self.trials
        trials = min(worth, self.trials)
        if not (math.isfinite(z) and math.isfinite(share) and trials > 0):
            return math.nan, math.nan
        middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
        half = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
        return (middle - half if share > 0 else 0.0), (middle + half if share < 1 else 1.0)

    @property
    def z(self) -> float:
        """The normal deviate that is as improbable as the value would be if the truth were zero; 0 where nothing varies."""
        if not self.error > 0:
            return 0.0
        ratio = self.value / self.error
        if math.isinf(self.freedom):
            return ratio
        # In logarithms: far out, the probability itself is zero in a float.
        tail = stats.t.logsf(abs(ratio), self.freedom)
        return math.copysign(float(-ndtri_exp(tail)), ratio)


def weighted(parts: Sequence[tuple[float, Measured]]) -> Measured:
    """A sum of independent estimates, each times its weight; the degrees of freedom are Satterthwaite's (Biometrics 2, 1946).

    >>> difference = weighted([(1.0, Measured(3.0, 0.3, 6)), (-1.0, Measured(2.0, 0.4, 6))])
    >>> difference.value, round(difference.error, 6), round(difference.freedom, 2)
    (1.0, 0.5, 11.13)
    """
    value = sum(weight * part.value for weight, part in parts)
    variances = [(weight * part.error) ** 2 for weight, part in parts]
    uncertain = sum(variance**2 / part.freedom for variance, (_, part) in zip(variances, parts, strict=True) if variance)
    return Measured(value, math.sqrt(sum(variances)), sum(variances) ** 2 / uncertain if uncertain else math.inf)


@lru_cache(maxsize=4096)
def width(z: float, freedom: float) -> float:
    """How many standard errors with so many degrees of freedom are as improbable as `z` normal ones.

    >>> width(1.96, math.inf), round(width(1.96, 13), 2)
    (1.96, 2.16)
    """
    if math.isinf(freedom) or not math.isfinite(z):
        return z
    return float(stats.t.isf(stats.norm.sf(z), freedom)) if freedom > 0 else math.inf


@dataclass(frozen=True)
class Cell:
    """One metric under one condition on one slice; `champion` and `gain` are None where there is no champion.

    `gain` is challenger against champion, turned so that more is better. `tested` says whether the slice has rows and clusters
    enough to be judged and the metric a value there; what has not is reported as untested, never as passed. `doubt` is what
    the gain's variance is at least: see Metric.doubt.
    """

    metric: str
    condition: str
    where: str
    rows: int
    positives: int | None
    challenger: float
    challenger_error: float
    champion: float | None = None
    gain: Measured | None = None
    tested: bool = True
    challenger_freedom: float = math.inf
    challenger_trials: float | None = None
    doubt: float = 0.0

    @property
    def measured(self) -> Measured:
        """The challenger's value with its error."""
        return Measured(self.challenger, self.challenger_error, self.challenger_freedom, self.challenger_trials)


@dataclass(frozen=True)
class Harm:
    """A loss that chance does not explain: where, how large, and which bound shows it."""

    where: str
    gain: float
    bound: float
    by: str


@dataclass(frozen=True)
class Scorecard:
    """All of the evidence, for the primary metric and the others.

    `blend` is the declared mix of clean and noisy that decides, challenger against champion, and `noisy` its noisy part
    alone; `anchor` is the mix against the frozen reference; `baselines` the challenger against each trivial answer, on clean
    rows and on the mean of the noisy ones, and `champion_baselines` the champion against them, where the challenger is not
    shown to beat one.
    `clusters` counts those among the rows, which are `cluster_unit`; `design_effect` is how many times they make the mix's
    variance what it would be if the rows were independent.
    `robustness` is the mean over noisy conditions of error(challenger) / error(champion): below 1 is more robust.
    `critical` is, per metric, the width in standard errors of the bands that hold for all of its cells together.
    """

    metric: str
    higher_is_better: bool
    rows: int
    positives: int | None
    cells: tuple[Cell, ...]
    clusters: int
    cluster_unit: str = "rows"
    design_effect: float | None = None
    noisy_challenger: float | None = None
    noisy_champion: float | None = None
    blend: Measured | None = None
    noisy: Measured | None = None
    anchor: Measured | None = None
    baselines: Mapping[str, tuple[Measured, Measured]] = field(default_factory=dict)
    champion_baselines: Mapping[str, tuple[Measured, Measured]] = field(default_factory=dict)
    robustness: float | None = None
    harms: tuple[Harm, ...] = ()
    critical: Mapping[str, float] = field(default_factory=dict)
    suspects: tuple[Cell, ...] = ()

    @property
    def conditions(self) -> list[Cell]:
        """The primary metric on all rows, clean first."""
        return [cell for cell in self.cells if cell.metric == self.metric and cell.where == ALL_ROWS]

    @property
    def clean(self) -> Cell:
        """The primary metric on all rows, clean."""
        return next(cell for cell in self.conditions if cell.condition == CLEAN)

    @property
    def slices(self) -> list[Cell]:
        """The primary metric on each declared slice, clean."""
        return [c for c in self.cells if c.metric == self.metric and c.where != ALL_ROWS and c.condition == CLEAN]

    @property
    def others(self) -> list[Cell]:
        """The metrics that do not decide, on all rows."""
        return [cell for cell in self.cells if cell.metric != self.metric and cell.where == ALL_ROWS]
