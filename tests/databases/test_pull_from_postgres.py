"""A pull from a real Postgres: what goes wrong there, and what comes of it."""

import io
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from bench.postgres import Postgres
from include.adapters.databases import engine_at
from include.adapters.lock import Locks
from include.adapters.pulling import Order, Pulled, Pulls
from include.errors import ProvingGroundError, SourceDenied, SourceRefused, SourceUnreachable
from include.sources import Delivery, Sql
from tests.fakes import MemoryStore
from tests.sources.held import PROBLEM, Held, in_database, moment, row


class World:
    """A table, and pulls of it into a landing in memory."""

    def __init__(self, held: Held) -> None:
        self.held, self.landing, self.lake = held, MemoryStore("landing"), MemoryStore("lake")

    def pull(self, minutes: float, by: str = "run") -> Pulled:
        self.landing.now = moment(minutes)
        pulls = Pulls(self.landing, self.lake, Locks(self.lake), self.held.connections)
        (pulled,) = pulls.pull(Order(self.held.source, PROBLEM, moment(minutes), f"{by}/pull", 0.9))
        return pulled

    def rows(self) -> list[dict[str, Any]]:
        """All that was delivered."""
        keys = [entry.key for entry in self.landing.entries("toy/features/pulled/")]
        return [one for key in keys for one in pq.read_table(io.BytesIO(self.landing.read(key))).to_pylist()]

    def ids(self) -> list[str]:
        return sorted(one["id"] for one in self.rows())


@pytest.fixture
def world(held: Held) -> World:
    return World(held)


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def fill(engine: sa.Engine, count: int, a_minute: int) -> list[str]:
    """So many rows, of which so many change within a minute; their keys."""
    first = "timestamptz '2024-01-01 00:00:00+00'"
    at = f"{first} + n * interval '1 minute' / {a_minute}"
    run(
        engine,
        f"INSERT INTO visits SELECT to_char(n, 'FM000000'), {at}, {at}, false, n, 'a', true "
        f"FROM generate_series(0, {count - 1}) AS numbers(n)",
    )
    return [f"{n:06}" for n in range(count)]


