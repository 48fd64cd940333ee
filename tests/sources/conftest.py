"""The sources that are tried without a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.adapters.databases import engine_at
from tests.sources.held import Held, ListSource, in_database


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that queries are looked for in."""
    monkeypatch.setattr("include.sources.sql.FOLDER", tmp_path)
    return tmp_path


@pytest.fixture(params=["list", "sqlite", "duckdb"])
def held(request: pytest.FixtureRequest, queries: Path) -> Iterator[Held]:
    """A source of each kind, empty."""
    if request.param == "list":
        yield Held(ListSource(), lambda name: sa.create_engine("sqlite://"))
    else:
        yield in_database(engine_at(f"{request.param}:///{queries}/held.{request.param}", "the test"), queries)
