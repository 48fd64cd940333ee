"""Promote moves the aliases so that there is always a champion, and only if nothing changed since the verdict."""

from contextlib import suppress
from typing import Any

import pytest

from include.champion.handover import Author, Subject, fact
from include.errors import ArtifactChanged, ChampionMoved, RegistryUnreachable
from include.request import Request
from include.results import AgainstAnchor, Approval, Promotion, Verdict
from tests.fakes import Crash
from tests.toy import World, changed, day

REQUEST = Request(as_of=day(1), reason="", run_id="run")
NO = Approval(approved=False, by="the gate")


def verdict_on(version: str, champion: str | None) -> Verdict:
    digest = f"digest-of-{version}"
    return Verdict(verdict="promote", reasons=("better",), version=version, artifact_digest=digest, champion_version=champion)


def yes(verdict: Verdict) -> Approval:
    return Approval(approved=True, by="the gate", evidence=verdict.evidence)


def promote(world: World, verdict: Verdict, approval: Approval | None = None) -> Promotion:
    promotion: Promotion = world.do("promote", day(1), verdict=verdict, approval=approval or yes(verdict))
    return promotion


@pytest.fixture
def contest(world: World) -> World:
    """Version 1 is champion, 2 is challenger, 3 has no alias."""
    for _ in range(3):
        world.registry.add("pipeline", {})
    world.registry.aliases = {"champion": "1", "challenger": "2"}
    world.do("reconcile", day(0))
    world.registry.champions.clear()
    return world


def test_the_challenger_becomes_champion(contest: World) -> None:
    """The champion becomes previous, and there is no challenger any more."""
    promotion = promote(contest, verdict_on("2", "1"))
    assert (promotion.promoted, promotion.champion_version, promotion.previous_version) == (True, "2", "1")
    assert contest.registry.aliases == {"champion": "2", "previous": "1", "anchor": "1"}


def test_there_is_a_champion_at_every_moment_of_a_promotion(contest: World) -> None:
    """At no moment is there no champion: every single write leaves one, and the old one is previous before it goes."""
    promote(contest, verdict_on("2", "1"))
    assert contest.registry.champions[:2] == ["1", "2"]
    assert set(contest.registry.champions) == {"1", "2"}


def test_killed_after_any_alias_move_and_run_again_completes(contest: World) -> None:
    """Whichever write is never made, there is a champion, and the next run leaves what an undisturbed one would have left."""
    before = dict(contest.lake.objects)
    for write in (1, 2, 3, 4, 5, 6):
        contest.registry.versions["2"].tags.clear()
        contest.registry.model_tags.clear()
        contest.registry.aliases = {"champion": "1", "challenger": "2"}
        contest.lake.objects = dict(before)
        contest.registry.crash_at = write
        with pytest.raises(Crash):
            promote(contest, verdict_on("2", "1"))
        assert contest.registry.aliases["champion"] in ("1", "2")
        contest.registry.crash_at = None
        assert promote(contest, verdict_on("2", "1")).promoted
        assert contest.registry.aliases == {"champion": "2", "previous": "1", "anchor": "1"}
    assert None not in contest.registry.champions


def test_promoting_twice_changes_nothing(contest: World) -> None:
    """A cleared task reports the same promotion."""
    assert promote(contest, verdict_on("2", "1")) == promote(contest, verdict_on("2", "1"))
    assert contest.registry.aliases == {"champion": "2", "previous": "1", "anchor": "1"}


def test_a_first_champion_has_no_previous(contest: World) -> None:
    """No version is made up to go back to, not even the one before by number."""
    fresh = World()
    fresh.registry.versions, fresh.registry.digests = contest.registry.versions, contest.registry.digests
    assert promote(fresh, verdict_on("2", None)).previous_version is None
    assert fresh.registry.aliases == {"champion": "2", "anchor": "2"}


def test_previous_is_the_version_that_was_replaced(contest: World) -> None:
    """Version 3 beat version 1: previous is 1, although 2 lies between."""
    promote(contest, verdict_on("3", "1"))
    assert contest.registry.aliases["previous"] == "1"


