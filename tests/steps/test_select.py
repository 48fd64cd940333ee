"""Candidates are compared before the hold-out; the winner is the challenger, and a failing one stops nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from include.champion.earlier import earlier_champions
from include.errors import DataError, ModelError, NoCandidateLeft, RegistryUnreachable
from include.models.contract import Candidate, candidate_names
from include.results import Assembled, Trained, Tried
from tests.toy import MODEL, World, build, day


def blind(seed: int) -> Any:
    """A model that looks at a column of chance alone."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(make_column_transformer((SimpleImputer(), ["z"])), LogisticRegression(random_state=seed))


def failing(seed: int) -> Any:
    raise RuntimeError("no such <b>parameter</b>")


@pytest.fixture
def world() -> World:
    """A world whose retrainings compare the whole pool."""
    return World(compares=True)


def pool_of(**builds: Any) -> Any:
    """The toy model with these candidates, by name."""
    candidates = tuple(
        Candidate(build=made, name=name) if callable(made) else replace(made, name=name) for name, made in builds.items()
    )
    return replace(MODEL, candidates=candidates)


def contest(world: World, number: int = 9) -> Trained:
    """The challenger as of a day."""
    return world.train(day(number), world.do("assemble", day(number)))


def test_the_better_candidate_is_the_challenger(world: World) -> None:
    """Whatever the order; the version says which one it is, and the pool with the lead of the winner is told."""
    world.model = pool_of(blind=blind, seeing=build)
    trained = contest(world.with_days(8))
    assert trained.candidate == "seeing"
    tags = world.registry.versions["1"].tags
    assert (tags["candidate"], len(tags["pool"])) == ("seeing", 16)
    by_name = {one.name: one for one in trained.pool}
    assert set(by_name) == {"blind", "seeing", "baseline"}
    blind_one = by_name["blind"]
    assert blind_one.ahead is not None
    assert blind_one.low is not None
    assert 0 < blind_one.low < blind_one.ahead
    assert "seeing was taken, compared on 120 rows from 2024-01-05" in trained.choice
    assert "linear baseline is as good" in trained.choice


def test_the_card_shows_the_pool(world: World) -> None:
    """Why the challenger is what it is, beside how it did."""
    world.model = pool_of(blind=blind, seeing=build)
    world.with_days(8).challenge(day(9))
    card = world.registry.reports["run-1", "decision_card.md"]
    assert "### How the challenger was chosen" in card
    assert "| blind |" in card


def test_no_row_of_the_hold_out_decides_which_candidate_wins(world: World) -> None:
    """Labels of the held-out days turned round: another verdict, the same choice with the same figures."""
    other = World(compares=True)
    for each, turned_from in ((world, None), (other, 6)):
        each.model = pool_of(blind=blind, seeing=build)
        each.with_days(8, turned_from=turned_from)
    one, two = contest(world), contest(other)
    without_seconds = [[line.model_copy(update={"seconds": None}) for line in each.pool] for each in (one, two)]
    assert without_seconds[0] == without_seconds[1]
    assert (one.candidate, one.choice) == (two.candidate, two.choice)


def test_a_short_window_wins_when_the_world_has_changed(world: World) -> None:
    """Ten days of the old world, six of the new one, of which two are held out and two compared on."""
    long, short = Candidate(build), Candidate(build, train_periods=2)
    world.model = pool_of(all_history=long, recent=short)
    trained = contest(world.with_days(16, turned_from=10), 17)
    assert trained.candidate == "recent"
    assert trained.train is not None
    assert (trained.train.start, trained.train.end, trained.train.rows) == (day(12), day(14), 120)
    tags = world.registry.versions["1"].tags
    assert (tags["trained_from"], tags["labelled_rows"]) == (day(12).isoformat(), "120")
    assert len(world.services.lake.read_snapshot(world.model, tags["train_digest"])) == 120


def test_another_window_of_the_same_recipe_is_the_routine_lane(world: World) -> None:
    """The pool was declared before: choosing from it again is no change of recipe."""
    world.model = pool_of(all_history=Candidate(build), recent=Candidate(build, train_periods=2))
    world.with_days(8)
    _, _, verdict = world.challenge(day(9))
    world.promote(day(9), verdict)
    for number in range(8, 16):
        world.deliver_day(number, turned=True)
    world.take_in(day(17))
    _, trained, _ = world.challenge(day(17))
    assert trained.candidate == "recent"
    assert world.registry.versions[str(trained.version)].tags["lane"] == "routine"


def test_a_person_may_ask_for_one_candidate(world: World) -> None:
    """It alone is fitted and meets the champion, however bad it is; who asked is told, and another name is refused."""
    world.model = pool_of(seeing=build, blind=blind, broken=failing)
    world.with_days(8)
    trained = asked_for(world, "blind")
    assert trained.candidate == "blind"
    assert [one.name for one in trained.pool] == ["blind"]
    assert trained.choice.startswith("blind, which carol asked for, was taken, compared on 120 rows")
    assert asked_for(world, "baseline").candidate == "baseline"
    with pytest.raises(NoCandidateLeft, match="broken: RuntimeError"):
        asked_for(world, "broken")
    with pytest.raises(
        DataError, match=r"toy has no candidate 'sighted'; it has seeing, blind, broken, baseline\. Trigger again"
    ):
        asked_for(world, "sighted")


