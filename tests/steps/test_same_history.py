"""The same history, delivered at other times and in other files, leads to the same noise, scores and decisions."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from include.decisions.data.labels import labelled, labels_of
from include.decisions.data.training import rows_to_fit
from include.decisions.scoring.conditions import frames_of
from include.models.contract import Augment
from include.noise.suite import suite_for
from tests.toy import DAY, World, changed, day, rows

AS_OF = day(9)
# Its training rows are corrupted too, and so are those that candidates are compared on.
MODEL = changed(augment=Augment(copies=1))


def in_tens(number: int) -> pd.DataFrame:
    """Rows of a day, of which ten have the same moment: their order is not that of their time."""
    whole = rows(number)
    moments = [day(number) + timedelta(hours=turn // 10) for turn in range(len(whole))]
    return whole.assign(at=[moment.isoformat() for moment in moments])


def in_one_file(world: World, number: int) -> None:
    """A day as one file of features and one of labels."""
    whole = in_tens(number)
    world.deliver("features", f"{number:02}", whole.drop(columns="y"))
    world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])


def in_three_files(world: World, number: int) -> None:
    """The same day in no order, in files of other names, the last rows first and each file some seconds later."""
    whole = in_tens(number).sample(frac=1, random_state=number)
    for name, part in (("z", whole.iloc[40:]), ("y", whole.iloc[:25]), ("x", whole.iloc[25:40])):
        world.landing.now += timedelta(seconds=7)
        world.deliver("labels", f"{name}{number}", part[["id", "at", "y"]])
        world.deliver("features", f"{name}{number}", part.drop(columns="y"))


def lived(deliver: Callable[[World, int], None], starts: datetime) -> World:
    """Nine days, each delivered and taken in as of the next morning."""
    world = World(model=MODEL, compares=True)
    for number in range(9):
        world.landing.now = starts + number * DAY
        deliver(world, number)
        world.take_in(day(number + 1))
    return world


@pytest.fixture(scope="module")
def two() -> tuple[World, World]:
    """One history, played twice."""
    return lived(in_one_file, day(0)), lived(in_three_files, day(100) + timedelta(minutes=13, microseconds=5))


def equal(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_rows_are_the_same_and_in_the_same_order(two: tuple[World, World]) -> None:
    """Rows of one moment are in the order of their keys; only the snapshots' names differ."""
    one, other = (world.services.lake.rows(world.model, day(0), day(9)) for world in two)
    equal(one, other)
    digests = {world.snapshot(day(0), day(9)).digest for world in two}
    assert len(digests) == 2


def test_the_noise_is_the_same_to_the_last_byte(two: tuple[World, World]) -> None:
    """On the hold-out, under each condition, and in the corrupted copies of training rows."""
    frames, copies = [], []
    for world in two:
        delivered = world.services.lake.read_snapshot(world.model, world.snapshot(day(0), day(9)).digest)
        known = labelled(world.model, delivered, AS_OF)
        frames.append(frames_of(world.model, known, suite_for(world.model, None)))
        copies.append(rows_to_fit(world.model, world.model.candidate, known, labels_of(world.model, known))[0])
    assert len(frames[0]) > 1
    for condition, frame in frames[0].items():
        equal(frame, frames[1][condition])
    equal(*copies)


def test_another_value_is_another_draw(two: tuple[World, World]) -> None:
    """Which cells are corrupted follows from the rows: noise that always befell the same places would be no sample."""
    world = two[0]
    known = world.services.lake.rows(world.model, day(0), day(9))
    other = known.assign(x=known["x"].where(known.index > 0, 0.25))
    suite = suite_for(world.model, None)
    befallen = [frames_of(world.model, one, suite)["missing@0.2"].isna() for one in (known, other)]
    assert (befallen[0] != befallen[1]).any(axis=None)


def decided(world: World) -> list[Any]:
    """What a retraining and the monitor after it decide by."""
    _, trained, verdict = world.challenge(AS_OF)
    world.promote(AS_OF, verdict)
    evidence = json.loads(world.registry.reports[str(trained.run_id), "scorecard.json"])["evidence"]
    scored = world.do("score", day(10), checked=world.take_in(day(10)))
    drift = world.do("detect_drift", day(10), checked=world.take_in(day(10)), scored=scored)
    quality = world.do("measure_quality", day(10), scored=scored)
    tried = [one.model_dump(exclude={"seconds"}) for one in trained.pool]
    return [trained.choice, tried, verdict.verdict, verdict.reasons, evidence, drift.moved, quality.value]


def test_scores_and_decisions_are_the_same(two: tuple[World, World]) -> None:
    """Candidates, the card's evidence with all its bounds, drift and quality: equal, not nearly equal."""
    one, other = map(decided, two)
    assert one == other


def test_the_sample_that_drift_is_judged_by_is_the_same(two: tuple[World, World], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a period with more rows than are looked at, the same ones are, whichever file is read first."""
    from include.steps import detect_drift

    monkeypatch.setattr(detect_drift, "_SAMPLED_ROWS", 20)
    samples = []
    for world in two:
        parts = world.services.lake.batches(world.model, day(3), day(4))
        drawn = [detect_drift._with_draw(world.model, part) for part in parts]
        samples.append(detect_drift._lowest(drawn).reset_index(drop=True))
    equal(*samples)
