"""Refresh: the promoted recipe learns the hold-out's rows too, as a version that stays close to the validated one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from include.champion.earlier import earlier_champions
from include.decisions.gate.refresh import shift
from include.decisions.scoring.predictions import Ranking
from include.errors import ModelError
from include.models.contract import Refresh
from include.results import Assembled, Promotion, Refreshed, Trained, Verdict
from tests.toy import MODEL, World, day, fitted


def retrained(world: World, number: int) -> tuple[Assembled, Trained, Verdict, Promotion]:
    """A whole retraining up to the promotion."""
    assembled, trained, verdict = world.challenge(day(number))
    return assembled, trained, verdict, world.promote(day(number), verdict)


def refreshed(world: World, number: int, results: Any = None) -> Refreshed:
    """What refresh makes of it."""
    names = ("assembled", "trained", "verdict", "promotion")
    inputs = dict(zip(names, results or retrained(world, number), strict=True))
    result: Refreshed = world.do("refresh", day(number), **inputs)
    return result


def refreshing(**changes: Any) -> Any:
    return replace(MODEL, refresh=Refresh(**changes))


def test_the_champion_has_learned_the_hold_out_too(world: World) -> None:
    """A version of its own, trained until the end of the hold-out; the validated one is what one goes back to."""
    world.model = refreshing()
    result = refreshed(world.with_days(8), 9)
    assert (result.version, result.instead_of) == ("2", "1")
    assert world.registry.aliases["champion"] == "2"
    assert world.registry.aliases["previous"] == "1"
    tags = world.registry.versions["2"].tags
    assert (tags["trained_until"], tags["labelled_rows"], tags["refreshes"]) == (day(8).isoformat(), "480", "1")
    assert tags["proved_value"] == world.registry.versions["1"].tags["proved_value"]
    assert {"latency_ms", "size_mb", "memory_mb"} <= set(tags), "the next card has what its champion costs"
    assert len(world.services.lake.read_snapshot(world.model, tags["train_digest"])) == 480
    card = world.registry.descriptions["2"]
    assert card.startswith("## REFRESHED: toy version 2")
    assert "| training | 2024-01-01 | 2024-01-09 | 480 |" in card


def test_the_ledger_names_what_was_validated(world: World) -> None:
    """No version is promoted on the evidence of another one without saying so."""
    world.model = refreshing()
    refreshed(world.with_days(8), 9)
    promoted = [one for one in world.services.ledger.entries("toy") if one.event == "promoted"]
    assert [one.version for one in promoted] == ["1", "2"]
    assert promoted[1].evidence["refreshes"] == "1"
    assert "version 1 was validated; version 2 is the same recipe" in promoted[1].reason


def test_a_second_try_finds_training_and_promotion(world: World) -> None:
    """Of refresh, and of promote, whose version is no longer champion by then."""
    world.model = refreshing()
    results = retrained(world.with_days(8), 9)
    first, again = refreshed(world, 9, results), refreshed(world, 9, results)
    assert first == again
    assert len(world.registry.trainings) == 2
    assert world.promote(day(9), results[2]).promoted
    assert world.registry.aliases["champion"] == "2"
    assert len([one for one in world.services.ledger.entries("toy") if one.event == "promoted"]) == 2


def test_a_second_try_measures_no_cost_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another reading of the clock would stand beside the one that it was promoted with, as if a person had changed it."""
    world.model = refreshing()
    results = retrained(world.with_days(8), 9)
    refreshed(world, 9, results)
    cost = {name: world.registry.versions["2"].tags[name] for name in ("latency_ms", "memory_mb")}
    once = world.registry.try_out
    monkeypatch.setattr(world.registry, "try_out", lambda *asked: replace(once(*asked), latency_ms=3.0))
    refreshed(world, 9, results)
    assert {name: world.registry.versions["2"].tags[name] for name in cost} == cost
    assert "tags_restored" not in [one.event for one in world.services.ledger.proved("toy")]


