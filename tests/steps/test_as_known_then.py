"""Two clocks: a run as of a time uses rows and labels as they had been delivered by then, whatever was delivered since."""

import json
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.champion.withdrawal import take_back
from include.decisions.data.versions import known_at
from include.request import Request
from include.services import StepContext
from tests.statuses import monitor_status
from tests.toy import DAY, World, day, rows

THEN = day(9)


def taken_in(world: World, as_of: datetime) -> None:
    """A run of the monitor that ends: what comes after it was not known as of its time."""
    world.landing.now = max(world.landing.now, as_of)
    world.do("check", as_of, batch=world.do("pull", as_of))
    world.services.lake.write_status(world.model.name, monitor_status(as_of))


@pytest.fixture
def known(world: World) -> World:
    """Eight days, taken in day by day as of the next morning, and a champion."""
    return lived(world)


def lived(world: World) -> World:
    for number in range(8):
        world.deliver_day(number)
        taken_in(world, day(number + 1))
    taken_in(world, THEN)
    _, trained, _ = world.challenge(THEN)
    world.registry.aliases["champion"] = str(trained.version)
    return world


def decided(world: World, as_of: datetime) -> list[Any]:
    """What runs as of a time decide by: the rows of both snapshots, the evidence, the predictions, and quality."""
    lake, model = world.services.lake, world.model
    assembled, trained, verdict = world.challenge(as_of, force=True)
    frames = [lake.read_snapshot(model, one.digest).to_csv() for one in (assembled.train, assembled.holdout) if one]
    evidence = json.loads(world.registry.reports[str(trained.run_id), "scorecard.json"])["evidence"]
    scored = world.do("score", as_of, checked=world.do("check", as_of, batch=world.do("pull", as_of)))
    predictions = [lake.read_table(key).drop(columns="_pg_scored_as_of").to_csv() for key in scored.prediction_keys]
    quality = world.do("measure_quality", as_of, scored=scored)
    return [frames, verdict.verdict, evidence, predictions, quality.summary, quality.value]


def corrected(number: int, kind: str) -> tuple[str, str, pd.DataFrame]:
    """A correction of a day: which stream, under which name, and what it says."""
    whole = rows(number)
    features, labels = whole.drop(columns="y"), whole[["id", "at", "y"]]
    return {
        "labels under the same name": ("labels", f"{number:02}", labels.assign(y=1 - labels["y"])),
        "labels in another file": ("labels", f"{number:02}-corrected", labels.head(30).assign(y=1 - labels["y"].head(30))),
        "rows under the same name": ("features", f"{number:02}", features.assign(x=features["x"] + 3)),
        "rows in another file": ("features", f"{number:02}-corrected", features.tail(20).assign(x=9.0)),
        "rows that are gone": ("features", f"{number:02}", features.head(40)),
        "labels that are gone": ("labels", f"{number:02}", labels.head(10)),
    }[kind]


KINDS = (
    "labels under the same name",
    "labels in another file",
    "rows under the same name",
    "rows in another file",
    "rows that are gone",
    "labels that are gone",
)


@settings(max_examples=6)
@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(KINDS)), min_size=1, max_size=4, unique_by=lambda one: one[0]))
def test_a_correction_that_comes_later_changes_no_earlier_decision(corrections: list[tuple[int, str]]) -> None:
    """Whatever is corrected, and how often: the same runs as of before decide the same."""
    world = lived(World())
    before = decided(world, THEN)
    for turn, (number, kind) in enumerate(corrections):
        stream, name, frame = corrected(number, kind)
        world.deliver(stream, name, frame)
        taken_in(world, THEN + (turn + 1) * DAY)
    assert decided(world, THEN) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_correction_counts_from_the_run_that_took_it_in(known: World, kind: str) -> None:
    """What was delivered last is what counts, for every run as of that time or later."""
    lake, model = known.services.lake, known.model
    before = lake.rows(model, day(3), day(4))
    stream, name, frame = corrected(3, kind)
    known.deliver(stream, name, frame)
    taken_in(known, THEN + DAY)
    after = lake.rows(model, day(3), day(4))
    assert not after.equals(before)
    pd.testing.assert_frame_equal(lake.rows(model, day(3), day(4), known_by=THEN), before)
    pd.testing.assert_frame_equal(lake.rows(model, day(3), day(4), known_by=THEN + DAY), after)
    batches = pd.concat(lake.batches(model, day(3), day(4), known_by=THEN))
    assert sorted(batches["x"]) == sorted(before["x"])


def test_a_history_that_is_loaded_as_a_whole_was_known_in_its_time(world: World) -> None:
    """A row counts from when it was due although it came later; a second one of its key does not."""
    world.with_days(8)
    world.landing.now += DAY
    world.deliver("labels", "03-corrected", rows(3)[["id", "at", "y"]].assign(y=0))
    world.deliver("labels", "08", rows(8)[["id", "at", "y"]])
    world.deliver("features", "08", rows(8).drop(columns="y"))
    taken_in(world, day(20))
    lake = world.services.lake
    then = lake.rows(world.model, day(3), day(4), known_by=day(5))
    assert then["y"].tolist() == rows(3)["y"].tolist()
    assert (lake.rows(world.model, day(3), day(4))["y"] == 0).all()
    assert len(lake.rows(world.model, day(8), day(9), known_by=day(10))) == 60


