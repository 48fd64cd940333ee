"""Reconcile makes the registry and the ledger agree: what was begun is finished, what was done by hand is written down."""

from datetime import datetime

import pytest

from include.champion.handover import Author, Subject, fact
from include.ledger.entries import Entry, term_at
from include.request import Request
from include.results import Reconciled
from tests.fakes import Crash
from tests.steps.test_promote import promote, verdict_on
from tests.toy import World, day


def reconcile(world: World, number: int = 2) -> Reconciled:
    found: Reconciled = world.do("reconcile", day(number), asked={"run_id": f"monitor {number}"})
    return found


def entries(world: World) -> list[Entry]:
    """All that was written; the ledger must be whole."""
    return world.services.ledger.proved("toy")


def events(world: World) -> list[tuple[str, str | None]]:
    return [(entry.event, entry.version) for entry in entries(world)]


@pytest.fixture
def three(world: World) -> World:
    """Three versions are registered, and there is no champion."""
    for _ in range(3):
        world.registry.add("pipeline", {})
    return world


@pytest.fixture
def agreed(three: World) -> World:
    """Version 2 has replaced 1, by promotions."""
    promote(three, verdict_on("1", None))
    promote(three, verdict_on("2", "1"))
    return three


def test_before_the_first_champion_there_is_nothing_to_agree_on(three: World) -> None:
    """Nothing is written: the first promotion begins the ledger."""
    assert reconcile(three).summary == "no champion yet"
    assert (entries(three), three.registry.aliases) == ([], {})


def test_what_agrees_is_left_alone(agreed: World) -> None:
    """No entry, no write to the registry, no lock left behind, however often it runs."""
    reconcile(agreed)
    before, writes = dict(agreed.lake.objects), len(agreed.registry.champions)
    for number in (2, 3):
        assert reconcile(agreed, number) == Reconciled(champion_version="2", by_hand=False, summary="version 2 is champion")
    assert events(agreed)[-1] == ("promoted", "2")
    assert len(agreed.registry.champions) == writes
    assert {key for key in agreed.lake.objects if key.startswith("ledger/")} == {
        key for key in before if key.startswith("ledger/")
    }


def test_a_champion_of_before_the_ledger_is_adopted(three: World) -> None:
    """An installation that had no ledger goes on with the champion that it has, and knows whom it replaced."""
    three.registry.aliases = {"champion": "3", "previous": "1"}
    found = reconcile(three)
    assert (found.champion_version, found.by_hand) == ("3", False)
    assert "the ledger begins: version 3 is champion" in found.summary
    assert events(three) == [("found", "1"), ("found", "3")]
    assert three.services.ledger.state("toy").previous == "1"
    assert three.registry.aliases == {"champion": "3", "previous": "1", "anchor": "1"}
    assert three.services.ledger.state("toy").on_probation is None


def test_an_adoption_that_was_killed_is_made_whole(three: World) -> None:
    """Killed after any write to the store, the next run leaves the same champion and a whole ledger."""
    for write in range(1, 6):
        world = World()
        for _ in range(3):
            world.registry.add("pipeline", {})
        world.registry.aliases = {"champion": "3", "previous": "1"}
        world.lake.crash_at = write
        try:
            reconcile(world)
        except Crash:
            world.lake.crash_at = None
            found = reconcile(world)
            assert (found.champion_version, world.registry.aliases["champion"]) == ("3", "3")
            assert (found.by_hand, {event for event, _ in events(world)}) == (False, {"found"})
            assert world.services.ledger.state("toy").champion == "3"
            assert entries(world)


def test_a_change_by_hand_is_written_down_once_with_its_time(agreed: World) -> None:
    """When it was noticed, and since when it may have been: no more is known. The alias stays where it was put."""
    promoted = entries(agreed)[-1]
    agreed.registry.aliases["champion"] = "3"
    found = reconcile(agreed)
    assert (found.champion_version, found.by_hand) == ("3", True)
    assert "version 3 was made champion by hand; version 2 was" in found.summary
    entry = entries(agreed)[-1]
    assert (entry.event, entry.version, entry.before, entry.champion) == ("changed_by_hand", "3", "2", "3")
    assert (entry.by, entry.run_id, entry.as_of) == ("a user in MLflow", "monitor 2", day(2))
    assert entry.evidence == {"seen_before": promoted.at.isoformat()}
    assert datetime.fromisoformat(entry.evidence["seen_before"]) <= entry.at
    # A try of the same run, after one that died before it could say so, says it; a later run does not.
    assert reconcile(agreed).by_hand
    assert not reconcile(agreed, 3).by_hand
    assert entries(agreed)[-1] == entry
    assert agreed.registry.aliases == {"champion": "3", "previous": "2", "anchor": "1"}
    at = term_at(entries(agreed), entry.at)
    assert at is not None
    assert at.version == "3"


