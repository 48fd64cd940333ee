"""Measure quality: how good was the champion on the periods whose labels have matured, and has it got worse?

In: what was scored. Out: the primary metric on the newest mature period with its interval, the newest two together beside the
first ones, by how many periods labels are late, and an estimate for the newest period, which has none yet.
A label counts as known only when it was due as of the run, so a back-fill sees what would have been seen. Nothing is measured
where no mature period is left that the champion was not trained on. Safe to run again: what is remembered of a period is named
by version and period.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd

from include.adapters.lake import period_in
from include.adapters.registry import Version
from include.decisions.data.periods import PeriodCount, count_periods, is_mature, label_known
from include.decisions.monitoring.quality import Judged, Trend, between_period_deviation, trend
from include.decisions.scoring.estimate import estimate
from include.decisions.scoring.evidence import measure
from include.decisions.scoring.metrics import primary_metric
from include.decisions.scoring.predictions import from_columns
from include.decisions.scoring.scorecard import Measured
from include.models.contract import Model
from include.request import Request
from include.results import Quality, Scored
from include.services import Services
from include.steps.assemble import labels_of

IF_IT_FAILS = "Fresh data are curated and scored, quality was not judged; the champion is unchanged."

_REMEMBERED = "quality"


def run(services: Services, model: Model, request: Request, scored: Scored) -> Quality:
    """Quality of the champion on mature periods."""
    rows = pd.concat([services.lake.read_table(key) for key in scored.prediction_keys]) if scored.prediction_keys else None
    if scored.champion is None or rows is None:
        return Quality(period=None, metric=model.criteria.metric, summary="no champion has scored yet")
    champion = services.registry.version(model.name, scored.champion.version)
    frame = with_labels(services, model, rows)
    periods = count_periods(frame, model, request.as_of)
    mature = [period for period in periods if is_mature(period, model) and not is_broken(services, model, period.start)]
    for period in mature:
        _judge(services, model, champion, frame, period, request.as_of)
    known = _remembered(services, model, request.as_of)
    found = Quality(
        period=None,
        metric=model.criteria.metric,
        newest_maturity=periods[-1].maturity if periods else None,
        overdue=_overdue(services, model, [period.start for period in mature], known, request.as_of),
        summary="no period is mature yet",
    )
    found = found.model_copy(update=_estimated(model, frame, periods, request.as_of))
    return _told(model, champion, known, found)


def with_labels(services: Services, model: Model, predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions beside the labels of their rows as they are now; `label_delivered` says whether one came."""
    times = predictions[model.feed.time]
    start, end = times.min().to_pydatetime(), model.period_of(times.max().to_pydatetime()) + model.feed.period
    row = list(dict.fromkeys([*model.feed.key, model.feed.time]))
    labels = services.lake.read(model, services.lake.files(model, start, end), features=())
    labels = labels[[*row, model.label.name, "label_delivered"]]
    joined = predictions.merge(labels, how="left", on=row, validate="one_to_one")
    joined["label_delivered"] = joined["label_delivered"].eq(True)
    return joined


def _judge(
    services: Services, model: Model, champion: Version, frame: pd.DataFrame, period: PeriodCount, as_of: datetime
) -> None:
    """Measure one mature period and remember it, where it has labels enough for the metric to have a value."""
    judged = _labelled(model, _within(model, frame, period.start), as_of)
    labels = labels_of(model, judged)
    if len(labels) < 2 or (model.task == "binary" and len(set(labels)) < 2):
        return
    now = measure(primary_metric(model), labels, from_columns(judged))
    if not (math.isfinite(now.value) and math.isfinite(now.error)):
        return
    kept = asdict(Judged(period.start, now.value, now.error, len(labels))) | {"start": period.start.isoformat()}
    services.lake.remember(model.name, champion.number, _REMEMBERED, period.start, kept)


def _remembered(services: Services, model: Model, as_of: datetime) -> dict[str, list[Judged]]:
    """Every version's mature periods, in order, as far as they were known by then."""
    due = as_of - model.feed.label_delay - model.feed.period
    found = services.lake.remembered_of_all(model.name, _REMEMBERED, due + model.feed.period.resolution)
    return {
        version: [Judged(**(kept | {"start": start})) for start, kept in periods.items()] for version, periods in found.items()
    }


def _overdue(
    services: Services, model: Model, mature: Sequence[datetime], known: dict[str, list[Judged]], as_of: datetime
) -> int:
    """How many periods with rows are without their labels although these are due; 0 while there never was a mature one."""
    newest = max([*mature, *(judged[-1].start for judged in known.values() if judged)], default=None)
    due = model.period_of(as_of - model.feed.label_delay) - model.feed.period
    if newest is None or due <= newest:
        return 0
    files = services.lake.files(model, newest + model.feed.period, due + model.feed.period)
    owing = {period_in(key) for key in files if "/features/" in key}
    return sum(not is_broken(services, model, period) for period in owing)


def is_broken(services: Services, model: Model, period: datetime) -> bool:
    """Whether the last check of a period called its feed broken: then nothing is learned of a version from it."""
    return bool((services.lake.profile(model.name, period) or {}).get("broken"))


def _estimated(model: Model, frame: pd.DataFrame, periods: Sequence[PeriodCount], as_of: datetime) -> dict[str, Any]:
    """What quality may be in the newest period, from how sure the champion is; nothing where its labels have come."""
    if not periods or is_mature(periods[-1], model):
        return {}
    newest = periods[-1].start
    known = pd.concat(
        [_labelled(model, _within(model, frame, p.start), as_of) for p in periods if is_mature(p, model)] or [frame.head(0)]
    )
    asked = _within(model, frame, newest)
    if known.empty or asked.empty:
        return {}
    labels = labels_of(model, known)
    found = estimate(model.task, primary_metric(model), from_columns(known), labels, from_columns(asked), model.seed)
    if found is None:
        return {}
    return {
        "estimate": found.value,
        "estimate_low": found.low,
        "estimate_high": found.high,
        "estimate_of": newest,
    }


def _told(model: Model, champion: Version, known: dict[str, list[Judged]], found: Quality) -> Quality:
    judged = known.get(champion.number, [])
    if not judged:
        return found
    metric, newest = primary_metric(model), judged[-1]
    now, proved = Measured(newest.value, newest.error), _proved(champion)
    seen: Trend | None = trend(metric, judged, proved, model.retraining.decay_share, between_period_deviation(known.values()))
    reference = seen.was if seen else proved.value
    return found.model_copy(
        update={
            "period": newest.start,
            "value": now.value,
            "low": now.low,
            "high": now.high,
            "rows": newest.rows,
            "recent": seen.now if seen else now.value,
            "reference": reference,
            "fallen": -metric.gain(now.value - reference) > model.retraining.decay_share * abs(reference),
            "decayed": bool(seen and seen.decayed),
            "summary": f"{metric.name} {now.value:.4g} ({now.low:.4g} to {now.high:.4g}) on {newest.start:%Y-%m-%d}, "
            f"was {reference:.4g}" + (f"; labels {found.overdue} periods late" if found.overdue else ""),
        }
    )


def _proved(champion: Version) -> Measured:
    return Measured(champion.figure("proved_value"), champion.figure("proved_error"))


def _within(model: Model, frame: pd.DataFrame, start: datetime) -> pd.DataFrame:
    return frame[(frame[model.feed.time] >= start) & (frame[model.feed.time] < start + model.feed.period)]


def _labelled(model: Model, frame: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    return frame[label_known(frame, model, as_of) & frame[model.label.name].notna()]
