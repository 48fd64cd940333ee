"""Score: let the champion predict the newest periods that it was not trained on, and keep its predictions.

In: nothing but the lake, the registry and the ledger. Out: the champion, the newest period, and where its predictions are.
Predictions carry the version and the as-of time. They are kept per version and set of rows, so that a new champion scores
recent periods again and late rows are scored too; so are older periods that were measured before rows or labels of
them were delivered again or withdrawn. While a champion is on probation, the one that it replaced scores the same
rows of every period since the promotion, in shadow; where it cannot, that is reported, and the champion is scored anyway.
Does nothing where there is no champion. Safe to run again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from include.adapters.lake import period_in
from include.adapters.registry import Version
from include.champion.handover import promoted_digest
from include.champion.promoted_tags import champion_of
from include.decisions.data.periods import waiting_periods
from include.decisions.monitoring.probation import periods_of_probation
from include.decisions.monitoring.quality import Judged
from include.decisions.scoring.answering import CANNOT_SCORE, predict
from include.decisions.scoring.predictions import Predictions, as_columns
from include.errors import DataError, ProvingGroundError, RegistryError, StoreError
from include.ledger.state import OnProbation
from include.models.contract import Model
from include.own_columns import SCORED_AS_OF, VERSION
from include.results import Champion, Checked, Scored, Shadow, Shadowed
from include.services import StepContext
from include.untrusted_text import words_of

# How many older periods a run measures again; the next one goes on.
_MEASURED_AGAIN = 26

IF_IT_FAILS = "Fresh data are curated but not scored; the champion is unchanged."


def run(context: StepContext, checked: Checked) -> Scored:
    """Predictions for the newest periods that had ended as of the request.

    Raises:
        ArtifactChanged: the champion's file is not the one that was promoted.
    """
    services, model, request = context.services, context.model, context.request
    newest = model.earlier(model.period_of(request.as_of))
    champion = champion_of(services, model.name)
    if champion is None:
        return Scored(champion=None, period=newest, summary="no champion yet, nothing to score")
    # The newest period, those before it whose labels are still on their way, and one whose labels have come.
    recent = [model.earlier(newest, back) for back in reversed(range(waiting_periods(model)))]
    on_probation = services.ledger.state(model.name).on_probation
    changed = _changed_since_measured(context, champion)
    probation, given_up = _probation(context, champion.number, on_probation, newest)
    pipeline = services.registry.load(model, champion.number, promoted_digest(services, model, champion.number))
    version = _Version(champion.number, pipeline)
    starts = [start for start in sorted({*changed, *recent, *probation}) if start >= champion.trained_until]
    keys = _scored(context, version, starts)
    kept = tuple(key for start in sorted({*changed, *recent}) if (key := keys.get(start)))
    scored = Scored(
        champion=Champion(version=champion.number, run_id=champion.run_id),
        period=newest,
        prediction_keys=kept,
        changed=tuple(changed),
        summary=f"champion {champion.number} has scored {len(kept)} periods up to {newest:%Y-%m-%d}",
    )
    if not on_probation or not probation:
        return scored
    of_probation = {start: key for start in probation if (key := keys.get(start))}
    shadow = _shadow(context, on_probation, of_probation).model_copy(update={"given_up": given_up})
    return scored.model_copy(update={"shadow": shadow, "summary": f"{scored.summary}; {shadow.summary}"})


def _changed_since_measured(context: StepContext, champion: Version) -> list[datetime]:
    """Periods of which rows or labels were delivered or withdrawn after quality was measured on them: the newest of them."""
    lake, model = context.services.lake, context.model
    newest = model.period_of(context.request.as_of)
    measured = lake.remembered(model.name, champion.number, Judged, newest)
    if not measured:
        return []
    contents = lake.contents(lake.files(model, min(measured), newest))
    changed = [start for start, one in measured.items() if one.contents and one.contents != contents.get(start)]
    return changed[-_MEASURED_AGAIN:]


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
    # The first period that starts after it, or with it.
    first = model.later(model.period_of(on_probation.since - timedelta.resolution))
    return periods_of_probation(model, model.probation, first, newest)


def _shadow(context: StepContext, on_probation: OnProbation, keys: Mapping[datetime, str]) -> Shadow:
    """Let the previous champion score what the champion has scored."""
    lake, number = context.services.lake, on_probation.against
    shadow, previous, periods = Shadow(version=on_probation.version, against=number), None, list[Shadowed]()
    try:
        for start, key in keys.items():
            beside = lake.beside(key, number)
            if not lake.has_table(beside):
                previous = previous or _previous(context, number)
                _scored(context, previous, [start])
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


def _scored(context: StepContext, version: _Version, starts: Sequence[datetime]) -> dict[datetime, str | None]:
    """Where the predictions of each period are kept, in order; None where it has no rows."""
    lake, model = context.services.lake, context.model
    if not starts:
        return {}
    files = lake.files(model, starts[0], model.later(starts[-1]), ("features",))
    of_period = {start: [key for key in files if period_in(key) == start] for start in starts}
    return {start: _score(context, version, start, of_period[start]) for start in starts}


def _score(context: StepContext, version: _Version, start: datetime, files: Sequence[str]) -> str | None:
    lake, model = context.services.lake, context.model
    rows = lake.read(model, files, known_by=context.request.as_of)
    if rows.empty:
        return None
    identity = rows[list(dict.fromkeys([*model.feed.key, model.feed.time, *model.feed.cluster]))]
    # Named by the clusters' values as well, in a place of their own: without them it would be found where they are missing.
    columns = dict.fromkeys([*model.feed.key, model.feed.time, *model.feature_names])
    scored_rows = rows[[*columns, *model.feed.cluster]]
    key = lake.predictions_key(model.name, start, version.number, scored_rows)
    if not lake.has_table(key):
        predictions = _predicted(model, version, rows)
        about = {VERSION: version.number, SCORED_AS_OF: pd.Timestamp(context.request.as_of)}
        lake.write_table(key, identity.assign(**as_columns(predictions) | about))
    return key


def _predicted(model: Model, version: _Version, rows: pd.DataFrame) -> Predictions:
    try:
        return predict(model, version.pipeline, rows)
    except CANNOT_SCORE as error:
        raise DataError(
            f"{model.name}: version {version.number} cannot score rows of its own feed: {type(error).__name__}: "
            f"{words_of(error)}. If include/models/{model.name}.py reads them otherwise than when it was trained, run "
            f"{model.name}.retrain with replace_unscorable_champion and a reason; else see what changed upstream."
        ) from error