def test_a_champion_by_hand_is_on_no_probation(agreed: World) -> None:
    """It proved nothing against the one that it replaced; and the probation of that one is over."""
    assert agreed.services.ledger.state("toy").on_probation is not None
    agreed.registry.aliases["champion"] = "3"
    reconcile(agreed)
    assert agreed.services.ledger.state("toy").on_probation is None


def test_a_step_back_by_hand_is_no_new_version(agreed: World) -> None:
    """Where version 1 was put back, no version was before it: a rollback does not lead to version 2 again."""
    agreed.registry.aliases["champion"] = "1"
    assert reconcile(agreed).by_hand
    assert agreed.services.ledger.state("toy").previous is None
    assert "previous" not in agreed.registry.aliases


def test_an_alias_that_was_removed_is_written_down(agreed: World) -> None:
    """Without the alias there is no champion; that is recorded once as a change by hand, and a rollback still has a target."""
    del agreed.registry.aliases["champion"]
    found = reconcile(agreed)
    assert (found.champion_version, found.by_hand, found.summary) == (
        None,
        True,
        "there is no champion; there is no champion any more; version 2 was",
    )
    assert (entries(agreed)[-1].event, entries(agreed)[-1].champion) == ("changed_by_hand", None)
    assert not reconcile(agreed, 3).by_hand
    assert agreed.services.ledger.state("toy").previous == "2"


def test_a_promotion_that_was_killed_after_the_alias_moved_is_completed(agreed: World) -> None:
    """In the name of who had decided it, with its evidence: it was no hand in MLflow."""
    verdict = verdict_on("3", "2")
    agreed.registry.crash_at = 2
    with pytest.raises(Crash):
        promote(agreed, verdict)
    agreed.registry.crash_at = None
    agreed.registry.aliases["champion"] = "3"
    found = reconcile(agreed)
    assert (found.champion_version, found.by_hand) == ("3", False)
    assert "a run was killed after it had made version 3 champion: its record is completed" in found.summary
    begun, done = entries(agreed)[-2:]
    assert (begun.event, done.event, done.by, done.key) == ("promoting", "promoted", begun.by, begun.key)
    assert (done.evidence, done.as_of, done.run_id) == (begun.evidence, begun.as_of, begun.run_id)
    assert agreed.registry.aliases == {"champion": "3", "previous": "2", "anchor": "1"}
    assert reconcile(agreed, 3).summary == "version 3 is champion"


def test_a_promotion_that_was_killed_before_the_alias_moved_is_written_off(agreed: World) -> None:
    """The champion stays, and so does the probation that it was on; the next promotion of the same version is possible."""
    verdict = verdict_on("3", "2")
    probation = agreed.services.ledger.state("toy").on_probation
    agreed.registry.crash_at = 1
    with pytest.raises(Crash):
        promote(agreed, verdict)
    agreed.registry.crash_at = None
    found = reconcile(agreed)
    assert (found.champion_version, found.by_hand) == ("2", False)
    assert "the attempt is abandoned" in found.summary
    state = agreed.services.ledger.state("toy")
    assert (events(agreed)[-1], state.moving, state.on_probation) == (("abandoned", "3"), None, probation)
    assert agreed.registry.aliases == {"champion": "2", "previous": "1", "anchor": "1"}
    assert promote(agreed, verdict).promoted


@pytest.mark.parametrize("alias", ["previous", "anchor"])
def test_aliases_that_follow_from_the_ledger_are_set_again(agreed: World, alias: str) -> None:
    """Removed in MLflow, both come back; a person may freeze another reference, and it stays."""
    del agreed.registry.aliases[alias]
    reconcile(agreed)
    assert agreed.registry.aliases[alias] == "1"
    agreed.registry.aliases |= {"previous": "3", "anchor": "3"}
    reconcile(agreed, 3)
    assert (agreed.registry.aliases["previous"], agreed.registry.aliases["anchor"]) == ("1", "3")


