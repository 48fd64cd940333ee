"""Probation looks at a new champion when it was declared, blames one that is worse, and says each thing once."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from include.errors import Locked
from include.ledger.entries import Entry
from include.models.contract import Probation
from include.noise.profile import NoiseProfile
from include.own_columns import VERSION
from include.results import Probated
from include.statuses import PeriodProfile
from tests.fakes import Crash
from tests.steps.test_promote import verdict_on, yes
from tests.toy import World, day, rows

OURS = ("looked", "rollback_proposed", "probation_ended")


def pipeline(world: World, wrong: float) -> Any:
    """Trained as version 1, but with this share of its labels turned."""
    known = np.random.default_rng(5)
    frame = rows(0, count=600)
    turned = known.random(len(frame)) < wrong
    return world.model.candidate.build(1).fit(frame[["x", "z", "colour"]], np.where(turned, 1 - frame["y"], frame["y"]))


def promoted(world: World, new: Any, as_of: int = 9) -> World:
    """A new version replaces the champion, by a verdict made by hand."""
    old = str(world.services.ledger.state("toy").champion)
    version = world.registry.add(new, dict(world.registry.versions["1"].tags)).number
    verdict = verdict_on(version, old)
    world.registry.annotate("toy", version, {"evidence": verdict.evidence})
    assert world.do("promote", day(as_of), verdict=verdict, approval=yes(verdict)).promoted
    return world


def live(world: World, first: int, last: int, labels: bool = True) -> World:
    """Days from first to last are delivered."""
    for number in range(first, last + 1):
        world.deliver_day(number, labels=labels)
    world.take_in(day(last + 1))
    return world


def monitor(world: World, number: int, run_id: str = "") -> Probated:
    """Score and probation as of a day; the monitor of that day."""
    scored = world.scored(day(number))
    found: Probated = world.do("probation", day(number), asked={"run_id": run_id or f"monitor {number}"}, scored=scored)
    return found


def written(world: World) -> list[tuple[str, str]]:
    """What probation wrote into the ledger, which must be whole."""
    return [(entry.event, entry.key) for entry in entries(world)]


def entries(world: World) -> list[Entry]:
    return [entry for entry in world.services.ledger.proved("toy") if entry.event in OURS]


WORSE = [("looked", "2 look 1"), ("rollback_proposed", "2 to 1"), ("probation_ended", "2 on probation")]


@pytest.fixture
def bad(seasoned: World) -> World:
    """Version 2 answers mostly the opposite; it became champion on day 9, and days 9 to 14 are delivered."""
    return live(promoted(seasoned, pipeline(seasoned, 0.9)), 9, 14)


@pytest.fixture
def equal(seasoned: World) -> World:
    """Version 2 is a copy of version 1."""
    return live(promoted(seasoned, seasoned.registry.pipelines["1"]), 9, 16)


def test_only_a_champion_that_replaced_another_is_on_probation(seasoned: World, world: World) -> None:
    """A first champion has replaced no version, and without a champion there is no probation at all."""
    assert monitor(seasoned, 9).decision == "none"
    assert monitor(world.with_days(1), 1).decision == "none"
    assert not entries(seasoned)


def test_a_worse_champion_is_found_at_the_first_look_and_a_rollback_proposed(bad: World) -> None:
    """Not before two periods are mature, although one is enough to see it; then once, and probation is over."""
    assert [monitor(bad, number).decision for number in (9, 10, 11)] == ["going on"] * 3
    assert written(bad) == []
    found = monitor(bad, 12)
    assert (found.decision, found.version, found.against, found.looks, found.then) == ("worse", "2", "1", 1, "propose")
    assert found.z is not None
    assert found.bound is not None
    assert found.z < -found.bound == pytest.approx(-2.797, abs=1e-3)
    assert written(bad) == WORSE
    assert bad.services.ledger.state("toy").on_probation is None
    assert [monitor(bad, number).decision for number in (13, 14)] == ["none", "none"]
    assert bad.registry.aliases["champion"] == "2"


def test_a_look_says_on_what_it_rests(bad: World) -> None:
    """Figures in words for people, and as evidence: the plan, the rows, the periods, and where both versions' answers are."""
    monitor(bad, 12)
    looked, proposed, ended = entries(bad)
    assert looked.reason.startswith("look 1 of 2: version 2 against 1 on 120 rows of 2 periods: roc_auc -")
    assert looked.reason.endswith("worse at -2.80 or below: it is worse")
    assert proposed.reason == f"roll back to version 1: {looked.reason}"
    assert (looked.version, looked.by, looked.as_of, ended.evidence["against"]) == ("2", "probation", day(12), "1")
    assert looked.evidence["plan"] == {"periods": 4, "looks": 2, "alpha": 0.025}
    assert looked.evidence["periods"] == [day(9).isoformat(), day(10).isoformat()]
    kept = [bad.services.lake.read_table(key) for key in looked.evidence["predictions"]]
    assert [set(table[VERSION]) for table in kept] == [{"2"}, {"1"}] * 2
    assert kept[0]["id"].equals(kept[1]["id"])


