"""Measure quality: how good was the champion on the periods whose labels have matured, and has it got worse?

In: what was scored. Out: the primary metric on the newest mature period with its interval, the newest two together beside the
first ones, by how many periods labels are late, and an estimate for the newest period, which has none yet. Where quality fell,
also why.
A label counts as known only when it was due as of the run, so a back-fill sees what would have been seen. Nothing is measured
where no mature period is left that the champion was not trained on. Safe to run again: what is remembered of a period is named
by version and period.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from include.adapters.lake import BEGINNING, period_in
from include.adapters.registry import Version
from include.champion.handover import promoted_digest
from include.champion.promoted_tags import as_promoted
from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.periods import PeriodCount, count_periods, is_mature, label_known
from include.decisions.monitoring.causes import Problem, Sample, marks_of, why
from include.decisions.monitoring.quality import FIRST_PERIODS, TOGETHER, Judged, between_period_deviation, trend
from include.decisions.scoring.answering import CANNOT_SCORE, predict
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.estimate import Answered, estimate
from include.decisions.scoring.evidence import measure
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import from_columns
from include.decisions.scoring.scorecard import Measured
from include.errors import ProvingGroundError
from include.figures import figure
from include.models.contract import Model
from include.noise.profile import learn_columns
from include.results import Quality, Scored, Why
from include.services import StepContext
from include.untrusted_text import words_of

IF_IT_FAILS = "Fresh data are curated and scored, quality was not judged; the champion is unchanged."

_COMPARED_ROWS = 5_000
_log = logging.getLogger(__name__)


def run(context: StepContext, scored: Scored) -> Quality:
    """Quality of the champion on mature periods."""
    services, model, as_of = context.services, context.model, context.request.as_of
    rows = pd.concat([services.lake.read_table(key) for key in scored.prediction_keys]) if scored.prediction_keys else None
    if scored.champion is None:
        return _without_champion(context)
    for start in scored.changed:
        # What is left of the period may be too little to be measured: then it counts no more.
        services.lake.forget(model.name, scored.champion.version, Judged, start)
    if rows is None:
        return Quality(period=None, metric=model.criteria.metric, summary="no period since the champion's training has rows")
    champion = as_promoted(services, services.registry.version(model.name, scored.champion.version))
    files = services.lake.files_about(model, rows)
    frame, changed_since = services.lake.with_labels(model, rows, files, as_of)
    periods = count_periods(frame, model, as_of)
    mature = [one for one in periods if is_mature(one, model) and not services.lake.is_broken(model.name, one.start)]
    contents = services.lake.contents(files)
    for period in mature:
        # Measured on what is replaced by now, as a back-fill is: the next run as of a later time measures it again.
        replaced = f" as of {as_of.isoformat()}" if period.start in changed_since else ""
        _judge(context, champion, frame, period, contents.get(period.start, "") + replaced)
    judged = _remembered(context, mature[-1].start if mature else None)
    quality = Quality(
        period=None,
        metric=model.criteria.metric,
        newest_maturity=periods[-1].maturity if periods else None,
        overdue=_overdue(context, [period.start for period in mature], judged, champion.trained_until),
        summary="no period is mature yet",
    )
    quality = quality.model_copy(update=_estimated(model, frame, periods, as_of))
    quality = _judged(model, champion, judged, quality)
    if not (quality.fallen or quality.decayed):
        return quality
    return quality.model_copy(update={"why": _why(context, champion, judged[champion.number])})


def _without_champion(context: StepContext) -> Quality:
    """By how many periods labels are late where none ever came: then there is nothing that a first champion can learn from."""
    model, as_of = context.model, context.request.as_of
    due = model.period_of(as_of - model.feed.label_delay)
    lake = context.services.lake
    rows = lake.read(model, lake.files(model, BEGINNING, as_of), features=(), known_by=as_of)
    periods = count_periods(rows, model, as_of)
    owing = [period for period in periods if period.start < due]
    overdue = 0 if any(period.known for period in owing) else len(owing)
    labelled_periods = sum(is_mature(period, model) for period in periods)
    summary = f"there is no champion yet; {labelled_periods} periods are labelled"
    metric = model.criteria.metric
    return Quality(period=None, metric=metric, overdue=overdue, labelled_periods=labelled_periods, summary=summary)


def _judge(context: StepContext, champion: Version, frame: pd.DataFrame, period: PeriodCount, contents: str) -> None:
    """Measure one mature period and remember it, where it has labels enough for the metric to have a value."""
    model = context.model
    rows = _labelled(model, _within(model, frame, period.start), context.request.as_of)
    labels = labels_of(model, rows)
    if len(labels) < 2 or (model.task == "binary" and len(set(labels)) < 2):
        return
    clusters = Clusters.of_rows(rows, model.feed)
    now = measure(primary_metric(model), labels, from_columns(rows), clusters if clusters.enough else None)
    if math.isfinite(now.value) and math.isfinite(now.error):
        freedom = now.freedom if clusters.enough else None
        judged = Judged(period.start, now.value, now.error, len(labels), contents, freedom, now.trials)
        context.services.lake.remember(model.name, champion.number, period.start, judged)


def _remembered(context: StepContext, newest: datetime | None) -> dict[str, list[Judged]]:
    """Every version's mature periods, in order, as far as they were known by then; `newest` is the newest mature one.

    A period counts as soon as so many of its labels are due as a mature one needs, not only when all of them are.
    """
    model, lake = context.model, context.services.lake
    due = model.earlier(context.request.as_of - model.feed.label_delay)
    due = max(due, newest) if newest else due
    remembered = lake.remembered_of_all(model.name, Judged, due + timedelta.resolution)
    return {version: list(periods.values()) for version, periods in remembered.items()}


def _overdue(
    context: StepContext, mature: Sequence[datetime], judged: Mapping[str, list[Judged]], trained_until: datetime
) -> int:
    """How many periods with rows are without their labels although these are due."""
    model, lake = context.model, context.services.lake
    due = model.earlier(model.period_of(context.request.as_of - model.feed.label_delay))
    measured = [*mature, *(periods[-1].start for periods in judged.values() if periods)]
    newest = max(measured, default=None) or _newest_mature(context, trained_until, due)
    if due <= newest:
        return 0
    owing = {period_in(key) for key in lake.files(model, model.later(newest), model.later(due), ("features",))}
    return sum(not lake.is_broken(model.name, period) for period in owing)


def _newest_mature(context: StepContext, trained_until: datetime, due: datetime) -> datetime:
    """The newest period with labels since the champion's training: of its hold-out, where none has matured after that."""
    model, lake = context.model, context.services.lake
    as_of = context.request.as_of
    rows = lake.read(model, lake.files(model, trained_until, model.later(due)), features=(), known_by=as_of)
    periods = count_periods(rows, model, as_of)
    return max((one.start for one in periods if is_mature(one, model)), default=model.earlier(trained_until))


