"""Score: let the champion predict the newest periods that it was not trained on, and keep what it said.

In: nothing but the lake and the registry. Out: the champion, the newest period, and where its predictions are.
Predictions carry the version and the as-of time. They are kept per version and set of rows, so that a new champion scores
recent periods again and late rows are scored too. Does nothing where there is no champion. Safe to run again.
"""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from include.adapters.registry import Version
from include.decisions.predictions import Floats, Predictions, Ranking, as_columns, best_classes
from include.errors import DataError
from include.models.contract import Model
from include.references import Champion, Checked, Scored
from include.run import Request
from include.services import Services

_CELLS_AT_ONCE = 8_000_000

IF_IT_FAILS = "Fresh data are curated but not scored; the champion is unchanged."


def run(services: Services, model: Model, request: Request, checked: Checked) -> Scored:
    """Predictions for the newest periods that had ended as of the request."""
    newest = model.period_of(request.as_of) - model.feed.period
    champion = services.registry.champion(model.name)
    if champion is None:
        return Scored(champion=None, period=newest, says="no champion yet, nothing to score")
    # The newest period, those before it whose labels are still on their way, and one whose labels have come.
    periods = max(3, math.ceil(model.feed.label_delay / model.feed.period) + 2)
    starts = [newest - model.feed.period * back for back in reversed(range(periods))]
    pipeline = services.registry.load(model, champion.number)
    keys = [_score(services, model, request, champion, pipeline, start) for start in starts if start >= champion.trained_until]
    kept = tuple(key for key in keys if key)
    return Scored(
        champion=Champion(version=champion.number, run_id=champion.run_id),
        period=newest,
        prediction_keys=kept,
        says=f"champion {champion.number} has scored {len(kept)} periods up to {newest:%Y-%m-%d}",
    )


def predict(model: Model, pipeline: Any, rows: pd.DataFrame) -> Predictions:
    """For n rows the probability of the positive class or the value, shape (n,), or the ranking of the classes.

    Raises:
        DataError: the pipeline was fitted on a feature that the model no longer has.
    """
    wanted = list(getattr(pipeline, "feature_names_in_", model.feature_names))
    gone = [name for name in wanted if name not in rows.columns]
    if gone:
        raise DataError(
            f"{model.name}: a version was trained on {', '.join(gone)}, which the model no longer has. Keep the column in "
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


def _score(
    services: Services, model: Model, request: Request, champion: Version, pipeline: Any, start: datetime
) -> str | None:
    rows = services.lake.rows(model, start, start + model.feed.period)
    if rows.empty:
        return None
    identity = rows[list(dict.fromkeys([*model.feed.key, model.feed.time]))]
    key = services.lake.predictions_key(
        model.name, start, champion.number, rows[list(dict.fromkeys([*identity, *model.feature_names]))]
    )
    if not services.lake.holds(key):
        predictions = predict(model, pipeline, rows)
        table = identity.assign(**as_columns(predictions), version=champion.number, scored_as_of=pd.Timestamp(request.as_of))
        services.lake.write_table(key, table)
    return key
