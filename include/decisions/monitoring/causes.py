"""Why quality fell: the rise of the loss, split into corruption, mix of segments, other inputs, and the answer itself.

Two samples of labelled rows that the champion has answered, before and now. For a set of columns Z, losses are compared on
rows that are alike in Z: before-rows are weighted by the probability that a row like them is from now, now-rows by the
opposite. What remains there is not explained by Z, all else is (Cai, Namkoong and Yadlowsky, "Diagnosing model performance
under distribution shift", Operations Research 2025). Z grows in three steps, as in an Oaxaca-Blinder split, and each one's
share is what it explains more than the one before: marks of corruption, then the declared segments, then all inputs. What no
input explains is the answer given the inputs: concept drift. Shares add up to the whole rise. Their intervals hold the weights
for known, and count rows by their clusters.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kruskal, ks_2samp

from include.decisions.data.values import as_numbers, as_texts
from include.decisions.drift.domain_classifier import probability_of_second
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.predictions import Floats, Labels, Predictions, Ranking
from include.decisions.scoring.scorecard import Measured, weighted
from include.decisions.scoring.slices import partition
from include.figures import figure, signed
from include.models.contract import Column, Task
from include.noise.profile import IN_WORDS
from include.noise.recognition import LearnedColumn, corrupted_rows
from include.results import Cause, Why

Kind = Literal["corruption", "mix", "inputs", "answer", "unclear"]
# Where numbers are out of range in more than this share of the rows, the column moved as a whole: by so many widths of its
# range it is another unit.
_MOST, _UNITS = 0.5, 10
KINDS: tuple[Kind, ...] = ("corruption", "mix", "inputs", "answer")
FEWEST_ROWS = 200
_NAMED = 3
# What share of the rows has to have some like it in the other sample.
_FEWEST_ALIKE = 0.2
_MOST_INPUTS = 30
# A loss that depends on a column is no chance at this level, over groups of so many rows.
_SURELY, _FEWEST_IN_GROUP = 1e-4, 20
# How many standard errors a segment has to lie above the others before the answer is said to have moved there.
_STANDS_OUT = 3.0


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled rows that a champion answered: n features, labels, predictions, clusters, and marks of corruption.

    `marks` are true where a value of a column is corrupted, by "column: kind", each of the shape (n,).
    """

    features: pd.DataFrame
    labels: Labels
    predictions: Predictions
    clusters: Clusters
    marks: Mapping[str, NDArray[np.bool_]]

    def marked(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a mark, shape (n,); none where it is not among theirs."""
        return self.marks[name] if name in self.marks else np.zeros(len(self.labels), dtype=bool)


def why(before: Sample, now: Sample, problem: "Problem") -> Why | None:
    """The split; None where a sample has fewer than FEWEST_ROWS rows, or no loss can be told (one class alone, say)."""
    if min(len(before.labels), len(now.labels)) < FEWEST_ROWS:
        return None
    loss = _Loss.of(problem)
    comparison = _Comparison(problem, (before, now), loss, (loss.of_rows(before), loss.of_rows(now)), {})
    marks, segments = comparison.marks, [name for name in problem.segments if name in before.features]
    inputs, apart = comparison.comparable(marks) if comparison.are_alike(marks) else ([], [])
    beyond: tuple[list[str], ...] = ([], marks, [*marks, *segments], [*marks, *segments, *inputs])
    steps = [comparison.unexplained(names) for names in beyond]
    if not comparison.are_alike(marks):
        # Hardly any row of now is unmarked: what is left to explain is what those lost, or nothing.
        steps = [steps[0], *[comparison.unmarked(marks)] * 3]
    parts = [*(_minus(one, other) for one, other in pairwise(steps)), steps[-1]]
    shares = [comparison.measured(part) for part in parts]
    rise = comparison.measured(steps[0])
    if not all(math.isfinite(share.value) and math.isfinite(share.error) for share in (rise, *shares)):
        return None
    named = (
        comparison.explained_by(comparison.increased(marks), []),
        comparison.explained_by(segments, marks),
        comparison.explained_by(comparison.moved_inputs(inputs), [*marks, *segments]),
        comparison.moved_most(beyond[-1]),
    )
    kinds: list[Kind] = [*KINDS[:-1], "unclear" if apart else "answer"]
    named = (*named[:-1], tuple(map(comparison.in_words, apart)) or named[-1])
    causes = [_cause(*each) for each in zip(kinds, shares, named, strict=True)]
    return Why(
        loss=loss.name,
        rise=rise.value,
        low=rise.low,
        high=rise.high,
        rows_before=len(before.labels),
        rows_now=len(now.labels),
        causes=tuple(sorted(causes, key=lambda cause: -cause.share)),
    )


def _cause(kind: Kind, share: Measured, where: tuple[str, ...]) -> Cause:
    return Cause(kind=kind, share=share.value, low=share.low, high=share.high, where=where)


@dataclass(frozen=True)
class Problem:
    """What the rows are about: the features, the columns whose values are declared segments, the task and its metric."""

    columns: Sequence[Column]
    segments: Sequence[str]
    task: Task
    metric: str
    seed: int = 0


# A difference of two means, now and before: its value, and each row's influence on the two.
_Part = tuple[float, Floats, Floats]


def _minus(one: _Part, other: _Part) -> _Part:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Both samples, before and now, with the loss of each row; `known` keeps the weights by the columns they are for."""

    problem: Problem
    sides: tuple[Sample, Sample]
    loss: "_Loss"
    losses: tuple[Floats, Floats]
    known: dict[tuple[str, ...], tuple[Floats, Floats]]

    @property
    def marks(self) -> list[str]:
        """The marks of corruption that tell anything: those that any row has."""
        names = dict.fromkeys(name for side in self.sides for name in side.marks)
        return [name for name in names if any(side.marked(name).any() for side in self.sides)]

    def unexplained(self, names: Sequence[str] = ()) -> _Part:
        """By how much the loss is higher now among rows that are alike in these columns and marks."""
        return self._rise(self.weights(names))

    def _rise(self, weights: tuple[Floats, Floats]) -> _Part:
        before, now = (self.loss.mean(*of) for of in zip(self.sides, self.losses, weights, strict=True))
        return now[0] - before[0], now[1], before[1]

    def measured(self, part: _Part) -> Measured:
        """A difference with its error; of rows that stand each for itself where a side has too few clusters."""
        value, now, before = part
        enough = all(side.clusters.enough for side in self.sides)
        clusters = [side.clusters if enough else Clusters.independent(len(side.labels)) for side in self.sides]
        errors = [of.error(influence) for of, influence in zip(clusters, (before, now), strict=True)]
        together = weighted([(1.0, Measured(0.0, *error)) for error in errors])
        return Measured(value, together.error, together.freedom)

    def weights(self, names: Sequence[str]) -> tuple[Floats, Floats]:
        """What makes the samples alike in some columns: for each row, how probable it is to be from the other one."""
        key = tuple(dict.fromkeys(names))
        if key not in self.known:
            self.known[key] = self._weights(key) if key else (np.ones(len(self.losses[0])), np.ones(len(self.losses[1])))
        return self.known[key]

    def _weights(self, names: tuple[str, ...]) -> tuple[Floats, Floats]:
        columns = {column.name: column for column in self.problem.columns}
        frames = []
        for side in self.sides:
            marked = pd.DataFrame({name: side.marked(name).astype("float64") for name in names if name not in columns})
            inputs = side.features[[name for name in names if name in columns]].reset_index(drop=True)
            frames.append(pd.concat([marked, inputs], axis=1))
        asked = [columns.get(name, Column(name, "number")) for name in frames[0].columns]
        chance = np.clip(probability_of_second(frames[0], frames[1], asked, self.problem.seed), 1e-9, 1 - 1e-9)
        # As if both samples were of the same size.
        odds = chance / (1 - chance) * len(frames[0]) / len(frames[1])
        chance = odds / (1 + odds)
        return chance[: len(frames[0])], 1 - chance[len(frames[0]) :]

    def are_alike(self, names: Sequence[str]) -> bool:
        """Whether enough rows of each side have some like them on the other, in these columns and marks."""
        return bool(min(weight.mean() for weight in self.weights(names)) >= _FEWEST_ALIKE / 2)

    def comparable(self, marks: Sequence[str]) -> tuple[list[str], list[str]]:
        """The inputs in which rows of before and now can be alike; and those that tell them apart nearly always.

        Without the latter the others are compared. What these explain is then not known, unless the loss does not depend on
        them within before and within now: then they explain nothing, as a number that counts up.
        """
        names = sorted((column.name for column in self.problem.columns), key=self._distance)
        apart = list[str]()
        while names and not self.are_alike([*marks, *names]):
            apart.append(names.pop())
        inputs = [column.name for column in self.problem.columns if column.name in names]
        return inputs, [name for name in apart if self._matters(name)]

    def _matters(self, name: str) -> bool:
        """Whether the loss of a row, before or now, depends on a column: on which tenth of its numbers, on which category."""
        is_number = next(column.kind for column in self.problem.columns if column.name == name) == "number"
        for side, losses in zip(self.sides, self.losses, strict=True):
            values = side.features[name].reset_index(drop=True)
            tenths = pd.qcut(as_numbers(values), 10, labels=False, duplicates="drop") if is_number else None
            codes = pd.factorize(as_texts(values))[0] if tenths is None else np.nan_to_num(np.asarray(tenths), nan=-1.0)
            groups = [losses[codes == code] for code in np.unique(codes)]
            groups = [group for group in groups if len(group) >= _FEWEST_IN_GROUP]
            if len(groups) > 1 and kruskal(*groups).pvalue < _SURELY:
                return True
        return False

    def unmarked(self, marks: Sequence[str]) -> _Part:
        """By how much the loss is higher among rows without any mark; by nothing where next to none is left."""
        free = [~np.logical_or.reduce([side.marked(name) for name in marks]) for side in self.sides]
        if min(rows.sum() for rows in free) < FEWEST_ROWS / 2:
            return 0.0, np.zeros(len(self.losses[1])), np.zeros(len(self.losses[0]))
        return self._rise((free[0].astype("float64"), free[1].astype("float64")))

    def increased(self, marks: Sequence[str]) -> list[str]:
        """Those of some marks that more rows have than before, by most: each costs a classifier."""

        def increase(name: str) -> float:
            before, now = (side.marked(name).mean() for side in self.sides)
            return float(now - before)

        return sorted((name for name in marks if increase(name) > 0), key=increase)[-_MOST_INPUTS:]

    def moved_inputs(self, names: Sequence[str]) -> list[str]:
        """Those of some inputs that moved most: each costs a classifier."""
        return sorted(names, key=self._distance)[-_MOST_INPUTS:]

    def _distance(self, name: str) -> float:
        """How far a column's distribution moved, from 0 to 1: Kolmogorov and Smirnov's distance, or half of all changes.

        Of a text, its length is compared.
        """
        before, now = (side.features[name] for side in self.sides)
        kind = next(column.kind for column in self.problem.columns if column.name == name)
        if kind == "text":
            before, now = as_texts(before).str.len(), as_texts(now).str.len()
        if kind != "category":
            numbers = [values[np.isfinite(values)] for values in map(as_numbers, (before, now))]
            return float(ks_2samp(*numbers).statistic) if all(map(len, numbers)) else 0.0
        shares = [as_texts(values).value_counts(normalize=True) for values in (before, now)]
        return float(shares[1].sub(shares[0], fill_value=0).abs().sum() / 2)

    def explained_by(self, names: Sequence[str], beyond: Sequence[str]) -> tuple[str, ...]:
        """The columns or marks that explain most beyond others, each on its own; those that explain anything."""
        rest = self.unexplained(beyond)
        found = {name: self.measured(_minus(rest, self.unexplained([*beyond, name]))) for name in names if name not in beyond}
        proved = sorted((name for name, share in found.items() if share.low > 0), key=lambda name: -found[name].value)
        return tuple(self.in_words(name) for name in proved[:_NAMED])

    def in_words(self, name: str) -> str:
        """A column or mark with what changed in it."""
        if name in self.marks:
            before, now = (side.marked(name).mean() for side in self.sides)
            return f"{name} in {now:.1%} of the rows, {before:.1%} before"
        before, now = (side.features[name] for side in self.sides)
        kinds = {column.name: column.kind for column in self.problem.columns}
        if kinds.get(name) == "number" and name not in self.problem.segments:
            return f"{name}: median {figure(_median(now), 4)}, {figure(_median(before), 4)} before"
        if kinds.get(name) == "text":
            return name
        counts = [as_texts(values).value_counts(normalize=True) for values in (before, now)]
        gained = counts[1].sub(counts[0], fill_value=0)
        if gained.empty:
            return name
        value = gained.idxmax()
        return f"{name}={value} in {counts[1].get(value, 0):.1%} of the rows, {counts[0].get(value, 0):.1%} before"

    def moved_most(self, alike: Sequence[str]) -> tuple[str, ...]:
        """The segments, of any column, in which the answer moved most among rows that are alike; none if everywhere alike."""
        weights = self.weights(alike)
        moved, found = self._rise(weights)[0], list[tuple[float, str]]()
        whole = pd.concat([side.features for side in self.sides], ignore_index=True)
        split = len(self.losses[0])
        for column in self.problem.columns:
            if column.kind == "text":
                continue
            part = partition(whole[column.name])
            for number, segment in enumerate(part.names):
                inside = (part.codes == number).astype("float64")
                inside = inside[:split], inside[split:]
                if min(rows.sum() for rows in inside) < FEWEST_ROWS / 2:
                    continue
                here = self.measured(self._rise((weights[0] * inside[0], weights[1] * inside[1])))
                above = Measured(here.value - moved, here.error, here.freedom)
                if above.z > _STANDS_OUT:
                    found.append((-above.z, f"{segment} ({signed(here.value)}, all {signed(moved)})"))
        return tuple(text for _, text in sorted(found)[:_NAMED])


@dataclass(frozen=True)
class _Loss:
    """What is lost: near to what the metric counts, and so that it can be split by rows."""

    name: str
    kind: Literal["absolute", "squared", "wrong", "order"]

    @classmethod
    def of(cls, problem: Problem) -> "_Loss":
        """That of a task and its metric."""
        if problem.task == "multiclass":
            return cls("share of wrong answers", "wrong")
        if problem.task == "regression":
            squared = problem.metric == "rmse"
            return cls("squared error", "squared") if squared else cls("absolute error", "absolute")
        if problem.metric in ("roc_auc", "average_precision"):
            return cls("share of pairs in the wrong order", "order")
        return cls("squared error of the probability", "squared")

    def of_rows(self, side: Sample) -> Floats:
        """Of each row, shape (n,); of an order, which only several rows have, the scores."""
        if isinstance(side.predictions, Ranking):
            return np.asarray(side.predictions.labels[:, 0] != side.labels, dtype="float64")
        if self.kind == "order":
            return side.predictions
        return np.asarray(np.abs(side.predictions - side.labels.astype("float64")) ** (2 if self.kind == "squared" else 1))

    def mean(self, side: Sample, losses: Floats, weights: Floats) -> tuple[float, Floats]:
        """The mean of rows with these weights, and each row's influence on it; NaN where no row has a weight."""
        return _misordered(side.labels > 0.5, losses, weights) if self.kind == "order" else _mean(losses, weights)


def _median(values: pd.Series) -> float:
    """The median of a column's numbers; NaN without any."""
    numbers = as_numbers(values)
    return float(np.nanmedian(numbers)) if np.isfinite(numbers).any() else float("nan")


def _mean(values: Floats, weights: Floats) -> tuple[float, Floats]:
    total = float(weights.sum())
    if not total > 0:
        return float("nan"), np.full(len(values), np.nan)
    mean = float(weights @ values) / total
    return mean, len(values) * weights * (values - mean) / total


def _misordered(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> tuple[float, Floats]:
    """The weighted share of pairs, of a positive and a negative row, that scores order wrongly: 1 - AUC; ties count half."""
    wrong, influence = np.zeros(len(scores)), np.zeros(len(scores))
    for rows, others in ((positive, ~positive), (~positive, positive)):
        total = weights[others].sum()
        if not total > 0:
            return float("nan"), np.full(len(scores), np.nan)
        order = np.argsort(scores[others], kind="stable")
        ordered, below = scores[others][order], np.concatenate([[0.0], np.cumsum(weights[others][order])])
        low, high = (below[np.searchsorted(ordered, scores[rows], side)] / total for side in ("left", "right"))
        wrong[rows] = 1 - (low + high) / 2 if rows is positive else (low + high) / 2
    value = float(np.average(wrong[positive], weights=weights[positive]))
    for rows in (positive, ~positive):
        influence[rows] = len(scores) * weights[rows] * (wrong[rows] - value) / weights[rows].sum()
    return value, influence


def marks_of(
    rows: pd.DataFrame, before: pd.DataFrame, columns: Sequence[Column], learned: Mapping[str, LearnedColumn]
) -> dict[str, NDArray[np.bool_]]:
    """The marks of corruption of rows: what is missing, far outside of the numbers of before, or written otherwise.

    A value that was never seen is an input that moved, not a corruption.
    """
    marks = dict[str, NDArray[np.bool_]]()
    for column in columns:
        values = rows[column.name]
        found = {"missing": values.isna().to_numpy(bool)}
        if column.name in learned:
            found |= {kind: mark for kind, mark in corrupted_rows(values, learned[column.name]).items() if kind != "unseen"}
        elif column.kind == "number":
            found["outlier"] = _far_out(as_numbers(values), as_numbers(before[column.name]))
        marks |= {f"{column.name}: {IN_WORDS[kind]}": mark for kind, mark in found.items()}
    return marks


def _far_out(values: Floats, before: Floats) -> NDArray[np.bool_]:
    """Which numbers lie farther beyond the range of before than that range is wide.

    None where most do, and most by less than ten widths: a season moves a whole column by some widths, another unit by many.
    """
    known = before[np.isfinite(before)]
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    low, high = float(known.min()), float(known.max())
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(low - values, values - high)
        far, very_far = beyond > high - low, beyond > _UNITS * (high - low)
    most = _MOST * len(values)
    return np.zeros(len(values), dtype=bool) if far.sum() > most >= very_far.sum() else far
