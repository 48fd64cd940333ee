"""Triage writes down what was found, asks for at most one thing, and stops on a broken feed."""

import json
from dataclasses import replace
from typing import Any

import pytest

from include.errors import BrokenFeed
from include.ledger.state import EventName, Fact
from include.results import Checked, Drift, Finding, Quality
from tests.statuses import retrain_status
from tests.toy import World, changed, day, scored_by

CHECKED = Checked(rows=60, quarantined=0, reasons={})
CALM = Quality(period=day(8), metric="roc_auc", value=0.71, recent=0.71, reference=0.7)
DECAYED = CALM.model_copy(update={"decayed": True})


def triage(world: World, drift: Drift | None = None, quality: Quality = CALM, **options: Any) -> Finding:
    finding: Finding = world.do(
        "triage",
        day(10),
        checked=CHECKED,
        scored=scored_by("1", day(9)),
        drift=drift or Drift(period=day(9), columns=3),
        quality=quality,
        **options,
    )
    return finding


def documents(world: World) -> dict[str, Any]:
    return {key: json.loads(data) for key, (data, _) in world.lake.objects.items() if key.startswith("status/toy/monitor/")}


def test_what_was_found_is_written_down(world: World) -> None:
    """One document per as-of time holds everything the run found, and running again overwrites its own words."""
    assert triage(world).action == triage(world).action == "nothing"
    (document,) = documents(world).values()
    assert list(documents(world)) == ["status/toy/monitor/2024-01-11T000000Z.json"]
    assert document["finding"]["reason"] == "roc_auc 0.710 holds against 0.700"
    assert {"checked", "scored", "drift", "quality", "as_of", "run_id"} <= set(document)


def test_each_finding_leads_to_a_named_action(world: World) -> None:
    """Each finding leads to one named action: decay retrains, and the words say so."""
    finding = triage(world, quality=DECAYED)
    assert finding.action == "retrain"
    assert finding.summary.startswith("retrain: decay")


def test_a_broken_feed_stops_even_a_forced_run(world: World) -> None:
    """Nothing is learned from a broken feed, even if forced; what was found is written before the run turns red."""
    broken = Drift(period=day(9), columns=3, broken=("x: frozen at 7",))
    for force in (False, True):
        with pytest.raises(BrokenFeed, match=r"toy: the feed is broken: x: frozen at 7\. Ask upstream"):
            triage(world, broken, force=force)
    assert [document["finding"]["action"] for document in documents(world).values()] == ["stop"]


def test_force_asks_for_a_retraining(world: World) -> None:
    """A person's reason is kept."""
    finding = triage(world, force=True)
    assert (finding.action, finding.reason) == ("retrain", "requested by hand: a test")


def test_cooling_down_looks_at_earlier_retrainings_only(world: World) -> None:
    """A back-fill is not held up by what happens after its time, nor a second run by its own retraining."""
    world.model = changed(cool_down=day(3) - day(0))
    for when, action in ((day(11), "retrain"), (day(10), "retrain"), (day(8), "wait")):
        world.services.lake.write_status("toy", retrain_status(when))
        assert triage(world, quality=DECAYED).action == action


def test_a_retraining_that_trained_nothing_is_none(world: World) -> None:
    """There was too little to train: no later run has to wait for its result."""
    world.services.lake.write_status("toy", retrain_status(day(9), version=None))
    assert triage(world, quality=DECAYED).action == "retrain"


def test_a_champion_whose_alias_was_taken_away_is_missed(seasoned: World) -> None:
    """The ledger knows who was champion; until a run has found the removal nothing is asked for, and afterwards a page."""
    seasoned.registry.aliases.pop("champion")
    seasoned.do("reconcile", day(10))
    scored = seasoned.scored(day(10))
    found: Finding = seasoned.do(
        "triage",
        day(10),
        checked=CHECKED,
        scored=scored,
        drift=Drift(period=day(9)),
        quality=Quality(period=None, metric="roc_auc", labelled_periods=9),
    )
    assert (found.action, found.title) == ("page", "The champion was removed by hand")
    assert "target 1" in found.advice


def test_the_version_that_was_removed_is_the_one_to_restore(seasoned: World) -> None:
    """Version 2 was rolled back from; version 1's alias was taken away, so that is the one, and not the newest of all."""
    seasoned.registry.versions["2"] = replace(seasoned.registry.versions["1"], number="2")
    history: tuple[tuple[EventName, str | None], ...] = (("promoted", "2"), ("rolled_back", "1"), ("changed_by_hand", None))
    for event, number in history:
        key = f"{event} {number}"
        fact = Fact(event=event, key=key, as_of=day(9), by="carol", reason="", run_id="r", version="2", new=number)
        seasoned.services.ledger.append("toy", fact)
    seasoned.registry.aliases.pop("champion")
    drift, quality = Drift(period=day(9)), Quality(period=None, metric="roc_auc", labelled_periods=9)
    scored = seasoned.scored(day(10))
    found: Finding = seasoned.do("triage", day(10), checked=CHECKED, scored=scored, drift=drift, quality=quality)
    assert "version 1 was" in found.reason
    assert "target 1" in found.advice
