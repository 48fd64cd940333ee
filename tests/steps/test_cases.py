"""Small deliveries that went wrong once, here or in other tools: each is the smallest of its kind, and is pulled and checked.

The files lie in tests/cases; where a kind is not one of a format, its rows are also written in the other formats.
"""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import UnreadableFile
from include.models.contract import Column, Model
from include.results import QuarantinedRow
from tests.toy import World, changed, day

CASES = Path(__file__).parent.parent / "cases"
FORMATS = ("csv", "jsonl", "parquet")
MODEL = changed(
    features=(
        Column("x", "number", optional=True),
        Column("colour", "category", values=("red", "blue"), optional=True),
        Column("note", "text", optional=True),
    ),
    # One bad row of two is what these files are about.
    max_bad_share=1.0,
)
Rows = list[dict[str, Any]]


def written(suffix: str, rows: Rows) -> bytes:
    """Rows in a format, with the columns of the first; parquet as Arrow types them."""
    if suffix == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if suffix == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def features(rows: Rows) -> Rows:
    """With the columns that they do not name."""
    return [{"id": "a", "at": "2024-01-01T00:00:00Z", "x": 1, "colour": "red", "note": "fine"} | row for row in rows]


class Door:
    """A toy model with columns of these cases, what was delivered to it, and what became of it."""

    def __init__(self, model: Model = MODEL) -> None:
        self.world = World(model)

    def deliver(self, name: str, data: bytes, stream: str = "features") -> None:
        self.world.landing.put(f"toy/{stream}/{name}", data)

    def take_in(self) -> Any:
        return self.world.take_in(day(2))

    @property
    def rows(self) -> pd.DataFrame:
        return self.world.services.lake.rows(self.world.model, day(-30), day(60)).sort_values("id", ignore_index=True)

    @property
    def quarantine(self) -> list[QuarantinedRow]:
        lake = self.world.services.lake
        rows = [row for entry in lake.quarantines("toy") for row in lake.quarantined_rows(entry.key)]
        return sorted(rows, key=lambda row: (row.source, row.row))


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("suffix", FORMATS)
def test_big_ids(suffix: str, door: Door) -> None:
    """Ids beyond 2^53 keep their last digit, also beside one that is null, which is in quarantine."""
    rows = [json.loads(line) | {"note": "fine"} for line in (CASES / "big_ids.jsonl").read_text().splitlines()]
    door.deliver(f"00.{suffix}", written(suffix, rows))
    door.take_in()
    assert door.rows["id"].tolist() == ["1234567890123456701", "1234567890123456702", "1234567890123456703"]
    assert [(row.row, row.reasons) for row in door.quarantine] == [(4, ["id: missing in the key"])]


def test_stray_quotes(door: Door) -> None:
    """A quote that was not meant joins no lines: each line is a row, or in quarantine by its number."""
    data = (CASES / "stray_quotes.csv").read_bytes().replace(b"note\n", b"note,colour\n")
    lines = data.splitlines()
    door.deliver("00.csv", b"\n".join([lines[0], *(line + b",red" for line in lines[1:])]))
    door.take_in()
    assert door.rows["id"].tolist() == ["b", "c", "e"]
    assert [row.reasons[0].split(":")[0] for row in door.quarantine] == ["line 2", "line 5"]
    assert door.quarantine[0].line == 'a,2024-01-01T00:00Z,1,"24 inch screen,red'


def test_duplicate_header(door: Door) -> None:
    """Which of two columns of one name is meant cannot be known."""
    door.deliver("00.csv", (CASES / "duplicate_header.csv").read_bytes())
    with pytest.raises(UnreadableFile, match=r"toy/features/00\.csv .*the column «x» stands in it twice"):
        door.take_in()


@pytest.mark.parametrize("suffix", FORMATS)
def test_half_label(suffix: str, door: Door) -> None:
    """A label that is no class would end every training."""
    rows = list(csv.DictReader(io.StringIO((CASES / "half_label.csv").read_text())))
    typed: Rows = rows if suffix == "csv" else [row | {"y": float(row["y"])} for row in rows]
    door.deliver(f"00.{suffix}", written(suffix, typed), "labels")
    assert door.take_in().labels == 1
    assert [row.reasons for row in door.quarantine] == [["y: neither 0 nor 1"]]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("case", "reason"), [("year_20", "at: before the year 1900"), ("year_0", "at: before the year 1900")])
