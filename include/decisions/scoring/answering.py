"""What a fitted pipeline answers for raw rows, as the predictions that metrics take."""

from typing import Any

import numpy as np
import pandas as pd

from include.decisions.scoring.predictions import Floats, Predictions, Ranking, best_classes
from include.errors import DataError
from include.models.contract import Model

# What a pipeline may raise when it meets rows that it was not made for.
CANNOT_SCORE = (ValueError, TypeError, KeyError, AttributeError, IndexError)
_CELLS_AT_ONCE = 8_000_000


def predict(model: Model, pipeline: Any, rows: pd.DataFrame) -> Predictions:
    """For n rows the probability of the positive class or the value, shape (n,), or the ranking of the classes.

    Raises:
        DataError: the pipeline was fitted on a feature that the model no longer has.
    """
    wanted = list(getattr(pipeline, "feature_names_in_", model.feature_names))
    absent = [name for name in wanted if name not in rows.columns]
    if absent:
        raise DataError(
            f"{model.name}: a version was trained on {', '.join(absent)}, which the model no longer has. Keep the column in "
            f"include/models/{model.name}.py while that version is champion."
        )
    features = rows[wanted]
    if model.task == "regression":
        return np.asarray(pipeline.predict(features), dtype="float64")
    if model.task == "binary":
        return np.asarray(pipeline.predict_proba(features)[:, 1], dtype="float64")
    return _ranked(pipeline, features)


def answers_of(model: Model, pipeline: Any, answers: Floats) -> Predictions:
    """What `predict` would make of what the pipeline itself answers: probabilities (n, classes), or values (n,)."""
    if model.task == "regression":
        return answers
    return answers[:, 1] if model.task == "binary" else best_classes(answers, np.asarray(pipeline.classes_, dtype=object))


def _ranked(pipeline: Any, features: pd.DataFrame) -> Ranking:
    """The best classes, some rows at a time: a few thousand classes for all rows at once would not fit in memory."""
    classes = np.asarray(pipeline.classes_, dtype=object)
    at_once = max(1, _CELLS_AT_ONCE // len(classes))
    starts = range(0, max(len(features), 1), at_once)
    parts = [best_classes(pipeline.predict_proba(features.iloc[start : start + at_once]), classes) for start in starts]
    labels, probabilities = (np.concatenate([getattr(p, name) for p in parts]) for name in ("labels", "probabilities"))
    return Ranking(labels, probabilities, len(classes))
