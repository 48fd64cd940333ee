"""A process apart gets what it needs to answer, and no secret."""

from pathlib import Path

import pytest

from include.formats.apart import environment


def test_no_variable_passes_that_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials have too many names to list: what passes is listed instead."""
    secrets = ("AWS_SECRET_ACCESS_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_TRACKING_PASSWORD", "SLACK_TOKEN")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    given = environment(tmp_path)
    assert "secret" not in given.values()
    assert given["HOME"] == str(tmp_path)
    assert given["OMP_NUM_THREADS"] == "3"


def test_the_project_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what PYTHONPATH names beside it."""
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    project, elsewhere = environment(tmp_path)["PYTHONPATH"].split(":")
    assert Path(project, "include", "formats", "apart.py").is_file()
    assert elsewhere == "/elsewhere"
