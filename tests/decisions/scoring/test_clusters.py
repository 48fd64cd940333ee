"""Errors of clustered rows: what they are, that they cover as often as they say, and what they do not depend on."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.scoring.clusters import MOST_CLUSTERS, Clusters
from include.decisions.scoring.metrics import average_precision, metrics_of
from include.decisions.scoring.scorecard import Measured
from include.errors import ModelError
from include.models.contract import OwnMetric
from tests.toy import MODEL, changed


def satterthwaite(sizes: np.ndarray, correlation: float) -> float:
    """The same from the whole matrix."""
    share, variance = sizes / sizes.sum(), sizes + correlation * sizes * (sizes - 1)
    corrected = 1 / np.sqrt(1 - share)
    joint = np.diag(variance) - np.outer(share, variance) - np.outer(variance, share) + np.outer(share, share) * variance.sum()
    whole = np.outer(corrected, corrected) * joint
    return float(np.trace(whole) ** 2 / np.trace(whole @ whole))


@given(st.lists(st.integers(1, 60), min_size=2, max_size=25), st.floats(0, 1))
def test_the_degrees_of_freedom_are_those_of_the_whole_matrix(sizes: list[int], correlation: float) -> None:
    """Never more than one less than the clusters; exactly that where all are of one size."""
    clusters = Clusters.of(np.repeat(np.arange(len(sizes)), sizes), "days")
    found = clusters.freedom(correlation)
    assert found == pytest.approx(satterthwaite(np.array(sizes, dtype=float), correlation))
    assert found < len(sizes) - 1 + 1e-6
    if len(set(sizes)) == 1:
        assert found == pytest.approx(len(sizes) - 1)


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_order_of_rows_and_the_names_of_clusters_change_nothing(seed: int, count: int) -> None:
    """The same rows in another order, with the clusters called otherwise, have the same error."""
    rng = np.random.default_rng(seed)
    labels, influence = rng.integers(0, count, 200), rng.normal(size=200)
    order, names = rng.permutation(200), rng.permutation(count)
    one = Clusters.of(labels, "days").error(influence)
    other = Clusters.of(names[labels][order], "days").error(influence[order])
    assert one == pytest.approx(other)


def test_rows_that_stand_for_themselves_have_the_ordinary_error() -> None:
    """The standard error of a mean, with n - 1 in it."""
    values = np.random.default_rng(1).normal(size=300)
    error, freedom = Clusters.independent(300).error(values - values.mean())
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(300))
    assert freedom == pytest.approx(299)


def test_copies_of_a_row_tell_nothing_new() -> None:
    """Every row ten times, as one cluster: the error of the rows once, not a third of it."""
    values = np.random.default_rng(2).normal(size=40)
    once = Clusters.independent(40).error(values - values.mean())
    copies = np.repeat(values, 10)
    assert Clusters.of(np.repeat(np.arange(40), 10), "days").error(copies - copies.mean()) == pytest.approx(once)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("count", [5, 14, 30])
def test_intervals_cover_as_often_as_they_say(count: int, uneven: bool) -> None:
    """Means of clustered rows: of 2,000 intervals of 95 % at least 93 and at most 98 % hold the truth; by rows alone, 60."""
    rng, covered, by_rows = np.random.default_rng(count), 0, 0
    for _ in range(2000):
        sizes = rng.integers(10, 90, count) if uneven else np.full(count, 50)
        codes = np.repeat(np.arange(count), sizes)
        values = np.sqrt(0.2) * rng.normal(size=count)[codes] + np.sqrt(0.8) * rng.normal(size=len(codes))
        clusters = Clusters.of(codes, "days")
        found = Measured(float(values.mean()), *clusters.error(values - values.mean()))
        covered += found.low < 0 < found.high
        by_rows += abs(found.value) < 1.96 * values.std() / np.sqrt(len(values))
    assert 0.93 < covered / 2000 < 0.98
    assert by_rows / 2000 < 0.65


def test_many_clusters_are_dealt_into_a_thousand_groups() -> None:
    """The error of a mean of 50,000 independent rows is known to a few per cent from a thousand groups of them."""
    values = np.random.default_rng(3).normal(size=50_000)
    clusters = Clusters.independent(50_000)
    assert clusters.count == MOST_CLUSTERS
    assert clusters.error(values - values.mean())[0] == pytest.approx(1 / np.sqrt(50_000), rel=0.1)


def test_one_cluster_has_no_error_that_could_be_told() -> None:
    """All rows from one day: neither a number nor a warning of NumPy's."""
    with np.errstate(all="raise"):
        error, freedom = Clusters.of(np.zeros(9, dtype=int), "days").error(np.arange(9, dtype="float64") - 4)
    assert np.isnan(error)
    assert freedom == 0


ROWS = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "store": ["x", "y", "x", None],
        "at": pd.to_datetime(["2024-01-01T00:30Z", "2024-01-01T23:59Z", "2024-01-02T00:00Z", "2024-01-05T12:00Z"]),
    }
)


