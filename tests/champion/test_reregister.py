"""A version is brought over an upgrade of its libraries: equal answers, a version of its own, an entry in the ledger."""

import sys

import pytest

from include.adapters.mlflow_registry import MlflowRegistry
from include.adapters.registry import Registry
from include.champion.reregister import Reregistered, reregister
from include.errors import AnswersDiffer, OtherLibraries
from include.request import Request
from include.services import StepContext
from tests.adapters.registering import registered
from tests.toy import World, changed, day, rows


def crossed(world: World, number: str = "1") -> Reregistered:
    request = Request(as_of=day(10), reason="LightGBM 5", run_id="reregister", reason_given=True, asked_by="carol")
    return reregister(StepContext(world.services, world.model, request), number, sys.executable)


def test_the_champion_gives_its_place_to_what_was_saved_again() -> None:
    """With its tags, so that later runs decide as before; the ledger names both, and a second run finds its version."""
    world = World().with_champion()
    before = world.registry.champion("toy")
    assert before is not None
    done = crossed(world)
    assert done == Reregistered("2", "1", done.rows, champion=True)
    assert done.rows >= 100
    champion = world.registry.champion("toy")
    assert champion is not None
    assert (champion.number, champion.tags["reregisters"]) == ("2", "1")
    assert champion.trained_until == before.trained_until
    assert champion.tags["recipe"] == before.tags["recipe"]
    newest = world.services.ledger.newest_about("toy", "promoted", "2")
    assert newest is not None
    assert newest.by == "carol"
    assert "version 2 is version 1, saved again by scikit-learn" in newest.reason
    assert newest.evidence["reregisters"] == "1"
    assert crossed(world).version == "2"
    assert len(world.registry.versions) == 2


def test_a_version_that_is_not_champion_only_gets_a_copy() -> None:
    """Such as the one that a rollback may go back to."""
    world = World().with_champion()
    version = world.registry.add(world.registry.pipelines["1"], dict(world.registry.versions["1"].tags))
    assert crossed(world, version.number) == Reregistered("3", "2", crossed(world, version.number).rows, champion=False)
    assert world.registry.aliases["champion"] == "1"


def test_other_answers_change_nothing() -> None:
    """The champion stays, and the message says by how much they differ and what to do."""
    world = World().with_champion()
    world.registry.other_answers = 0.25
    with pytest.raises(AnswersDiffer, match=r"differ by up to 0\.25, accepted is 1e-06.*toy\.retrain with force"):
        crossed(world)
    assert world.registry.aliases["champion"] == "1"
    assert len(world.registry.versions) == 1


def test_the_monitor_goes_on_with_it() -> None:
    """Scores, quality and the next contest know the new version by the old one's training."""
    world = World().with_champion()
    crossed(world)
    world.deliver_day(9)
    world.take_in(day(11))
    champion = world.scored(day(11)).champion
    assert champion is not None
    assert champion.version == "2"


def test_a_real_version_of_other_libraries_is_named_and_brought_over(
    tmp_path: "pytest.TempPathFactory", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything of it is loaded the error says which, and what to run; fresh processes of both environments answer."""
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    model = changed(name="toy_upgraded", trusted_types=("numpy.dtype",))
    registry: Registry = MlflowRegistry.in_folder(tmp_path, model.name, page_url="http://registry.example")  # type: ignore[arg-type]
    registered(registry, model, requirements=["scikit-learn==1.2.1", "no-such-library==4.6.0", "numpy==1.0.0"])
    asked = rows(1)[model.feature_names]
    with pytest.raises(
        OtherLibraries, match=r"scikit-learn 1\.2\.1, and here is .*; no-such-library 4\.6\.0, which is not"
    ) as said:
        registry.load(model, "1")
    assert "python -m include.cli reregister toy_upgraded --version 1" in str(said.value)
    with pytest.raises(OtherLibraries, match=r"scikit-learn 1\.2\.1"):
        registry.try_out(model, "1", asked)
    crossing = registry.across(model, "1", asked, sys.executable)
    assert (crossing.before.answers == crossing.here.answers).all()
    assert (crossing.pipeline.predict_proba(asked) == crossing.here.answers).all()
    assert crossing.format == "skops"
