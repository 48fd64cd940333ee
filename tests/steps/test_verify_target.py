"""Verify target names where a rollback goes, from the ledger and never by guessing, and tries it before anything moves."""

from typing import Any

import pytest

from include.errors import ArtifactChanged, ChampionMoved, DataError, NoSuchTarget, RegistryUnreachable, TrialFailed
from include.results import VerifiedTarget
from tests.fakes import MemoryStore
from tests.steps.test_promote import promote, verdict_on
from tests.toy import World, day, fitted


@pytest.fixture
def promoted_twice(world: World) -> World:
    """Version 1, then 3, then 4 were promoted; 2 never was champion."""
    for _ in range(4):
        world.registry.add(fitted(), {})
    for version, champion in (("1", None), ("3", "1"), ("4", "3")):
        promote(world, verdict_on(version, champion))
    return world


def verify(world: World, target: str | None = None, override: bool = False, **asked: Any) -> VerifiedTarget:
    verified_target: VerifiedTarget = world.do("verify_target", day(1), override=override, asked={"target": target} | asked)
    return verified_target


def test_the_target_is_the_version_that_was_replaced(promoted_twice: World) -> None:
    """Not the number before: 4 replaced 3, and before that 3 replaced 1."""
    verified_target = verify(promoted_twice)
    assert (verified_target.target, verified_target.current) == ("3", "4")
    assert "loaded it in" in verified_target.summary


def test_a_named_target_is_taken(promoted_twice: World) -> None:
    """Any version that was champion once."""
    assert verify(promoted_twice, "1").target == "1"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("2", r"'2' was never champion, so it never passed the gate. Accepted are: 1, 3"),
        ("99", r"'99' was never champion"),
        ("4", r"version 4 is champion already. Accepted are: 1, 3"),
        ("../../x", r"was never champion"),
        ("'; drop table", r"was never champion"),
    ],
)
def test_other_targets_are_refused_by_name(promoted_twice: World, target: str, message: str) -> None:
    """A rollback is no way around the gate; what is accepted is listed."""
    with pytest.raises(NoSuchTarget, match=message):
        verify(promoted_twice, target)


def test_a_version_that_was_rolled_back_from_needs_an_override(promoted_twice: World) -> None:
    """It failed once: a person has to confirm that it is meant."""
    promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    with pytest.raises(NoSuchTarget, match=r"version 4 was rolled back from. Tick override.*Accepted are: 1\."):
        verify(promoted_twice, "4")
    assert verify(promoted_twice, "4", override=True).target == "4"


def test_without_a_reason_nothing_is_verified(promoted_twice: World) -> None:
    """The reason is what the ledger is for."""
    with pytest.raises(DataError, match="without a reason"):
        verify(promoted_twice, reason_given=False)


def test_with_nothing_before_there_is_nothing_to_go_back_to(world: World) -> None:
    """A first champion replaced no version."""
    world.registry.add(fitted(), {})
    promote(world, verdict_on("1", None))
    with pytest.raises(NoSuchTarget, match="nothing to go back to"):
        verify(world)


def test_a_deleted_target_is_reported_as_gone(promoted_twice: World) -> None:
    """A person deleted the version in MLflow: the message says so and lists the others."""
    del promoted_twice.registry.versions["3"]
    with pytest.raises(NoSuchTarget, match=r"version 3 is not in MLflow any more.*Accepted are: 1, 3"):
        verify(promoted_twice)


def test_a_target_whose_file_was_replaced_is_refused(promoted_twice: World) -> None:
    """What was promoted is what may come back, to the byte."""
    promoted_twice.registry.tamper("3")
    with pytest.raises(ArtifactChanged, match="promoted one had digest-of-3"):
        verify(promoted_twice)


def test_a_target_that_cannot_answer_is_refused(promoted_twice: World) -> None:
    """Before anything moves: it does not load, or what it says is no number."""
    promoted_twice.registry.other_answers = float("nan")
    with pytest.raises(TrialFailed, match="that is no prediction"):
        verify(promoted_twice)
    promoted_twice.registry.failing_trial = "cannot be loaded"
    with pytest.raises(TrialFailed, match="cannot be loaded"):
        verify(promoted_twice)
    assert promoted_twice.registry.aliases["champion"] == "4"


def test_it_works_when_the_training_data_are_gone(promoted_twice: World) -> None:
    """Of the lake only ledger and locks are left."""
    lake = promoted_twice.lake
    lake.objects = {key: kept for key, kept in lake.objects.items() if key.startswith(("ledger/", "locks/"))}
    promoted_twice.landing = MemoryStore("landing")
    assert verify(promoted_twice).target == "3"


def test_after_the_champion_was_lost_the_way_back_leads_to_it(promoted_twice: World) -> None:
    """A person removed the alias champion: the default target is the version that had it."""
    del promoted_twice.registry.aliases["champion"]
    assert verify(promoted_twice).target == "4"


def test_an_outage_verifies_nothing(promoted_twice: World) -> None:
    """No answer means no."""
    promoted_twice.registry.down = True
    with pytest.raises(RegistryUnreachable):
        verify(promoted_twice)


def test_a_rollback_from_a_version_that_is_gone_already_does_nothing(promoted_twice: World) -> None:
    """Probation asked to go back from 3; when its run starts, 4 is champion, and no one asked to go back from 4."""
    with pytest.raises(ChampionMoved, match="a rollback from version 3 was requested, and version 4 is champion by now"):
        verify(promoted_twice, "1", instead_of="3")
    assert verify(promoted_twice, "3", instead_of="4").target == "3"


def test_only_the_newest_rollback_can_be_undone(promoted_twice: World) -> None:
    """Nothing where there was none, where it is undone already, or where another champion came since."""
    with pytest.raises(NoSuchTarget, match="no rollback to undo: version 4 is champion, and that was promoted"):
        verify(promoted_twice, undo=True)
    promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    target = verify(promoted_twice, undo=True)
    assert (target.target, target.current, target.undoes) == ("4", "3", True)
    promoted_twice.do("roll_back", day(1), asked={"run_id": "undo"}, verified=target)
    with pytest.raises(NoSuchTarget, match="version 4 is champion, and that was restored"):
        verify(promoted_twice, undo=True)


def test_an_undo_names_no_target(promoted_twice: World) -> None:
    """It would be unclear which of the two is meant."""
    promoted_twice.do("roll_back", day(1), verified=verify(promoted_twice))
    with pytest.raises(DataError, match="started with undo and target='1'"):
        verify(promoted_twice, "1", undo=True)