def test_implausible_years(case: str, reason: str, suffix: str, door: Door) -> None:
    """A year that is mistyped, or that no calendar has, keeps its row out and no other."""
    rows: Rows = list(csv.DictReader(io.StringIO((CASES / f"{case}.csv").read_text())))
    door.deliver(f"00.{suffix}", written(suffix, features(rows)))
    door.take_in()
    assert door.rows["id"].tolist() == ["b"]
    assert [row.reasons for row in door.quarantine] == [[reason]]


def test_half_emoji(door: Door) -> None:
    """Half of a surrogate pair is no text: its row is in quarantine, the other goes on."""
    door.deliver("00.jsonl", (CASES / "half_emoji.jsonl").read_bytes())
    door.take_in()
    assert door.rows["id"].tolist() == ["b"]
    assert "surrogate" in door.quarantine[0].reasons[0]


@pytest.mark.parametrize("suffix", FORMATS)
def test_corrected_time_zone(suffix: str, door: Door) -> None:
    """The same ids 23.5 hours later under the same name: each is there once, at the corrected time."""
    for shift in (timedelta(0), timedelta(hours=23.5)):
        times = [day(0) + timedelta(hours=hour) + shift for hour in range(30)]
        rows = features([{"id": f"{n:02}", "at": at.isoformat()} for n, at in enumerate(times)])
        door.deliver(f"00.{suffix}", written(suffix, rows))
        door.take_in()
        door.world.landing.now += timedelta(hours=1)
    assert door.rows["id"].tolist() == [f"{n:02}" for n in range(30)]
    assert door.rows["at"].min() == pd.Timestamp(day(0)) + timedelta(hours=23.5)


@pytest.mark.parametrize("suffix", FORMATS)
def test_fewer_rows_under_the_same_name(suffix: str, door: Door) -> None:
    """Sixty rows, then fifty of them: fifty rows."""
    rows = features([{"id": f"{n:02}"} for n in range(60)])
    for left in (60, 50):
        door.deliver(f"00.{suffix}", written(suffix, rows[:left]))
        door.take_in()
        door.world.landing.now += timedelta(hours=1)
    assert len(door.rows) == 50


@pytest.mark.parametrize("suffix", FORMATS)
def test_labels_that_match_nothing(suffix: str, door: Door) -> None:
    """Ids that went through a float on one side only are counted, with the first of them."""
    door.deliver(f"00.{suffix}", written(suffix, features([{"id": "8-0"}])))
    door.deliver(f"00.{suffix}", written(suffix, [{"id": "8-0.0", "at": "2024-01-01T00:00:00Z", "y": 1}]), "labels")
    assert "1 labels came, 0 belong to a row; first key «8-0.0»" in door.take_in().summary


def test_id_as_index_of_pandas(door: Door) -> None:
    """A column is a column, also where pandas made it the index."""
    buffer = io.BytesIO()
    pd.DataFrame(features([{"id": "a"}, {"id": "b"}])).set_index("id").to_parquet(buffer)
    door.deliver("00.parquet", buffer.getvalue())
    door.take_in()
    assert door.rows["id"].tolist() == ["a", "b"]


def test_half_written_output_of_spark(door: Door) -> None:
    """What lies in a hidden folder is not finished."""
    for name in ("_temporary/0/part-0.csv", ".spark-staging-1/part-0.csv", "_SUCCESS", ".part-0.csv.crc"):
        door.deliver(name, written("csv", features([{}])))
    assert door.world.do("pull", day(2)).files == ()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_empty_file(suffix: str, door: Door) -> None:
    """A broken upload is named; it is no delivery of nothing."""
    door.deliver(f"00.{suffix}", b"")
    with pytest.raises(UnreadableFile, match=rf"toy/features/00\.{suffix} \(0 bytes\) cannot be read: the file is empty"):
        door.take_in()


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_rows(suffix: str, door: Door) -> None:
    """A header without rows, or an empty file of JSON lines, is a quiet day."""
    header = pa.table({name: pa.array([], pa.string()) for name in features([{}])[0]})
    buffer = io.BytesIO()
    pq.write_table(header, buffer)
    door.deliver(f"00.{suffix}", {"csv": b"id,at,x,colour,note\n", "jsonl": b"", "parquet": buffer.getvalue()}[suffix])
    assert door.take_in().summary == "one file, no rows"
