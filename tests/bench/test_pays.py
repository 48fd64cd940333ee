"""The comparison is fair: no fixed way learns a label before it is known, and the loop gets every row and label once."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import pays
from bench.histories import History
from include.adapters.memory_store import MemoryStore
from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(weeks=1)
LEARNED: list[pd.DataFrame] = []


class Spy:
    """Remembers what it was fitted on; predicts the mean label."""

    def fit(self, features: pd.DataFrame, labels: Any) -> "Spy":
        self.mean = float(np.mean(labels))
        LEARNED.append(features)
        return self

    def predict(self, features: pd.DataFrame) -> Any:
        return np.full(len(features), self.mean)


def toy(label_delay: timedelta) -> Model:
    return Model(
        name="toy",
        owner="tests",
        description="A number.",
        task="regression",
        label=Column("y", "number", optional=True),
        features=(Column("row", "number"),),
        feed=Feed(key=("id",), time="time", period=WEEK, label_delay=label_delay, schedule="0 6 * * MON"),
        criteria=Criteria(metric="mae", floor=9, noisy_floor=9, margin=0.1),
        retraining=Retraining(cadence="0 7 1 * *"),
        candidates=(Candidate(build=lambda seed: Spy()),),
    )


def rows_at(hours: list[int]) -> pd.DataFrame:
    times = pd.Series([START + timedelta(hours=hour) for hour in sorted(hours)], dtype="datetime64[us, UTC]")
    numbers = np.arange(len(hours), dtype="float64")
    labels = np.where(numbers % 7 == 3, np.nan, numbers)
    return pd.DataFrame({"id": [f"r{n:.0f}" for n in numbers], "time": times, "row": numbers, "y": labels})


delays = st.integers(0, 30 * 24).map(lambda hours: timedelta(hours=hours))
times_of_rows = st.lists(st.integers(0, 20 * 7 * 24 - 1), min_size=1, max_size=60)


@settings(max_examples=60)
@given(times_of_rows, delays, st.integers(0, 25), st.sampled_from([None, 1, 4, 13]))
def test_no_label_is_learned_before_it_is_known(hours: list[int], delay: timedelta, week: int, window: int | None) -> None:
    """Whatever the window, what is trained on at a time are rows whose label is known by then; no window means all of them."""
    model, rows, moment = toy(delay), rows_at(hours), START + week * WEEK
    taken = pays.learned(model, rows, moment, window)
    assert (taken["time"] + delay <= moment).all()
    assert taken["y"].notna().all()
    assert model.periods_of(taken["time"]).nunique() <= (window or 100)
    if window is None:
        left = rows.drop(taken.index)
        assert ((left["time"] + delay > moment) | left["y"].isna()).all()


@settings(max_examples=8)
@given(delays)
def test_every_fit_of_a_whole_history_knows_no_more_than_its_time(delay: timedelta) -> None:
    """The fits are made in the order of the periods, four a period, and none holds a label from after its period's start."""
    model, rows = toy(delay), rows_at(list(range(0, 16 * 7 * 24, 12)))
    history = History(model, "toy", lambda: rows, START + 6 * WEEK)
    LEARNED.clear()
    values = pays._measured(history, rows)
    starts = pays.starts_of(history, rows)
    assert len(LEARNED) == len(starts) * len(pays.WINDOWS)
    for number, features in enumerate(LEARNED):
        known = rows.loc[features.index, "time"] + delay
        assert known.max() <= starts[number // len(pays.WINDOWS)]
    assert {name: len(line) for name, line in values.items()} == dict.fromkeys(values, len(starts))


@settings(max_examples=8, deadline=None)
@given(times_of_rows, delays)
def test_the_loop_gets_every_row_and_every_label_once(hours: list[int], delay: timedelta) -> None:
    """Deliveries neither repeat nor leave out a row, and bring a label no sooner than it is known."""
    model, rows, landing = toy(delay), rows_at(hours), MemoryStore()
    ends = [START + week * WEEK for week in range(3, 26)]
    for start, end in zip([None, *ends], ends, strict=False):
        pays.deliver(landing, model, rows, (start, end))
        labels = frame_in(landing, f"toy/labels/{end:%Y-%m-%d}.parquet")
        assert (labels["time"] + delay <= end).all()
        there = pd.concat([frame_in(landing, entry.key) for entry in landing.entries("toy/labels/")])
        assert set(pays.known_by(model, rows, end)["id"]) <= set(there["id"])
    for part in ("features", "labels"):
        found = pd.concat([frame_in(landing, entry.key) for entry in landing.entries(f"toy/{part}/")])
        assert sorted(found["id"]) == sorted(rows["id"])


def frame_in(landing: MemoryStore, key: str) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(landing.read(key)))


def test_the_loops_times_are_those_at_which_its_champion_changes() -> None:
    """A model is trained at the first period, and at each from which another version served."""
    model, rows = toy(WEEK), rows_at(list(range(0, 12 * 7 * 24, 12)))
    history = History(model, "toy", lambda: rows, START + 6 * WEEK)
    LEARNED.clear()
    pays.at_its_times(history, rows, pays.Played(["1", "1", "3", "3", "2", "2"], [], [], []))
    expected = [pays.learned(model, rows, START + week * WEEK, None)["id"].tolist() for week in (6, 8, 10)]
    assert [rows.loc[features.index, "id"].tolist() for features in LEARNED] == expected


@pytest.mark.parametrize(
    ("best", "loop", "kept", "held"),
    [(1.0, 0.96, 0.96, True), (1.0, 0.5, 0.5, False), (0.0, -0.005, None, True), (0.0, -0.5, None, False)],
)
def test_where_nothing_is_to_gain_the_loop_must_lose_nothing(best: float, loop: float, kept: float | None, held: bool) -> None:
    """Elsewhere it must keep most of the gain."""
    assert pays.held({"best's gain": best, "loop's gain": loop, "kept": kept, "margin": 0.1}) is held


def test_a_lower_error_is_a_gain() -> None:
    """Means are turned by the metric: with an error as metric, the best fixed way is the one with the lowest."""
    model, rows = toy(WEEK), rows_at([0, 200])
    history = History(model, "toy", lambda: rows, START)
    fixed = {name: [5.0, 5.0] for name in (pays.STATIC, *pays.FIXED)} | {"every, 4": [3.0, 3.0]}
    figures = pays.figures_of(history, rows, fixed, pays.Played(["1", "1"], [4.0, 4.0], [], []))
    assert (figures["best"], figures["best's gain"], figures["loop's gain"], figures["kept"]) == ("every, 4", 2.0, 1.0, 0.5)
    assert "50%" in pays.line_of("toy", figures)
    json.dumps(figures)
