"""Evidence: two models on the same rows under the same noise, with paired intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from include.decisions.scoring import bands as guards
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.predictions import Floats, Labels, Predictions
from include.decisions.scoring.scorecard import ALL_ROWS, CELL_POSITIVES, CELL_ROWS, CLEAN, Cell, Harm, Measured, Scorecard
from include.decisions.scoring.slices import Partition, everything

ByCondition = Mapping[str, Predictions]


def measure(metric: Metric, labels: Labels, predictions: Predictions, clusters: Clusters | None = None) -> Measured:
    """The metric with the standard error that its influences give; without clusters each row stands for itself."""
    return metric.measure(labels, predictions, clusters or Clusters.independent(len(labels)))[0]


@dataclass(frozen=True)
class Answers:
    """What two models answered for the same n rows: labels, and predictions by condition, `clean` among them.

    `champion` is None where there is none. `clusters` are the rows'. `binary` means that labels are classes 0 and 1, of which
    each needs rows enough; numbers may happen to be 0 and 1.
    """

    labels: Labels
    challenger: ByCondition
    champion: ByCondition | None
    clusters: Clusters
    binary: bool = True

    def at(self, rows: NDArray[np.intp]) -> "Answers":
        """Those for some rows."""

        def cut(answers: ByCondition) -> ByCondition:
            return {condition: predictions[rows] for condition, predictions in answers.items()}

        champion = None if self.champion is None else cut(self.champion)
        return Answers(self.labels[rows], cut(self.challenger), champion, self.clusters.at(rows), self.binary)


def score(
    metrics: Sequence[Metric],
    answers: Answers,
    noisy_share: float,
    slices: Sequence[Partition] = (),
    harm: float = 0.0,
) -> Scorecard:
    """Score both models under every condition, on every slice; the first of `metrics` is the primary one.

    The blend is (1 - noisy_share) * clean + noisy_share * mean over the noisy conditions; its influence is the same mix of
    the rows' influences, so that a row's clean and corrupted copies are never taken for independent rows.
    """
    labels, challenger, champion = answers.labels, answers.challenger, answers.champion
    partitions = [everything(len(labels)), *slices]
    weights = _weights(list(challenger), noisy_share)
    primary, first = metrics[0], _scored(metrics[0], answers, partitions)
    cells, bands = list(first.cells), {metrics[0].name: first.critical}
    for metric in metrics[1:]:
        # One metric after the other: the influences of all at once would not fit in memory for a million rows.
        other = _scored(metric, answers, partitions)
        cells += other.cells
        bands[metric.name] = other.critical
    on_all = [cell for cell in first.cells if cell.where == ALL_ROWS]
    noisy = [cell for cell in on_all if cell.condition != CLEAN]
    return Scorecard(
        metric=primary.name,
        higher_is_better=primary.higher_is_better,
        rows=len(labels),
        positives=_positives(labels, answers.binary),
        clusters=answers.clusters.present,
        cluster_unit=answers.clusters.unit,
        design_effect=_design_effect(first, weights) if champion is not None else None,
        cells=tuple(cells),
        noisy_challenger=_mean([cell.challenger for cell in noisy]),
        noisy_champion=_mean([cell.champion for cell in noisy if cell.champion is not None]),
        blend=_blended(first, weights) if champion is not None else None,
        noisy=_blended(first, _weights(list(challenger), 1.0)) if champion is not None and noisy else None,
        robustness=_robustness(primary, noisy),
        harms=tuple(_harms(first, partitions, weights, harm)) if champion is not None else (),
        critical={name: width for name, width in bands.items() if width is not None},
    )


def blend_gain(metric: Metric, answers: Answers, other: ByCondition, noisy_share: float) -> tuple[Measured, Floats]:
    """The challenger's gain on the clean/noisy mix over any other model, and each row's influence on it."""
    labels, clusters = answers.labels, answers.clusters
    weights = _weights(list(answers.challenger), noisy_share)
    value, influence, doubt = 0.0, np.zeros(len(labels)), 0.0
    for condition, weight in weights.items():
        if weight:
            doubt += weight * math.sqrt(metric.doubt(labels, answers.challenger[condition]))
            its, of_its = metric.estimate(labels, answers.challenger[condition], clusters)
            others, of_others = metric.estimate(labels, other[condition], clusters)
            value += weight * metric.gain(its - others)
            influence += weight * metric.gain(of_its - of_others)
    return Measured(value, *clusters.error(influence)).doubted(doubt**2), influence


def estimates(metric: Metric, answers: Answers) -> dict[str, tuple[float, Floats]]:
    """The challenger's own value under each condition, turned so that more is better, and each row's influence on it."""
    found = {}
    for condition, predictions in answers.challenger.items():
        value, influence = metric.estimate(answers.labels, predictions, answers.clusters)
        found[condition] = float(metric.gain(value)), np.asarray(metric.gain(influence))
    return found


def blended(by_condition: Mapping[str, tuple[float, Floats]], noisy_share: float) -> tuple[float, Floats]:
    """The clean/noisy mix of values under conditions, and each row's influence on it."""
    weights = {name: weight for name, weight in _weights(list(by_condition), noisy_share).items() if weight}
    value = sum(weight * by_condition[name][0] for name, weight in weights.items())
    return value, np.sum([weight * by_condition[name][1] for name, weight in weights.items()], axis=0)


