"""Five things that happen to a feed end in five different actions, through the steps as the monitor runs them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.errors import BrokenFeed
from include.models.contract import Column
from include.results import Finding
from tests.toy import World, changed, day, rows

ROWS = 400
LAST = 16


def with_notes(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    """The toy's rows with a text beside them."""
    words = np.random.default_rng(100 + number).choice(
        ["order", "parcel", "refund", "thanks", "where", "please"], (len(frame), 3)
    )
    return frame.assign(note=[" ".join(row) for row in words])


def delivered(world: World, number: int, labels: bool = True, **columns: Any) -> None:
    whole = with_notes(rows(number, count=ROWS), number).assign(**columns)
    world.deliver("features", f"{number:02}", whole.drop(columns="y"))
    if labels:
        world.deliver("labels", f"{number:02}", whole[["id", "at", "y"]])


def monitored(world: World, number: int) -> Finding:
    """A run of the monitor as of the end of a day."""
    as_of = day(number + 1)
    checked = world.do("check", as_of, batch=world.do("pull", as_of))
    scored = world.do("score", as_of, checked=checked)
    drift = world.do("detect_drift", as_of, checked=checked, scored=scored)
    quality = world.do("measure_quality", as_of, scored=scored)
    found: Finding = world.do("triage", as_of, checked=checked, scored=scored, drift=drift, quality=quality)
    return found


@pytest.fixture
def world() -> World:
    """A champion of a model with a text, and two calm days."""
    world = World(model=changed(features=(*changed().features, Column("note", "text", optional=True))))
    for number in range(LAST - 2):
        delivered(world, number)
    world.take_in(day(LAST - 2))
    _, _, verdict = world.challenge(day(LAST - 2))
    world.promote(day(LAST - 2), verdict)
    assert world.registry.aliases.get("champion") == "1", verdict
    for number in (LAST - 2, LAST - 1):
        delivered(world, number)
        assert monitored(world, number).action == "nothing"
    return world


def test_a_broken_feed_stops(world: World) -> None:
    """A frozen column: red, and nothing is learned from it."""
    delivered(world, LAST, x=1.25)
    with pytest.raises(BrokenFeed, match=r"x: frozen at «1\.25»"):
        monitored(world, LAST)


def test_a_noise_surge_pages(world: World) -> None:
    """A fifth of z is missing, which never was; a person has to look, and training on it is offered."""
    whole = rows(LAST, count=ROWS)
    delivered(world, LAST, z=whole["z"].mask(whole.index % 5 == 0))
    found = monitored(world, LAST)
    assert found.action == "page"
    assert "z: missing in 20% of rows, usually in 0%" in found.reason
    assert "Augment" in found.advice


def test_concept_drift_retrains(world: World) -> None:
    """Inputs look as ever, and the answers are the opposite: a champion below its floor pages, two mature days are decay."""
    for number in range(LAST, LAST + 4):
        whole = rows(number, count=ROWS, turned=True)
        delivered(world, number, y=whole["y"])
        found = monitored(world, number)
        assert found.action == ("nothing", "page", "retrain")[number - LAST], (number, found)
        if found.action == "retrain":
            assert found.reason.startswith("decay: roc_auc")
            assert "of it by another answer to the same inputs (concept drift)" in found.reason
            return


def test_a_loss_by_corruption_pages_and_is_not_learned(world: World) -> None:
    """A seventh of x, on which the answer hangs, is in another unit and turned round: two mature days show what it costs."""
    for number in range(LAST, LAST + 4):
        whole = rows(number, count=ROWS)
        delivered(world, number, x=whole["x"].mask(whole.index % 7 == 0, -100 * whole["x"]))
        found = monitored(world, number)
        if found.reason.startswith("decay"):
            assert (found.action, number < LAST + 3) == ("page", True), found
            assert "of it by corrupted values: x: out of range in" in found.reason
            assert "would learn the fault" in found.advice
            return
    pytest.fail("the loss was never seen")


def test_a_season_is_noted(world: World) -> None:
    """What moves as it did a year ago has a name, and quality holds."""
    whole = with_notes(rows(LAST, count=ROWS), LAST)
    moved = whole["z"] + 1.5
    old = pd.to_datetime(whole["at"]) - pd.Timedelta(days=364)
    before = whole.assign(id=whole["id"] + "-old", at=[moment.isoformat() for moment in old], z=moved)
    world.deliver("features", "year-ago", before.drop(columns="y"))
    delivered(world, LAST, z=moved)
    found = monitored(world, LAST)
    assert found.action == "note"
    assert found.reason.startswith("season: z: median")


def test_late_labels_are_waited_for(world: World) -> None:
    """They were due a day ago: there is an estimate, and it proves nothing."""
    delivered(world, LAST, labels=False)
    monitored(world, LAST)
    delivered(world, LAST + 1, labels=False)
    found = monitored(world, LAST + 1)
    assert found.action == "wait"
    assert found.reason.startswith("labels are 1 period late; label-free estimate of roc_auc")


def test_a_harmless_shift_is_noted(world: World) -> None:
    """Z says nothing about the answer: it moves, quality holds, and nothing is trained."""
    whole = rows(LAST, count=ROWS)
    delivered(world, LAST, z=whole["z"] + 1.5)
    found = monitored(world, LAST)
    assert found.action == "note"
    assert "holds against" in found.reason
    assert "z: median" in found.reason


def test_something_new_in_the_texts_is_reported_before_labels_show_it(world: World) -> None:
    """A tenth of the messages are about something new: noted on the first day, with the words."""
    whole = with_notes(rows(LAST, count=ROWS), LAST)
    delivered(world, LAST, note=whole["note"].mask(whole.index % 10 == 0, "is this allergy friendly"))
    found = monitored(world, LAST)
    assert found.action == "note"
    assert "have words never seen in training (most often «allergy», «friendly»" in found.reason