def test_the_next_hold_out_is_newer_than_all_that_the_champion_has_seen(world: World) -> None:
    """Until then there is nothing to judge a challenger by, and the run says so."""
    world.model = refreshing()
    refreshed(world.with_days(8), 9)
    for number in range(8, 10):
        world.deliver_day(number)
    world.take_in(day(11))
    assert "the champion was trained on rows until 2024-01-09" in str(world.do("assemble", day(10)).skipped)
    assembled = world.do("assemble", day(11))
    assert assembled.holdout.start == day(8)
    # Trained up to there, a challenger would be the champion again: nothing is compared, and no error is spent.
    trained = world.train(day(11), assembled)
    assert trained.version == "2"
    verdict = world.do("validate", day(11), assembled=assembled, trained=trained)
    assert (verdict.verdict, verdict.version) == ("keep", None)
    assert "the same data and recipe made version 2 before, and it is the champion" in verdict.reasons


def test_answers_that_move_too_far_leave_the_validated_version(world: World) -> None:
    """The hold-out's labels are turned round there: what learns them is another model."""
    world.model = refreshing(largest_shift=0.001)
    result = refreshed(world.with_days(8), 9)
    assert result.version is None
    assert "its answers moved by" in result.problems[0]
    assert world.registry.aliases["champion"] == "1"
    assert "version 1 stays" in result.summary
    tags = world.registry.versions["2"].tags
    assert tags["verdict"] == "keep"
    assert "its answers moved by" in tags["reason"]


def test_an_artifact_that_cannot_be_loaded_is_not_promoted(world: World) -> None:
    """The same check as the challenger's."""
    world.model = refreshing()
    results = retrained(world.with_days(8), 9)
    world.registry.failing_trial = "a fresh process could not load it"
    assert "cannot be loaded as a server would" in refreshed(world, 9, results).problems[0]


def test_a_short_window_moves_on(world: World) -> None:
    """Four periods stay four periods: the newest ones."""
    world.model = replace(MODEL.with_candidate(train_periods=4), refresh=Refresh())
    result = refreshed(world.with_days(10), 11)
    assert result.version == "2"
    tags = world.registry.versions["2"].tags
    assert (tags["trained_from"], tags["trained_until"]) == (day(6).isoformat(), day(10).isoformat())


def test_without_it_the_validated_version_answers(world: World) -> None:
    """It is declared in the model's file."""
    results = retrained(world.with_days(8), 9)
    world.model = replace(MODEL, refresh=None)
    assert "declares none" in refreshed(world, 9, results).summary
    kept = results[3].model_copy(update={"promoted": False})
    assert refreshed(world, 9, (*results[:3], kept)).summary == "nothing was promoted"


def test_a_champion_that_moved_meanwhile_is_left_alone(world: World) -> None:
    """A user set the alias in between: that counts."""
    world.model = refreshing()
    results = retrained(world.with_days(8), 9)
    other = world.registry.add(fitted(), dict(world.registry.versions["1"].tags))
    world.registry.set_alias("toy", "champion", other.number)
    assert f"not refreshed: the champion is version {other.number} by now" in refreshed(world, 9, results).summary


def test_the_validated_version_is_no_earlier_champion_that_could_come_back(world: World) -> None:
    """It is in the refreshed one: a choice between the two would be chance."""
    world.model = refreshing()
    refreshed(world.with_days(8), 9)
    assert world.services.ledger.state("toy").were_champion == ("1", "2")
    assert earlier_champions(world.services, world.model, day(30), 6) == []


def test_how_far_answers_moved() -> None:
    """In standard deviations of the validated ones; of classes, the share of rows with another first answer."""
    assert shift(np.array([1.0, 3.0]), np.array([2.0, 3.0])) == pytest.approx(0.5)
    assert shift(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == float("inf")
    one = Ranking(np.array([["a"], ["b"]], dtype=object), np.array([[0.5], [0.5]]), 2)
    other = Ranking(np.array([["a"], ["a"]], dtype=object), np.array([[0.5], [0.5]]), 2)
    assert shift(one, other) == 0.5


def test_a_shift_of_nothing_is_refused() -> None:
    """No second training gives the very same answers."""
    with pytest.raises(ModelError, match="largest_shift and largest_change must be above 0"):
        refreshing(largest_shift=0.0)