def against_baselines(
    metric: Metric, answers: Answers, trivial: Mapping[str, Predictions]
) -> dict[str, tuple[Measured, Measured]]:
    """The challenger's gain over answers that need no model: on clean rows, and on the mean of the noisy conditions."""
    gains = {}
    for name, answer in trivial.items():
        same = dict.fromkeys(answers.challenger, answer)
        clean, noisy = (blend_gain(metric, answers, same, share)[0] for share in (0.0, 1.0))
        if np.isfinite(clean.value):
            gains[name] = clean, noisy
    return gains


@dataclass(frozen=True)
class _Scored:
    """One metric's cells; `differences` are the paired influences within slices, one array (n, conditions) a partition.

    They are 0 in slices that are not tested.
    """

    cells: list[Cell]
    conditions: list[str]
    differences: list[Floats]
    clusters: Clusters
    critical: float | None


def _scored(metric: Metric, answers: Answers, partitions: Sequence[Partition]) -> _Scored:
    conditions = list(answers.challenger)
    cells: list[Cell] = []
    differences = []
    for part in partitions:
        difference = np.zeros((len(answers.labels), len(conditions)))
        for number, name in enumerate(part.names):
            rows = part.rows_of(number)
            inside = answers if len(rows) == len(answers.labels) else answers.at(rows)
            for column, condition in enumerate(conditions):
                cell, paired = _cell(metric, inside, condition, name)
                cells.append(cell)
                # On all rows it is what the gain's own error comes from, however few they are.
                if cell.tested or (name == ALL_ROWS and np.isfinite(paired).all()):
                    difference[rows, column] = paired
        differences.append(difference)
    critical = None
    if answers.champion is not None:
        covariances = guards.covariance(list(zip(partitions, differences, strict=True)), answers.clusters)
        critical = guards.critical_value(covariances)
    return _Scored(cells, conditions, differences, answers.clusters, critical)


def _cell(metric: Metric, answers: Answers, condition: str, where: str) -> tuple[Cell, Floats]:
    labels, clusters = answers.labels, answers.clusters
    positives, nothing = _positives(labels, answers.binary), float("nan")
    enough = _enough(len(labels), positives) and (clusters.enough or where == ALL_ROWS)
    cell = Cell(metric.name, condition, where, len(labels), positives, nothing, nothing, tested=False)
    if metric.own and not enough:
        # A team's own function is not called on a slice that is too small to be judged.
        if answers.champion is not None:
            cell = replace(cell, champion=nothing, gain=Measured(nothing, nothing))
        return cell, np.zeros(len(labels))
    its_own, influence = metric.measure(labels, answers.challenger[condition], clusters)
    tested = enough and bool(np.isfinite(its_own.value))
    cell = replace(
        cell,
        challenger=its_own.value,
        challenger_error=its_own.error,
        challenger_freedom=its_own.freedom,
        challenger_trials=its_own.trials,
        tested=tested,
    )
    if answers.champion is None:
        return cell, influence
    champion, its = metric.estimate(labels, answers.champion[condition], clusters)
    paired = metric.gain(influence - its)
    gain = Measured(metric.gain(its_own.value - champion), *clusters.error(paired))
    doubt = metric.doubt(labels, answers.challenger[condition])
    gain = gain.doubted(doubt)
    return replace(cell, champion=champion, gain=gain, doubt=doubt, tested=tested and bool(np.isfinite(champion))), paired


def cell_of(metric: Metric, condition: str, where: str, rows: NDArray[np.intp], answers: Answers) -> Cell:
    """One cell, for the rows at these positions."""
    return _cell(metric, answers.at(rows), condition, where)[0]


def _blended(scored: _Scored, weights: Mapping[str, float]) -> Measured:
    gains = {cell.condition: cell.gain for cell in scored.cells if cell.where == ALL_ROWS and cell.gain}
    value = sum(weights[condition] * gain.value for condition, gain in gains.items())
    # The conditions are the same rows: the models differ on them together.
    doubt = sum(weights[cell.condition] * math.sqrt(cell.doubt) for cell in scored.cells if cell.where == ALL_ROWS)
    return Measured(float(value), *scored.clusters.error(_mixed(scored, weights))).doubted(doubt**2)


