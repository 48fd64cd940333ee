"""A real Postgres for this session, and a table in it that is read by each of its drivers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bench.postgres import Postgres, running
from include.adapters.databases import engine_at
from tests.sources.conftest import queries
from tests.sources.held import Held, in_database

__all__ = ["queries"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, running."""
    with running() as server:
        yield server


@pytest.fixture
def engine(postgres: Postgres) -> sa.Engine:
    """The database, as its administrator."""
    return engine_at(postgres.address(), "the test")


@pytest.fixture(params=["psycopg2", "psycopg"])
def held(request: pytest.FixtureRequest, postgres: Postgres, queries: Path) -> Held:
    """A table in Postgres, read by each of its two drivers."""
    return in_database(engine_at(postgres.address(driver=request.param), "the test"), queries)
