"""The Prometheus metrics of every model, in its text format, from the latest status and the orchestrator. Light, pure.

Times are Unix seconds. A number that is not known is left out, never 0: an alert on it then has no data, and the alert on a
check that is too old shows why.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.alerts.throttle import KINDS, OUTCOMES, Flow
from include.ledger.entries import Entry
from include.models.contract import Model
from include.reports.overview import Runs
from include.results import Quality
from include.statuses import Latest, MonitorStatus, Posted, RetrainStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "proving_ground_"
# Name, labels beside the model, and what it is.
_GAUGES: dict[str, tuple[tuple[str, ...], str]] = {
    "model_broken": ((), "1 where the model's file cannot be used, so that it has no DAGs; it has no other metric then."),
    "records_unreadable": (
        (),
        "1 where a document of the model's latest status cannot be read; what it would show is missing here.",
    ),
    "champion_info": (("version",), "1 for the version that is champion."),
    "champion_start_timestamp_seconds": ((), "When the present champion took office."),
    "promotion_start_timestamp_seconds": ((), "When a promotion or rollback began that has no outcome yet."),
    "ledger_entries": ((), "Entries in the ledger: the number of the newest."),
    "last_check_timestamp_seconds": ((), "When the newest check ended."),
    "last_retraining_timestamp_seconds": ((), "When the newest retraining ended, whatever it decided."),
    "last_retraining_duration_seconds": ((), "How long the newest retraining took, waiting for a person included."),
    "review_start_timestamp_seconds": ((), "Since when a review waits for a person; absent where none does."),
    "failed_run_timestamp_seconds": (("stage", "task"), "When the newest run failed; absent where it did not."),
    "review_within_seconds": ((), "How long a review waits; no answer means no."),
    "check_period_seconds": ((), "How often fresh data come: one period of the feed, the longest of a calendar's."),
    "stale_after_seconds": ((), "After what time without a retraining one is requested."),
    "finding_info": (("action",), "1 for the action that the newest check calls for."),
    "quality": (("metric", "maturity"), "The champion's primary metric: measured on labels, or estimated without."),
    "quality_low": (("metric", "maturity"), "Lower end of the 95 % interval of proving_ground_quality."),
    "quality_high": (("metric", "maturity"), "Upper end of the 95 % interval of proving_ground_quality."),
    "quality_reference": (("metric",), "What that metric was at first; decay is measured from here."),
    "quality_against_reference_ratio": (
        (),
        "Quality against what it was at first, of an error its inverse: below 1 is worse, for every metric.",
    ),
    "quality_decayed": ((), "1 where the newest check measured a decay of quality, as triage takes it, else 0."),
    "label_maturity_ratio": ((), "Share of the newest period's rows whose labels have come."),
    "labels_overdue_periods": ((), "Periods whose labels are late."),
    "features": ((), "Columns that the champion is given."),
    "drifted_features": ((), "Columns of them that have drifted."),
    "drifted_weight_ratio": ((), "Share of what the champion uses that has moved."),
    "quarantined_rows_ratio": ((), "Share of the newest delivery's rows in quarantine."),
    "noise_ratio": (("feature", "kind"), "Share of a column's cells with this kind of corruption in the newest period."),
}
_COUNTERS = {
    "verdicts": ("verdict", "Verdicts of the gate, by their name."),
    "ledger_events": ("event", "Entries of the ledger, by their event."),
}
# Of all models together.
MESSAGES = "messages"
_log = logging.getLogger(__name__)
Sample = tuple[str, tuple[str, ...], float | None]
Samples = Iterator[Sample]


def exposition(
    models: Iterable[Model],
    latest: Mapping[str, Latest],
    runs: Mapping[str, Runs],
    flow: Flow,
    broken: Iterable[str] = (),
) -> bytes:
    """All metrics of these models; a model that has not run yet has only what its file declares.

    `broken` are the models whose files cannot be used. A model whose numbers cannot be computed is exported as unreadable.
    """
    families: dict[str, Metric] = {
        name: GaugeMetricFamily(_PREFIX + name, help_, labels=["model", *labels]) for name, (labels, help_) in _GAUGES.items()
    } | {
        name: CounterMetricFamily(_PREFIX + name, help_, labels=["model", label]) for name, (label, help_) in _COUNTERS.items()
    }
    for model in models:
        for name, labels, value in _all_or_unreadable(model, latest.get(model.name, Latest()), runs.get(model.name, Runs())):
            if value is not None and math.isfinite(value):
                families[name].add_metric([model.name, *labels], value)  # type: ignore[attr-defined]
    for model_name in broken:
        families["model_broken"].add_metric([model_name], 1)  # type: ignore[attr-defined]
    registry = CollectorRegistry()
    registry.register(_Computed([*families.values(), _messages(flow)]))
    return generate_latest(registry)


def _messages(flow: Flow) -> Metric:
    """0 for what never happened: a counter that begins at 1 has not increased, for Prometheus."""
    family = CounterMetricFamily(_PREFIX + MESSAGES, "Messages to people, by their outcome.", labels=["kind", "outcome"])
    for kind in KINDS:
        for outcome in OUTCOMES:
            family.add_metric([kind, outcome], flow.count(kind, outcome))
    return family


class _Computed(Collector):
    """Serves metrics that were computed before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterable[Metric]:
        return self._families


