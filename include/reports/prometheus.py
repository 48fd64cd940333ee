"""What Prometheus is told about every model, in its text format, from the board and Airflow. Light: the api-server loads it.

Times are Unix seconds. A figure that is not known is left out, never 0: an alert on it then sees nothing, and the alert on a
check that is too old sees why.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from include.adapters.latest_status import ALL_MODELS, Posted
from include.alerts.throttle import KINDS, OUTCOMES, Flow
from include.ledger.tally import Tally
from include.models.contract import Model
from include.reports.overview import UNREADABLE, InAirflow

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "proving_ground_"
# Name, labels beside the model, and what it is.
_GAUGES: dict[str, tuple[tuple[str, ...], str]] = {
    "records_unreadable": (
        (),
        "1 where what the model's runs left on the board cannot be read; then nothing else is told of it.",
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
    "check_period_seconds": ((), "How often fresh data come: one period of the feed."),
    "stale_after_seconds": ((), "After what time without a retraining the model asks for one."),
    "finding_info": (("action",), "1 for what the newest check said has to be done."),
    "quality": (("metric", "maturity"), "The champion's primary metric: measured on labels, or estimated without."),
    "quality_low": (("metric", "maturity"), "Lower end of the 95 % interval of proving_ground_quality."),
    "quality_high": (("metric", "maturity"), "Upper end of the 95 % interval of proving_ground_quality."),
    "quality_reference": (("metric",), "What that metric was at first; decay is measured from here."),
    "quality_decayed": ((), "1 where the newest check found the quality decayed, as triage takes it, else 0."),
    "label_maturity_ratio": ((), "Share of the newest period's rows whose labels have come."),
    "labels_overdue_periods": ((), "Periods whose labels are late."),
    "features": ((), "Columns that the champion is given."),
    "drifted_features": ((), "Columns of them that have drifted."),
    "drifted_weight_ratio": ((), "Share of what the champion uses that has moved."),
    "quarantined_rows_ratio": ((), "Share of the newest delivery's rows in quarantine."),
    "noise_ratio": (("feature", "kind"), "Share of a column's cells with this kind of mess in the newest period."),
}
_COUNTERS = {
    "verdicts": ("verdict", "Verdicts of the gate, by their word."),
    "ledger_events": ("event", "Entries of the ledger, by their event."),
}
# Of all models together.
MESSAGES = "messages"
Sample = tuple[str, tuple[str, ...], float | None]
Samples = Iterator[Sample]


def exposition(models: Iterable[Model], board: Mapping[str, Mapping[str, Posted]], airflow: Mapping[str, InAirflow]) -> bytes:
    """All metrics of these models; a model that has not run yet has only what its file says."""
    families: dict[str, Metric] = {
        name: GaugeMetricFamily(_PREFIX + name, words, labels=["model", *labels]) for name, (labels, words) in _GAUGES.items()
    } | {
        name: CounterMetricFamily(_PREFIX + name, words, labels=["model", label]) for name, (label, words) in _COUNTERS.items()
    }
    for model in models:
        for name, labels, value in _told(model, board.get(model.name, {}), airflow.get(model.name, InAirflow())):
            if value is not None and math.isfinite(value):
                families[name].add_metric([model.name, *labels], value)  # type: ignore[attr-defined]
    registry = CollectorRegistry()
    registry.register(_Made([*families.values(), _messages(board.get(ALL_MODELS, {}))]))
    return generate_latest(registry)


def _messages(posted: Mapping[str, Posted]) -> Metric:
    """0 for what never happened: a counter that begins at 1 has not increased, for Prometheus."""
    family = CounterMetricFamily(_PREFIX + MESSAGES, "Messages to people, by what became of them.", labels=["kind", "outcome"])
    flow = Flow.read(posted["messages"].document if "messages" in posted else None)
    for kind in KINDS:
        for outcome in OUTCOMES:
            family.add_metric([kind, outcome], flow.count(kind, outcome))
    return family


class _Made(Collector):
    """Metrics that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterable[Metric]:
        return self._families


def _told(model: Model, posted: Mapping[str, Posted], airflow: InAirflow) -> list[Sample]:
    """A model's samples, or that there are none because somebody else wrote on the board: the others' are still good."""
    try:
        return list(_samples(model, posted, airflow))
    except UNREADABLE:
        return [("records_unreadable", (), 1)]


def _samples(model: Model, posted: Mapping[str, Posted], airflow: InAirflow) -> Samples:
    yield "check_period_seconds", (), model.feed.period.total_seconds()
    yield "stale_after_seconds", (), model.max_model_age.total_seconds()
    yield "review_within_seconds", (), model.review.within.total_seconds()
    yield from (("failed_run_timestamp_seconds", (run.stage, run.task), run.at.timestamp()) for run in airflow.failed)
    yield "review_start_timestamp_seconds", (), _seconds(airflow.review_since)
    if "ledger" in posted:
        yield from _of_ledger(Tally.from_json(posted["ledger"].document))
    if "retrain" in posted:
        yield from _of_retraining(posted["retrain"])
    if "monitor" in posted:
        yield "last_check_timestamp_seconds", (), posted["monitor"].at.timestamp()
        yield from _of_check(posted["monitor"].document)
    if "profile" in posted:
        for feature, kinds in posted["profile"].document["rates"].items():
            yield from (("noise_ratio", (feature, kind), rate) for kind, rate in kinds.items())


def _of_retraining(posted: Posted) -> Samples:
    yield "last_retraining_timestamp_seconds", (), posted.at.timestamp()
    if started := posted.document.get("started"):
        yield "last_retraining_duration_seconds", (), (posted.at - datetime.fromisoformat(started)).total_seconds()


def _of_ledger(tally: Tally) -> Samples:
    if tally.state.champion:
        yield "champion_info", (tally.state.champion,), 1
    yield "champion_start_timestamp_seconds", (), _seconds(tally.champion_since)
    yield "promotion_start_timestamp_seconds", (), _seconds(tally.moving_since)
    yield "ledger_entries", (), tally.sequence
    yield from (("verdicts", (verdict,), count) for verdict, count in tally.verdicts.items())
    yield from (("ledger_events", (event,), count) for event, count in tally.events.items())


def _of_check(document: Mapping[str, Any]) -> Samples:
    checked, drift, quality = document["checked"], document["drift"], document["quality"]
    yield "finding_info", (document["finding"]["action"],), 1
    if delivered := checked["rows"] + checked["quarantined"]:
        yield "quarantined_rows_ratio", (), checked["quarantined"] / delivered
    # None were compared while nobody was champion.
    if drift["columns"]:
        yield "features", (), drift["columns"]
        yield "drifted_features", (), len(drift["drifted"])
        yield "drifted_weight_ratio", (), min(1.0, sum(one["weight"] for one in drift["moved"]))
    for maturity, value, low, high in (
        ("measured", "value", "low", "high"),
        ("estimated", "estimate", "estimate_low", "estimate_high"),
    ):
        about = (quality["metric"], maturity)
        yield "quality", about, quality[value]
        yield "quality_low", about, quality[low]
        yield "quality_high", about, quality[high]
    yield "quality_reference", (quality["metric"],), quality["reference"]
    yield "quality_decayed", (), float(quality["decayed"])
    yield "label_maturity_ratio", (), quality["newest_maturity"]
    yield "labels_overdue_periods", (), quality["overdue"]


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
