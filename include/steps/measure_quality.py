"""Measure quality: how good was the champion on the newest period whose labels have matured?

In: what was scored. Out: the primary metric with its interval, beside the value with which the champion proved itself.
A label counts as known only when it was due as of the run, so a back-fill sees what would have been seen. Measures nothing
where no mature period is left that the champion was not trained on. Safe to run again: it writes nothing.
"""

from datetime import datetime

import pandas as pd

from include.adapters.registry import Version
from include.decisions.evidence import measure
from include.decisions.metrics import primary_metric
from include.decisions.periods import PeriodCount, count_periods, label_known, newest_mature
from include.decisions.predictions import from_columns
from include.decisions.quality import has_decayed
from include.decisions.scorecard import Measured
from include.models.contract import Model
from include.references import Quality, Scored
from include.run import Request
from include.services import Services
from include.steps.assemble import labels_of

IF_IT_FAILS = "Fresh data are curated and scored, quality was not judged; the champion is unchanged."


def run(services: Services, model: Model, request: Request, scored: Scored) -> Quality:
    """Quality of the champion on the newest mature period."""
    rows = pd.concat([services.lake.read_table(key) for key in scored.prediction_keys]) if scored.prediction_keys else None
    if scored.champion is None or rows is None:
        return Quality(period=None, metric=model.criteria.metric, says="no champion has scored yet")
    champion = services.registry.version(model.name, scored.champion.version)
    frame = _with_labels(services, model, rows, request.as_of)
    periods = count_periods(frame, model, request.as_of)
    period = newest_mature(periods, model)
    maturity = periods[-1].maturity if periods else None
    if period is None:
        return Quality(period=None, metric=model.criteria.metric, newest_maturity=maturity, says="no period is mature yet")
    return _measured(model, champion, frame, period, request.as_of, maturity)


def _with_labels(services: Services, model: Model, predictions: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    times = predictions[model.feed.time]
    start, end = times.min().to_pydatetime(), model.period_of(times.max().to_pydatetime()) + model.feed.period
    row = list(dict.fromkeys([*model.feed.key, model.feed.time]))
    labels = services.lake.rows(model, start, end)[[*row, model.label.name, "label_delivered"]]
    joined = predictions.merge(labels, how="left", on=row, validate="one_to_one")
    joined["label_delivered"] = joined["label_delivered"].eq(True)
    return joined


def _measured(
    model: Model, champion: Version, frame: pd.DataFrame, period: PeriodCount, as_of: datetime, maturity: float | None
) -> Quality:
    metric = primary_metric(model)
    inside = (frame[model.feed.time] >= period.start) & (frame[model.feed.time] < period.start + model.feed.period)
    judged = frame[inside & label_known(frame, model, as_of) & frame[model.label.name].notna()]
    labels = labels_of(model, judged)
    if len(labels) < 2 or (model.task == "binary" and len(set(labels)) < 2):
        return Quality(
            period=period.start, metric=metric.name, rows=len(labels), newest_maturity=maturity, says="too few labels"
        )
    now = measure(metric, labels, from_columns(judged))
    reference = Measured(champion.figure("proved_value"), champion.figure("proved_error"))
    return Quality(
        period=period.start,
        metric=metric.name,
        value=now.value,
        low=now.low,
        high=now.high,
        rows=len(labels),
        reference=reference.value,
        decayed=has_decayed(metric, now, reference, model.decay_share),
        newest_maturity=maturity,
        says=f"{metric.name} {now.value:.4g} ({now.low:.4g} to {now.high:.4g}) on {period.start:%Y-%m-%d}, "
        f"proved {reference.value:.4g}",
    )