def _all_or_unreadable(model: Model, latest: Latest, runs: Runs) -> list[Sample]:
    try:
        return list(_samples(model, latest, runs))
    except Exception:  # noqa: BLE001 - whatever is wrong with one model, the others have their metrics
        _log.exception("the metrics of %s could not be computed", model.name)
        return [("records_unreadable", (), 1)]


def _samples(model: Model, latest: Latest, runs: Runs) -> Samples:
    yield "check_period_seconds", (), model.feed.longest_period.total_seconds()
    yield "stale_after_seconds", (), model.max_model_age.total_seconds()
    yield "review_within_seconds", (), model.review.within.total_seconds()
    yield from (("failed_run_timestamp_seconds", (run.stage, run.task), run.at.timestamp()) for run in runs.failed)
    yield "review_start_timestamp_seconds", (), _seconds(runs.review_since)
    yield "records_unreadable", (), 1 if latest.unreadable else None
    if latest.ledger:
        yield from _of_ledger(latest.ledger.document)
    if latest.retrain:
        yield from _of_retraining(latest.retrain)
    if latest.monitor:
        yield "last_check_timestamp_seconds", (), latest.monitor.at.timestamp()
        yield from _of_check(latest.monitor.document)
        yield "quality_against_reference_ratio", (), _against_reference(model, latest.monitor.document.quality)
    if latest.profile:
        for feature, kinds in latest.profile.document.profile.rates.items():
            yield from (("noise_ratio", (feature, kind), rate) for kind, rate in kinds.items())


def _of_retraining(posted: Posted[RetrainStatus]) -> Samples:
    yield "last_retraining_timestamp_seconds", (), posted.at.timestamp()
    if started := posted.document.started:
        yield "last_retraining_duration_seconds", (), (posted.at - started).total_seconds()


def _of_ledger(newest: Entry) -> Samples:
    state = newest.after
    if state.champion:
        yield "champion_info", (state.champion,), 1
    yield "champion_start_timestamp_seconds", (), _seconds(state.champion_since)
    yield "promotion_start_timestamp_seconds", (), _seconds(state.moving_since)
    yield "ledger_entries", (), newest.sequence
    yield from (("verdicts", (verdict,), count) for verdict, count in state.verdicts.items())
    yield from (("ledger_events", (event,), count) for event, count in state.events.items())


def _of_check(status: MonitorStatus) -> Samples:
    checked, drift, quality = status.checked, status.drift, status.quality
    yield "finding_info", (status.finding.action,), 1
    if delivered := checked.rows + checked.quarantined:
        yield "quarantined_rows_ratio", (), checked.quarantined / delivered
    # None were compared while there was no champion.
    if drift.columns:
        yield "features", (), drift.columns
        yield "drifted_features", (), len(drift.drifted)
        yield "drifted_weight_ratio", (), min(1.0, sum(one.weight for one in drift.moved))
    for maturity, value, low, high in (
        ("measured", quality.value, quality.low, quality.high),
        ("estimated", quality.estimate, quality.estimate_low, quality.estimate_high),
    ):
        about = (quality.metric, maturity)
        yield "quality", about, value
        yield "quality_low", about, low
        yield "quality_high", about, high
    yield "quality_reference", (quality.metric,), quality.reference
    yield "quality_decayed", (), float(quality.decayed)
    yield "label_maturity_ratio", (), quality.newest_maturity
    yield "labels_overdue_periods", (), quality.overdue


def _against_reference(model: Model, quality: Quality) -> float | None:
    """Turned so that more is better; None where that cannot be said as a ratio."""
    value, reference = quality.value, quality.reference
    if value is None or reference is None or min(value, reference) <= 0:
        return None
    return value / reference if model.criteria.higher_is_better else reference / value


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