@pytest.fixture
def reader(engine: sa.Engine) -> Iterator[Callable[[str], None]]:
    """A user who may do what is granted, and nothing else."""
    run(engine, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'word'")
    yield lambda grant: run(engine, grant)
    run(engine, "DROP OWNED BY reader", "DROP ROLE reader")


def test_a_long_transaction_s_rows_come_in_when_it_commits(world: World, engine: sa.Engine) -> None:
    """They carry a time of change at which others were pulled already; the overlap is longer than the transaction."""
    world.held.put(row("a", 1))
    with engine.connect() as slow:
        begun = slow.begin()
        slow.execute(sa.text("INSERT INTO visits VALUES ('slow', :t, :t, false, 1, 'a', true)"), {"t": moment(3)})
        world.held.put(row("b", 5))
        assert world.pull(6).rows == 2
        begun.commit()
    assert world.pull(8).rows == 1
    assert world.ids() == ["a", "b", "slow"]


def test_a_pull_sees_one_moment(world: World, engine: sa.Engine) -> None:
    """What is committed while it reads belongs to the next."""
    fill(engine, 25_000, 1000)
    tables = world.held.source.read(Delivery(PROBLEM, "features", None, moment(60)), world.held.connections)
    first = next(tables)
    world.held.put(row("000000", 0, word="changed"), row("999999", 59))
    ids = [key for table in [first, *tables] for key in table.column("id").to_pylist()]
    assert len(ids) == len(set(ids)) == 25_000
    assert "999999" not in ids


def test_a_server_that_is_killed_is_tried_again(
    world: World, engine: sa.Engine, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a pull: transient, what came is kept, and in the end every row is there once."""
    monkeypatch.setattr("include.adapters.pulling.ROWS_A_DELIVERY", 10_000)
    keys = fill(engine, 60_000, 1000)
    put = world.landing.put

    def kill_then_put(key: str, data: bytes) -> str:
        if key.endswith("00000002.parquet"):
            monkeypatch.setattr(world.landing, "put", put)
            postgres.stop("immediate")
        return put(key, data)

    monkeypatch.setattr(world.landing, "put", kill_then_put)
    with pytest.raises(SourceUnreachable, match="gave no answer, or none to the end") as gone:
        world.pull(100)
    assert gone.value.transient
    with pytest.raises(SourceUnreachable, match="Connection refused"):
        world.pull(100)
    before = len(world.rows())
    assert 0 < before < 60_000
    postgres.start()
    assert world.pull(100).rows == 60_000 - before
    assert world.ids() == keys


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
@pytest.mark.parametrize(("user", "password"), [("postgres", "wrong"), ("nobody", "secret")])
def test_a_wrong_password_is_no_outage(postgres: Postgres, queries: Path, driver: str, user: str, password: str) -> None:
    """Trying again would lock the account; the message holds no password."""
    url = sa.make_url(postgres.address(user, password)).set(drivername=f"postgresql+{driver}")
    (queries / "visits.sql").write_text("SELECT * FROM visits")
    world = World(Held(Sql("warehouse", features="visits.sql"), lambda _name: engine_at(url, "the test")))
    with pytest.raises(SourceDenied, match="password authentication failed") as denied:
        world.pull(5)
    assert not denied.value.transient
    assert password not in str(denied.value).replace("password", "")


def test_a_permission_that_is_denied_is_named(world: World, postgres: Postgres, reader: Callable[[str], None]) -> None:
    """With the table; once it is granted, reading alone is enough."""
    world.held.put(row("a", 1))
    world.held.connections = lambda _name: engine_at(postgres.address("reader", "word"), "the test")
    with pytest.raises(SourceDenied, match=r"permission denied for table visits.*grant it what it has to read"):
        world.pull(5)
    reader("GRANT SELECT ON visits TO reader")
    assert world.pull(5).rows == 1


def test_a_query_cannot_write(world: World, engine: sa.Engine, queries: Path) -> None:
    """Not even through a function: the transaction only reads."""
    run(engine, "CREATE OR REPLACE FUNCTION spoil() RETURNS int LANGUAGE sql AS 'DELETE FROM visits; SELECT 1'")
    world.held.put(row("a", 1))
    (queries / "visits.sql").write_text("SELECT *, spoil() FROM visits")
    with pytest.raises(SourceRefused, match="read-only transaction"):
        world.pull(5)


def test_a_column_that_was_renamed_is_named(world: World, engine: sa.Engine) -> None:
    """Nothing of that pull is delivered, and after the repair nothing is missing."""
    world.held.put(row("a", 1))
    world.pull(2)
    world.held.put(row("b", 3))
    run(engine, "ALTER TABLE visits RENAME updated_at TO changed")
    with pytest.raises(SourceRefused, match='column "updated_at" does not exist'):
        world.pull(5)
    run(engine, "ALTER TABLE visits RENAME changed TO updated_at")
    world.pull(6)
    assert world.ids() == ["a", "b"]


def test_a_column_whose_type_changed_keeps_every_value(world: World, engine: sa.Engine) -> None:
    """Numbers first, then texts: each delivery has the type that the source had."""
    world.held.put(row("a", 1, x=2.0))
    world.pull(2)
    run(engine, "ALTER TABLE visits ALTER x TYPE text")
    world.held.put(row("b", 3, x="two"))
    world.pull(5)
    assert [one["x"] for one in world.rows()] == [2.0, "two"]


def test_a_table_that_is_locked_for_a_change_is_tried_again(world: World, engine: sa.Engine) -> None:
    """A time limit of the server's for waiting is transient."""
    world.held.put(row("a", 1))
    run(engine, "ALTER ROLE postgres SET lock_timeout = '200ms'")
    try:
        with engine.begin() as other:
            other.execute(sa.text("LOCK TABLE visits"))
            with pytest.raises(SourceUnreachable, match="lock timeout"):
                world.pull(5)
    finally:
        run(engine, "ALTER ROLE postgres RESET lock_timeout")


def test_a_query_that_takes_too_long_is_not_tried_again(world: World, engine: sa.Engine, queries: Path) -> None:
    """It would take as long again."""
    world.held.put(row("a", 1))
    (queries / "visits.sql").write_text("SELECT *, pg_sleep(2)::text AS slept FROM visits")
    run(engine, "ALTER ROLE postgres SET statement_timeout = '100ms'")
    try:
        with pytest.raises(SourceRefused, match="statement timeout"):
            world.pull(5)
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("ALTER ROLE postgres RESET statement_timeout")
            connection.commit()


def test_a_join_that_multiplies_rows_is_refused(world: World, engine: sa.Engine, queries: Path) -> None:
    """Duplicate keys that differ: named, and nothing of them is delivered."""
    world.held.put(row("a", 1), row("b", 2))
    (queries / "visits.sql").write_text("SELECT v.*, n AS part FROM visits v CROSS JOIN (VALUES (1), (2)) AS p(n)")
    with pytest.raises(SourceRefused, match=r"gives 2 rows that differ .* «id=a»"):
        world.pull(5)
    assert world.rows() == []


def test_columns_of_one_name_are_refused(world: World, queries: Path) -> None:
    """Which one is meant cannot be known."""
    world.held.put(row("a", 1))
    (queries / "visits.sql").write_text("SELECT *, 1 AS word FROM visits")
    with pytest.raises(SourceRefused, match=r'"word" is ambiguous|gives the column word twice'):
        world.pull(5)


def test_values_of_every_common_type_arrive(world: World, engine: sa.Engine, queries: Path) -> None:
    """As landing's reader would write them: decimals with all digits, JSON as JSON, times in UTC."""
    run(engine, "SET TIME ZONE 'Asia/Tokyo'")
    (queries / "visits.sql").write_text(
        "SELECT 'a' AS id, timestamptz '2024-01-01 09:00:00+09' AS \"at\", timestamp '2024-01-01 00:00:00' AS updated_at, "
        "false AS gone, 12345678901234567890.10::numeric AS big, 7.00::numeric(9,2) AS seven, 1e-7::numeric AS small, "
        "'NaN'::numeric AS none, date '2024-02-29' AS day, '{\"b\": [1, null]}'::jsonb AS doc, ARRAY[1, 2] AS list, "
        "'e0e7a2c4-7a9e-4a5e-9d5e-0c1f9d2c3b4a'::uuid AS uuid, 3::smallint AS three, 0.1::float4 AS tenth, 'x'::char(3) AS c"
    )
    world.pull(5)
    from include.adapters.file_reader import read_file

    (entry,) = world.landing.entries("toy/features/pulled/")
    values = read_file(entry.key, world.landing.read(entry.key)).table.iloc[0].to_dict()
    assert values["big"] == "12345678901234567890.1"
    assert (values["seven"], values["small"], values["three"], values["day"]) == ("7", "0.0000001", "3", "2024-02-29")
    assert values["none"] != values["none"]
    assert (values["doc"], values["list"]) == ('{"b": [1, null]}', "[1, 2]")
    assert values["at"] == "2024-01-01T00:00:00Z"
    assert values["uuid"] == "e0e7a2c4-7a9e-4a5e-9d5e-0c1f9d2c3b4a"


def test_two_pulls_at_once_deliver_every_row_once(world: World, engine: sa.Engine) -> None:
    """From Airflow and by hand: one waits for the other."""
    keys = fill(engine, 2000, 100)
    failed: list[ProvingGroundError] = []

    def pull(by: str) -> None:
        try:
            world.pull(100, by)
        except ProvingGroundError as error:
            failed.append(error)

    threads = [threading.Thread(target=pull, args=(f"run {number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert world.ids() == keys


def test_rows_of_ties_at_the_newest_change_come_once(engine: sa.Engine, queries: Path) -> None:
    """A bulk load gives every row one time of change: more of them may come at that very time."""
    world = World(in_database(engine, queries, overlap=timedelta(minutes=1)))
    world.held.put(*(row(f"{n:03}", 5) for n in range(100)))
    world.pull(6)
    world.held.put(*(row(f"{n:03}", 5) for n in range(100, 150)))
    assert world.pull(7).rows == 50
    assert world.ids() == [f"{n:03}" for n in range(150)]