@pytest.mark.parametrize("now", ["3", None])
def test_a_champion_that_moved_voids_the_verdict(contest: World, now: str | None) -> None:
    """Compared with 1, but 3 or no version is champion by now: nothing moves, and the message says what to do."""
    contest.registry.aliases = {"challenger": "2"} | ({"champion": now} if now else {})
    before = dict(contest.registry.aliases)
    with pytest.raises(ChampionMoved, match="version 2 was compared with 1"):
        promote(contest, verdict_on("2", "1"))
    assert contest.registry.aliases == before


def test_a_champion_that_came_meanwhile_voids_a_first_verdict(contest: World) -> None:
    """Compared with no version, but there is a champion now."""
    with pytest.raises(ChampionMoved, match="compared with none"):
        promote(contest, verdict_on("2", None))


def test_an_artifact_that_changed_is_not_promoted(contest: World) -> None:
    """What was validated is what is promoted, to the byte."""
    contest.registry.tamper("2")
    with pytest.raises(ArtifactChanged, match=r"toy version 2: .* digest tampered, the validated one had digest-of-2"):
        promote(contest, verdict_on("2", "1"))
    assert contest.registry.aliases["champion"] == "1"


def test_a_verdict_without_a_digest_promotes_nothing(contest: World) -> None:
    """A check that cannot be made is not passed."""
    with pytest.raises(ArtifactChanged):
        promote(contest, verdict_on("2", "1").model_copy(update={"artifact_digest": None}))


@pytest.mark.parametrize("approval", [NO])
def test_without_approval_the_champion_stays(contest: World, approval: Approval) -> None:
    """The refused challenger loses its alias; nothing else moves."""
    promotion = promote(contest, verdict_on("2", "1"), approval)
    assert (promotion.promoted, promotion.champion_version) == (False, "1")
    assert contest.registry.aliases == {"champion": "1", "anchor": "1"}


@pytest.mark.parametrize("word", ["keep", "inconclusive", "blocked"])
def test_no_approval_makes_a_promotion_of_another_verdict(contest: World, word: Any) -> None:
    """Even if a person approved it by mistake: only the verdict `promote` moves the alias."""
    assert not promote(contest, verdict_on("2", "1").model_copy(update={"verdict": word})).promoted
    assert contest.registry.aliases["champion"] == "1"


def test_a_newer_challenger_keeps_its_alias(contest: World) -> None:
    """An old run that is cleared does not take the alias from the challenger of today."""
    contest.registry.aliases["challenger"] = "3"
    promote(contest, verdict_on("2", "1"))
    assert contest.registry.aliases["challenger"] == "3"


def test_nothing_judged_promotes_nothing(contest: World) -> None:
    """A run that had nothing to train names the champion, or says that there is none."""
    nothing = verdict_on("2", "1").model_copy(update={"version": None})
    assert promote(contest, nothing).summary == "version 1 stays champion"
    assert promote(World(), nothing.model_copy(update={"champion_version": None})).summary == "there is still no champion"


def test_an_outage_promotes_nothing(contest: World) -> None:
    """No answer means no."""
    contest.registry.down = True
    with pytest.raises(RegistryUnreachable):
        promote(contest, verdict_on("2", "1"))


def test_a_version_that_a_person_took_back_stays_back(contest: World) -> None:
    """Clearing the old run, or finding the same training again, does not undo a rollback by hand."""
    promote(contest, verdict_on("2", "1"))
    contest.registry.aliases["champion"] = "1"
    with pytest.raises(ChampionMoved, match=r"version 2 was champion before.*with force"):
        promote(contest, verdict_on("2", "1"))
    assert contest.registry.aliases["champion"] == "1"


