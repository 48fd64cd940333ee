"""A source and what it holds: tables in databases, and one in memory, which is what a third party's own source looks like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from include.sources import Connections, Delivery, Problem, Source, Sql, StreamName

PROBLEM = Problem("toy", ("id",), "at")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = ("id", "at", "updated_at", "gone", "x", "word", "flag")


def moment(minutes: float) -> datetime:
    """Minutes after the first."""
    return FIRST + timedelta(minutes=minutes)


def row(key: str, changed: float, at: float | None = None, **values: Any) -> dict[str, Any]:
    """A row of COLUMNS that changed after so many minutes."""
    usual: dict[str, Any] = {"gone": False, "x": 1.5, "word": "a", "flag": True}
    return {"id": key, "at": moment(changed if at is None else at), "updated_at": moment(changed)} | usual | values


@dataclass(frozen=True)
class ListSource:
    """Rows of a list. Frozen like any source; the list is another system's state."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    streams: tuple[StreamName, ...] = ("features",)
    overlap: timedelta = timedelta(minutes=10)
    deleted: str = "gone"
    compare: timedelta | None = None
    at_once: int = 2

    def fault(self, _problem: Problem) -> str | None:
        return None

    def changed(self, _problem: Problem) -> str:
        return "updated_at"

    def new(self, problem: Problem, as_of: datetime, seen: Mapping[StreamName, datetime | None]) -> tuple[Delivery, ...]:
        mark = seen["features"]
        return (Delivery(problem, "features", mark - self.overlap if mark else None, as_of),)

    def read(self, delivery: Delivery, _connections: Connections) -> Iterator[pa.Table]:
        since = delivery.since or datetime(1900, 1, 1, tzinfo=UTC)
        rows = [one for one in self.rows if one["updated_at"] is None or since < one["updated_at"] <= delivery.as_of]
        rows.sort(key=lambda one: (one["updated_at"] or since, one["at"], one["id"]))
        rows = rows if delivery.limit is None else rows[: delivery.limit]
        names = delivery.identity or COLUMNS
        for begin in range(0, max(len(rows), 1), self.at_once):
            yield _table(rows[begin : begin + self.at_once], names)


def _table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pa.Table:
    kinds = {"at": pa.timestamp("us", tz="UTC"), "updated_at": pa.timestamp("us", tz="UTC")}
    return pa.table({name: pa.array([one[name] for one in rows], kinds.get(name)) for name in names})


@dataclass
class Held:
    """A source with the means to change what it holds."""

    source: Source
    connections: Connections
    engine: sa.Engine | None = None

    def put(self, *rows: dict[str, Any]) -> None:
        """Insert rows; one whose key is there is replaced."""
        if self.engine is None:
            assert isinstance(self.source, ListSource)
            keys = {one["id"] for one in rows}
            self.source.rows[:] = [one for one in self.source.rows if one["id"] not in keys] + [dict(one) for one in rows]
            return
        with self.engine.begin() as connection:
            for one in rows:
                connection.execute(sa.text("DELETE FROM visits WHERE id = :id"), {"id": one["id"]})
                marks = ", ".join(f":{name}" for name in COLUMNS)
                connection.execute(sa.text(f"INSERT INTO visits VALUES ({marks})"), self._fit(one))

    def remove(self, key: str) -> None:
        """Delete a row without a trace."""
        if self.engine is None:
            assert isinstance(self.source, ListSource)
            self.source.rows[:] = [one for one in self.source.rows if one["id"] != key]
            return
        with self.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM visits WHERE id = :id"), {"id": key})

    def read(self, since: datetime | None, as_of: datetime, **more: Any) -> list[dict[str, Any]]:
        """The rows of a delivery, in order."""
        tables = self.source.read(Delivery(PROBLEM, "features", since, as_of, **more), self.connections)
        return [one for table in tables for one in table.to_pylist()]

    def _fit(self, one: dict[str, Any]) -> dict[str, Any]:
        assert self.engine is not None
        if self.engine.dialect.name != "sqlite":
            return one
        return {name: value.isoformat(" ") if isinstance(value, datetime) else value for name, value in one.items()}


def in_database(engine: sa.Engine, folder: Path, **options: Any) -> Held:
    """A table `visits` in a database, and a query of it in the folder of queries."""
    times = {"sqlite": "TEXT"}.get(engine.dialect.name, "TIMESTAMP WITH TIME ZONE")
    number = {"sqlite": "REAL"}.get(engine.dialect.name, "DOUBLE PRECISION")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS visits"))
        kinds = f'id TEXT, "at" {times}, updated_at {times}, gone BOOLEAN, x {number}, word TEXT, flag BOOLEAN'
        connection.execute(sa.text(f"CREATE TABLE visits ({kinds})"))
    (folder / "visits.sql").write_text(
        "-- all visits; a colon: and a semicolon;\nSELECT * FROM visits WHERE word <> ':as_of'\n;"
    )
    usual: dict[str, Any] = {"updated_at": "updated_at", "overlap": timedelta(minutes=10), "deleted": "gone"}
    return Held(Sql("warehouse", features="visits.sql", **(usual | options)), lambda _name: engine, engine)
