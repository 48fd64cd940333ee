"""The exported metrics: the values of the documents that real steps wrote, and nothing where nothing is known."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from include.adapters.latest_status import LatestStatus
from include.alerts.throttle import KINDS, OUTCOMES, Flow
from include.ledger.state import Fact
from include.models.contract import Model
from include.noise.profile import NoiseProfile
from include.reports.overview import FailedRun, Runs
from include.reports.prometheus import exposition
from include.results import Checked, Drift, Moved, Quality, Scored
from include.statuses import Latest, PeriodProfile, Posted
from tests.ledger.test_entries import ledger_fact
from tests.statuses import monitor_status, retrain_status
from tests.toy import MODEL, World, changed, day

Exported = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def exported(
    latest: Mapping[str, Latest], runs: Runs | None = None, flow: Flow | None = None, model: Model = MODEL
) -> Exported:
    exposed = exposition([model], latest, {"toy": runs} if runs else {}, flow or Flow())
    families = text_string_to_metric_families(exposed.decode())
    return {
        (sample.name.removeprefix("proving_ground_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def profile(rates: Mapping[str, Mapping[str, float]]) -> PeriodProfile:
    return PeriodProfile(day(8), NoiseProfile(9, 0.1, rates))


def of(found: Exported, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted({"model": "toy", **labels}.items()))))


def test_a_model_that_never_ran_has_what_its_file_says_alone() -> None:
    """No figure is made up: what is not known is not there."""
    found = exported({})
    own = {name for name, labels in found if ("model", "toy") in labels}
    assert own == {"check_period_seconds", "stale_after_seconds", "review_within_seconds"}
    assert of(found, "check_period_seconds") == MODEL.feed.longest_period.total_seconds()


def test_the_results_of_a_check_are_exported() -> None:
    """The documents are those that the real triage and the real ledger wrote."""
    world = World()
    moved = tuple(Moved(view=name, kind="shift", what="", effect=1.0, weight=0.3) for name in ("x", "z"))
    world.do(
        "triage",
        day(9),
        checked=Checked(rows=90, quarantined=10, reasons={}),
        scored=Scored(champion=None, period=None),
        drift=Drift(period=day(8), columns=3, moved=moved, drifted=("x", "z")),
        quality=Quality(period=day(7), metric="roc_auc", value=0.8, low=0.75, high=0.85, reference=0.9, newest_maturity=0.4),
    )
    for event, key in (("promoting", "a"), ("promoted", "a"), ("promoting", "b")):
        fact: Fact = ledger_fact(event, "1" if key == "a" else "2", key=key, evidence={"verdict": "promote"})  # type: ignore[arg-type]
        world.services.ledger.append("toy", fact)
    world.services.lake.write_profile("toy", profile({"x": {"missing": 0.25}}))
    found = exported(LatestStatus(world.lake).all())
    assert of(found, "quarantined_rows_ratio") == 0.1
    assert of(found, "drifted_features") == 2
    assert math.isclose(of(found, "drifted_weight_ratio") or 0, 0.6)
    assert of(found, "quality", metric="roc_auc", maturity="measured") == 0.8
    assert of(found, "quality", metric="roc_auc", maturity="estimated") is None
    assert of(found, "quality_decayed") == 0
    assert of(found, "finding_info", action="retrain") == 1
    assert of(found, "champion_info", version="1") == 1
    assert of(found, "verdicts_total", verdict="promote") == 1
    assert of(found, "ledger_events_total", event="promoting") == 2
    assert of(found, "promotion_start_timestamp_seconds") == world.services.ledger.newest("toy").at.timestamp()  # type: ignore[union-attr]
    assert of(found, "noise_ratio", feature="x", kind="missing") == 0.25


def test_before_there_is_a_champion_no_drift_is_exported() -> None:
    """Nothing was compared: that is not the same as nothing has moved."""
    world = World()
    drift, quality = Drift(period=day(8)), Quality(period=None, metric="roc_auc")
    unscored = Scored(champion=None, period=day(8))
    world.do(
        "triage", day(9), checked=Checked(rows=9, quarantined=0, reasons={}), scored=unscored, drift=drift, quality=quality
    )
    found = exported(LatestStatus(world.lake).all())
    assert of(found, "last_check_timestamp_seconds") is not None
    assert {of(found, name) for name in ("features", "drifted_features", "drifted_weight_ratio")} == {None}


def test_a_pending_review_and_the_duration_of_a_retraining_are_exported() -> None:
    """From when Airflow started the run to when it was announced; no review, no series."""
    started = datetime(2024, 1, 1, tzinfo=UTC)
    posted = Posted(started + timedelta(minutes=90), retrain_status(day(9), started=started))
    found = exported({"toy": Latest(retrain=posted)}, Runs("run", started))
    assert of(found, "last_retraining_duration_seconds") == 5400
    assert of(found, "review_start_timestamp_seconds") == started.timestamp()
    found = exported({"toy": Latest(retrain=Posted(started, retrain_status(day(9))))}, Runs())
    assert of(found, "last_retraining_duration_seconds") is None
    assert of(found, "review_start_timestamp_seconds") is None


def test_a_run_that_failed_is_exported() -> None:
    """Of which stage, in which task, and when; nothing where the newest runs are green."""
    failed = FailedRun("monitor", "run", "check", datetime(2024, 1, 1, tzinfo=UTC))
    found = exported({}, Runs(failed=(failed,)))
    assert of(found, "failed_run_timestamp_seconds", stage="monitor", task="check") == failed.at.timestamp()


def test_names_from_outside_stay_inside_their_label() -> None:
    """A column whose name holds quotes and line ends adds no series of its own."""
    spiteful = 'x"} 1\nproving_ground_quality{model="other'
    found = exported({"toy": Latest(profile=Posted(day(1), profile({spiteful: {"missing": 0.5}})))})
    assert of(found, "noise_ratio", feature=spiteful, kind="missing") == 0.5
    assert not [name for name, labels in found if ("model", "other") in labels]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_exported(value: float) -> None:
    """An alert on a comparison with NaN would be silent for ever; an absent series is seen."""
    latest = Latest(profile=Posted(day(1), profile({"x": {"missing": value}})))
    assert of(exported({"toy": latest}), "noise_ratio", feature="x", kind="missing") is None


def test_messages_are_counted_by_what_became_of_them() -> None:
    """For all models together; what never happened is 0, so that the first failure is an increase."""
    found = exported({}, flow=Flow(counts={"failure failed": 2, "verdict delivered": 5}))
    counted = {labels: value for (name, labels), value in found.items() if name == "messages_total"}
    assert counted[("kind", "failure"), ("outcome", "failed")] == 2
    assert counted[("kind", "verdict"), ("outcome", "delivered")] == 5
    assert (len(counted), sum(counted.values())) == (len(KINDS) * len(OUTCOMES), 7)
    assert sum(value for (name, _), value in exported({}).items() if name == "messages_total") == 0


@pytest.mark.parametrize(
    ("metric", "value", "reference", "ratio"),
    [("roc_auc", 0.6, 0.8, 0.75), ("mae", 8.0, 6.0, 0.75), ("money", -3.0, 6.0, None), ("mae", 0.0, 6.0, None)],
)
def test_quality_against_its_reference_is_better_when_higher(
    metric: str, value: float, reference: float, ratio: float | None
) -> None:
    """Of an error the inverse: one axis for all models; no ratio where a value is not above zero."""
    model = changed(metric=metric)
    at = day(9)
    status = monitor_status(at, quality=Quality(period=at, metric=metric, value=value, reference=reference))
    found = of(exported({"toy": Latest(monitor=Posted(at, status))}, model=model), "quality_against_reference_ratio")
    assert found == (None if ratio is None else pytest.approx(ratio))