def test_an_equal_champion_passes_at_the_last_look(equal: World) -> None:
    """Looks after two and four periods, nothing in between, nothing after."""
    found = [monitor(equal, number).decision for number in range(9, 17)]
    assert found == ["going on"] * 5 + ["passed", "none", "none"]
    assert written(equal) == [("looked", "2 look 1"), ("looked", "2 look 2"), ("probation_ended", "2 on probation")]
    assert entries(equal)[-1].reason.endswith("it is not shown to be worse, and has passed")


def test_nothing_is_looked_at_between_the_looks(equal: World) -> None:
    """With three periods mature the figures of the third are not computed, whatever they are."""
    monitor(equal, 12)
    equal.registry.pipelines["2"] = pipeline(equal, 0.95)
    assert monitor(equal, 13).summary.endswith("3 periods are mature, look 2 of 2 comes after 4")
    assert written(equal) == [("looked", "2 look 1")]


def test_looks_that_were_missed_are_taken_with_what_there_is(equal: World) -> None:
    """The monitor did not run for a week: both looks are taken at once, each once, on the declared number of periods."""
    assert monitor(equal, 16).decision == "passed"
    assert [entry.evidence["rows"] for entry in entries(equal)[:2]] == [240, 240]
    assert written(equal) == [("looked", "2 look 1"), ("looked", "2 look 2"), ("probation_ended", "2 on probation")]


def test_the_same_run_again_adds_nothing_and_says_the_same(bad: World) -> None:
    """A cleared task repeats its message; a later run does not, and neither does one after a rollback."""
    first = monitor(bad, 12)
    assert monitor(bad, 12) == first
    assert written(bad) == WORSE
    assert monitor(bad, 12, run_id="another").decision == "none"
    bad.registry.aliases["champion"] = "1"
    bad.do("reconcile", day(13))
    assert monitor(bad, 12).decision == "none"


@pytest.mark.parametrize("write", [1, 2, 3])
def test_killed_at_any_write_and_run_again_ends_the_same(bad: World, write: int) -> None:
    """A look that was written counts as it was taken, also in a run that comes days later."""
    scored = bad.scored(day(12))
    bad.lake.crash_at = write
    with pytest.raises(Crash):
        bad.do("probation", day(12), scored=scored)
    bad.lake.crash_at = None
    assert monitor(bad, 14).decision == "worse"
    assert written(bad) == WORSE


def test_a_run_that_plays_before_the_promotion_does_nothing(bad: World) -> None:
    """A back-fill does not judge a version that was not there yet."""
    assert bad.scored(day(8)).shadow is None
    assert monitor(bad, 8).decision == "none"
    assert written(bad) == []


def test_labels_count_when_they_are_due(bad: World) -> None:
    """All labels have been delivered; played as of day 11, those of day 10 are not known."""
    assert "1 periods are mature" in monitor(bad, 11).summary


def test_a_champion_that_changed_meanwhile_is_not_looked_at(bad: World) -> None:
    """Made champion by hand after score had run, version 1 is on no probation, and 2 no longer is."""
    scored = bad.scored(day(12))
    bad.registry.aliases["champion"] = "1"
    bad.do("reconcile", day(12))
    assert bad.do("probation", day(12), scored=scored).decision == "none"
    assert monitor(bad, 12).decision == "none"
    assert written(bad) == []