def asked_for(world: World, candidate: str) -> Trained:
    """The challenger where the form names a candidate."""
    asked = {"candidate": candidate}
    assembled = world.do("assemble", day(9), asked=asked)
    names = candidate_names(world.model)
    tried = [world.do("train", day(9), asked=asked, assembled=assembled, candidate=name) for name in names]
    trained: Trained = world.do("select", day(9), asked=asked, assembled=assembled, tried=tried)
    return trained


def test_one_failing_candidate_is_told_and_the_others_go_on(world: World) -> None:
    """By its name and its own words, on the summary and on the card."""
    world.model = pool_of(broken=failing, seeing=build)
    trained = contest(world.with_days(8))
    assert trained.candidate == "seeing"
    (broken,) = [one for one in trained.pool if one.problem]
    assert (broken.name, broken.value) == ("broken", None)
    assert "no such <b>parameter</b>" in broken.problem


def test_all_failing_is_red_and_names_each(world: World) -> None:
    """The linear baseline alone is no challenger: a fault in the model's file is told."""
    world.model = pool_of(one=failing, two=failing)
    with pytest.raises(NoCandidateLeft, match=r"one: RuntimeError.*two: RuntimeError.*Correct include/models/toy\.py"):
        contest(world.with_days(8))


def test_an_outage_is_no_candidates_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task is tried again; nothing is compared without one of the pool."""

    def down(*_: Any) -> None:
        raise RegistryUnreachable("down")

    monkeypatch.setattr("include.steps.train.in_parallel", down)
    assembled = world.with_days(8).do("assemble", day(9))
    with pytest.raises(RegistryUnreachable):
        world.do("train", day(9), assembled=assembled, candidate="main")


def test_the_same_comparison_is_found_and_not_done_twice(world: World) -> None:
    """A cleared task fits nothing again; another suite, seed or recipe is another comparison."""
    assembled = world.with_days(8).do("assemble", day(9))
    first, again = (world.do("train", day(9), assembled=assembled, candidate="main") for _ in range(2))
    assert (first.key, again.seconds) == (again.key, None)
    world.model = MODEL.with_candidate(seed=5)
    assert world.do("train", day(9), assembled=assembled, candidate="main").key != first.key


def test_too_little_history_to_compare_takes_the_first_candidate(world: World) -> None:
    """One day to train on: it cannot be split once more."""
    world.model = replace(pool_of(seeing=build, blind=blind), min_train_periods=1)
    assembled = world.with_days(3).do("assemble", day(4))
    assert assembled.compared_from is None
    trained = world.train(day(4), assembled)
    assert trained.candidate == "seeing"
    assert "too little history" in trained.choice


def two_champions(world: World) -> None:
    """The second one promoted after the world had turned, from what was learned since."""
    world.model = MODEL.with_candidate(train_periods=4)
    world.with_days(8)
    for number, turned in ((9, False), (17, True)):
        for later in range(8, number - 1):
            world.deliver_day(later, turned=turned)
        world.take_in(day(number))
        _, _, verdict = world.challenge(day(number))
        world.promote(day(number), verdict)
    assert world.registry.aliases["champion"] == "2"


def test_an_earlier_champion_comes_back_where_its_world_does(world: World) -> None:
    """Learned before the world turned, and turned back: it needs no training, passes the same gate, and is promoted again."""
    two_champions(world)
    for later in range(16, 22):
        world.deliver_day(later, turned=False)
    world.take_in(day(23))
    _, trained, verdict = world.challenge(day(23))
    assert (trained.version, trained.returns, trained.candidate) == ("1", True, "version 1")
    assert verdict.verdict == "promote", verdict.reasons
    assert world.promote(day(23), verdict).promoted
    assert world.registry.aliases["champion"] == "1"
    assert world.registry.aliases["previous"] == "2"


def test_a_version_that_was_rolled_back_from_does_not_come_back_by_itself(world: World) -> None:
    """A person found a fault in it that no hold-out shows."""
    two_champions(world)
    assert [one.number for one in earlier_champions(world.services, world.model, day(30), 6)] == ["1"]
    target = world.do("verify_target", day(18))
    world.do("roll_back", day(18), verified=target)
    assert world.registry.aliases["champion"] == "1"
    assert earlier_champions(world.services, world.model, day(30), 6) == []


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ((), "at least one is needed"),
        ((Candidate(build), Candidate(build)), "2 candidates, of which several are called main: name each one"),
        ((Candidate(build, name="baseline"),), "baseline is taken"),
        ((Candidate(build, name="My Model"),), "use lower-case letters"),
        ((Candidate(build, train_periods=0),), "train_periods 0 of candidate main: at least 1"),
    ],
)
def test_a_pool_that_cannot_be_used_is_refused(candidates: Any, message: str) -> None:
    """With what is accepted, where a model is declared."""
    with pytest.raises(ModelError, match=message):
        replace(MODEL, candidates=candidates)


def test_the_pool_of_a_model_is_known_when_its_dag_is_parsed() -> None:
    """One mapped task for each, the baseline last."""
    assert candidate_names(pool_of(one=build, two=build)) == ["one", "two", "baseline"]


def test_a_run_with_nothing_to_train_says_so_in_every_task() -> None:
    """Green, with the reason of assemble."""
    skipped = Assembled(skipped="too little")
    assert "too little" in World().do("train", day(9), assembled=skipped, candidate="main").summary
    assert World().do("select", day(9), assembled=skipped, tried=[Tried(candidate="main")]).version is None