def _estimated(model: Model, frame: pd.DataFrame, periods: Sequence[PeriodCount], as_of: datetime) -> dict[str, Any]:
    """What quality may be in the newest period, from how sure the champion is; nothing where its labels have come."""
    if not periods or is_mature(periods[-1], model):
        return {}
    newest = periods[-1].start
    known = pd.concat(
        [_labelled(model, _within(model, frame, p.start), as_of) for p in periods if is_mature(p, model)] or [frame.head(0)]
    )
    unlabelled = _within(model, frame, newest)
    if known.empty or unlabelled.empty:
        return {}
    labels = labels_of(model, known)
    answered = Answered(from_columns(known), labels)
    estimated = estimate(primary_metric(model), model.task, answered, from_columns(unlabelled), model.seed)
    if estimated is None:
        return {}
    return {
        "estimate": estimated.value,
        "estimate_low": estimated.low,
        "estimate_high": estimated.high,
        "estimate_of": newest,
    }


def _judged(model: Model, champion: Version, judged: Mapping[str, list[Judged]], quality: Quality) -> Quality:
    """The quality with what is known of the champion's mature periods."""
    periods = judged.get(champion.number, [])
    if not periods:
        return quality
    metric, newest = primary_metric(model), periods[-1]
    share, deviation = model.retraining.decay_share, between_period_deviation(judged.values())
    # What the clusters within a period cannot tell, the periods beside it do.
    now, proved = newest.measured(0.0 if newest.freedom else deviation), _proved(champion)
    seen = trend(metric, periods, proved, share, deviation)
    reference = seen.was if seen else proved.value
    late = f"; labels {quality.overdue} periods late" if quality.overdue else ""
    return quality.model_copy(
        update={
            "period": newest.start,
            "value": now.value,
            "low": now.low,
            "high": now.high,
            "rows": newest.rows,
            "recent": seen.now if seen else now.value,
            "reference": reference,
            "fallen": -metric.gain(now.value - reference) > share * abs(reference),
            "decayed": bool(seen and seen.decayed),
            "summary": f"{metric.name} {figure(now.value, 4)} ({figure(now.low, 4)} to {figure(now.high, 4)}) "
            f"on {newest.start:%Y-%m-%d}, "
            f"was {figure(reference, 4)}{late}",
        }
    )