def test_a_champion_that_kept_the_alias_challenger_loses_it(contest: World) -> None:
    """A promotion killed before its last move is tidied by the next run, which has nothing left to judge."""
    promote(contest, verdict_on("2", "1"))
    contest.registry.aliases["challenger"] = "2"
    nothing = verdict_on("2", "2").model_copy(update={"verdict": "keep", "version": None})
    promote(contest, nothing, NO)
    assert contest.registry.aliases == {"champion": "2", "previous": "1", "anchor": "1"}


def test_a_verdict_of_before_is_void_once_the_version_is_judged_again(contest: World) -> None:
    """An old run's promote, cleared after the same training was found and judged anew: its verdict counts no more."""
    verdict = verdict_on("2", "1")
    contest.registry.versions["2"].tags["evidence"] = "another"
    with pytest.raises(ChampionMoved, match="version 2 was judged again"):
        promote(contest, verdict)
    assert contest.registry.aliases["champion"] == "1"
    contest.registry.versions["2"].tags["evidence"] = verdict.evidence
    assert promote(contest, verdict).promoted


@pytest.mark.parametrize(("word", "where"), [("promote", "orchestrator"), ("promote", "registry"), ("inconclusive", "none")])
def test_an_approval_that_the_ledger_does_not_know_is_none(contest: World, word: Any, where: Any) -> None:
    """What one task hands to the next can be edited in Airflow: an approval counts only if it is in the ledger."""
    contest.model = changed(contest.model, where=where)
    verdict = verdict_on("2", "1").model_copy(update={"verdict": word})
    forged = yes(verdict).model_copy(update={"by": "alice", "override": word == "inconclusive"})
    assert not promote(contest, verdict, forged).promoted
    assert "no approval by alice" in contest.services.ledger.proved("toy")[-1].reason
    approval = fact(REQUEST, "approved", Subject(verdict.evidence, "2"), Author("alice", "r"))
    contest.services.ledger.append("toy", approval)
    assert not promote(contest, verdict, forged.model_copy(update={"by": "bob"})).promoted
    assert promote(contest, verdict, forged).promoted


def against(version: str, gain: float, low: float) -> dict[str, AgainstAnchor]:
    return {"against_anchor": AgainstAnchor(version=version, gain=gain, low=low)}


def test_the_frozen_reference_moves_up_with_a_proved_gain(contest: World) -> None:
    """A champion that was shown to be better becomes the reference; one that was not, does not."""
    promote(contest, verdict_on("2", "1").model_copy(update=against("1", 0.01, -0.002)))
    assert contest.registry.aliases["anchor"] == "1"
    promote(contest, verdict_on("3", "2").model_copy(update=against("1", 0.02, 0.004)))
    assert contest.registry.aliases["anchor"] == "3"


def test_a_reference_that_a_person_chose_stays(contest: World) -> None:
    """It moves once, with the promotion, and only from the version that was beaten."""
    promote(contest, verdict_on("2", "1").model_copy(update=against("1", 0.02, 0.004)))
    contest.registry.aliases["anchor"] = "1"
    contest.do("reconcile", day(1))
    assert contest.registry.aliases["anchor"] == "1"
    contest.registry.aliases["anchor"] = "2"
    promote(contest, verdict_on("3", "2").model_copy(update=against("1", 0.02, 0.004)))
    assert contest.registry.aliases["anchor"] == "2"


def test_killed_before_the_reference_moved_the_next_run_moves_it(contest: World) -> None:
    """Whichever write is never made."""
    before, verdict = dict(contest.lake.objects), verdict_on("2", "1").model_copy(update=against("1", 0.02, 0.004))
    for write in range(1, 8):
        contest.registry.versions["2"].tags.clear()
        contest.registry.model_tags.clear()
        contest.registry.aliases = {"champion": "1", "challenger": "2", "anchor": "1"}
        contest.lake.objects = dict(before)
        contest.registry.crash_at = write
        with suppress(Crash):
            promote(contest, verdict)
        contest.registry.crash_at = None
        assert promote(contest, verdict).promoted
        assert contest.registry.aliases == {"champion": "2", "previous": "1", "anchor": "2"}
