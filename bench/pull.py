"""What does a pull cost beside the database's bare driver and pandas, and is its memory flat?

Readers side by side, each in a process of its own, of one table in a real Postgres: rows per second of CPU time, and the most
memory that the process took. Then five million rows are pulled into landing on a real S3 server.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench import results
from bench.in_process import stores
from bench.postgres import running
from include.adapters.databases import engine_at
from include.adapters.lock import Locks
from include.adapters.pulling import Order, Pulls
from include.adapters.s3_store import S3Store
from include.settings import Settings
from include.sources import Delivery, Problem, Sql
from include.sources.sql_rows import rows_of

ROWS, MANY = 1_000_000, 5_000_000
MOST_CPU, MOST_MB = 1.3, 600
QUERY = "SELECT * FROM visits"
ORDERED = f"{QUERY} ORDER BY updated_at, seen, id"
PROBLEM = Problem("visits", ("id",), "seen")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
PAGE = Path(__file__).parent.parent / "docs/sources.md"
AT_ONCE = 10_000


def bare(address: str) -> int:
    """Postgres' driver alone, with a cursor of the server's: the rows as Python objects, and nothing done with them."""
    import psycopg2

    with psycopg2.connect(address.replace("+psycopg2", "")) as connection, connection.cursor("bench") as cursor:
        cursor.execute(ORDERED)
        count = 0
        while rows := cursor.fetchmany(AT_ONCE):
            count += len(rows)
    return count


def ours(address: str) -> int:
    """The rows of a source, as Arrow tables."""
    tables = rows_of(QUERY, "updated_at", Delivery(PROBLEM, "features", None, NOW), engine_at(address, "the bench"))
    return sum(len(table) for table in tables)


def pandas_in_pieces(address: str) -> int:
    """pandas.read_sql with chunksize, on a connection that streams."""
    import pandas as pd

    with engine_at(address, "the bench").connect() as connection:
        streamed = connection.execution_options(stream_results=True)
        return sum(len(frame) for frame in pd.read_sql(sa.text(ORDERED), streamed, chunksize=AT_ONCE))


def pandas_at_once(address: str) -> int:
    """pandas.read_sql as it comes."""
    import pandas as pd

    return len(pd.read_sql(ORDERED, engine_at(address, "the bench")))


def pull(address: str) -> int:
    """The whole pull: rows into deliveries in landing, on a real S3 server."""
    with tempfile.TemporaryDirectory() as folder:
        query = Path(folder) / "visits.sql"
        query.write_text(QUERY)
        import include.sources.sql as module

        module.FOLDER = Path(folder)
        settings = Settings.read(os.environ)
        buckets = (settings.landing_bucket, settings.lake_bucket)
        landing, lake = (S3Store.connect(one, endpoint=settings.s3_endpoint, region=settings.s3_region) for one in buckets)
        pulls = Pulls(landing, lake, Locks(lake), lambda _name: engine_at(address, "the bench"))
        source = Sql("warehouse", features="visits.sql", updated_at="updated_at")
        (pulled,) = pulls.pull(Order(source, PROBLEM, NOW, "bench/pull", 0.2))
        return pulled.rows


READERS: dict[str, Callable[[str], int]] = {
    "the bare driver": bare,
    "ours": ours,
    "pandas.read_sql, in pieces": pandas_in_pieces,
    "pandas.read_sql": pandas_at_once,
    "ours, into landing": pull,
}


def fill(engine: sa.Engine, rows: int) -> None:
    """A table of thirty columns: two times, a decimal, a boolean, numbers, whole numbers and texts."""
    numbers = ", ".join(f"random() * 100 AS n{i}" for i in range(12))
    whole = ", ".join(f"(random() * 1000)::int AS i{i}" for i in range(8))
    texts = ", ".join(f"md5((g % 1000)::text) AS s{i}" for i in range(5))
    at = "timestamptz '2024-01-01' + g * interval '1 second'"
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS visits"))
        chosen = f"g AS id, {at} AS seen, {at} AS updated_at, (random() * 100)::numeric(10, 2) AS price, random() < 0.1 AS y"
        made = f"CREATE TABLE visits AS SELECT {chosen}, {numbers}, {whole}, {texts} FROM generate_series(1, {rows}) AS g"
        connection.execute(sa.text(made))
        connection.execute(sa.text("CREATE INDEX ON visits (updated_at)"))


def measured(reader: str, address: str) -> dict[str, Any]:
    """A reader in a process of its own."""
    command = [sys.executable, "-m", "bench.pull", "--reader", reader]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"BENCH_DATABASE": address})
    print(reader, done.stdout.splitlines()[-1], flush=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _better(reader: str, address: str) -> dict[str, Any]:
    return min((measured(reader, address) for _ in range(2)), key=lambda one: float(one["cpu"]))


def _in_this_process(reader: str) -> None:
    begun, before = time.monotonic(), time.process_time()
    rows = READERS[reader](os.environ["BENCH_DATABASE"])
    cpu, wall = time.process_time() - before, time.monotonic() - begun
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": rows, "cpu": round(cpu, 1), "seconds": round(wall, 1), "most MB": most}))


def main(arguments: list[str]) -> int:
    """Measure, and write the result into the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reader")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--many", type=int, default=MANY)
    chosen = parser.parse_args(arguments)
    if chosen.reader:
        _in_this_process(chosen.reader)
        return 0
    with running() as server, stores():
        address = server.address()
        fill(engine_at(address, "the bench"), chosen.rows)
        # Twice, and the better one: other work on the machine makes each of them slower.
        figures = {
            name: min((measured(name, address) for _ in range(2)), key=lambda one: one["cpu"]) for name in [*READERS][:-1]
        }
        fill(engine_at(address, "the bench"), chosen.many)
        whole = measured("ours, into landing", address)
    report(figures, whole)
    return 0


def report(figures: dict[str, Any], whole: dict[str, Any]) -> None:
    """Keep the answer, honest either way."""
    ratio = figures["ours"]["cpu"] / figures["the bare driver"]["cpu"]
    aims = {"CPU of ours beside the bare driver's": f"at most {MOST_CPU}", "memory of the whole pull": f"at most {MOST_MB} MB"}
    met = ratio <= MOST_CPU and whole["most MB"] <= MOST_MB
    results.write("pull", {"readers": figures, "ratio": round(ratio, 2), "whole": whole}, aims, met)
    results.into_page(PAGE, "pull", table(figures, ratio, whole))
    print(table(figures, ratio, whole))


def table(figures: dict[str, Any], ratio: float, whole: dict[str, Any]) -> str:
    """For the page."""
    base = figures["the bare driver"]["cpu"]
    lines = [
        f"| {figures['ours']['rows']:,} rows, 30 columns | rows per second of CPU | times the bare driver's CPU | memory |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, one in figures.items():
        speed, cost = one["rows"] / one["cpu"], one["cpu"] / base
        lines.append(f"| {name} | {speed:,.0f} | {cost:.2f} | {one['most MB']:,} MB |")
    met = "met" if ratio <= MOST_CPU else "not met"
    return "\n".join(lines) + (
        f"\n\nThe aim was at most {MOST_CPU} times the bare driver's CPU: {met}. {whole['rows']:,} rows went into landing in "
        f"{whole['seconds'] / 60:.1f} minutes ({whole['cpu']:.0f} s of CPU), and the process took at most "
        f"{whole['most MB']:,} MB."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
