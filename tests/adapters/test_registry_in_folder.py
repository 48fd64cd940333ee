"""A registry without a server does what a run of check-model asks of it."""

import os
from pathlib import Path

import numpy as np
import pytest

from include.adapters.mlflow_registry import MlflowRegistry
from include.adapters.registry import CHAMPION
from include.errors import UntrustedModel
from include.formats import format_named
from tests.adapters.registering import fitted, training
from tests.toy import changed, rows


def test_a_version_is_kept_and_read_back_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Model, report, picture and alias are in the folder and nowhere else, and nothing is printed."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = changed(name="toy_in_folder", trusted_types=("numpy.dtype",))
    registry = MlflowRegistry.in_folder(tmp_path, model.name, page_url="http://registry.example")
    whole, pipeline = rows(0)[model.feature_names], fitted(model)
    version = registry.register(model, pipeline, whole.head(5), training())
    registry.log_report(version.run_id, "decision_card.md", "# A card")
    picture = registry.log_picture(version.run_id, "plot.png", b"png")
    registry.set_alias(model.name, CHAMPION, version.number)

    champion = registry.champion(model.name)
    assert champion is not None
    assert champion.number == version.number
    digest = registry.artifact_digest(model.name, version.number)
    loaded = registry.load(model, version.number, digest)
    assert (loaded.predict_proba(whole) == pipeline.predict_proba(whole)).all()
    assert registry.read_report(version.run_id, "decision_card.md") == "# A card"
    assert picture == f"http://registry.example/get-artifact?path=plot.png&run_uuid={version.run_id}"
    assert [path.read_bytes() for path in tmp_path.rglob("plot.png")] == [b"png"]
    assert os.listdir() == []
    assert capfd.readouterr() == ("", "")


def test_a_version_in_another_format_is_registered_loaded_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers as the pipeline did, here and in a fresh process, from the bytes that were digested."""
    artifact = "mlflow.sklearn"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = changed(name="toy_in_folder", artifact=artifact, because="a test of it")
    registry = MlflowRegistry.in_folder(tmp_path, model.name, page_url="http://registry.example")
    whole, pipeline = rows(0)[model.feature_names], fitted(model)
    version = registry.register(model, pipeline, whole.head(5), training(artifact=artifact))

    digest = registry.artifact_digest(model.name, version.number)
    assert registry.artifact(model.name, version.number).format == artifact
    loaded = registry.load(model, version.number, digest)
    tried = registry.try_out(model, version.number, whole)
    for answers in (loaded.predict_proba(whole), tried.answers):
        assert np.abs(answers - pipeline.predict_proba(whole)).max() <= format_named(artifact).tolerance
    with pytest.raises(UntrustedModel, match=f"no candidate of toy_in_folder declares artifact='{artifact}'"):
        registry.load(changed(name="toy_in_folder"), version.number, digest)
