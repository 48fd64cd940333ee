"""Score: let the champion predict the newest periods that it was not trained on, and keep its predictions.

In: nothing but the lake, the registry and the ledger. Out: the champion, the newest period, and where its predictions are.
Predictions carry the version and the as-of time. They are kept per version and set of rows, so that a new champion scores
recent periods again and late rows are scored too. While a champion is on probation, the one that it replaced scores the same
rows of every period since the promotion, in shadow; where it cannot, that is reported, and the champion is scored anyway.
Does nothing where there is no champion. Safe to run again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from include.champion.handover import promoted_digest
from include.decisions.data.periods import waiting_periods
from include.decisions.monitoring.probation import periods_of_probation
from include.decisions.scoring.answering import CANNOT_SCORE, predict
from include.decisions.scoring.predictions import as_columns
from include.errors import ProvingGroundError, RegistryError, StoreError
from include.ledger.state import OnProbation
from include.own_columns import SCORED_AS_OF, VERSION
from include.results import Champion, Checked, Scored, Shadow, Shadowed
from include.services import StepContext
from include.untrusted_text import words_of

IF_IT_FAILS = "Fresh data are curated but not scored; the champion is unchanged."


def run(context: StepContext, checked: Checked) -> Scored:
    """Predictions for the newest periods that had ended as of the request.

    Raises:
        ArtifactChanged: the champion's file is not the one that was promoted.
    """
    services, model, request = context.services, context.model, context.request
    newest = model.period_of(request.as_of) - model.feed.period
    champion = services.registry.champion(model.name)
    if champion is None:
        return Scored(champion=None, period=newest, summary="no champion yet, nothing to score")
    # The newest period, those before it whose labels are still on their way, and one whose labels have come.
    recent = [newest - model.feed.period * back for back in reversed(range(waiting_periods(model)))]
    on_probation = services.ledger.state(model.name).on_probation
    probation, given_up = _probation(context, champion.number, on_probation, newest)
    pipeline = services.registry.load(model, champion.number, promoted_digest(services, model, champion.number))
    version = _Version(champion.number, pipeline)
    keys = {
        start: _score(context, version, start) for start in sorted({*recent, *probation}) if start >= champion.trained_until
    }
    kept = tuple(key for start in recent if (key := keys.get(start)))
    scored = Scored(
        champion=Champion(version=champion.number, run_id=champion.run_id),
        period=newest,
        prediction_keys=kept,
        summary=f"champion {champion.number} has scored {len(kept)} periods up to {newest:%Y-%m-%d}",
    )
    if not on_probation or not probation:
        return scored
    of_probation = {start: key for start in probation if (key := keys.get(start))}
    shadow = _shadow(context, on_probation, of_probation).model_copy(update={"given_up": given_up})
    return scored.model_copy(update={"shadow": shadow, "summary": f"{scored.summary}; {shadow.summary}"})


@dataclass(frozen=True)
class _Version:
    """A version, and its pipeline."""

    number: str
    pipeline: Any


def _probation(
    context: StepContext, champion: str, on_probation: OnProbation | None, newest: datetime
) -> tuple[list[datetime], bool]:
    """The periods that both versions score: none for a run as of a time before the promotion."""
    model, as_of = context.model, context.request.as_of
    if not on_probation or not model.probation or on_probation.version != champion or as_of < on_probation.since:
        return [], False
    first = model.period_of(on_probation.since)
    first += model.feed.period * (first < on_probation.since)
    return periods_of_probation(model.probation, first, model.feed.period, newest, waiting_periods(model))


def _shadow(context: StepContext, on_probation: OnProbation, keys: Mapping[datetime, str]) -> Shadow:
    """Let the previous champion score what the champion has scored."""
    lake, number = context.services.lake, on_probation.against
    shadow, previous, periods = Shadow(version=on_probation.version, against=number), None, list[Shadowed]()
    try:
        for start, key in keys.items():
            beside = lake.beside(key, number)
            if not lake.has_table(beside):
                previous = previous or _previous(context, number)
                _score(context, previous, start)
            # Rows that were delivered meanwhile change the key: they are compared in the next run.
            if lake.holds(beside):
                periods.append(Shadowed(start=start, key=key, shadow_key=beside))
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        if getattr(error, "transient", False) or isinstance(error, StoreError):
            raise
        why = f"version {number} cannot score any more: {type(error).__name__}: {words_of(error)}"
        return shadow.model_copy(update={"periods": tuple(periods), "impossible": why, "summary": why})
    summary = f"version {number} has scored {len(periods)} of them since the promotion in shadow"
    return shadow.model_copy(update={"periods": tuple(periods), "summary": summary})


def _previous(context: StepContext, number: str) -> _Version:
    registry, model = context.services.registry, context.model
    if not registry.exists(model.name, number):
        raise RegistryError(f"{model.name} version {number} was deleted")
    return _Version(number, registry.load(model, number))


def _score(context: StepContext, version: _Version, start: datetime) -> str | None:
    lake, model = context.services.lake, context.model
    rows = lake.rows(model, start, start + model.feed.period)
    if rows.empty:
        return None
    identity = rows[list(dict.fromkeys([*model.feed.key, model.feed.time]))]
    scored_rows = rows[list(dict.fromkeys([*identity, *model.feature_names]))]
    key = lake.predictions_key(model.name, start, version.number, scored_rows)
    if not lake.has_table(key):
        predictions = predict(model, version.pipeline, rows)
        about = {VERSION: version.number, SCORED_AS_OF: pd.Timestamp(context.request.as_of)}
        lake.write_table(key, identity.assign(**as_columns(predictions) | about))
    return key
