"""What does reading every value as it was written cost, and does a file larger than memory go through?

Readers side by side, each in a process of its own: rows per second of CPU time, and the most memory that the process took.
Then a csv of five gigabytes goes through `check`, from a real object store into it, in a process of its own, too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
from rich.console import Console

from bench import results
from bench.in_process import stores
from include.adapters.file_reader import read_pieces
from include.adapters.s3_store import S3Store
from include.models.contract import Candidate, Column, Criteria, Feed, Model, Retraining
from include.request import Request
from include.services import StepContext, build_services
from include.steps import check, pull

ROWS, NUMBERS, TEXTS = 1_000_000, 14, 14
LARGE_BYTES, BUDGET_MB = 5 * 10**9, 2048
_AT_ONCE = 500_000
BEGIN, DAYS = datetime(2024, 1, 1, tzinfo=UTC), 200
PAGE = Path(__file__).parent.parent / "docs/deliveries.md"

MODEL = Model(
    name="wide",
    owner="bench",
    description="Thirty columns.",
    task="binary",
    label=Column("y", "number"),
    features=(*(Column(f"n{i}", "number") for i in range(NUMBERS)), *(Column(f"c{i}", "category") for i in range(TEXTS))),
    feed=Feed(key=("id",), time="at", period=timedelta(days=7), label_delay=timedelta(days=7), schedule="0 6 * * 1"),
    criteria=Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.5, margin=0.01),
    retraining=Retraining(cadence="0 7 * * 1"),
    candidates=(Candidate(build=lambda seed: None),),
)


def table(first: int, count: int, of: int, text: str = "") -> pa.Table:
    """Rows `first` to `first + count` of so many, in the order of their times; `text` stands in every category."""
    rng = np.random.default_rng(first)
    seconds = np.linspace(0, DAYS * 86_400 - 1, of, dtype="int64")[first : first + count]
    times = pd.Series(pd.to_datetime(BEGIN) + pd.to_timedelta(seconds, unit="s")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    columns = {"id": pa.array(np.arange(first, first + count) + 10**15), "at": pa.array(times)}
    columns |= {f"n{i}": pa.array(np.round(rng.normal(scale=100, size=count), 4)) for i in range(NUMBERS)}
    names = pa.array([f"{text}value {number}" for number in range(50)])
    columns |= {f"c{i}": names.take(pa.array(rng.integers(0, 50, count))) for i in range(TEXTS)}
    return pa.table(columns)


def ours(path: Path) -> int:
    """The one reader of landing, check-model and new-model."""
    return sum(len(piece.table) for piece in read_pieces(path.name, path))


def pandas_before(path: Path) -> int:
    """What stood in its place before: pandas, with its guesses; a csv as text, parquet as its types."""
    if path.suffix == ".parquet":
        return len(pd.read_parquet(path))
    return len(pd.read_csv(path, dtype="str", keep_default_na=False, na_values=[""]))


def arrow_alone(path: Path) -> int:
    """Arrow's reader as it comes, with its guesses."""
    if path.suffix == ".parquet":
        return len(pq.read_table(path))
    return len(pv.read_csv(path, parse_options=pv.ParseOptions(newlines_in_values=True)))


READERS: dict[str, Callable[[Path], int]] = {"ours": ours, "pandas, as before": pandas_before, "pyarrow alone": arrow_alone}


def files(folder: Path) -> dict[str, Path]:
    """The same million rows in each format; in the last csv texts have two lines, so that Arrow cannot read it for us."""
    whole, of_two_lines = table(0, ROWS, ROWS), table(0, ROWS, ROWS, text="two\nlines, ")
    paths = {name: folder / name for name in ("rows.csv", "rows.parquet", "texts of two lines.csv")}
    pv.write_csv(whole, paths["rows.csv"])
    pq.write_table(whole, paths["rows.parquet"])
    pv.write_csv(of_two_lines, paths["texts of two lines.csv"])
    return paths


