"""Each recipe of docs/estimators.md keeps the model contract, and goes through the registry to the last bit."""

from collections.abc import Callable
from importlib.metadata import version as installed
from pathlib import Path

import pytest

from include.adapters.mlflow_registry import MlflowRegistry
from include.decisions.scoring.answering import answers_of, predict
from include.decisions.scoring.predictions import same
from include.formats import format_named
from include.formats.code_used import own_source, requirements_of
from include.formats.port import Untrusted
from include.models.contract import Model
from tests.adapters.registering import training
from tests.estimators.recipes import blocks
from tests.models.test_contract import CHECKS, Check, rows, survives_the_registry, with_own_code
from tests.toy import changed

NAMES = sorted(blocks())
LIBRARIES = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu", "catboost": "catboost"}
Recipe = Callable[[str], Model]


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_keeps_the_model_contract(recipe: Recipe, name: str, examine: Check) -> None:
    """As it stands on the page: its types are all that loading needs, and none too many."""
    examine(recipe(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_goes_through_the_registry(recipe: Recipe, name: str, tmp_path: Path) -> None:
    """Registered, digested, loaded, and answered by a fresh process: the answers are those of the fitted pipeline."""
    model = recipe(name)
    frame, labels = rows(model)
    pipeline = model.candidate.pipeline().fit(frame, labels)
    registry = MlflowRegistry.in_folder(tmp_path, model.name, page_url="http://registry.example")
    version = registry.register(model, pipeline, frame.head(5), training(artifact=model.candidate.artifact))
    loaded = registry.load(model, version.number, registry.artifact_digest(model.name, version.number))
    tolerance = format_named(model.candidate.artifact).tolerance
    expected = predict(model, pipeline, frame)
    assert same(predict(model, loaded, frame), expected, tolerance=tolerance)
    tried = registry.try_out(model, version.number, frame.head(40))
    assert same(answers_of(model, loaded, tried.answers), expected[:40], tolerance=tolerance)
    assert registry.artifact(model.name, version.number).format == model.candidate.artifact


@pytest.mark.parametrize("name", sorted(LIBRARIES))
def test_a_version_names_the_release_of_its_library(recipe: Recipe, name: str) -> None:
    """What the artifact is made of, and not a fixed list."""
    model = recipe(name)
    library = LIBRARIES[name]
    assert f"{library}=={installed(library)}" in requirements_of(model.candidate.pipeline())
    others = set(LIBRARIES.values()) - {library}
    assert not others & {line.partition("==")[0] for line in requirements_of(model.candidate.pipeline())}


def test_the_source_of_helpers_is_a_part_of_the_recipe(recipe: Recipe) -> None:
    """They are imported inside of build, and still found."""
    candidate = recipe("own").candidate
    assert "include.models._helpers" in own_source(candidate.pipeline(), candidate.build)


def test_a_pipeline_that_its_format_cannot_hold_is_found_by_the_contract() -> None:
    """Before the first training: a function of the team's own is no part of an ONNX graph."""
    with pytest.raises(Untrusted, match="is not converted"):
        survives_the_registry(changed(name="toy_own", build=with_own_code, artifact="onnx"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "flavour"])
def test_what_was_loaded_is_kept_again_with_the_same_answers(recipe: Recipe, name: str, tmp_path: Path) -> None:
    """As `reregister` does it after an upgrade of the libraries; an ONNX graph is saved as it is."""
    model = recipe(name)
    kept, (frame, labels) = format_named(model.candidate.artifact), rows(model)
    kept.save(model.candidate.pipeline().fit(frame, labels), frame.head(5), tmp_path / "first", model.trusted_types)
    first = kept.load((tmp_path / "first").read_bytes(), model.trusted_types)
    kept.save(first, frame.head(5), tmp_path / "again", model.trusted_types)
    again = kept.load((tmp_path / "again").read_bytes(), model.trusted_types)
    assert same(predict(model, again, frame), predict(model, first, frame), tolerance=0)
