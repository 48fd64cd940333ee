"""Train makes a challenger once for the same rows, recipe and seed, and records what made it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression

from include.decisions.data.training import recipe
from include.errors import RegistryUnreachable
from include.models.contract import Augment, NoisePlan
from tests.fakes import Crash
from tests.toy import MODEL, World, build, changed, day


def train(world: World, force: bool = False) -> str:
    assembled = world.do("assemble", day(9))
    number = world.train(day(9), assembled, force).version
    assert number is not None
    return str(number)


def test_the_challenger_is_registered_with_what_made_it(world: World) -> None:
    """Rows by digest, criteria, seed, lock and trigger are on the version; the alias points at it; no champion yet."""
    number = train(world.with_days(8))
    tags = world.registry.versions[number].tags
    assert tags["trained_until"] == day(6).isoformat()
    assert tags["criteria"] == MODEL.criteria_digest
    assert (tags["seed"], tags["trigger"], tags["labelled_rows"]) == (str(MODEL.candidate.seed), "a test", "360")
    assert {"train_digest", "holdout_digest", "recipe", "git", "lock", "pipeline_run", "pipeline_run_url"} <= set(tags)
    assert world.registry.aliases == {"challenger": number}
    (training,) = world.registry.trainings
    assert any(line.startswith("scikit-learn==") for line in training.requirements)
    assert "def build" in training.files["model_source.py"]
    assert training.params["C"] == "0.1"


def test_the_same_training_is_found_and_not_done_twice(world: World) -> None:
    """A cleared task finds the version that its first try made."""
    assert train(world.with_days(8)) == train(world) == "1"
    assert len(world.registry.trainings) == 1


def test_force_trains_again(world: World) -> None:
    """A person can have it done anew; the same forced run cleared again is still done once."""
    train(world.with_days(8))
    assert train(world, force=True) == train(world, force=True) == "2"


def test_other_rows_are_another_training(world: World) -> None:
    """One more labelled day makes a new challenger."""
    train(world.with_days(8))
    world.deliver_day(8)
    world.take_in(day(10))
    assembled = world.do("assemble", day(10))
    assert world.train(day(10), assembled).version == "2"


@pytest.mark.parametrize("changes", [{"seed": 7}, {"margin": 0.03}, {"min_train_periods": 4}], ids=str)
def test_a_training_is_named_by_everything_its_result_depends_on(world: World, changes: dict[str, Any]) -> None:
    """Another seed or other criteria are another training; what changes nothing about the result is not."""
    train(world.with_days(8))
    world.model = MODEL.with_candidate(**changes) if "seed" in changes else changed(**changes)
    assert train(world) == ("1" if "min_train_periods" in changes else "2")


def test_killed_at_any_write_and_run_again_there_is_one_challenger(world: World) -> None:
    """Registered but not aliased, or neither: the next run completes it."""
    world.with_days(8)
    for write in (1, 2):
        world.registry.crash_at = write
        with pytest.raises(Crash):
            train(world)
        world.registry.crash_at = None
    assert train(world) == "1"
    assert (list(world.registry.versions), world.registry.aliases) == (["1"], {"challenger": "1"})


def test_training_never_reads_the_holdout(world: World) -> None:
    """The holdout is never read while training: its rows can be gone."""
    assembled = world.with_days(8).do("assemble", day(9))
    manifest = f"snapshots/toy/{assembled.holdout.digest}.json"
    files = json.loads(world.lake.read(manifest))["files"]
    for key in [manifest, *(file["key"] for file in files)]:
        world.lake.delete(key)
    assert world.train(day(9), assembled).version == "1"


def test_rows_whose_label_is_unknown_are_not_trained_on(world: World) -> None:
    """A row without a label is known to be neither."""
    world.with_days(8)
    world.landing.now = day(9)
    world.landing.put("toy/labels/late.csv", b"id,at,y\n0-0,2024-01-01T00:00:00Z,\n")
    world.take_in(day(9))
    train(world)
    assert world.registry.versions["1"].tags["labelled_rows"] == "359"


def test_a_champion_that_is_found_again_is_no_challenger(seasoned: World) -> None:
    """Same rows, same recipe: the champion keeps its alias and gets no second one."""
    seasoned.registry.versions["1"].tags["trained_until"] = day(6).isoformat()
    assembled = seasoned.do("assemble", day(9))
    assert seasoned.train(day(9), assembled).version == "1"
    assert seasoned.registry.aliases == {"champion": "1", "anchor": "1"}


def test_a_recipe_changes_with_features_and_parameters_and_with_nothing_else() -> None:
    """The routine lane is for equal recipes on fresher rows, so they must be told apart."""
    same = recipe(MODEL, MODEL.candidate, build(1))
    assert recipe(MODEL, MODEL.candidate, build(1)) == same
    assert recipe(changed(cadence="0 0 * * *"), MODEL.candidate, build(1)) == same
    assert recipe(MODEL, MODEL.candidate, build(1).set_params(logisticregression__C=2.0)) != same
    assert recipe(changed(features=MODEL.features[:2]), MODEL.candidate, build(1)) != same


def test_augmentation_is_another_recipe() -> None:
    """A model that is trained on noise is in the change lane, and so is one that is trained on other noise."""
    plans = [None, Augment(), Augment(copies=2), Augment(corruptions=("missing",))]
    recipes = [recipe(MODEL, replace(MODEL.candidate, augment=plan), build(1)) for plan in plans]
    assert len(set(recipes)) == 4
    dropped = changed(augment=Augment(), noise=NoisePlan(drop=("typo",)))
    assert recipe(dropped, dropped.candidate, build(1)) not in recipes
    assert recipe(changed(noise=NoisePlan(drop=("typo",))), MODEL.candidate, build(1)) == recipes[0]


def test_an_augmented_training_is_fitted_on_corrupted_copies_too(world: World) -> None:
    """Three times the rows with two copies, and each copy has the labels of its rows."""
    seen: list[list[float]] = []

    class Watched(LogisticRegression):  # type: ignore[misc]  # it has no types
        def fit(self, frame: Any, labels: Any) -> Any:
            seen.append(labels.tolist())
            return super().fit(frame, labels)

    def watched(seed: int) -> Any:
        pipeline = build(seed)
        pipeline.steps[-1] = ("watched", Watched(C=0.1))
        return pipeline

    world.model = changed(augment=Augment(copies=2), build=watched)
    train(world.with_days(8))
    # Later fits, of a sample without copies, find out whether the recipe repeats.
    assert len(seen[0]) == 3 * 360
    assert seen[0] == seen[0][:360] * 3


def test_an_outage_registers_nothing(world: World) -> None:
    """The error is marked as one that can be retried."""
    assembled = world.with_days(8).do("assemble", day(9))
    world.registry.down = True
    with pytest.raises(RegistryUnreachable):
        world.train(day(9), assembled)


def test_the_page_of_the_version_comes_with_it(world: World) -> None:
    """Airflow's page links it without a request to MLflow."""
    assembled = world.with_days(8).do("assemble", day(9))
    assert world.train(day(9), assembled).version_url == "http://registry.example/toy/1"