def _why(context: StepContext, champion: Version, periods: Sequence[Judged]) -> Why | None:
    """Why quality fell; None where that cannot be said: an explanation stops no check."""
    try:
        return _split(context, champion, periods)
    except (ProvingGroundError, *CANNOT_SCORE) as error:
        _log.warning("why quality of version %s fell cannot be said: %s", champion.number, words_of(error))
        return None


def _split(context: StepContext, champion: Version, periods: Sequence[Judged]) -> Why | None:
    """What the newest two mature periods lost against the first ones, or against the hold-out where these are too few."""
    services, model = context.services, context.model
    newest, first = periods[-TOGETHER:], periods[:-TOGETHER][:FIRST_PERIODS]
    if len(first) >= TOGETHER:
        before = _together(context, first)
    else:
        before = _sampled(context, services.lake.read_snapshot(model, champion.tag("holdout")), _COMPARED_ROWS)
    pipeline = services.registry.load(model, champion.number, promoted_digest(services, model, champion.number))
    rows = [before, _together(context, newest)]
    learned = learn_columns(rows[0], model.features)
    sides = [
        Sample(
            features=part[model.feature_names],
            labels=labels_of(model, part),
            predictions=predict(model, pipeline, part),
            clusters=Clusters.of_rows(part, model.feed),
            marks=marks_of(part, rows[0], model.features, learned),
        )
        for part in (part.reset_index(drop=True) for part in rows)
        if len(part)
    ]
    problem = Problem(model.features, model.criteria.slices, model.task, model.criteria.metric, model.seed)
    return why(sides[0], sides[1], problem) if len(sides) == len(rows) else None


def _together(context: StepContext, periods: Sequence[Judged]) -> pd.DataFrame:
    """Labelled rows of some periods, each sampled as it is read: so many that a classifier tells them apart in seconds."""
    lake, model = context.services.lake, context.model
    spans = [(period.start, model.later(period.start)) for period in periods]
    each = _COMPARED_ROWS // len(periods)
    return pd.concat([_sampled(context, lake.rows(model, *span, context.request.as_of), each) for span in spans])


def _sampled(context: StepContext, rows: pd.DataFrame, at_most: int) -> pd.DataFrame:
    """Labelled rows: of two classes as many as there are of the rarer one at least, up to half of the sample."""
    model = context.model
    rows, seed = labelled(model, rows, context.request.as_of), model.seed
    if model.task != "binary" or len(rows) <= at_most:
        return rows.sample(min(len(rows), at_most), random_state=seed).sort_index().reset_index(drop=True)
    classes = sorted((part for _, part in rows.groupby(model.label.name)), key=len)
    rarer = classes[0].sample(min(len(classes[0]), at_most // 2), random_state=seed)
    others = [part.sample(min(len(part), at_most - len(rarer)), random_state=seed) for part in classes[1:]]
    return pd.concat([rarer, *others]).sort_index().reset_index(drop=True)


def _proved(champion: Version) -> Measured:
    freedom = champion.number_in("proved_freedom") if "proved_freedom" in champion.tags else math.inf
    return Measured(champion.number_in("proved_value"), champion.number_in("proved_error"), freedom)


def _within(model: Model, frame: pd.DataFrame, start: datetime) -> pd.DataFrame:
    return frame[(frame[model.feed.time] >= start) & (frame[model.feed.time] < model.later(start))]


def _labelled(model: Model, frame: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    return frame[label_known(frame, model, as_of) & frame[model.label.name].notna()]