def test_a_backfill_takes_in_nothing_for_its_own_time(known: World) -> None:
    """A run as of an earlier time, made today, may take a correction in: it was not known then."""
    known.deliver("labels", "03", rows(3)[["id", "at", "y"]].assign(y=0))
    known.do("check", day(5), batch=known.do("pull", day(5)))
    lake = known.services.lake
    assert lake.rows(known.model, day(3), day(4), known_by=day(5))["y"].tolist() == rows(3)["y"].tolist()
    assert (lake.rows(known.model, day(3), day(4), known_by=THEN)["y"] == 0).all()


def test_what_was_withdrawn_is_gone_for_every_time(known: World) -> None:
    """Also for runs as of before."""
    context = StepContext(known.services, known.model, Request(as_of=THEN + DAY, reason="wrong", run_id="r"))
    take_back(context, "toy/features/03.csv", known.landing, context.request.as_of)
    assert known.services.lake.rows(known.model, day(3), day(4), known_by=day(5)).empty


def test_quality_that_was_measured_as_of_before_is_measured_again(known: World) -> None:
    """A back-fill leaves nothing behind that a later run takes for the newest."""
    known.deliver_day(8)
    taken_in(known, THEN + DAY)

    def quality(as_of: datetime) -> float | None:
        checked = known.do("check", as_of, batch=known.do("pull", as_of))
        value: float | None = known.do("measure_quality", as_of, scored=known.do("score", as_of, checked=checked)).value
        return value

    before, after = THEN + 2 * DAY, THEN + 3 * DAY
    fresh = quality(before)
    known.deliver("labels", "08", rows(8)[["id", "at", "y"]].assign(y=1 - rows(8)["y"]))
    taken_in(known, after)
    turned = quality(after)
    assert fresh is not None
    assert turned is not None
    assert turned < 0.5 < fresh
    assert quality(before) == fresh
    assert quality(after) == turned


def test_a_row_that_does_not_change_is_there_once(known: World) -> None:
    """However often its file is delivered again: the replay holds the versions of rows, not of files."""
    for turn in range(5):
        known.deliver("features", "03", rows(3).drop(columns="y").assign(x=rows(3)["x"].mask(rows(3).index == turn, 9.0)))
        taken_in(known, THEN + (turn + 1) * DAY)
    lake, model = known.services.lake, known.model
    history = lake.history(model, lake.files(model, day(0), day(8)))
    versions = history.versions()
    assert 8 * 60 < len(versions) <= 8 * 60 + 10
    for turn in range(6):
        moment = THEN + turn * DAY
        then = known_at(versions, moment).drop(columns=["_pg_known_from", "_pg_known_until"]).reset_index(drop=True)
        right = history.at(moment).sort_values("id", ignore_index=True)
        pd.testing.assert_frame_equal(then.sort_values("id", ignore_index=True), right)


def test_where_every_period_was_corrected_no_row_is_made_up(known: World) -> None:
    """Days that all came twice: as many rows as before, and none without a key."""
    for number in range(8):
        known.deliver("labels", f"{number:02}", rows(number)[["id", "at", "y"]].assign(y=0))
    taken_in(known, THEN + DAY)
    lake, model = known.services.lake, known.model
    versions = lake.history(model, lake.files(model, day(0), day(8))).versions()
    assert versions["id"].notna().all()
    assert len(known_at(versions, THEN)) == len(known_at(versions, THEN + DAY)) == 8 * 60


def test_a_row_whose_time_was_corrected_is_there_once(known: World) -> None:
    """It moved to another day: as of before, it is where it was."""
    whole = rows(3).drop(columns="y")
    moved = whole.assign(at=whole["at"].where(whole.index > 0, day(4).isoformat()))
    known.deliver("features", "03", moved)
    taken_in(known, THEN + DAY)
    lake, model = known.services.lake, known.model
    for as_of, on_day in ((THEN, 3), (THEN + DAY, 4)):
        there = lake.rows(model, day(0), day(8), known_by=as_of)
        assert there["id"].is_unique
        assert model.period_of(there.set_index("id")["at"]["3-0"].to_pydatetime()) == day(on_day)


def test_rows_that_were_withdrawn_and_delivered_again_count_from_when_they_were_due(known: World) -> None:
    """Not for some times, and for others not."""
    context = StepContext(known.services, known.model, Request(as_of=THEN, reason="wrong", run_id="r"))
    take_back(context, "toy/features/03.csv", known.landing, context.request.as_of)
    known.landing.now += DAY
    known.deliver("features", "03", rows(3).drop(columns="y"))
    taken_in(known, THEN + 3 * DAY)
    lake, model = known.services.lake, known.model
    for as_of in (day(4), day(6), THEN, THEN + 2 * DAY, THEN + 3 * DAY):
        assert len(lake.rows(model, day(3), day(4), known_by=as_of)) == 60, as_of
