"""A candidate's parameters are searched before the rows that candidates are compared on, and everything uses those found."""

import json
import logging
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from include.champion import searching
from include.decisions.contest.linear_baseline import pool
from include.decisions.data.training import recipe, recipes
from include.models.contract import Candidate, Model, Refresh
from include.results import Trained, Tried
from include.search_space import Between, Dimension, OneOf, Search
from tests.fakes import Crash
from tests.toy import MODEL, World, day

TRIALS = 6
SPACE: dict[str, Dimension] = {"column": OneOf("z", "x", "nothing"), "strength": Between(0.01, 100, log=True)}


def choosy(seed: int, column: str = "z", strength: float = 1.0) -> Any:
    """Looks at one column: z is chance, x is what the label follows from, and there is no third."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if column == "nothing":
        raise RuntimeError("no such <b>column</b>")
    model = LogisticRegression(C=strength, random_state=seed)
    return make_pipeline(make_column_transformer((SimpleImputer(), [column])), model)


def searching_model(**changes: Any) -> Model:
    candidate = Candidate(build=choosy, name="choosy", search=Search(SPACE, **({"trials": TRIALS} | changes)))
    return replace(MODEL, candidates=(candidate,), refresh=Refresh())


@pytest.fixture
def world() -> World:
    """Fourteen days: two are held out, on two candidates are compared, on three before them trials are scored."""
    return World(model=searching_model(), compares=True).with_days(14)


def train(world: World, number: int = 15) -> Tried:
    """The task `train` of the searched candidate."""
    assembled = world.do("assemble", day(number))
    tried: Tried = world.do("train", day(number), assembled=assembled, candidate="choosy")
    return tried


def challenge(world: World, number: int = 15) -> tuple[Any, Trained, Any]:
    return world.challenge(day(number))


def trials_of(world: World) -> dict[str, bytes]:
    """The documents that the search keeps, by number."""
    keys = [key for key in sorted(world.lake.objects) if key.startswith("trials/") and key.endswith(".json")]
    return {key.rpartition("/")[2]: world.lake.read(key) for key in keys}


def parameters_of(world: World) -> list[Any]:
    return field_of(world, "parameters")


def field_of(world: World, name: str) -> list[Any]:
    return [json.loads(data)[name] for data in trials_of(world).values()]


def test_the_planted_parameter_is_found(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """By itself the candidate looks at chance; a failing trial ends alone; each trial is a line of the log."""
    with caplog.at_level(logging.INFO, logger=searching.__name__):
        tried = train(world)
    assert tried.searched.parameters["column"] == "x"
    assert not tried.problem
    assert re.search(rf"trial \d of {TRIALS}, .*; 0[.][89]\d+ on its folds, 0[.][45]\d+ without a search", tried.searched.how)
    assert any("no such" in problem for problem in tried.searched.failed)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == TRIALS
    assert lines[0].startswith(f"choosy: trial 1 of {TRIALS} finished: roc_auc 0.")
    assert "best so far 0." in lines[-1]
    assert parameters_of(world)[0] == {"column": "z", "strength": 1.0}


def test_a_hopeless_trial_ends_early(world: World) -> None:
    """Once four have finished, mostly after one fit instead of three; MLflow shows how it ended."""
    space: dict[str, Dimension] = {"column": OneOf("z", "x"), "strength": Between(0.01, 100, log=True)}
    world.model = replace(world.model, candidates=(Candidate(build=choosy, name="choosy", search=Search(space, trials=10)),))
    tried = train(world)
    fits = [
        (outcome, len(values)) for outcome, values in zip(field_of(world, "outcome"), field_of(world, "values"), strict=True)
    ]
    assert ("pruned", 1) in fits
    assert all((outcome == "pruned") == (count < 3) for outcome, count in fits)
    assert "ended early" in tried.searched.how
    outcomes = [trial.outcome for trial in world.registry.trials.values()]
    assert outcomes == field_of(world, "outcome")
    assert "pruned" not in outcomes[:4]


def test_everything_that_is_fitted_later_uses_what_was_found(world: World) -> None:
    """The challenger, its run and its tags, the card's pool, and the version that learns the hold-out too."""
    assembled, trained, verdict = challenge(world)
    assert trained.parameters["column"] == "x"
    first = world.registry.versions[str(trained.version)]
    assert json.loads(first.tags["parameters"]) == trained.parameters
    (training,) = world.registry.trainings
    assert training.params["column"] == "x"
    assert training.params["C"] == training.params["strength"]
    card = world.registry.reports[first.run_id, "decision_card.md"]
    assert "\nchoosy: column x, strength" in card
    promotion = world.promote(day(15), verdict)
    refreshed = world.do("refresh", day(15), assembled=assembled, trained=trained, verdict=verdict, promotion=promotion)
    assert refreshed.version == "2", refreshed
    assert world.registry.versions["2"].tags["parameters"] == first.tags["parameters"]


