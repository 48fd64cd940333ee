"""Two clocks: a run as of a time uses rows and labels as they had been delivered by then, whatever was delivered since."""

import json
from datetime import datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    world = World()
    for number in range(8):
        world.deliver_day(number)
        taken_in(world, day(number + 1))
    taken_in(world, THEN)
    _, trained, _ = world.challenge(THEN)
    world.registry.aliases["champion"] = str(trained.version)
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
    from include.champion.withdrawal import take_back
    from include.request import Request
    from include.services import StepContext

    context = StepContext(known.services, known.model, Request(as_of=THEN + DAY, reason="wrong", run_id="r"))
    take_back(context, known.landing, "toy/features/03.csv", "wrong")
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
