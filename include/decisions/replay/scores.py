"""How one backtest model did in every later period, as a table; and all of them together as the backtest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.decisions.replay.plan import BacktestModel, BacktestPlan
from include.decisions.replay.simulation import Backtest
from include.decisions.scoring.baselines import learned_from, trivial_answers
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.metrics import Metric
from include.decisions.scoring.predictions import Floats, Labels, Predictions
from include.models.contract import Task


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """The rows that judge a model: the label of each, the position of its period, and its cluster."""

    labels: Labels
    period: NDArray[np.int64]
    clusters: Clusters


@dataclass(frozen=True, eq=False)
class PeriodValues:
    """For every period the largest PSI of a feature, and the value of the best answer that needs no model.

    `corrected` is the value of the model on the rows as they were corrected later, NaN in periods where they were not.
    """

    psi: Floats
    trivial: Floats
    corrected: Floats


def scores(
    metric: Metric, judged: JudgedRows, predictions: Predictions, periods: PeriodValues, fit: BacktestModel
) -> pd.DataFrame:
    """One line a period from the first held-out one on: value, deviations, and what PeriodValues and JudgedRows say of it.

    The squares of the deviations add up to the value's variance, and their products to the covariance with another model's:
    one for each cluster, or for each row where the period has too few clusters. Values and deviations are turned so that more
    is better. A period without a judged row has the value NaN.
    """
    lines = []
    for number in range(fit.holdout[0], len(periods.psi)):
        rows = np.flatnonzero(judged.period == number)
        clusters, value, deviations = judged.clusters.at(rows), float("nan"), np.zeros(0)
        if len(rows):
            value, influence = metric.estimate(judged.labels[rows], predictions[rows], clusters)
            deviations = clusters.sums(influence)[clusters.sizes > 0] if clusters.enough else influence / len(rows)
        turned = metric.gain(deviations).astype("float32")
        about = periods.psi[number], periods.trivial[number], periods.corrected[number], len(rows), clusters.present
        lines.append((number, metric.gain(value), turned, *about))
    return pd.DataFrame(lines, columns=["period", "value", "deviations", "psi", "trivial", "corrected", "rows", "clusters"])


def best_trivial(task: Task, metric: Metric, learned: Labels, judged: JudgedRows, periods: int) -> Floats:
    """In each period the value of the best answer that needs no model, turned so that more is better; NaN without rows."""
    knowledge, best = learned_from(task, learned), np.full(periods, np.nan)
    for number in np.unique(judged.period):
        rows = judged.period == number
        answers = trivial_answers(task, knowledge, int(rows.sum())).values()
        values = [metric.gain(metric.estimate(judged.labels[rows], answer)[0]) for answer in answers]
        best[number] = max((value for value in values if np.isfinite(value)), default=np.nan)
    return best


def backtest_of(plan: BacktestPlan, tables: Sequence[pd.DataFrame], margin: float) -> Backtest:
    """The backtest, from the scores of every model of the plan, in the plan's order."""
    shape = (len(plan.fits), len(plan.starts))
    values, psi, trivial = np.full(shape, np.nan), np.full(shape, np.nan), np.full(len(plan.starts), np.nan)
    for number, table in enumerate(tables):
        at = table["period"].to_numpy()
        values[number, at], psi[number, at] = table["value"], table["psi"]
        # The trivial answers that were learned last before a period count, those of the model's own window.
        after = at > plan.fits[number].moment
        if plan.windows[0] in plan.fits[number].windows:
            trivial[at[after]] = table["trivial"].to_numpy()[after]
    corrected = np.full(shape, np.nan)
    for number, table in enumerate(tables):
        corrected[number, table["period"]] = table["corrected"] - table["value"]
    deviations = [dict(zip(table["period"], table["deviations"], strict=True)) for table in tables]
    covariances = np.zeros((shape[1], shape[0], shape[0]), dtype="float32")
    rows, clusters = np.zeros(shape[1], dtype="int64"), np.zeros(shape[1], dtype="int64")
    for table in tables:
        rows[table["period"]], clusters[table["period"]] = table["rows"], table["clusters"]
    for period in range(shape[1]):
        available = [number for number in range(shape[0]) if np.isfinite(values[number, period])]
        if available:
            stacked = np.stack([deviations[number][period] for number in available]).astype("float64")
            covariances[period][np.ix_(available, available)] = stacked @ stacked.T
    return Backtest(plan, values, covariances, psi, trivial, rows, clusters, margin, corrected)