@pytest.mark.parametrize(
    ("declared", "together", "unit"),
    [
        ((), [[0, 1], [2], [3]], "days"),
        (("id",), [[0], [1], [2], [3]], "values of id"),
        (("store",), [[0, 2], [1], [3]], "values of store"),
        (("store", "id"), [[0], [1], [2], [3]], "values of store and id"),
        (("gone",), [[0, 1], [2], [3]], "days"),
    ],
)
def test_a_feed_says_which_rows_belong_together(declared: tuple[str, ...], together: list[list[int]], unit: str) -> None:
    """By default the rows of a day in UTC, also where tables of predictions from before lack the declared columns."""
    feed = changed(key=("id", "store", "gone"), cluster=declared).feed
    found = Clusters.of_rows(ROWS, feed)
    assert sorted(np.flatnonzero(found.codes == code).tolist() for code in set(found.codes)) == together
    assert found.unit == unit


def test_clusters_that_no_row_carries_are_refused() -> None:
    """A name that is in neither key nor features; a text instead of a tuple."""
    for wrong in (("store",), "id"):
        with pytest.raises(ModelError, match=r"feed\.cluster"):
            changed(cluster=wrong)


def test_a_teams_own_number_is_jackknifed_by_clusters() -> None:
    """A mean as one number has the error that the same mean has by its rows: in clusters, few or many."""
    own = (OwnMetric("whole", lambda y, p: float(np.mean(np.abs(y - p)))), OwnMetric("each", lambda y, p: np.abs(y - p)))
    metrics = metrics_of("binary", changed(own_metrics=own).criteria)
    rng = np.random.default_rng(5)
    for count, tolerance in ((14, 1e-6), (900, 0.15)):
        codes = rng.integers(0, count, 5000)
        labels = (rng.random(5000) < 0.3).astype(float)
        predictions = np.clip(0.3 + 0.2 * rng.normal(size=count)[codes] + 0.1 * rng.normal(size=5000), 0, 1)
        clusters = Clusters.of(codes, "days")
        whole, each = (clusters.error(metrics[name].estimate(labels, predictions, clusters)[1]) for name in ("whole", "each"))
        assert whole[0] == pytest.approx(each[0], rel=tolerance)


def test_a_day_in_utc_is_the_same_day_in_any_zone() -> None:
    """Times with another offset are the same moments."""
    moved = ROWS.assign(at=ROWS["at"].dt.tz_convert("America/New_York"))
    assert (Clusters.of_rows(moved, MODEL.feed).codes == Clusters.of_rows(ROWS, MODEL.feed).codes).all()
    assert datetime(2024, 1, 1, tzinfo=UTC) <= ROWS["at"].min()


def test_what_counts_as_one_observation_is_fixed_before_training() -> None:
    """Named otherwise after the training it is another bar to pass, and the gate refuses to judge by it."""
    daily, by_colour = (changed(cluster=cluster) for cluster in ((), ("colour",)))
    assert len({MODEL.criteria_digest, daily.criteria_digest, by_colour.criteria_digest}) == 3
    assert changed(cluster=()).criteria_digest == daily.criteria_digest


def scored_by_day(seed: int, days: int, shared: float, rows: int = 3000) -> tuple[np.ndarray, np.ndarray, Clusters]:
    """Labels, scores of which a part is common to the rows of a day, and the days."""
    rng = np.random.default_rng(seed)
    codes = np.sort(rng.integers(0, days, rows))
    labels = (rng.random(rows) < 0.2).astype(float)
    own, common = rng.normal(size=rows), rng.normal(size=days)[codes]
    scores = labels + np.sqrt(shared) * common + np.sqrt(1 - shared) * own
    return labels, scores, Clusters.of(codes, "days")


@pytest.mark.parametrize(("days", "shared"), [(5, 0.6), (14, 0.6), (14, 0.0), (30, 0.3)])
def test_average_precision_errs_by_days_as_leaving_out_each_day_says(days: int, shared: float) -> None:
    """Influences alone gave errors of down to three quarters of these, and promoted an equal model in 12 % instead of 5."""
    metric = next(metric for metric in metrics_of("binary", MODEL.criteria).values() if metric.name == "average_precision")
    for seed in range(5):
        labels, scores, clusters = scored_by_day(seed, days, shared)
        left = [metric.estimate(labels[clusters.codes != day], scores[clusters.codes != day])[0] for day in range(days)]
        jackknife = np.sqrt((days - 1) / days * np.sum((np.array(left) - np.mean(left)) ** 2))
        measured, influence = metric.measure(labels, scores, clusters)
        assert measured.error == pytest.approx(jackknife, rel=0.05)
        assert influence.mean() == pytest.approx(0, abs=1e-9)
        by_influence = clusters.error(metric.estimate(labels, scores)[1])[0]
        assert shared == 0.0 or measured.error > by_influence


@given(st.integers(0, 1000), st.integers(2, 12))
def test_what_days_add_to_an_influence_is_finite_and_adds_up_to_nothing(seed: int, days: int) -> None:
    """Also where a day has no positive, one has them all, or every score is the same."""
    rng = np.random.default_rng(seed)
    codes, labels = rng.integers(0, days, 40), (rng.random(40) < rng.random()).astype(float)
    labels[0], labels[1] = 0.0, 1.0
    if seed % 3 == 0:
        labels[codes != codes[1]] = 0.0
    scores = np.round(rng.random(40), seed % 2) if seed % 5 else np.ones(40)
    value, influence = average_precision(labels, scores, Clusters.of(codes, "days"))
    assert np.isfinite(influence).all()
    assert influence.sum() == pytest.approx(0, abs=1e-8)
    assert value == average_precision(labels, scores)[0]
