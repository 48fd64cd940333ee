"""The rows of a query, as Arrow tables: streamed, in one transaction, in order, with every value as the database holds it."""

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy import exc

from include.errors import SourceDenied, SourceError, SourceRefused, SourceUnreachable
from include.sources.arrow_tables import as_text
from include.sources.port import Delivery
from include.sources.sql import PLACEHOLDERS
from include.untrusted_text import one_line

# Rows that are Python objects at a time: some 10 MB of 30 columns.
ROWS_AT_ONCE = 10_000
_PULLED = "pulled"
_NOT_OF_THAT_TYPE = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, ValueError)
Maker = Callable[[Sequence[Any]], pa.Array]
_LONGEST = 300
_PLACEHOLDER = re.compile(rf"\{{\{{\s*({'|'.join(PLACEHOLDERS)})\s*\}}\}}")
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
# What makes a database compare times without a zone as UTC.
_IN_UTC = {
    "postgresql": "SET TIME ZONE 'UTC'",
    "mysql": "SET time_zone = '+00:00'",
    "mariadb": "SET time_zone = '+00:00'",
    "duckdb": "SET TimeZone = 'UTC'",
    "snowflake": "ALTER SESSION SET TIMEZONE = 'UTC'",
}
# Where names are in quotes what they are in the result.
_QUOTED = ("postgresql", "duckdb", "sqlite", "mysql", "mariadb")
_DENIED = re.compile(
    r"password|authentication|access denied|permission denied|not authorized|unauthori[sz]ed|insufficient privilege"
    r"|role .* does not exist|database .* does not exist|unknown database|no such database|pg_hba",
    re.IGNORECASE,
)
# SQLSTATE classes: connection lost, the server is stopped or busy, a transaction that may be tried again.
_MAY_PASS = ("08", "57P", "53", "40", "55P03")
_LOST = re.compile(
    r"connection|could not connect|server closed|timed? ?out|gone away|unreachable|refused|lost|reset by peer"
    r"|database is locked|could not set lock|too many",
    re.IGNORECASE,
)


def rows_of(query: str, changed: str, delivery: Delivery, engine: sa.Engine) -> Iterator[pa.Table]:
    """The rows of a delivery, see `Source.read`; `query` is the text of the team's file."""
    name, stream = engine.url.render_as_string(hide_password=True), delivery.stream
    with _translated(f"the query of {stream} of {delivery.problem.model} at {name}"), engine.connect() as connection:
        _begin(connection)
        statement = statement_for(query, changed, delivery, engine.dialect.name)
        streamed = connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
        result = streamed.execute(statement, _values(delivery, engine.dialect.name))
        names = list(result.keys())
        _check_columns(names, changed, delivery)
        makers, seen = _makers(result, engine.dialect.name), False
        while (table := _next(result, names, makers)) is not None:
            yield table
            seen = True
        if not seen:
            yield pa.table({one: pa.nulls(0) for one in names})


def subquery(query: str) -> sa.TextClause:
    """The team's query, to be selected from; its placeholders are bound parameters of their names."""
    # A colon is SQLAlchemy's mark of a parameter: those of the team stay what they are.
    inner = query.strip().rstrip(";").strip().replace(":", "\\:")
    bound = _PLACEHOLDER.sub(r":\1", inner)
    return sa.text(f"(\n{bound}\n) AS {_PULLED}")


def statement_for(query: str, changed: str, delivery: Delivery, dialect: str) -> sa.Select[Any]:
    """The team's query as a subquery, and around it which of its rows are wanted.

    Rows whose `changed` is missing are given too: they are an error, and not to be passed over.
    """
    moment, problem = _moment(changed, dialect), delivery.problem
    wanted = moment <= sa.bindparam("pg_until", type_=_time_type(dialect))
    if delivery.since:
        wanted &= moment > sa.bindparam("pg_since", type_=_time_type(dialect))
    columns: list[Any] = [_column(name, dialect) for name in delivery.identity] or [sa.literal_column("*")]
    others = [name for name in dict.fromkeys([problem.time, *problem.key]) if name != changed]
    order = [moment, *(_column(name, dialect) for name in others)]
    chosen = sa.select(*columns).select_from(subquery(query))
    chosen = chosen.where(sa.or_(moment.is_(None), wanted)).order_by(*order)
    return chosen.limit(delivery.limit) if delivery.limit is not None else chosen


