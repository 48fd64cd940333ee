"""From a query to a model's file, and that file against the live source."""

import runpy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from include.adapters.databases import engine_at
from include.cli import new_model
from include.cli.__main__ import cli
from include.cli.source_table import as_one, connections_for, read_source
from include.decisions.data.source_check import check_source
from include.decisions.data.spec_check import check_spec
from include.errors import DataError, ProvingGroundError, SourceDenied, SourceRefused
from include.models.contract import Model
from include.settings import connection_variable
from include.sources import Sql
from include.sources.sql import query_fault
from tests.sources.held import FIRST

NOW = FIRST + timedelta(days=400)
QUERY = "SELECT visit_id, seen, changed_at, pages, code, origin, price, bought FROM visits"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a database with twenty thousand visits; model files and queries are looked for beside it."""
    monkeypatch.setattr("include.sources.sql.FOLDER", tmp_path)
    monkeypatch.setattr(new_model, "MODELS", tmp_path)
    address = f"duckdb:///{tmp_path}/shop.duckdb"
    with engine_at(address, "the test").begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE visits AS SELECT 'v' || n AS visit_id, "
                "timestamptz '2024-01-01' + n * interval '15 minutes' AS seen, "
                "timestamptz '2024-01-01' + n * interval '15 minutes' AS changed_at, n % 7 + 0.5 AS pages, "
                "'00' || (n % 3)::text AS code, CASE n % 3 WHEN 0 THEN 'advert' ELSE 'letter' END AS origin, "
                "(n % 10)::decimal(10, 2) AS price, n % 2 AS bought FROM range(20000) AS numbers(n)"
            )
        )
    return address


def written(shop: str, key: str = "visit_id") -> Model:
    answer = CliRunner().invoke(cli, ["new-model", "shop", "--sql", QUERY, "--connection", shop, "--key", key])
    if answer.exception and isinstance(answer.exception, ProvingGroundError):
        raise answer.exception
    assert answer.exit_code == 0, answer.output
    model: Model = runpy.run_path(str(new_model.MODELS / "shop.py"))["MODEL"]
    return model


def test_a_query_becomes_a_model_s_file(shop: str) -> None:
    """By the database's types: a text of digits is no number, a decimal is one; what was changed last is no feature."""
    model = written(shop)
    assert {column.name: column.kind for column in model.features} == {
        "pages": "number",
        "code": "category",
        "origin": "category",
        "price": "number",
    }
    assert (model.label.name, model.feed.time, model.feed.key) == ("bought", "seen", ("visit_id",))
    assert isinstance(model.source, Sql)
    assert (model.source.connection, model.source.updated_at, model.source.overlap) == (
        "warehouse",
        "changed_at",
        timedelta(hours=1),
    )
    for stream in ("features", "labels"):
        assert query_fault("a", (new_model.MODELS / f"sql/shop_{stream}.sql").read_text()) is None


def test_the_new_file_is_right_about_the_live_source(shop: str) -> None:
    """Both streams are read and joined, and nothing is wrong."""
    model = written(shop)
    table = as_one(read_source(model, connections_for(shop), NOW, 50_000), None, model)
    assert len(table) == 20_000
    wrong = [one for one in check_spec(model, table, NOW) if one.severity == "wrong"]
    assert wrong == []


def test_labels_that_come_in_files_get_no_query(shop: str, tmp_path: Path) -> None:
    """They are DATA beside the query, and may write the time in another way."""
    labels = pd.DataFrame(
        {"visit_id": [f"v{n}" for n in range(20_000)], "seen": "2024", "left": [n % 2 for n in range(20_000)]}
    )
    labels.to_csv(tmp_path / "labels.csv", index=False)
    query = QUERY.replace(", bought", "")
    words = ["new-model", "shop", str(tmp_path / "labels.csv"), "--sql", query, "--connection", shop, "--key", "visit_id"]
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 0, answer.output
    model: Model = runpy.run_path(str(new_model.MODELS / "shop.py"))["MODEL"]
    assert isinstance(model.source, Sql)
    assert (model.label.name, model.source.streams) == ("left", ("features",))
    assert "left" not in (new_model.MODELS / "sql/shop_features.sql").read_text()