def test_other_parameters_are_another_training(world: World) -> None:
    """The same rows, code and seed: what the search chose is part of what names a version."""
    assembled, tried = world.do("assemble", day(15)), train(world)
    number = world.do("select", day(15), assembled=assembled, tried=[tried]).version
    other = tried.searched.model_copy(update={"parameters": {**tried.searched.parameters, "strength": 0.5}})
    again = tried.model_copy(update={"searched": other})
    assert world.do("select", day(15), assembled=assembled, tried=[again]).version != number
    assert world.do("select", day(15), assembled=assembled, tried=[tried]).version == number


@pytest.fixture(scope="module")
def undisturbed() -> tuple[Tried, list[Any]]:
    """What the search finds, and what it tries, where nothing dies."""
    world = World(model=searching_model(), compares=True).with_days(14)
    return train(world), parameters_of(world)


@pytest.mark.parametrize("killed_at", [1, 3, TRIALS])
@pytest.mark.parametrize("where", ["lake", "registry"])
def test_killed_in_the_middle_it_goes_on_to_the_same_winner(
    world: World, undisturbed: tuple[Tried, list[Any]], where: str, killed_at: int
) -> None:
    """Finished trials are found, none is computed twice, and all are in MLflow in the end."""
    expected, parameters = undisturbed
    assembled, dying = world.do("assemble", day(15)), getattr(world, where)
    dying.crash_at = killed_at
    with pytest.raises(Crash):
        world.do("train", day(15), assembled=assembled, candidate="choosy")
    dying.crash_at, kept = None, trials_of(world)
    assert len(kept) == killed_at - (where == "lake")
    assert train(world).searched == expected.searched
    assert parameters_of(world) == parameters
    assert kept.items() <= trials_of(world).items()
    assert sorted(number for _, _, number in world.registry.trials) == list(range(1, TRIALS + 1))


def test_a_spoilt_trial_is_computed_again(world: World) -> None:
    """As every object of the lake that can be made again."""
    expected = train(world).searched
    key = next(key for key in sorted(world.lake.objects) if key.endswith("0003.json") and key.startswith("trials/"))
    values = field_of(world, "values")
    world.lake.put(key, b"{}")
    assert train(world).searched == expected
    assert field_of(world, "values") == values


def test_neither_compared_nor_held_out_rows_are_known_to_the_search(world: World) -> None:
    """From the first compared day on the answer is turned round: every trial is worth what it was, to the last digit."""
    poisoned = World(model=world.model, compares=True).with_days(14, turned_from=10)
    assembled = world.do("assemble", day(15))
    assert assembled.compared_from == day(10)
    one, other = train(world), train(poisoned)
    assert field_of(world, "values") == field_of(poisoned, "values")
    assert one.searched == other.searched
    influences = [each.services.lake.read_table(str(tried.key)) for each, tried in ((world, one), (poisoned, other))]
    assert not influences[0].equals(influences[1]), "the poison is there"


def test_the_search_begins_with_what_the_champion_has(world: World) -> None:
    """After what build does by itself, if the champion is of this candidate and the space still holds it."""
    _, trained, verdict = challenge(world)
    world.promote(day(15), verdict)
    for number in range(14, 17):
        world.deliver_day(number)
    world.take_in(day(18))
    for key in [key for key in world.lake.objects if key.startswith("trials/")]:
        world.lake.delete(key)
    train(world, 18)
    assert parameters_of(world)[1] == trained.parameters
    assert len(parameters_of(world)) == TRIALS