def _column(name: str, dialect: str) -> sa.ColumnElement[Any]:
    """A column, in quotes where that changes nothing but that its name may be a word of the database's own."""
    return sa.column(sa.quoted_name(name, True if dialect in _QUOTED else None))


def quoted(name: str, engine: sa.Engine) -> str:
    """A column's name as it stands in the text of a query."""
    prepare = engine.dialect.identifier_preparer
    return prepare.quote_identifier(name) if engine.dialect.name in _QUOTED else prepare.quote(name)


def _moment(changed: str, dialect: str) -> sa.ColumnElement[Any]:
    """When a row changed, to be compared. SQLite has no times: its texts are brought into one form, to a millisecond."""
    column = _column(changed, dialect)
    return sa.func.strftime("%Y-%m-%dT%H:%M:%f", column) if dialect == "sqlite" else column


def _time_type(dialect: str) -> Any:
    return sa.String() if dialect == "sqlite" else sa.DateTime(timezone=True)


def _values(delivery: Delivery, dialect: str) -> dict[str, Any]:
    """The bound values. MySQL's drivers pass over a zone, so there the value is in UTC without one."""
    since, until = delivery.since or _BEGINNING, delivery.as_of
    naive = dialect in ("mysql", "mariadb", "sqlite")
    plain = {"since": since, "as_of": until}
    plain = {name: value.astimezone(UTC).replace(tzinfo=None) if naive else value for name, value in plain.items()}
    if dialect != "sqlite":
        return plain | {"pg_since": plain["since"], "pg_until": plain["as_of"]}
    # Cut to the millisecond, as strftime cuts the column.
    return plain | {"pg_since": _in_milliseconds(since), "pg_until": _in_milliseconds(until)}


def _in_milliseconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _begin(connection: sa.Connection) -> None:
    """One snapshot for all that is read, which cannot write, with times in UTC."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    if dialect in _IN_UTC:
        connection.exec_driver_sql(_IN_UTC[dialect])
    if dialect == "postgresql":
        _leave_as_text(connection.connection.driver_connection)


def _leave_as_text(connection: Any) -> None:
    """Times and decimals of Postgres as the server writes them: Arrow reads them for less than Python's objects cost."""
    driver = type(connection).__module__.partition(".")[0]
    if driver == "psycopg2":
        from psycopg2 import extensions

        extensions.register_type(extensions.new_type(tuple(_WRITTEN), "AS_WRITTEN", lambda value, _: value), connection)
    elif driver == "psycopg":
        from psycopg.types.string import TextLoader

        for oid in _WRITTEN:
            connection.adapters.register_loader(oid, TextLoader)


def _check_columns(names: Sequence[str], changed: str, delivery: Delivery) -> None:
    if twice := [name for name in dict.fromkeys(names) if list(names).count(name) > 1]:
        raise SourceRefused(
            f"the query of {delivery.stream} of {delivery.problem.model} gives the column {twice[0]} twice: which is meant "
            "cannot be known. Name each column once."
        )
    wanted = dict.fromkeys([*delivery.problem.key, delivery.problem.time, changed])
    if absent := [name for name in wanted if name not in names]:
        raise SourceRefused(
            f"the query of {delivery.stream} of {delivery.problem.model} lacks the columns {', '.join(absent)}; it gives "
            f"{one_line(', '.join(names), _LONGEST)}. Correct the query, or include/models/{delivery.problem.model}.py."
        )


# Values


def _fetched(result: sa.CursorResult[Any]) -> Sequence[tuple[Any, ...]]:
    """The next rows as the driver gives them: SQLAlchemy's own rows take as long again as all that is done with them here."""
    rows: Sequence[tuple[Any, ...]] = result.cursor_strategy.fetchmany(result, result.cursor, ROWS_AT_ONCE)
    return rows


