"""Score: let the champion predict the newest periods that it was not trained on, and keep what it said.

In: nothing but the lake, the registry and the ledger. Out: the champion, the newest period, and where its predictions are.
Predictions carry the version and the as-of time. They are kept per version and set of rows, so that a new champion scores
recent periods again and late rows are scored too. While a champion is on probation, the one that it replaced scores the same
rows of every period since the promotion, in shadow; where it cannot, that is said, and the champion is scored all the same.
Does nothing where there is no champion. Safe to run again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from include.champion.handover import promoted_digest
from include.decisions.data.periods import waiting_periods
from include.decisions.monitoring.probation import periods_of_probation
from include.decisions.scoring.predictions import Floats, Predictions, Ranking, as_columns, best_classes
from include.errors import DataError, ProvingGroundError, RegistryError, StoreError
from include.ledger.entries import OnProbation
from include.models.contract import Model
from include.request import Request
from include.results import Champion, Checked, Scored, Shadow, Shadowed
from include.services import Services
from include.untrusted_text import words_of

# What a pipeline may raise when it meets rows that it was not made for.
CANNOT_SCORE = (ValueError, TypeError, KeyError, AttributeError, IndexError)
_CELLS_AT_ONCE = 8_000_000

IF_IT_FAILS = "Fresh data are curated but not scored; the champion is unchanged."


def run(services: Services, model: Model, request: Request, checked: Checked) -> Scored:
    """Predictions for the newest periods that had ended as of the request.

    Raises:
        ArtifactChanged: the champion's file is not the one that was promoted.
    """
    newest = model.period_of(request.as_of) - model.feed.period
    champion = services.registry.champion(model.name)
    if champion is None:
        return Scored(champion=None, period=newest, summary="no champion yet, nothing to score")
    # The newest period, those before it whose labels are still on their way, and one whose labels have come.
    recent = [newest - model.feed.period * back for back in reversed(range(waiting_periods(model)))]
    tried = services.ledger.state(model.name).on_probation
    probation, given_up = _probation(model, request, champion.number, tried, newest)
    pipeline = services.registry.load(model, champion.number, promoted_digest(services, model, champion.number))
    said = {
        start: _score(services, model, request, champion.number, pipeline, start)
        for start in sorted({*recent, *probation})
        if start >= champion.trained_until
    }
    kept = tuple(key for start in recent if (key := said.get(start)))
    scored = Scored(
        champion=Champion(version=champion.number, run_id=champion.run_id),
        period=newest,
        prediction_keys=kept,
        summary=f"champion {champion.number} has scored {len(kept)} periods up to {newest:%Y-%m-%d}",
    )
    if not tried or not probation:
        return scored
    keys = {start: key for start in probation if (key := said.get(start))}
    shadow = _shadow(services, model, request, tried, keys).model_copy(update={"given_up": given_up})
    return scored.model_copy(update={"shadow": shadow, "summary": f"{scored.summary}; {shadow.summary}"})


def _probation(
    model: Model, request: Request, champion: str, tried: OnProbation | None, newest: datetime
) -> tuple[list[datetime], bool]:
    """The periods that both versions score: none for a run that plays before the promotion."""
    if not tried or not model.probation or tried.version != champion or request.as_of < tried.since:
        return [], False
    first = model.period_of(tried.since)
    first += model.feed.period * (first < tried.since)
    return periods_of_probation(model.probation, first, model.feed.period, newest, waiting_periods(model))


def _shadow(services: Services, model: Model, request: Request, tried: OnProbation, keys: Mapping[datetime, str]) -> Shadow:
    """Let the previous champion score what the champion has scored."""
    shadow = Shadow(version=tried.version, against=tried.against)
    pipeline, periods = None, []
    try:
        for start, key in keys.items():
            beside = services.lake.beside(key, tried.against)
            if not services.lake.holds(beside):
                pipeline = pipeline or _previous(services, model, tried.against)
                _score(services, model, request, tried.against, pipeline, start)
            # Rows that came this very moment made another key: they are compared in the next run.
            if services.lake.holds(beside):
                periods.append(Shadowed(start=start, key=key, shadow_key=beside))
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        if getattr(error, "transient", False) or isinstance(error, StoreError):
            raise
        why = f"version {tried.against} cannot score any more: {type(error).__name__}: {words_of(error)}"
        return shadow.model_copy(update={"periods": tuple(periods), "impossible": why, "summary": why})
    said = f"version {tried.against} has scored {len(periods)} of them since the promotion in shadow"
    return shadow.model_copy(update={"periods": tuple(periods), "summary": said})


def _previous(services: Services, model: Model, number: str) -> Any:
    if not services.registry.exists(model.name, number):
        raise RegistryError(f"{model.name} version {number} was deleted")
    return services.registry.load(model, number)


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


def _score(services: Services, model: Model, request: Request, version: str, pipeline: Any, start: datetime) -> str | None:
    rows = services.lake.rows(model, start, start + model.feed.period)
    if rows.empty:
        return None
    identity = rows[list(dict.fromkeys([*model.feed.key, model.feed.time]))]
    key = services.lake.predictions_key(
        model.name, start, version, rows[list(dict.fromkeys([*identity, *model.feature_names]))]
    )
    if not services.lake.holds(key):
        predictions = predict(model, pipeline, rows)
        table = identity.assign(**as_columns(predictions), version=version, scored_as_of=pd.Timestamp(request.as_of))
        services.lake.write_table(key, table)
    return key
