"""Roll back moves the alias to the verified version, writes down why, and keeps the version that failed from coming back."""

from typing import Any

import pytest

from include.errors import ArtifactChanged, ChampionMoved
from include.results import RolledBack
from tests.steps.test_promote import against, promote, verdict_on
from tests.steps.test_verify_target import promoted_twice, verify
from tests.toy import World, day, fitted

__all__ = ["promoted_twice"]


def roll_back(world: World, target: str | None = None, **asked: object) -> RolledBack:
    done: RolledBack = world.do("roll_back", day(1), asked=dict(asked), verified=verify(world, target))
    return done


def test_the_version_before_is_champion_again(promoted_twice: World) -> None:
    """The way back from there leads further back, not forward again."""
    done = roll_back(promoted_twice)
    assert (done.rolled_back, done.champion_version, done.from_version) == (True, "3", "4")
    assert promoted_twice.registry.aliases == {"champion": "3", "previous": "1", "anchor": "1"}


def test_who_when_and_why_are_kept(promoted_twice: World) -> None:
    """In the ledger, and on both versions in MLflow."""
    roll_back(promoted_twice, reason="precision fell", asked_by="dora")
    entry = promoted_twice.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by, entry.reason, entry.before, entry.champion) == (
        "rolled_back",
        "dora",
        "precision fell",
        "4",
        "3",
    )
    assert "dora: precision fell" in promoted_twice.registry.versions["4"].tags["rolled_back"]
    assert any(
        name.endswith("rolled_back") and "precision fell" in value
        for name, value in promoted_twice.registry.versions["3"].tags.items()
    )


def test_a_dry_run_moves_and_writes_nothing(promoted_twice: World) -> None:
    """It says what would happen."""
    before, entries = dict(promoted_twice.registry.aliases), len(promoted_twice.services.ledger.entries("toy"))
    done = roll_back(promoted_twice, dry_run=True)
    assert not done.rolled_back
    assert "dry run, nothing has moved: version 3 can replace version 4" in done.summary
    assert promoted_twice.registry.aliases == before
    assert len(promoted_twice.services.ledger.entries("toy")) == entries


def test_run_twice_it_happens_once(promoted_twice: World) -> None:
    """A cleared task finds the work done."""
    verified_target = verify(promoted_twice)
    first, second = (promoted_twice.do("roll_back", day(1), verified=verified_target) for _ in range(2))
    assert first == second
    assert [e.event for e in promoted_twice.services.ledger.proved("toy")].count("rolled_back") == 1


def test_a_champion_that_changed_since_the_verification_stops_the_rollback(promoted_twice: World) -> None:
    """The person who moved it may know something that this run does not."""
    verified_target = verify(promoted_twice)
    promoted_twice.registry.aliases["champion"] = "1"
    with pytest.raises(ChampionMoved, match="the champion is version 1, it was 4 when version 3 was verified"):
        promoted_twice.do("roll_back", day(1), verified=verified_target)
    assert promoted_twice.registry.aliases["champion"] == "1"


def test_a_file_that_changed_since_the_verification_stops_the_rollback(promoted_twice: World) -> None:
    """What was asked is what comes back, to the byte."""
    verified_target = verify(promoted_twice)
    promoted_twice.registry.tamper("3")
    with pytest.raises(ArtifactChanged, match="verified one had digest-of-3"):
        promoted_twice.do("roll_back", day(1), verified=verified_target)
    assert promoted_twice.registry.aliases["champion"] == "4"


def test_the_version_rolled_back_from_is_not_promoted_again(promoted_twice: World) -> None:
    """Clearing the run that promoted it, or finding its training again, does not bring it back."""
    roll_back(promoted_twice)
    with pytest.raises(ChampionMoved, match="version 4 was rolled back from, and is blocked from promotion"):
        promote(promoted_twice, verdict_on("4", "3"))
    assert promoted_twice.registry.aliases["champion"] == "3"


def test_there_is_a_champion_at_every_moment(promoted_twice: World) -> None:
    """No write leaves none."""
    promoted_twice.registry.champions.clear()
    roll_back(promoted_twice)
    assert set(promoted_twice.registry.champions) == {"4", "3"} or set(promoted_twice.registry.champions) == {"3"}


def test_a_rollback_that_was_taken_back_is_not_done_again(promoted_twice: World) -> None:
    """Brought back with override, a version stays, even if a person clears the run that had rolled back from it."""
    verified_target = verify(promoted_twice)
    promoted_twice.do("roll_back", day(1), verified=verified_target)
    back = verify(promoted_twice, "4", override=True)
    promoted_twice.do("roll_back", day(1), asked={"run_id": "other"}, verified=back)
    for number in range(60):
        refused = verdict_on("2", "4").model_copy(update={"verdict": "keep", "reasons": (str(number),)})
        promote(promoted_twice, refused)
    with pytest.raises(ChampionMoved, match="this run rolled back to version 3 before, and version 4 is champion since"):
        promoted_twice.do("roll_back", day(1), verified=verified_target)
    assert promoted_twice.registry.aliases["champion"] == "4"