def _next(result: sa.CursorResult[Any], names: Sequence[str], makers: "Sequence[Maker]") -> pa.Table | None:
    """The next rows; None after the last. Python's search for cycles, of which rows have none, would cost some of the CPU."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        rows = _fetched(result)
        return _as_table(names, rows, makers) if rows else None
    finally:
        if enabled:
            gc.enable()


def _makers(result: sa.CursorResult[Any], dialect: str) -> "list[Maker]":
    """For each column what makes an array of its values: by its type where the database says it, else by the values."""
    description = result.cursor.description if result.cursor is not None else None
    if dialect != "postgresql" or description is None:
        return [_as_array] * len(result.keys())
    return [(_POSTGRES | _WRITTEN).get(cast(int, column[1]), _as_array) for column in description]


def _as_table(names: Sequence[str], rows: Sequence[Sequence[Any]], makers: "Sequence[Maker]") -> pa.Table:
    columns = zip(names, zip(*rows, strict=True), makers, strict=True)
    return pa.table({name: _made(make, values) for name, values, make in columns})


def _made(make: "Maker", values: Sequence[Any]) -> pa.Array:
    try:
        return make(values)
    except _NOT_OF_THAT_TYPE:
        return pa.array([as_text(value) for value in values], pa.string())


def _as_array(values: Sequence[Any]) -> pa.Array:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if len(kinds) > 1 or (make := _TYPES.get(kinds.pop())) is None:
        raise ValueError("values of several types, or of none that Arrow keeps as it is")
    return make(values)


def _times(values: Sequence[datetime | None]) -> pa.Array:
    zones = {value.tzinfo is not None for value in values if value is not None}
    if len(zones) > 1:
        raise ValueError("some with a zone, some without")
    return pa.array(values, pa.timestamp("us", tz="UTC" if zones.pop() else None))


def _of(kind: pa.DataType) -> Maker:
    return lambda values: pa.array(values, kind)


def _written_as(kind: pa.DataType) -> Maker:
    """Texts that Arrow reads as a type, all of them or none."""
    return lambda values: pa.array(values, pa.string()).cast(kind)


def _decimals(values: Sequence[Decimal | None]) -> pa.Array:
    """Decimals as text; Arrow's own take ten times as long."""
    return _digits([None if value is None else str(value) for value in values])


def _digits(values: Sequence[str | None]) -> pa.Array:
    """Numbers in their one spelling: with all their digits, and without zeros at the end of a fraction."""
    texts = pa.array(values, pa.string())
    if pc.any(pc.match_substring_regex(texts, "[A-Za-z]|^-0")).as_py():
        # With an exponent, a minus before nothing, or no number at all.
        return pa.array([None if value is None else as_text(Decimal(value)) for value in values], pa.string())
    stripped = pc.utf8_rtrim(pc.utf8_rtrim(texts, "0"), ".")
    return pc.if_else(pc.match_substring(texts, "."), stripped, texts)


_TYPES: dict[type, Maker] = {
    bool: _of(pa.bool_()),
    int: _of(pa.int64()),
    float: _of(pa.float64()),
    str: _of(pa.string()),
    bytes: _of(pa.binary()),
    date: _of(pa.date32()),
    datetime: _times,
    Decimal: _decimals,
}
# By oid, those of which Postgres' drivers make Python objects of one type: int8, int2, int4, float4, float8, bool, text, char,
# varchar, date.
_POSTGRES: dict[int, Maker] = {
    **dict.fromkeys((20, 21, 23), _of(pa.int64())),
    **dict.fromkeys((700, 701), _of(pa.float64())),
    16: _of(pa.bool_()),
    **dict.fromkeys((25, 1042, 1043), _of(pa.string())),
    1082: _of(pa.date32()),
}
# What is left as text there: timestamp, timestamptz, numeric.
_WRITTEN: dict[int, Maker] = {
    1114: _written_as(pa.timestamp("us")),
    1184: _written_as(pa.timestamp("us", tz="UTC")),
    1700: _digits,
}


# Errors


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except (exc.SQLAlchemyError, UnicodeDecodeError) as error:
        raise error_from(error, what) from None
    except Exception as error:
        # Drivers raise errors of their own while rows are fetched.
        if type(error).__module__.split(".")[0] in ("builtins", "pyarrow", "include"):
            raise
        raise error_from(error, what) from None


def error_from(error: Exception, what: str) -> SourceError:
    """The error of the family that says what a person can do; the driver's message without the values of parameters."""
    driver = getattr(error, "orig", None) or error
    state = str(getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None) or "")
    message = one_line(driver, _LONGEST)
    if state.startswith("28") or state == "42501" or (not state and _DENIED.search(message)):
        return SourceDenied(f"{what} is refused: {message}. Correct the connection, or grant it what it has to read.")
    lost = bool(getattr(error, "connection_invalidated", False)) or isinstance(error, exc.InterfaceError)
    if (
        lost
        or state.startswith(_MAY_PASS)
        or (not state and isinstance(error, exc.OperationalError) and _LOST.search(message))
    ):
        return SourceUnreachable(f"{what} gave no answer, or none to the end: {message}. It is tried again.")
    return SourceRefused(f"{what} failed: {message}. Correct the query, or what it reads.")
