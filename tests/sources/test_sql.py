"""What a model's file may say of its queries, and what comes of a query in words."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from include.adapters.databases import engine_at, from_environment
from include.errors import SourceDenied, SourceRefused
from include.settings import connection_variable
from include.sources import Delivery, Problem, Sql
from include.sources.sql import query_fault
from include.sources.sql_rows import rows_of, statement_for
from tests.sources.held import PROBLEM, Held, in_database, moment, row


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT * FROM a WHERE t < NOW()", "reads the database's clock in 'NOW('"),
        ("SELECT * FROM a WHERE t < current_date", "reads the database's clock in 'current_date'"),
        ("SELECT * FROM a WHERE t < datetime('now')", "reads the database's clock"),
        ("SELECT * FROM a WHERE t < 'now'::timestamptz", "reads the database's clock"),
        ("SELECT * FROM a WHERE t < '{{ as_of }}'", "remove the quotes"),
        ("SELECT * FROM a WHERE t < {{ now }}", "{{ now }} is no placeholder; accepted are {{ as_of }}"),
        ("DELETE FROM a", "begins with 'DELETE FROM a'; accepted is one query"),
        ("SELECT 1; DROP TABLE a", "more than one statement"),
        ("", "begins with ''"),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_by_name(query: str, why: str) -> None:
    """When the model's file is read, not when the first row is missed."""
    fault = query_fault("sql/a.sql", query)
    assert fault is not None
    assert why in fault


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM a WHERE t <= {{ as_of }} AND t > {{since}}",
        "-- not now(), and no {{ other }}\nWITH b AS (SELECT 1) SELECT * FROM b;",
        "SELECT 'now() is the time; or not' AS said, snow(1), known FROM a",
        "SELECT now_playing, at::date, current_dated FROM a /* ; */",
    ],
)
def test_a_query_that_only_looks_like_it_is_accepted(query: str) -> None:
    """Comments, texts and names are no clock."""
    assert query_fault("sql/a.sql", query) is None


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Sql("warehouse"), "no query is named"),
        (Sql("postgresql://me:secret@host/db", features="q.sql"), "never an address"),
        (Sql("warehouse", features="../../etc/passwd"), "has to be in include/models/"),
        (Sql("warehouse", features="absent.sql"), "no such file"),
        (Sql("warehouse", features="q.sql", overlap=timedelta(-1)), "not negative"),
        (Sql("warehouse", features="q.sql", deleted="id"), "source.deleted 'id' is also key"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused(source: Sql, why: str, queries: Path) -> None:
    """In a sentence that does not repeat a password."""
    (queries / "q.sql").write_text("SELECT 1")
    fault = source.fault(PROBLEM)
    assert fault is not None
    assert why in fault
    assert "secret" not in fault


@given(st.text(alphabet="ab:;%'\\{}?$ \n\"", max_size=20))
def test_no_text_of_a_query_is_changed(text: str) -> None:
    """Colons, percent signs, backslashes and quotes of a team are not the pipeline's."""
    engine = sa.create_engine("sqlite://")
    literal = text.replace("'", "''")
    query = f"SELECT '{literal}' AS word, '1' AS id, '2024-01-01' AS at, 10 % 4 AS rest"
    (table,) = rows_of(query, "at", Delivery(Problem("toy", ("id",), "at"), "features", None, moment(0)), engine)
    assert table.to_pylist() == [{"word": text, "id": "1", "at": "2024-01-01", "rest": 2}]


def test_times_are_bound_and_never_written_into_the_text() -> None:
    """What the database gets is a parameter."""
    delivery = Delivery(PROBLEM, "features", moment(1), moment(2))
    text = str(statement_for("SELECT * FROM a WHERE t <= {{ as_of }}", "updated_at", delivery, "postgresql"))
    assert "t <= :as_of" in text
    assert "2024" not in text


def test_a_placeholder_gets_the_time_of_the_run(queries: Path) -> None:
    """For a query that is slow without it."""
    held = in_database(engine_at(f"duckdb:///{queries}/a.duckdb", "the test"), queries)
    held.put(row("a", 1), row("b", 2))
    (queries / "visits.sql").write_text("SELECT *, {{ as_of }} AS then, {{ since }} AS before FROM visits")
    first, second = held.read(moment(0), moment(9))
    assert (first["then"], second["before"]) == (moment(9), moment(0))


def test_a_column_that_does_not_come_is_named(queries: Path) -> None:
    """A query that forgot one."""
    held = in_database(engine_at(f"duckdb:///{queries}/a.duckdb", "the test"), queries)
    held.put(row("a", 1))
    (queries / "visits.sql").write_text('SELECT id, "at" FROM visits')
    with pytest.raises(SourceRefused, match="updated_at"):
        held.read(None, moment(9))


def test_what_the_database_says_is_repeated_without_a_password(queries: Path) -> None:
    """A table that is not there."""
    held = in_database(engine_at(f"sqlite:///{queries}/a.sqlite", "the test"), queries)
    (queries / "visits.sql").write_text("SELECT * FROM absent")
    with pytest.raises(SourceRefused, match=r"the query of features of toy at sqlite.* failed: no such table: absent"):
        held.read(None, moment(9))


def test_values_of_several_types_are_kept_as_text(queries: Path) -> None:
    """SQLite keeps whatever it is given; 7 and "7.0" stay two values."""
    engine = engine_at(f"sqlite:///{queries}/a.sqlite", "the test")
    held = in_database(engine, queries)
    held.put(row("a", 1), row("b", 2), row("c", 3))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE visits SET word = 7 WHERE id = 'a'"))
        connection.execute(sa.text("UPDATE visits SET x = 'seven' WHERE id = 'b'"))
    assert [(one["word"], one["x"]) for one in held.read(None, moment(9))] == [("7", "1.5"), ("a", "seven"), ("a", "1.5")]


def test_a_connection_is_found_in_the_environment_or_named() -> None:
    """With what a person has to do."""
    known = {connection_variable("data-house"): "sqlite://"}
    assert from_environment(known)("data-house").dialect.name == "sqlite"
    with pytest.raises(SourceDenied, match="set PROVING_GROUND_CONNECTION_WAREHOUSE to an address"):
        from_environment({})("warehouse")


@pytest.mark.parametrize(
    "address", ["postgres://u:secret@h", "oracle+nodriver://u:secret@h/d", "secret", "snowflake://u:secret@h"]
)
def test_an_address_that_cannot_be_used_is_not_repeated(address: str) -> None:
    """It may hold a password."""
    with pytest.raises(SourceDenied, match="is no address of a database") as refused:
        from_environment({connection_variable("a"): address})("a")
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_source_without_updated_at_goes_by_the_row_s_own_time(queries: Path) -> None:
    """What is new is what happened."""
    held: Held = in_database(engine_at(f"duckdb:///{queries}/a.duckdb", "the test"), queries, updated_at="")
    held.put(row("a", 1, at=20), row("b", 30, at=5))
    assert [one["id"] for one in held.read(None, moment(10))] == ["b"]