def test_every_entry_is_shown_on_its_version(agreed: World) -> None:
    """People read in MLflow who decided what; nothing is written twice."""
    agreed.registry.aliases["champion"] = "3"
    reconcile(agreed)
    tags = [name for name in agreed.registry.versions["3"].tags if name.startswith("ledger.")]
    assert len(tags) == 1
    assert "a user in MLflow: version 3 was made champion by hand" in agreed.registry.versions["3"].tags[tags[0]]
    writes = len(agreed.registry.champions)
    reconcile(agreed, 3)
    assert len(agreed.registry.champions) == writes


def test_a_change_by_hand_that_a_backfill_finds_is_of_today(agreed: World) -> None:
    """Whatever time the run plays, the entry's own time says when the change was noticed, and orders it."""
    before = entries(agreed)[-1].at
    agreed.registry.aliases["champion"] = "3"
    reconcile(agreed, -300)
    newest = entries(agreed)[-1]
    assert (newest.event, newest.at >= before) == ("changed_by_hand", True)


@pytest.mark.parametrize("deleted", ["1", "2"])
def test_a_version_that_was_deleted_stops_nothing(agreed: World, deleted: str) -> None:
    """Deleted in MLflow, neither previous, nor anchor, nor champion can carry its alias: the monitor says so and goes on."""
    promote(agreed, verdict_on("3", "2"))
    agreed.registry.remove_version("toy", deleted)
    assert reconcile(agreed).summary == "version 3 is champion"
    anchor, previous = {"1": ("2", "2"), "2": ("1", None)}[deleted]
    assert agreed.registry.aliases.get("anchor") == anchor
    assert agreed.registry.aliases.get("previous") == previous
    agreed.registry.add("pipeline", {})
    agreed.registry.remove_version("toy", "3")
    assert reconcile(agreed, 3).by_hand
    assert reconcile(agreed, 4).summary == "there is no champion"


@pytest.mark.parametrize("forged", ["9" * 5000, "999999", "-1", "\u0663", ""])
def test_a_forged_tag_hides_no_entry(agreed: World, forged: str) -> None:
    """Up to where the ledger is mirrored is kept in a tag that anyone may change: then all of it is mirrored again."""
    agreed.registry.model_tags["ledger_mirrored"] = forged
    agreed.registry.versions["2"].tags.clear()
    agreed.registry.aliases["champion"] = "3"
    reconcile(agreed)
    assert any(name.endswith("changed_by_hand") for name in agreed.registry.versions["3"].tags)
    assert agreed.registry.model_tags["ledger_mirrored"] == str(entries(agreed)[-1].sequence)


def test_a_model_that_was_deleted_as_a_whole_is_written_down(agreed: World) -> None:
    """With all its versions and tags: there is no champion any more, and the monitor goes on saying so."""
    agreed.registry.versions.clear()
    agreed.registry.aliases.clear()
    agreed.registry.model_tags.clear()
    assert reconcile(agreed).by_hand
    assert reconcile(agreed, 3).summary == "there is no champion"


def test_a_ledger_that_begins_with_an_answer_finds_its_champion_too(three: World) -> None:
    """Where a person approves before any run has looked at the champion, it is not recorded as made by hand."""
    three.registry.aliases = {"champion": "3", "previous": "1"}
    approval = fact(Request(as_of=day(1), reason="", run_id="r"), "approved", Subject("e", "2"), Author("alice", "r"))
    three.services.ledger.append("toy", approval)
    assert not reconcile(three).by_hand
    assert events(three) == [("approved", "2"), ("found", "1"), ("found", "3")]
    assert three.services.ledger.state("toy").previous == "1"


@pytest.mark.parametrize("left", [0, 2])
def test_a_ledger_that_was_cut_off_is_reported(agreed: World, left: int) -> None:
    """Its end, or all of it, removed: the chain that is left is whole, but MLflow mirrors more; it is reported once."""
    kept = sorted(key for key in agreed.lake.objects if key.startswith("ledger/"))
    for key in kept[left:]:
        agreed.lake.delete(key)
    found = reconcile(agreed)
    assert found.by_hand
    assert "MLflow mirrors entry 4 and the ledger ends with" in found.summary
    assert agreed.registry.aliases["champion"] == "2"
    assert not reconcile(agreed, 3).by_hand