def test_words_of_others_are_one_readable_line_in_ledger_and_tags(promoted_twice: World) -> None:
    """A null or half a character would make MLflow's database refuse the tag, and every later run with it."""
    hostile = "no\n<script>\u202e\x00\ud800" + "x" * 100_000
    roll_back(promoted_twice, reason=hostile, asked_by=hostile)
    entry, tags = promoted_twice.services.ledger.proved("toy")[-1], promoted_twice.registry.versions["4"].tags
    assert (len(entry.reason), len(entry.by)) == (1000, 200)
    assert all(text.isprintable() for text in (entry.reason, entry.by, *tags.values()))
    assert entry.reason.startswith("no <script> xxx")


def test_a_version_brought_back_is_not_marked_any_more(promoted_twice: World) -> None:
    """In MLflow, the tag says who is not promoted again; what the ledger says about the first rollback stays."""
    roll_back(promoted_twice)
    promoted_twice.do("roll_back", day(1), asked={"run_id": "other"}, verified=verify(promoted_twice, "4", override=True))
    tags = promoted_twice.registry.versions
    assert ("rolled_back" in tags["3"].tags, "rolled_back" in tags["4"].tags) == (True, False)


def test_a_version_that_was_rolled_back_from_is_no_reference(promoted_twice: World) -> None:
    """What failed in production is nothing to measure the next ones by."""
    promoted_twice.registry.aliases["anchor"] = "4"
    roll_back(promoted_twice)
    assert promoted_twice.registry.aliases["anchor"] == "3"


def test_the_reference_goes_back_to_what_it_was(world: World) -> None:
    """Not to the version that is champion again, which was never proved better."""
    for _ in range(3):
        world.registry.add(fitted(), {})
    world.registry.aliases = {"champion": "1", "challenger": "2"}
    world.do("reconcile", day(0))
    promote(world, verdict_on("2", "1").model_copy(update=against("1", -0.01, -0.02)))
    promote(world, verdict_on("3", "2").model_copy(update=against("1", 0.02, 0.01)))
    assert world.registry.aliases["anchor"] == "3"
    roll_back(world)
    assert (world.registry.aliases["champion"], world.registry.aliases["anchor"]) == ("2", "1")


def undo(world: World, **asked: Any) -> RolledBack:
    target = verify(world, undo=True, run_id="undo", **asked)
    done: RolledBack = world.do("roll_back", day(1), asked={"run_id": "undo", "undo": True} | asked, verified=target)
    return done


def test_a_rollback_can_be_undone_and_bars_no_version(promoted_twice: World) -> None:
    """After 4, 3 and 4 again, both may come and go as before, and MLflow marks neither."""
    promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    done = undo(promoted_twice, reason="it was not the model", asked_by="erin")
    assert (done.champion_version, done.from_version, done.undone) == ("4", "3", True)
    entry = promoted_twice.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by, entry.reason) == ("restored", "erin", "it was not the model")
    assert (entry.after.champion, entry.after.rolled_back, entry.after.previous) == ("4", (), "3")
    assert promoted_twice.registry.aliases == {"champion": "4", "previous": "3", "anchor": "1"}
    assert not [number for number, one in promoted_twice.registry.versions.items() if "rolled_back" in one.tags]
    assert verify(promoted_twice).target == "3"


def test_an_undo_that_was_killed_is_completed(promoted_twice: World) -> None:
    """Cleared, the task finds what was done; the next run finishes an intent whose alias had moved."""
    promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    target = verify(promoted_twice, undo=True)
    asked = {"run_id": "undo"}
    first, second = (promoted_twice.do("roll_back", day(1), asked=asked, verified=target) for _ in range(2))
    assert first == second
    assert [e.event for e in promoted_twice.services.ledger.proved("toy")].count("restored") == 1


def test_the_anchor_moves_up_again_with_a_version_that_is_restored(world: World) -> None:
    """The rollback had taken the frozen reference back with it."""
    for _ in range(2):
        world.registry.add(fitted(), {})
    promote(world, verdict_on("1", None))
    promote(world, verdict_on("2", "1").model_copy(update=against("1", 0.02, 0.004)))
    assert world.registry.aliases["anchor"] == "2"
    world.do("roll_back", day(1), verified=verify(world))
    assert world.registry.aliases["anchor"] == "1"
    undo(world)
    assert world.registry.aliases["anchor"] == "2"