def test_a_limit_reads_a_part(shop: str) -> None:
    """The first rows, of both streams."""
    model = written(shop)
    assert len(as_one(read_source(model, connections_for(shop), NOW, 50), None, model)) == 50


def test_labels_in_files_stand_beside_features_in_a_database(shop: str) -> None:
    """A stream without a query is named as DATA; without it the message says so."""
    model = written(shop)
    assert isinstance(model.source, Sql)
    mixed = pd.DataFrame({"visit_id": [f"v{n}" for n in range(400)], "bought": ["1"] * 400})
    features = {"features": read_source(model, connections_for(shop), NOW, 400)["features"]}
    assert as_one(features, mixed, model)["bought"].eq("1").all()
    with pytest.raises(
        DataError, match=r"labels of shop land as files, and the source has none\. Name a file of them as DATA"
    ):
        as_one(features, None, model)


@pytest.mark.parametrize(
    ("sql", "connection", "key", "why"),
    [
        ("SELECT now()", "duckdb://", "a", "reads the database's clock"),
        ("SELECT 1 AS a", "duckdb://", "a", "no column of the query holds times; there are a"),
        ("SELECT * FROM absent", "duckdb://", "a", "absent does not exist"),
        ("SELECT 1 AS a", "nowhere", "a", connection_variable("nowhere")),
        ("SELECT 1 AS a", "duckdb://", "", "--key is missing"),
    ],
)
def test_a_query_that_gives_no_model_says_why(tmp_path: Path, sql: str, connection: str, key: str, why: str) -> None:
    """And writes nothing."""
    with pytest.raises((DataError, SourceDenied, SourceRefused), match=why):
        new_model.write_with_query("shop", new_model.Query(sql, connection), tuple(filter(None, [key])), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["--sql", "SELECT 1"], ["--connection", "a"]])
def test_options_that_do_not_belong_together_are_refused(words: list[str]) -> None:
    """By click, before anything is read."""
    answer = CliRunner().invoke(cli, ["new-model", "shop", *words])
    assert answer.exit_code == 2
    assert "belong together" in answer.output


def features(**columns: Any) -> pd.DataFrame:
    times = [(FIRST + timedelta(days=n)).isoformat() for n in range(10)]
    late = [(FIRST + timedelta(days=n + 30)).isoformat() for n in range(10)]
    return pd.DataFrame({"seen": times, "changed_at": late if columns.pop("late") else times, **columns})


def test_rows_that_change_later_are_doubted(shop: str) -> None:
    """Without a column for it those changes are lost; with one, what changed after the label was due may hold the answer."""
    model = written(shop)
    assert isinstance(model.source, Sql)
    blind = replace(model, source=replace(model.source, updated_at=""))
    assert check_source(model, features(late=False)) == []
    (leak,) = check_source(model, features(late=True))
    assert "100% of the rows were changed after their label was due" in str(leak)
    (lost,) = check_source(blind, features(late=True))
    assert "100% of the rows have a later changed_at: those changes would not be pulled" in str(lost)
    assert 'updated_at="changed_at"' in str(lost)
    (unknown,) = check_source(blind, features(late=False).drop(columns="changed_at"))
    assert "it names no column" in str(unknown)
    assert check_source(model, pd.DataFrame()) == []


def test_a_model_of_files_has_no_source_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands say so."""
    from include.cli import source as command
    from include.errors import ToolError
    from include.services import StepContext
    from tests.toy import World

    world = World()
    context = StepContext(world.services, world.model, None)  # type: ignore[arg-type]
    monkeypatch.setattr(command, "by_hand", lambda *_args: context)
    with pytest.raises(ToolError, match="toy has no source to pull from"):
        command._pulls(context)