def in_a_process(*arguments: str) -> dict[str, float]:
    """What a process of its own measured of itself."""
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.intake", *arguments], capture_output=True, text=True, check=True
    )
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def _measured(work: Callable[[], int]) -> dict[str, float]:
    before, began, idle = time.process_time(), time.perf_counter(), _peak()
    rows = work()
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    return {"rows": rows, "cpu_seconds": round(cpu, 1), "seconds": round(wall, 1), "peak_mb": _peak(), "idle_mb": idle}


def _peak() -> int:
    """The most memory that this process ever had, in MB; getrusage would say what the process had that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024)


def take_in() -> int:
    """Pull and check, with the services that the environment names."""
    request = Request(as_of=BEGIN + timedelta(days=DAYS + 7), reason="bench", run_id="bench")
    context = StepContext(build_services(), MODEL, request)
    return check.run(context, pull.run(context)).rows


def write_large(path: Path) -> int:
    """A csv of about five gigabytes; returns how many rows it has."""
    a_row = _size_of_a_row()
    rows = LARGE_BYTES // a_row
    with path.open("wb") as file:
        for first in range(0, rows, _AT_ONCE):
            part = table(first, min(_AT_ONCE, rows - first), rows)
            pv.write_csv(part, file, pv.WriteOptions(include_header=first == 0))
    return rows


def _size_of_a_row() -> int:
    sample = pa.BufferOutputStream()
    pv.write_csv(table(0, 10_000, ROWS), sample)
    return int(sample.getvalue().size // 10_000)


def large() -> dict[str, float]:
    """A file of five gigabytes through `check`."""
    with tempfile.TemporaryDirectory() as folder, stores():
        path = Path(folder) / "large.csv"
        rows = write_large(path)
        landing = S3Store.connect("landing", endpoint=os.environ["PROVING_GROUND_S3_ENDPOINT"], region="us-east-1")
        landing.upload_file(path, "wide/features/large.csv")
        size = path.stat().st_size
        path.unlink()
        return in_a_process("--take-in") | {"bytes": size, "delivered": rows}


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--read", nargs=2)
    parser.add_argument("--take-in", action="store_true")
    given = parser.parse_args()
    if given.read:
        reader, path = READERS[given.read[0]], Path(given.read[1])
        print(json.dumps(_measured(lambda: reader(path))))
        return 0
    if given.take_in:
        print(json.dumps(_measured(take_in)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures: dict[str, dict[str, dict[str, float]]] = {
            name: {reader: in_a_process("--read", reader, str(path)) for reader in READERS}
            for name, path in files(Path(folder)).items()
        }
    through = large()
    meets = through["rows"] == through["delivered"] and through["peak_mb"] <= BUDGET_MB
    results.write("intake", figures | {"large": through}, {"peak_mb": BUDGET_MB, "rows": "all"}, meets)
    results.into_page(PAGE, "intake", page(figures, through))
    Console().print_json(json.dumps(figures | {"large": through}))
    return 0 if meets else 1


def page(figures: dict[str, dict[str, dict[str, float]]], through: dict[str, float]) -> str:
    """The tables of the page."""
    lines = [
        "| 1,000,000 rows, 30 columns | reader | rows per second of CPU | times ours | memory |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, readers in figures.items():
        base = readers["ours"]["cpu_seconds"]
        for reader, one in readers.items():
            rate, memory = one["rows"] / one["cpu_seconds"], one["peak_mb"] - one["idle_mb"]
            lines.append(f"| {name} | {reader} | {rate:,.0f} | {base / one['cpu_seconds']:.1f} | {memory:,.0f} MB |")
    minutes, gigabytes = through["seconds"] / 60, through["bytes"] / 1e9
    lines += [
        "",
        f"A csv of {gigabytes:.1f} GB with {through['delivered']:,} rows went through `check` in {minutes:.0f} minutes; "
        f"{through['rows']:,} rows are in the lake, and the process took at most {through['peak_mb']:,.0f} MB.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
