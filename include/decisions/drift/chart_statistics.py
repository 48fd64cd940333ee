"""ChartStatistics: the few numbers a period by which one view of a column is charted, taken from its summary.

A number is followed by four components of Neyman's smooth test (Skand. Aktuarietidskr. 20, 1937): the means of orthonormal
polynomials of its rank among the baseline, which are its level, spread, skew and tails, in standard deviations of the rank.
They are bounded, so that one outlier hides nothing. A category is followed by the share of each value, as
2 arcsin(sqrt(share)), whose variance is 1 / n for any share (Anscombe, Biometrika 35, 1948). Both by the share missing.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from include.decisions.drift.control_charts import History
from include.decisions.drift.summaries import Ints, Numbers, Values, bucket_of, merged_views
from include.decisions.scoring.predictions import Floats

COMPONENTS = ("level", "spread", "skew", "tails")
MISSING, UNSEEN, OTHERS, VALUE = "missing", "unseen", "all others", "="
# What is worth reporting: in standard deviations of the rank, as a share of the rows, and as a share of all words, of which a
# short text has about eight.
MATERIAL_MOVE, MATERIAL_SHARE, MATERIAL_WORDS = 0.15, 0.02, 0.0025
# A value is charted by itself where about this many rows of a period are expected to have it; all that is rarer, as one.
_EXPECTED = 8
_MOST_VALUES = 200

View = Numbers | Values


@dataclass(frozen=True, eq=False)
class ChartStatistics:
    """K statistics: the charted values, the variances that sampling gives them, and the effects that are reported."""

    values: Floats
    variances: Floats
    effects: Floats


class ViewBaseline(ABC):
    """One view of the baseline, period by period: how its statistics are taken, and how they moved."""

    names: tuple[str, ...]
    material: Floats
    material_unseen = MATERIAL_SHARE

    def __init__(self, periods: Sequence[View]) -> None:
        self.periods = periods

    @abstractmethod
    def statistics(self, view: View) -> ChartStatistics:
        """The statistics of any rows, in the order of `names`."""

    @abstractmethod
    def unseen(self, view: View) -> float:
        """Share of the rows whose value no row of the baseline has; 0 for numbers."""

    @abstractmethod
    def unseen_history(self, lag: int) -> History:
        """How much of a period was unseen as of `lag` periods before it: new values come all the time, and add up."""

    @abstractmethod
    def unseen_changes(self, lag: int, back: int) -> History:
        """How much more of a period was unseen than of the one `back` periods before, both as of `lag` periods before it."""

    @cached_property
    def history(self) -> History:
        """The statistics of every period of the baseline."""
        # A period without a value says nothing about how values move.
        filled = [view for view in self.periods if view.present] or self.periods
        return _history([self.statistics(view) for view in filled])

    @cached_property
    def usual(self) -> Floats:
        """The effects of the whole baseline, shape (K,)."""
        return self.statistics(merged_views(self.periods)).effects


class NumberBaseline(ViewBaseline):
    """A number."""

    def __init__(self, periods: Sequence[Numbers]) -> None:
        super().__init__(periods)
        whole = merged_views(periods)
        assert isinstance(whole, Numbers)
        self.whole = whole
        self._polynomials = _polynomials(whole)
        self.names = (*COMPONENTS, MISSING)
        self.material = np.array([MATERIAL_MOVE] * len(COMPONENTS) + [MATERIAL_SHARE])

    def statistics(self, view: View) -> ChartStatistics:
        """The components, and the share that is missing."""
        assert isinstance(view, Numbers)
        moves = view.counts / max(view.present, 1) @ self._polynomials
        return _with_missing(view, moves, moves)

    def unseen(self, view: View) -> float:
        """0: a number is never unseen."""
        return 0.0

    def unseen_history(self, lag: int) -> History:
        """Empty."""
        return _history([])

    def unseen_changes(self, lag: int, back: int) -> History:
        """Empty."""
        return _history([])


class ValueBaseline(ViewBaseline):
    """A category, or the words of a text. Where the baseline has very many values, they are buckets."""

    def __init__(self, periods: Sequence[Values], typical_rows: float, material: float = MATERIAL_SHARE) -> None:
        super().__init__(periods)
        whole = merged_views(periods)
        assert isinstance(whole, Values)
        self.whole = whole
        self._cells = {value: cell for cell, value in enumerate(whole.counts)} if whole.buckets is None else {}
        totals = self._counted(whole)[:-1]
        common = _common(totals, whole.present, typical_rows)
        # Each cell's place among the statistics; rare and unseen ones share the last.
        self._places = np.full(len(totals) + 1, len(common), dtype="int64")
        self._places[common] = np.arange(len(common))
        # Marked, so that a value called "missing" is not taken for what is missing.
        self.names = (*(f"{VALUE}{name}" for name in _names(whole, common)), OTHERS, MISSING)
        self.material, self.material_unseen = np.full(len(self.names), material), material

    def statistics(self, view: View) -> ChartStatistics:
        """The shares of the common values and of all others, and the share that is missing."""
        assert isinstance(view, Values)
        counts = np.bincount(self._places, self._counted(view), len(self.names) - 1)
        shares = counts / max(view.present, 1)
        return _with_missing(view, _stable(shares, view.present), shares)

    def unseen(self, view: View) -> float:
        """Share of the rows with an unseen value; of buckets, those that were empty, so at least this share."""
        assert isinstance(view, Values)
        return float(self._counted(view)[-1] / max(view.present, 1))

    def unseen_history(self, lag: int) -> History:
        """The second half of the baseline's periods, each against all that lay `lag` periods and more before it."""
        first = self._second_half
        lag = min(lag, first)
        return _history([self._unseen(number, number - lag) for number in range(first, len(self.periods))])

    def unseen_changes(self, lag: int, back: int) -> History:
        """The same, beside the period `back` periods before; none where that was not ahead of what is known either."""
        first = self._second_half
        lag = min(lag, first)
        numbers = range(first, len(self.periods)) if lag > back else range(0)
        pairs = [(self._unseen(number, number - lag), self._unseen(number - back, number - lag)) for number in numbers]
        now, before = _history([pair[0] for pair in pairs]), _history([pair[1] for pair in pairs])
        return History(now.values - before.values, now.variances + before.variances)

    @property
    def _second_half(self) -> int:
        return max(len(self.periods) // 2, 1)

    def _unseen(self, number: int, known: int) -> ChartStatistics:
        """Share of a period that no period up to `known` has."""
        new = self._counts_by_period[number][self._first_seen > known].sum()
        present = max(self.periods[number].present, 1)
        return sampled(float(new / present), present)

    @cached_property
    def _counts_by_period(self) -> list[Floats]:
        return [self._counted(view)[:-1] for view in self.periods if isinstance(view, Values)]

    @cached_property
    def _first_seen(self) -> Ints:
        """Number of the first period that has each cell."""
        first = np.full(len(self._places) - 1, len(self.periods), dtype="int64")
        for number in reversed(range(len(self.periods))):
            first[self._counts_by_period[number] > 0] = number
        return first

    def _counted(self, view: Values) -> Floats:
        """Rows of a view by cell of the baseline; the last entry is of what the baseline does not have."""
        if self.whole.buckets is None:
            counts = np.zeros(len(self._cells) + 1)
            for value, count in view.counts.items():
                counts[self._cells.get(value, -1)] += count
            if view.buckets is not None:
                # Only the commonest values are known by name; of the others, those in buckets that were empty are unseen.
                known = self.whole.hashed().buckets
                assert known is not None
                counts[-1] = view.buckets[known == 0].sum()
                if self._cells:
                    counts[-2] += max(view.present - counts.sum(), 0)
            return counts
        buckets = view.hashed().buckets
        assert buckets is not None
        empty = self.whole.buckets == 0
        return np.append(np.where(empty, 0, buckets), buckets[empty].sum()).astype("float64")


def view_baseline(periods: Sequence[View], typical_rows: float, material: float = MATERIAL_SHARE) -> ViewBaseline:
    """The baseline of a view; `typical_rows` are expected in a period that is judged, `material` is what share matters."""
    numbers = [view for view in periods if isinstance(view, Numbers)]
    values = [view for view in periods if isinstance(view, Values)]
    return NumberBaseline(numbers) if numbers else ValueBaseline(values, typical_rows, material)


def _history(statistics: Sequence[ChartStatistics]) -> History:
    if not statistics:
        return History(np.zeros((0, 1)), np.zeros((0, 1)))
    return History(np.stack([one.values for one in statistics]), np.stack([one.variances for one in statistics]))


def sampled(share: float, rows: int) -> ChartStatistics:
    """One share as a statistic of its own."""
    return ChartStatistics(_stable(np.array([share]), rows), np.array([1 / max(rows, 1)]), np.array([share]))


def _with_missing(view: View, values: Floats, effects: Floats) -> ChartStatistics:
    missing = sampled(view.missing / max(view.rows, 1), view.rows)
    return ChartStatistics(
        np.append(values, missing.values),
        np.append(np.full(len(values), 1 / max(view.present, 1)), missing.variances),
        np.append(effects, missing.effects),
    )


def _polynomials(whole: Numbers) -> Floats:
    """Legendre polynomials of each bin's mid-rank, shape (bins, 4), with mean 0 and variance 1 over the baseline."""
    shares = whole.counts / max(whole.present, 1)
    ranks = np.cumsum(shares) - shares / 2
    polynomials = np.zeros((len(shares), len(COMPONENTS)))
    for component in range(len(COMPONENTS)):
        values = legendre.legval(2 * ranks - 1, np.eye(len(COMPONENTS) + 1)[component + 1])
        centred = values - (shares * values).sum()
        deviation = float(np.sqrt((shares * centred**2).sum()))
        # Of a column with one or two values the higher components say nothing.
        polynomials[:, component] = centred / deviation if deviation > 1e-6 else 0.0
    return polynomials


def _common(totals: Floats, present: int, typical_rows: float) -> Ints:
    """Cells that are charted by themselves, the commonest first."""
    order = np.argsort(-totals, kind="stable")[:_MOST_VALUES]
    return np.asarray(order[totals[order] * typical_rows >= _EXPECTED * max(present, 1)], dtype="int64")


def _names(whole: Values, cells: Ints) -> list[str]:
    if whole.buckets is None:
        named = list(whole.counts)
        return [named[cell] for cell in cells]
    commonest = sorted(whole.counts, key=lambda value: whole.counts[value])
    names = dict(zip(bucket_of(commonest).tolist(), commonest, strict=True)) if commonest else {}
    return [names.get(int(cell), f"bucket {cell}") for cell in cells]


def _stable(shares: Floats, rows: int) -> Floats:
    return np.asarray(2 * np.arcsin(np.sqrt(np.clip((shares * rows + 0.375) / (rows + 0.75), 0.0, 1.0))))
