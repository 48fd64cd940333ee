"""The recipes of docs/recipes.md as they stand there: from the data to a verdict of the gate."""

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import include.models
from include.adapters.databases import engine_at
from include.cli import check_model
from include.cli.__main__ import cli
from include.models.contract import Model

PAGE = (Path(__file__).parent.parent / "docs/recipes.md").read_text(encoding="utf-8")


def block(section: str, language: str = "python", number: int = 0) -> str:
    """The code of a section of the page."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return str(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number])


def contracts() -> pd.DataFrame:
    """Thirty weeks of contracts, in the columns of the recipe; who called much does not renew."""
    rng, count = np.random.default_rng(4), 30 * 150
    calls, plan = rng.poisson(2.0, count).astype(float), rng.choice(["basic", "family", "pro"], count)
    wish = 1.5 - 0.9 * calls + 0.8 * (plan == "family") + rng.normal(0, 1, count)
    return pd.DataFrame(
        {
            "contract": [f"c{number}" for number in range(count)],
            "asked_at": pd.date_range("2024-01-01", periods=count, freq="67min", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "months": rng.integers(1, 60, count),
            "plan": plan,
            "calls": np.where(rng.random(count) < 0.05, np.nan, calls),
            "renewed": (wish > 0).astype(int),
        }
    )


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands in for include/models, with the first recipe in it."""
    folder = tmp_path / "models"
    (folder / "sql").mkdir(parents=True)
    (folder / "renewals.py").write_text(block("Files"))
    monkeypatch.setattr(include.models, "__path__", [*include.models.__path__, str(folder)])
    monkeypatch.setattr("include.sources.sql.FOLDER", folder)
    monkeypatch.setattr(check_model, "CARDS", tmp_path / "cards")
    yield folder
    for name in [name for name in sys.modules if name.startswith("include.models.renewals")]:
        del sys.modules[name]


def checked(monkeypatch: pytest.MonkeyPatch, model: Model, *arguments: str) -> str:
    """What `check-model` says; it has to end well."""
    monkeypatch.setattr(check_model, "find_model", lambda _: model)
    answer = CliRunner().invoke(cli, ["check-model", model.name, *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_files_lead_to_a_verdict(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of the page and a CSV of its columns: nothing is wrong, and the gate promotes."""
    contracts().to_csv(tmp_path / "renewals.csv", index=False)
    model = importlib.import_module("include.models.renewals").MODEL
    said = checked(monkeypatch, model, str(tmp_path / "renewals.csv"))
    assert "0 wrong" in said
    assert "promote: first champion" in said


def test_a_database_leads_to_a_verdict(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both queries of the page, on a real database: what they give is judged as files are."""
    for number, stream in enumerate(("features", "labels")):
        (models / f"sql/renewals_{stream}.sql").write_text(block("A database", "sql", number))
    (models / "renewals_sql.py").write_text(block("A database"))
    address = f"duckdb:///{tmp_path}/shop.duckdb"
    contracts().to_parquet(tmp_path / "contracts.parquet")
    with engine_at(address, "the test").begin() as connection:
        columns = "contract, asked_at::timestamptz AS asked_at, months, plan, nullif(calls, 'nan'::float) AS calls, renewed"
        later = "asked_at::timestamptz AS changed_at, asked_at::timestamptz + interval '28 days' AS decided_at"
        made = f"CREATE TABLE contracts AS SELECT {columns}, {later} FROM '{tmp_path}/contracts.parquet'"
        connection.execute(sa.text(made))
    model = importlib.import_module("include.models.renewals_sql").MODEL
    assert "promote: first champion" in checked(monkeypatch, model, "--source", address)


def test_several_candidates_are_compared(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All candidates of the page are on the card."""
    (models / "renewals_pool.py").write_text(f"{block('Files')}\n\n{block('Several candidates')}")
    pool = importlib.import_module("include.models.renewals_pool")
    contracts().to_csv(tmp_path / "renewals.csv", index=False)
    checked(monkeypatch, replace(pool.MODEL, candidates=pool.CANDIDATES), str(tmp_path / "renewals.csv"))
    card = (tmp_path / "cards/renewals.md").read_text().replace("\\_", "_")
    assert all(candidate.name in card for candidate in pool.CANDIDATES)
