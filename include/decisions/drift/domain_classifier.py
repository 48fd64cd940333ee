"""Told apart: can a classifier tell the newest period from the rows that the champion was trained on?

A domain classifier sees what no single column shows: a relation between columns that has changed. Its area under the curve is
a two-sample test (Lopez-Paz and Oquab, ICLR 2017); what is usual is measured on the training rows, period by period.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from include.decisions.data.values import as_numbers, as_texts
from include.decisions.drift.chart_statistics import ChartStatistics
from include.decisions.scoring.metrics import roc_auc
from include.decisions.scoring.predictions import Floats
from include.models.contract import Column

ROWS = 1_500
MATERIAL_GAIN = 0.05
_FOLDS = 3
_PERIODS = 6
_FEWEST_ROWS = 50
_TEXT_FEATURES = 2**12


def area_between(one: pd.DataFrame, other: pd.DataFrame, columns: Sequence[Column], seed: int) -> float:
    """Area under the curve, 0.5 for rows that are alike, of a classifier that was not shown the rows it is asked about.

    NaN where one side has fewer than 50 rows. At most 1,500 rows of each side are looked at.
    """
    sides = [_sample(rows, seed) for rows in (one, other)]
    if min(map(len, sides)) < _FEWEST_ROWS:
        return float("nan")
    side = np.repeat([0.0, 1.0], [len(rows) for rows in sides])
    return roc_auc(side, probability_of_second(sides[0], sides[1], columns, seed))[0]


def probability_of_second(one: pd.DataFrame, other: pd.DataFrame, columns: Sequence[Column], seed: int) -> Floats:
    """How probable each row is to be one of the second rows, those of both in order; by a classifier that was not shown it."""
    features = _matrix(pd.concat([one, other], ignore_index=True), columns)
    side = np.repeat([0.0, 1.0], [len(one), len(other)])
    fold = np.random.default_rng(seed).permutation(len(side)) % _FOLDS
    probabilities = np.empty(len(side))
    for number in range(_FOLDS):
        out = fold == number
        probabilities[out] = _classifier(columns, seed).fit(features[~out], side[~out]).predict_proba(features[out])[:, 1]
    return probabilities


def as_statistics(area: float, rows: int) -> ChartStatistics:
    """An area as a statistic to be charted; its sampling variance is Mann and Whitney's for two samples of the same size."""
    return ChartStatistics(np.array([area]), np.array([(2 * rows + 1) / (12 * rows**2)]), np.array([area]))


def areas_within(
    rows: pd.DataFrame, periods: pd.Series, columns: Sequence[Column], seed: int, at_most: int = 6
) -> list[float]:
    """How well a classifier separates each of some periods, spread evenly, from all others."""
    starts = sorted(periods.unique())
    chosen = [starts[round(place)] for place in np.linspace(0, len(starts) - 1, min(at_most, len(starts)))]
    return [area_between(rows[periods != start], rows[periods == start], columns, seed) for start in dict.fromkeys(chosen)]


def _sample(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    return rows.sample(ROWS, random_state=seed) if len(rows) > ROWS else rows


def _has_text(columns: Sequence[Column]) -> bool:
    return any(column.kind == "text" for column in columns)


def _classifier(columns: Sequence[Column], seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    if _has_text(columns):
        return LogisticRegression(max_iter=200)
    return HistGradientBoostingClassifier(max_iter=40, min_samples_leaf=20, early_stopping=False, random_state=seed)


def _matrix(rows: pd.DataFrame, columns: Sequence[Column]) -> Any:
    """Every column as numbers: a category by the order of its frequency, a text by the words in it."""
    dense = [_codes(rows[column.name], column) for column in columns if column.kind != "text"]
    if not _has_text(columns):
        # Boosted trees know missing values, but no column of nothing else.
        return np.column_stack([np.zeros_like(values) if np.isnan(values).all() else values for values in dense])
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(n_features=_TEXT_FEATURES, alternate_sign=False, norm="l2")
    texts = [hashed.transform(as_texts(rows[column.name]).fillna("")) for column in columns if column.kind == "text"]
    ranked = [csr_matrix(_ranks(values)[:, None]) for values in dense]
    return hstack([*texts, *ranked]).tocsr()


def _codes(values: pd.Series, column: Column) -> Floats:
    if column.kind == "number":
        return as_numbers(values)
    texts = as_texts(values)
    places = {value: float(place) for place, value in enumerate(texts.value_counts().index)}
    return np.asarray(texts.map(places).to_numpy("float64", na_value=float("nan")))


def _ranks(values: Floats) -> Floats:
    return np.asarray(pd.Series(values).rank(pct=True).fillna(0.0).to_numpy("float64"))