@pytest.mark.parametrize("tag", ["no json", '["x"]', '{"column": "y", "strength": 1.0}', '{"column": "x"}', "{}"])
def test_a_tag_that_is_no_point_of_the_space_is_not_tried(world: World, tag: str) -> None:
    """MLflow's tags can be changed by anyone who may write there."""
    world.registry.add(None, {"candidate": "choosy", "parameters": tag, "trained_until": day(3).isoformat()})
    world.registry.aliases["champion"] = "1"
    train(world)
    assert parameters_of(world)[1] != {"column": "y", "strength": 1.0}
    assert len(parameters_of(world)) == TRIALS


def test_the_budget_in_minutes_ends_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least the first trial is made, and the result says that time was over."""
    world.model = searching_model(minutes=1e-9)
    tried = train(world)
    assert tried.searched.how.startswith(f"trial 1 of 1, 1e-09 minutes were over before {TRIALS}; 0.")
    assert tried.searched.parameters == {"column": "z", "strength": 1.0}


def test_a_candidate_that_fails_by_itself_is_not_searched(world: World) -> None:
    """Its own error is told once, as without a search."""

    def elsewhere(seed: int, column: str = "absent") -> Any:
        return choosy(seed, column)

    search = Search({"column": OneOf("absent", "x")})
    world.model = replace(world.model, candidates=(Candidate(build=elsewhere, name="choosy", search=search),))
    tried = train(world)
    assert "absent" in tried.problem
    assert len(trials_of(world)) == 1


def test_too_little_history_is_no_search(world: World) -> None:
    """One period before the compared ones: the candidate is compared as it is, and the result says why."""
    world = World(model=replace(searching_model(), min_train_periods=2), compares=True).with_days(4)
    tried = train(world, 5)
    assert tried.key
    assert "too little history" in tried.searched.how
    assert not trials_of(world)


def test_a_space_that_is_exhausted_is_not_fitted_again(world: World) -> None:
    """Two points and eight trials: two are computed."""
    world.model = replace(
        world.model, candidates=(Candidate(build=choosy, name="choosy", search=Search({"column": OneOf("z", "x")}, trials=8)),)
    )
    assert train(world).searched.parameters == {"column": "x"}
    assert sum(taken > 0 for taken in field_of(world, "seconds")) == 2


def test_another_space_is_another_pool() -> None:
    """What is searched, not what was found, makes a retraining routine or a change."""
    model, wider = searching_model(), Search({**SPACE, "strength": Between(0.01, 200, log=True)})
    digest = recipes(model, pool(model))
    found = replace(model.candidate, parameters={"column": "x"})
    assert recipes(model, [replace(model.candidate, search=wider)]) != recipes(model, [model.candidate])
    assert recipes(model, pool(model)) == digest
    assert recipe(model, found, found.pipeline()) != recipe(model, model.candidate, model.candidate.pipeline())


def test_rows_of_a_fold_are_those_of_its_periods(world: World) -> None:
    """The oldest row that is scored is newer than the newest one that was fitted on, and all lie before the compared ones."""
    from include.noise.suite import suite_for
    from include.request import Request
    from include.services import StepContext

    assembled = world.do("assemble", day(15))
    request = Request(as_of=day(15), reason="a test", run_id="run", asked_by="carol")
    context = StepContext(world.services, world.model, request)
    candidate = world.model.candidate
    assert candidate.search is not None
    work = searching._Work(context, assembled, candidate, candidate.search, suite_for(world.model, None))
    assert [(fold.trained, fold.scored, fold.ended) for fold in work.folds] == [
        (day(0), day(9), day(10)),
        (day(0), day(8), day(9)),
        (day(0), day(7), day(8)),
    ]
    for fold, compared in zip(work.folds, work.compared, strict=True):
        times = pd.to_datetime(compared.rows["at"])
        assert fold.scored <= times.min() <= times.max() < fold.ended