def _mixed(scored: _Scored, weights: Mapping[str, float]) -> Floats:
    """Each row's influence on a mix of conditions."""
    return np.asarray(scored.differences[0] @ np.array([weights[condition] for condition in scored.conditions]))


def _design_effect(scored: _Scored, weights: Mapping[str, float]) -> float | None:
    """How many times the variance of the mix is what it would be if all rows were independent (Kish, 1965); None without."""
    influence = _mixed(scored, weights)
    alone = float(influence @ influence) / len(influence) ** 2 if len(influence) else 0.0
    error, _ = scored.clusters.error(influence)
    return error**2 / alone if alone > 0 and np.isfinite(error) else None


def _harms(scored: _Scored, partitions: Sequence[Partition], weights: Mapping[str, float], harm: float) -> list[Harm]:
    """Losses of more than `harm` that the joint bands show, in any cell, or Bonferroni's bounds in a slice or condition."""
    harms = []
    assert scored.critical is not None
    for cell in scored.cells:
        where = cell.condition if cell.where == ALL_ROWS else f"{cell.where}, {cell.condition}"
        if _lost_its_value(cell):
            harms.append(Harm(where, float("-inf"), float("-inf"), "no value"))
        elif cell.tested and cell.gain and (high := cell.gain.above(scored.critical)) < 0 and cell.gain.value < -harm:
            harms.append(Harm(where, cell.gain.value, high, "joint band"))
    margins = _margins(scored, partitions, weights)
    z = guards.bonferroni(len(margins))
    for where, gain in margins.items():
        if gain.above(z) < 0 and gain.value < -harm and where not in {harmed.where for harmed in harms}:
            harms.append(Harm(where, gain.value, gain.above(z), "margin"))
    return sorted(harms, key=lambda harmed: harmed.gain)


def _lost_its_value(cell: Cell) -> bool:
    """Whether the metric has a value for the champion alone although rows are enough: a harm, not an untested cell."""
    enough = _enough(cell.rows, cell.positives)
    return enough and cell.champion is not None and bool(np.isfinite(cell.champion)) and not np.isfinite(cell.challenger)


def _margins(scored: _Scored, partitions: Sequence[Partition], weights: Mapping[str, float]) -> dict[str, Measured]:
    """The gain of each condition over all rows, and of each slice over the mix of conditions."""
    share = np.array([weights[condition] for condition in scored.conditions])
    cells = {(cell.where, cell.condition): cell for cell in scored.cells}
    margins = {c: cells[ALL_ROWS, c].gain for c in scored.conditions if cells[ALL_ROWS, c].tested}
    for part, difference in zip(partitions[1:], scored.differences[1:], strict=True):
        for number, name in enumerate(part.names):
            own = [cells[name, condition] for condition in scored.conditions]
            if all(cell.tested for cell in own):
                value = sum(w * cell.gain.value for w, cell in zip(share, own, strict=True) if cell.gain)
                rows, doubt = part.rows_of(number), sum(w * math.sqrt(cell.doubt) for w, cell in zip(share, own, strict=True))
                error = scored.clusters.at(rows).error(difference[rows] @ share)
                margins[name] = Measured(float(value), *error).doubted(doubt**2)
    return {where: gain for where, gain in margins.items() if gain is not None}


def _robustness(metric: Metric, noisy: Sequence[Cell]) -> float | None:
    """Relative robustness as in Hendrycks and Dietterich (ICLR 2019): errors under noise, relative to the champion's."""

    def error(value: float) -> float:
        return 1 - value if metric.higher_is_better else value

    ratios = [
        error(cell.challenger) / error(cell.champion)
        for cell in noisy
        if cell.champion is not None and error(cell.champion) > 0 and error(cell.challenger) >= 0
    ]
    return float(np.mean(ratios)) if ratios else None


def _enough(rows: int, positives: int | None) -> bool:
    """Whether a cell has the rows to be judged by, of both classes where there are two."""
    rarer = rows if positives is None else min(positives, rows - positives)
    return rows >= CELL_ROWS and rarer >= CELL_POSITIVES


def _positives(labels: Labels, binary: bool) -> int | None:
    """How many labels are 1; None where labels are no two classes."""
    return int((labels > 0.5).sum()) if binary else None


def _weights(names: Sequence[str], noisy_share: float) -> dict[str, float]:
    noisy = [name for name in names if name != CLEAN]
    share = noisy_share if noisy else 0.0
    return {CLEAN: 1 - share} | {name: share / len(noisy) for name in noisy}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
