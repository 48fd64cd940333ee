"""Drift: what moved is found and named, what always moves is not, and chance alone raises no alarm."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from include.decisions.drift.baseline import Baseline, make_baseline, summary_of_period
from include.decisions.drift.comparison import (
    AT_ONCE,
    LABEL,
    QUARANTINE,
    TOGETHER,
    Compared,
    Earlier,
    Newest,
    compare_all,
    standing,
)
from include.decisions.drift.words import in_words, kind_of
from include.models.contract import Column, Feed, Model
from include.noise.profile import NoiseProfile
from include.own_columns import LABEL_DELIVERED
from tests.toy import FIRST, changed

WEEK = timedelta(days=7)
PERIODS, ROWS = 26, 400
MODEL: Model = changed(
    features=(
        Column("speed", "number", optional=True),
        Column("colour", "category", optional=True),
        Column("note", "text", optional=True),
    ),
    feed=Feed(key=("id",), time="at", period=WEEK, label_delay=WEEK, schedule="0 6 * * *"),
)
WORDS = np.array(["order", "late", "refund", "thanks", "parcel", "broken", "please", "where"])


def week(number: int, rng: np.random.Generator, rows: int = ROWS) -> pd.DataFrame:
    """A week of a slow season, with one new colour in most of them."""
    season = 0.2 * np.sin(2 * np.pi * number / 52)
    colours = rng.choice(["red", "green", "blue"], rows, p=[0.5, 0.3, 0.2])
    colours[: rows // 200] = f"special {number}"
    return pd.DataFrame(
        {
            "id": [f"{number}-{row}" for row in range(rows)],
            "at": FIRST + number * WEEK + pd.to_timedelta(rng.uniform(0, 7 * 86_400, rows), unit="s"),
            "speed": rng.normal(season, 1, rows),
            "colour": colours,
            "note": [" ".join(rng.choice(WORDS, 3)) for _ in range(rows)],
            "y": (rng.random(rows) < 0.3).astype("float64"),
            LABEL_DELIVERED: True,
        }
    )


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    rng = np.random.default_rng(1)
    rows = pd.concat([week(number, rng) for number in range(PERIODS)], ignore_index=True)
    return make_baseline(MODEL, rows, {"speed": 0.5, "colour": 0.3, "note": 0.2}, [0.5, 0.52, 0.49, 0.51, 0.5, 0.51])


def newest(baseline: Baseline, rows: pd.DataFrame, noise: NoiseProfile | None = None, area: float = 0.5) -> Newest:
    summary = summary_of_period(MODEL, rows, FIRST + PERIODS * WEEK, baseline.grid)
    return Newest(summary, None, None, noise or NoiseProfile(len(rows)), area, max(len(rows), 1))


def found(baseline: Baseline, now: Newest, earlier: Earlier | None = None) -> dict[str, Compared]:
    """What stands at once, by view."""
    compared = compare_all(baseline, now, earlier or Earlier({}), lag=1)
    weights = {one.view: baseline.weights.get(one.view, 0.25) for one in compared}
    return {one.view: one for one in standing(compared, weights, AT_ONCE)}


def test_an_ordinary_week_is_calm(baseline: Baseline) -> None:
    """Of forty such weeks, each with a new colour, at most one raises an alarm."""
    rng = np.random.default_rng(5)
    alarms = sum(bool(found(baseline, newest(baseline, week(PERIODS + n % 4, rng)))) for n in range(40))
    assert alarms <= 1


def shifted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(speed=rows["speed"] + 0.8)


def wider(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(speed=rows["speed"] * 2)


def outlying(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(speed=rows["speed"].mask(rows.index == 3, 1e12))


def gaps(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(speed=rows["speed"].mask(rows.index % 10 == 0))


def greener(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(colour=rows["colour"].mask(rows.index % 8 == 0, "green"))


def purple(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(colour=rows["colour"].mask(rows.index % 12 == 0, "purple"))


def vegan(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(note=rows["note"].mask(rows.index % 12 == 0, "is it vegan"))


def longer(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(note=rows["note"] + " " + rows["note"])


CASES: list[tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str, str]] = [
    (shifted, "speed", "shift", "median "),
    (wider, "speed", "shift", "wider (+"),
    (gaps, "speed", "noise", "missing in 10% of rows, usually in 0%"),
    (greener, "colour", "shift", "«green»: "),
    (purple, "colour", "new", "were never seen in training (most often «purple»)"),
    (vegan, "note (words)", "new", "of its words were never seen in training (most often «is», «it», «vegan»)"),
    (longer, "note (length)", "shift", "median "),
]


@pytest.mark.parametrize(("change", "view", "kind", "summary"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_moved_is_found_in_its_first_week(
    baseline: Baseline, change: Callable[[pd.DataFrame], pd.DataFrame], view: str, kind: str, summary: str
) -> None:
    """By name, by kind and in words that say from what to what."""
    now = newest(baseline, change(week(PERIODS, np.random.default_rng(3))))
    moved = found(baseline, now)
    assert view in moved
    assert kind_of(moved[view]) == kind
    assert summary in in_words(moved[view], baseline, now)


def test_one_outlier_is_no_shift(baseline: Baseline) -> None:
    """A number is followed by its ranks: a single 1e12 moves one row to the end."""
    assert not found(baseline, newest(baseline, outlying(week(PERIODS, np.random.default_rng(3)))))


def test_noise_is_judged_by_how_much_is_usual(baseline: Baseline) -> None:
    """Six per cent of typing mistakes are news where there were none, and none where they are usual; less is no drift."""
    rows = week(PERIODS, np.random.default_rng(3))
    noisy = NoiseProfile(ROWS, 0.3, {"note": {"typo": 0.06}})
    usual = [(NoiseProfile(ROWS, 0.3, {"note": {"typo": 0.05 + 0.01 * (n % 3)}}), ()) for n in range(12)]
    now = newest(baseline, rows, noisy)
    moved = found(baseline, now)
    assert {"note: typo", QUARANTINE} <= set(moved)
    assert in_words(moved["note: typo"], baseline, now) == "6.0% of its values are misspelt, usually 0.0%"
    assert kind_of(moved[QUARANTINE]) == "noise"
    quiet = replace(baseline, noise=())
    assert not found(quiet, now, Earlier({}, noise=usual))
    assert not found(quiet, newest(baseline, rows, NoiseProfile(ROWS)), Earlier({}, noise=usual))


def test_what_stood_out_does_not_teach_what_is_usual(baseline: Baseline) -> None:
    """The second week of a surge is as far out of line as the first."""
    noisy = NoiseProfile(ROWS, rates={"note": {"typo": 0.1}})
    now = newest(baseline, week(PERIODS, np.random.default_rng(3)), noisy)
    assert "note: typo" in found(baseline, now, Earlier({}, noise=[(noisy, {"note: typo"})] * 3))
    assert "note: typo" not in found(baseline, now, Earlier({}, noise=[(noisy, ())] * 9))


def test_drift_that_only_a_classifier_sees_is_reported(baseline: Baseline) -> None:
    """An area far from what single training periods had."""
    now = newest(baseline, week(PERIODS, np.random.default_rng(3)), area=0.8)
    moved = found(baseline, now)
    assert list(moved) == [TOGETHER]
    assert "area under the curve 0.80, usually 0.51" in in_words(moved[TOGETHER], baseline, now)


def test_a_change_of_the_labels_is_reported(baseline: Baseline) -> None:
    """Three in ten, and now six."""
    rows = week(PERIODS, np.random.default_rng(3))
    from include.decisions.drift.summaries import summarise

    labels = summarise(rows.assign(y=(rows.index % 10 < 6).astype("float64")), [MODEL.label], baseline.grid)
    moved = found(baseline, Newest(newest(baseline, rows).features, None, labels, NoiseProfile(ROWS), float("nan"), 0))
    assert list(moved) == [LABEL]
    assert kind_of(moved[LABEL]) == "label"


@pytest.mark.parametrize("rows", [0, 1])
def test_very_few_rows_raise_no_error(baseline: Baseline, rows: int) -> None:
    """There is no result for it, and nothing raises; too few rows are a matter of the feed checks."""
    now = newest(baseline, week(PERIODS, np.random.default_rng(3)).head(rows))
    assert len(compare_all(baseline, now, Earlier({}), lag=1)) >= len(baseline.views)


def test_an_entirely_missing_column_raises_no_error(baseline: Baseline) -> None:
    """All missing in the newest week, or in every week of the baseline."""
    rng = np.random.default_rng(3)
    gone = week(PERIODS, rng).assign(speed=float("nan"), colour=None, note=None)
    assert found(baseline, newest(baseline, gone))
    rows = pd.concat([week(number, rng).assign(speed=float("nan"), colour=None) for number in range(8)], ignore_index=True)
    never = make_baseline(MODEL, rows, {}, [])
    now = Newest(summary_of_period(MODEL, gone, FIRST, never.grid), None, None, NoiseProfile(ROWS), float("nan"), 0)
    assert "colour" not in found(never, now)


def test_a_value_called_like_a_figure_is_a_value() -> None:
    """A status "missing" that becomes frequent is a shift of values; nothing is missing."""
    rng = np.random.default_rng(1)
    model = changed(features=(Column("status", "category"),), feed=MODEL.feed)

    def rows(number: int, share: float) -> pd.DataFrame:
        return week(number, rng).assign(status=rng.choice(["missing", "level", "ok"], ROWS, p=[share, 0.1, 0.9 - share]))

    known = make_baseline(model, pd.concat([rows(n, 0.1) for n in range(12)], ignore_index=True), {}, [])
    summary = summary_of_period(model, rows(12, 0.5), FIRST, known.grid)
    now = Newest(summary, None, None, NoiseProfile(ROWS), float("nan"), 0)
    moved = found(known, now)["status"]
    assert kind_of(moved) == "shift"
    assert "«missing»: 5" in in_words(moved, known, now)


def test_unseen_is_a_lower_bound_where_only_the_newest_period_has_very_many_values() -> None:
    """Two new values in a hundred among thousands that are known."""
    names = [f"name {number}" for number in range(3_900)]
    model = changed(features=(Column("name", "category"),), feed=MODEL.feed)
    rows = pd.concat([week(n, np.random.default_rng(n), 3_900).assign(name=names) for n in range(4)], ignore_index=True)
    known = make_baseline(model, rows, {}, [])
    fresh = pd.concat([week(4, np.random.default_rng(4), 3_900).assign(name=names)] * 2, ignore_index=True)
    fresh.loc[:149, "name"] = [f"new {number}" for number in range(150)]
    summary = summary_of_period(model, fresh, FIRST, known.grid)
    assert known.views["name"].unseen(summary.views["name"]) < 150 / 7_800 + 1e-9


def test_a_period_without_a_value_teaches_no_limits() -> None:
    """One week in which the sensor was away: calm weeks stay calm."""
    rng = np.random.default_rng(2)
    parts = [week(n, rng).assign(speed=rng.normal(rng.normal(0, 0.2), 1, ROWS)) for n in range(30)]
    parts[7] = parts[7].assign(speed=float("nan"))
    known = make_baseline(MODEL, pd.concat(parts, ignore_index=True), {}, [])
    alarms = 0
    for _ in range(40):
        rows = week(30, rng).assign(speed=rng.normal(rng.normal(0, 0.2), 1, ROWS))
        alarms += "speed" in found(known, newest(known, rows))
    assert alarms <= 2
