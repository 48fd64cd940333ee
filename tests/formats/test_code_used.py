"""A version knows which code it is made of: the libraries with their releases, and the team's own modules by their source."""

import importlib
import inspect
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from include.decisions.data.training import recipe
from include.formats.code_used import (
    modules_of,
    other_libraries,
    own_code,
    own_source,
    requirements_of,
    source_digest,
    source_files,
)
from tests.formats import team_code
from tests.models.test_contract import CHECKS, Check
from tests.toy import MODEL, build, changed, rows

OWN_TYPES = ("numpy.dtype", "tests.formats.team_code.Clip", "tests.formats.team_code.signed_root")
OWN = changed(build=team_code.build, trusted_types=OWN_TYPES)


def fitted(model: Any = OWN) -> Any:
    known = rows(0)
    return model.candidate.pipeline().fit(known[model.feature_names], known["y"])


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
def test_a_transformer_and_a_function_of_a_teams_own_keep_the_contract(examine: Check) -> None:
    """Named in trusted_types they go through the registry like scikit-learn's own."""
    examine(OWN)


def test_the_libraries_are_those_that_the_pipeline_is_made_of() -> None:
    """Not a fixed list: what any of its parts comes from, and what carries rows and arrays."""
    always = {"numpy", "pandas", "scipy", "skops", "scikit-learn"}
    assert {line.partition("==")[0] for line in requirements_of(fitted())} == always
    from joblib import Memory

    pipeline = build(1)
    pipeline.memory = Memory(None)
    assert f"joblib=={installed('joblib')}" in requirements_of(pipeline)
    assert {"sklearn.linear_model._logistic", "tests.formats.team_code"} <= modules_of(fitted())


def test_a_change_in_a_teams_own_code_is_another_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the module itself and of one that it imports; not so of a model that does not use them."""
    before, of_other = recipe(OWN, OWN.candidate, OWN.candidate.pipeline()), recipe(MODEL, MODEL.candidate, build(1))
    team = {"tests.formats.team_code", "tests.formats.team_constants"}
    assert set(own_source(OWN.candidate.pipeline(), team_code.build)) == team
    assert team & set(own_source(build(1), build)) == set()
    assert set(own_code(OWN.candidate.pipeline())) == team
    assert own_code(build(1)) == {}, "what builds it, and what that file imports, is not asked of a server"
    source = inspect.getsource

    def changed_source(one: Any) -> str:
        return source(one) + ("# changed" if getattr(one, "__name__", "") == "tests.formats.team_constants" else "")

    monkeypatch.setattr(inspect, "getsource", changed_source)
    assert recipe(OWN, OWN.candidate, OWN.candidate.pipeline()) != before
    assert recipe(MODEL, MODEL.candidate, build(1)) == of_other


def test_helpers_beside_the_models_are_no_models_and_travel_with_a_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file whose name begins with _ is shared by models; its source is kept with what was trained."""
    import include.models

    (tmp_path / "_helpers.py").write_text("def halved(rows):\n    return rows / 2\n")
    (tmp_path / "shared").mkdir()
    monkeypatch.setattr(include.models, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(include.models, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "include.models._helpers", raising=False)
    assert include.models.all_models() == []
    helpers = importlib.import_module("include.models._helpers")
    from sklearn.preprocessing import FunctionTransformer

    pipeline = FunctionTransformer(helpers.halved)
    assert (
        own_source(pipeline, team_code.build).items()
        >= {"include.models._helpers": source_digest("include.models._helpers")}.items()
    )
    kept = source_files(pipeline, team_code.build)
    assert kept["own_code/include.models._helpers.py"] == (tmp_path / "_helpers.py").read_text()
    assert "def build(seed" in kept["model_source.py"]
    sys.modules.pop("include.models._helpers")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"scikit-learn=={installed('scikit-learn')}", None),
        ("scikit-learn==1.2.1", rf"scikit-learn 1.2.1, and here is {installed('scikit-learn')}"),
        ("no-such-library==4.6.0", "no-such-library 4.6.0, which is not installed here"),
        ("numpy==1.0.0", None),
    ],
)
def test_a_library_of_another_release_is_named(line: str, says: str | None) -> None:
    """Before anything is loaded; what only carries numbers does not matter."""
    assert other_libraries([line]) == ([says] if says else [])


def test_code_in_a_models_own_file_counts_and_its_criteria_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with the same code and other criteria has the same digest as what trained the version."""
    import include.models

    monkeypatch.setattr(include.models, "__path__", [str(tmp_path)])
    digests = {}
    for margin, power in ((1, 2), (3, 2), (1, 4)):
        code = (
            f"MODEL = {margin}\n\n\ndef raised(rows):\n    return rows ** {power}\n\n\ndef build(seed):\n    return raised\n"
        )
        (tmp_path / f"own_{margin}{power}.py").write_text(code)
        module = importlib.import_module(f"include.models.own_{margin}{power}")
        (digests[margin, power],) = own_source({"step": module.raised}, module.build).values()
        assert digests[margin, power] == source_digest(module.__name__)
        assert own_source({"step": len}, module.build) == {}
    assert digests[1, 2] == digests[3, 2] != digests[1, 4]
