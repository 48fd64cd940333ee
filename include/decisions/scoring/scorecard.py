"""The scorecard: what was measured of a challenger, beside the champion, and the words for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scipy.stats import norm

CLEAN = "clean"
ALL_ROWS = "all rows"
CELL_ROWS, CELL_POSITIVES = 200, 20
Z80, Z95 = float(norm.ppf(0.80)), float(norm.ppf(0.95))
_Z95_TWO_SIDED = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Measured:
    """A metric's value with its standard error, in the metric's own unit."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the two-sided 95 % interval."""
        return self.value - _Z95_TWO_SIDED * self.error

    @property
    def high(self) -> float:
        """Upper end of the two-sided 95 % interval."""
        return self.value + _Z95_TWO_SIDED * self.error


@dataclass(frozen=True)
class Cell:
    """One metric under one condition on one slice; `champion` and `gain` are None where there is no champion.

    `gain` is challenger against champion, turned so that more is better. `tested` says whether the slice has rows enough to
    be judged and the metric a value there; what has not is reported as untested, never as passed.
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
    rows and on the mean of the noisy ones.
    `robustness` is the mean over noisy conditions of error(challenger) / error(champion): below 1 is more robust.
    `critical` is, per metric, the width in standard errors of the bands that hold for all of its cells together.
    """

    metric: str
    higher_is_better: bool
    rows: int
    positives: int | None
    cells: tuple[Cell, ...]
    noisy_challenger: float | None = None
    noisy_champion: float | None = None
    blend: Measured | None = None
    noisy: Measured | None = None
    anchor: Measured | None = None
    baselines: Mapping[str, tuple[Measured, Measured]] = field(default_factory=dict)
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
