"""A logged artifact is loaded and queried by a process that knows nothing but the file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, RegressorMixin

from include.adapters import fresh_process
from include.adapters.fresh_process import try_artifact
from include.errors import TrialFailed
from include.formats import format_named
from include.models import find_model

MODEL = find_model("flight_delays")
_HALF_A_GIGABYTE = 500_000_000
VALUES: dict[str, Any] = {column.name: "EWR" if column.kind == "category" else 10.0 for column in MODEL.features}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Rows with what files and JSON lose most easily: missing values, long fractions, text."""
    frame = pd.DataFrame([VALUES] * 120)
    rng = np.random.default_rng(1)
    frame["temperature"] = rng.normal(size=120)
    frame["carrier"] = rng.choice(["AA", "UA"], 120)
    frame.loc[::7, "wind_gust"] = np.nan
    return frame


@pytest.fixture(scope="module")
def fitted(rows: pd.DataFrame) -> Any:
    return MODEL.candidate.build(1).fit(rows, (rows["temperature"] > 0).astype(float))


@pytest.fixture
def artifact(fitted: Any, tmp_path: Path) -> Path:
    skops.io.dump(fitted, tmp_path / "model.skops")
    return tmp_path / "model.skops"


def test_it_says_there_what_it_says_here(artifact: Path, fitted: Any, rows: pd.DataFrame) -> None:
    """The same probabilities to the last bit, and a figure for everything a budget may ask for."""
    trial = try_artifact(artifact, "skops", MODEL.trusted_types, rows.head(40))
    assert (trial.answers == fitted.predict_proba(rows.head(40))).all()
    assert trial.size_mb == artifact.stat().st_size / 1e6
    assert 50 < trial.memory_mb < 2000
    assert 0 < trial.latency_ms < 5000
    assert 0 < trial.load_seconds < 60


def test_memory_is_that_of_the_process_alone(artifact: Path, rows: pd.DataFrame) -> None:
    """A task that holds much itself must not make the artifact look heavy."""
    held = np.ones(1_000_000_000 // 8)
    trial = try_artifact(artifact, "skops", MODEL.trusted_types, rows.head(3))
    assert held.nbytes / 1e6 > 900
    assert trial.memory_mb < 700


class Tells(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Whether it sees a secret of ours; it needs half a gigabyte to say so."""

    def predict(self, rows: pd.DataFrame) -> Any:
        assert np.ones(_HALF_A_GIGABYTE // 8).all()
        return np.full(len(rows), float("AWS_SECRET_ACCESS_KEY" in os.environ))


def test_it_has_no_credentials(tmp_path: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file of any format does when it is loaded, it does without the pipeline's secrets."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert Tells().predict(rows).all()
    skops.io.dump(Tells(), tmp_path / "model.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "model.skops")
    assert not try_artifact(tmp_path / "model.skops", "skops", tuple(types), rows).answers.any()


def test_the_process_that_answers_for_it_counts_too(tmp_path: Path, rows: pd.DataFrame) -> None:
    """A format that answers from a process of its own needs the memory of both."""
    format_named("mlflow.sklearn").save(Tells(), rows.head(3), tmp_path / "model.mlflow.sklearn", ())
    trial = try_artifact(tmp_path / "model.mlflow.sklearn", "mlflow.sklearn", (), rows.head(3))
    assert trial.memory_mb > _HALF_A_GIGABYTE / 1e6 + 150


def test_types_that_the_model_does_not_trust_are_not_made_there_either(artifact: Path, rows: pd.DataFrame) -> None:
    """The list is ours, not the file's: without it the process refuses, and its words are in the message."""
    with pytest.raises(TrialFailed, match=r"a fresh process could not load it and answer.*TreePredictor.*correct `build`"):
        try_artifact(artifact, "skops", (), rows.head(3))


def test_a_file_that_is_no_model_is_refused(artifact: Path, rows: pd.DataFrame) -> None:
    """A damaged upload fails here, not in production."""
    artifact.write_bytes(b"not a model")
    with pytest.raises(TrialFailed, match="could not load it"):
        try_artifact(artifact, "skops", MODEL.trusted_types, rows.head(3))


def test_a_model_that_takes_for_ever_is_given_up(artifact: Path, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """No task hangs because an artifact does."""
    monkeypatch.setattr(fresh_process, "_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(TrialFailed, match=r"after 0\.05 s"):
        try_artifact(artifact, "skops", MODEL.trusted_types, rows.head(3))
