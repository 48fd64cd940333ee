"""check-model says what a model is made of and no lock holds, before a worker or an inference server finds out."""

from importlib.metadata import version as installed
from pathlib import Path

import pytest

from include.cli import locks
from include.models import all_models, find_model
from tests.formats.test_code_used import OWN

NEEDED = ("numpy", "pandas", "scikit-learn", "scipy", "skops")


@pytest.mark.parametrize("model", all_models(), ids=lambda model: model.name)
def test_the_shipped_models_need_nothing_that_is_not_locked(model: object) -> None:
    """At the very releases that are installed here, for the pipeline and for serving."""
    assert list(locks.findings(model)) == []  # type: ignore[arg-type]


def test_a_package_that_serving_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its release, what the lock holds instead, and where it is said how to add it."""
    monkeypatch.setattr(locks, "PROJECT", tmp_path)
    for file in (*locks.PIPELINE, *locks.SERVING):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    held = "\n".join(f"{name}=={installed(name)} \\\n    --hash=sha256:0" for name in NEEDED)
    model = find_model("flight_delays")
    (tmp_path / "requirements.txt").write_text(held)
    (tmp_path / "deploy/serving/requirements.txt").write_text(held.replace("scikit-learn==", "scikit_learn==0."))
    (found,) = [str(one) for one in locks.findings(model)]
    release = installed("scikit-learn")
    assert f"doubt: scikit-learn {release} is in the model: the lock of serving has scikit-learn 0.{release}" in found
    assert "docs/estimators.md" in found
    (tmp_path / "deploy/serving/requirements.txt").write_text("")
    assert any("the lock of serving has no skops" in str(one) for one in locks.findings(model))


def test_code_of_a_teams_own_is_named_for_the_servers() -> None:
    """It comes with their image, not with the model."""
    (found,) = [str(one) for one in locks.findings(OWN)]
    assert "tests.formats.team_code, tests.formats.team_constants" in found
    assert "PYTHONPATH of the inference servers" in found