def test_a_promotion_in_the_middle_of_a_look_is_not_blamed_for_it(bad: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry would be about version 2 while 3 is on probation: it is refused, and the task is tried again."""
    module = __import__("include.steps.probation", fromlist=["gain_over"])
    measure = module.gain_over

    def slowly(*given: Any) -> Any:
        promoted(bad, "pipeline", as_of=12)
        return measure(*given)

    monkeypatch.setattr(module, "gain_over", slowly)
    with pytest.raises(Locked):
        monitor(bad, 12)
    probation = bad.services.ledger.state("toy").on_probation
    assert probation is not None
    assert (probation.version, probation.looks, written(bad)) == ("3", 0, [])


def test_a_broken_period_is_no_part_of_it(bad: World) -> None:
    """What upstream broke says nothing about either version."""
    bad.services.lake.write_profile("toy", PeriodProfile(day(9), NoiseProfile(60), ("x",)))
    assert "1 periods are mature" in monitor(bad, 12).summary
    assert monitor(bad, 13).decision == "worse"
    assert entries(bad)[0].evidence["periods"] == [day(10).isoformat(), day(11).isoformat()]


def test_a_previous_champion_that_was_deleted_ends_it_once(bad: World) -> None:
    """The ledger says why, and the champion stays."""
    del bad.registry.versions["1"]
    found = monitor(bad, 12)
    assert found.decision == "impossible"
    assert "version 1 cannot score any more: RegistryError: toy version 1 was deleted" in found.summary
    assert written(bad) == [("probation_ended", "2 on probation")]
    assert monitor(bad, 13).decision == "none"


def test_labels_that_never_come_end_it(seasoned: World) -> None:
    """After twice the declared periods and the wait for labels, it is given up, and the ledger says so."""
    live(promoted(seasoned, pipeline(seasoned, 0.9)), 9, 21, labels=False)
    assert monitor(seasoned, 20).decision == "going on"
    found = monitor(seasoned, 21)
    assert (found.decision, written(seasoned)) == ("impossible", [("probation_ended", "2 on probation")])
    assert "only 0 of 4 periods could be judged" in found.summary


def test_labels_of_one_class_are_no_look(bad: World) -> None:
    """The metric has no value on them: the look is taken when it has one."""
    for number in (9, 10):
        bad.deliver("labels", f"{number:02}z", rows(number)[["id", "at"]].assign(y=1))
    bad.take_in(day(12))
    assert monitor(bad, 12).decision == "going on"
    assert written(bad) == []
    assert monitor(bad, 13).decision == "worse"
    assert entries(bad)[0].evidence["rows"] == 180


def test_a_metric_that_has_no_value_at_the_end_ends_it(bad: World) -> None:
    """Probation does not wait for a look that can never be taken, and it does not count as passed."""
    for number in range(9, 13):
        bad.deliver("labels", f"{number:02}z", rows(number)[["id", "at"]].assign(y=1))
    bad.take_in(day(13))
    assert monitor(bad, 13).decision == "going on"
    assert monitor(bad, 14).summary == "roc_auc has no value on the rows of 4 periods"
    assert written(bad) == [("probation_ended", "2 on probation")]


def test_a_model_may_ask_for_the_rollback_itself(bad: World) -> None:
    """What is found is the same; the monitor then starts the rollback."""
    bad.model = replace(bad.model, probation=Probation(then="roll_back"))
    assert monitor(bad, 12).then == "roll_back"
    assert written(bad) == WORSE


def test_a_model_without_probation_ends_it(bad: World) -> None:
    """No shadow is scored, and no version stays on probation for ever."""
    bad.model = replace(bad.model, probation=None)
    assert bad.scored(day(12)).shadow is None
    assert monitor(bad, 12).decision == "none"
    assert "the model declares no probation" in entries(bad)[0].reason
    assert written(bad) == [("probation_ended", "2 on probation")]


def test_the_plan_of_the_first_look_is_kept_to_the_last(equal: World) -> None:
    """More looks, declared once the first was seen, are for the next champion."""
    monitor(equal, 12)
    equal.model = replace(equal.model, probation=Probation(periods=8, looks=8, alpha=0.4))
    assert monitor(equal, 13).decision == "going on"
    assert monitor(equal, 14).decision == "passed"
    assert entries(equal)[1].evidence["plan"] == {"periods": 4, "looks": 2, "alpha": 0.025}
