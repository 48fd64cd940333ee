"""Any sequence of deliveries against an oracle: what was delivered last is what counts, value by value, and nothing else."""

import csv
import io
import json
from datetime import timedelta
from random import Random
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.door import Findings
from bench.door import World as Door
from tests.toy import World, day, rows

Row = dict[str, Any]


def taken_in(world: World, stream: str = "features") -> list[tuple[Any, ...]]:
    """Key, time and values of all rows that count, in the order of their keys."""
    names = ["id", "at", "x", "colour"] if stream == "features" else ["id", "at", "y"]
    table = world.services.lake.rows(world.model, day(-30), day(60))
    return sorted(table[names].itertuples(index=False, name=None))


def test_rows_that_a_file_no_longer_has_are_gone(world: World) -> None:
    """Sixty rows, then fifty of them under the same name, then none; another file's rows stay."""
    world.deliver("features", "00", rows(0).drop(columns="y"))
    world.deliver("features", "01", rows(1).drop(columns="y"))
    world.take_in(day(2))
    for left in (50, 0):
        world.landing.now += timedelta(hours=1)
        world.deliver("features", "00", rows(0).drop(columns="y").head(left))
        world.take_in(day(2))
        assert len(taken_in(world)) == left + 60
    world.landing.now += timedelta(hours=1)
    world.deliver("features", "00", rows(0).drop(columns="y"))
    world.take_in(day(2))
    assert len(taken_in(world)) == 120


def test_rows_whose_time_moved_are_there_once(world: World) -> None:
    """A corrected time zone moves rows into other periods: three hundred rows of three hundred keys."""
    whole = {number: rows(number).drop(columns="y") for number in range(5)}
    for number, frame in whole.items():
        world.deliver("features", f"{number:02}", frame)
    world.take_in(day(6))
    world.landing.now += timedelta(hours=1)
    for number, frame in whole.items():
        moved = (pd.to_datetime(frame["at"]) + timedelta(hours=23.5)).map(lambda moment: moment.isoformat())
        world.deliver("features", f"{number:02}", frame.assign(at=moved))
    world.take_in(day(7))
    found = taken_in(world)
    assert len(found) == len({row[0] for row in found}) == 300
    assert min(row[1] for row in found) == pd.Timestamp(day(0)) + timedelta(hours=23.5)


def test_of_two_deliveries_in_one_second_the_later_one_counts(world: World) -> None:
    """The store's clock does not tell them apart; the order in which they were taken in does."""
    for x in (1.0, 2.0, 1.5):
        world.deliver("features", "00", rows(0).drop(columns="y").assign(x=x))
        world.take_in(day(1))
    assert {row[2] for row in taken_in(world)} == {1.5}


def test_labels_are_replaced_as_features_are(world: World) -> None:
    """A label that a file no longer has is unknown again."""
    world.deliver_day(0)
    world.take_in(day(1))
    world.landing.now += timedelta(hours=1)
    world.deliver("labels", "00", rows(0)[["id", "at", "y"]].head(20))
    world.take_in(day(1))
    assert world.services.lake.rows(world.model, day(0), day(1))["y"].notna().sum() == 20


def test_a_snapshot_stays_as_it_was(world: World) -> None:
    """What a version was trained on can be read again after its rows were replaced."""
    world.deliver_day(0)
    world.take_in(day(1))
    snapshot = world.snapshot(day(0), day(1))
    before = world.services.lake.read_snapshot(world.model, snapshot.digest)
    world.landing.now += timedelta(hours=1)
    world.deliver("features", "00", rows(0).drop(columns="y").head(5))
    world.take_in(day(1))
    pd.testing.assert_frame_equal(world.services.lake.read_snapshot(world.model, snapshot.digest), before)
    assert len(taken_in(world)) == 5


def written(suffix: str, table: list[Row]) -> bytes:
    """The rows as some tool of upstream writes them."""
    if suffix == "parquet":
        buffer = io.BytesIO()
        kinds = {"id": pa.string(), "at": pa.string(), "x": pa.float64(), "z": pa.float64(), "colour": pa.string()}
        columns = {name: [row.get(name) for row in table] for name in kinds}
        pq.write_table(pa.table({name: pa.array(cells, kinds[name]) for name, cells in columns.items()}), buffer)
        return buffer.getvalue()
    if suffix == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in table)
    else:
        lines = io.StringIO(newline="")
        writer = csv.DictWriter(lines, ["id", "at", "x", "z", "colour"])
        writer.writeheader()
        writer.writerows(table)
        text = lines.getvalue()
    return text.encode()


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_after_any_sequence_of_deliveries_what_counts_is_what_was_delivered_last(seed: int) -> None:
    """The reduced form of `make bench-door`: any columns, formats, corrections, late labels, bad rows and broken files."""
    random, findings = Random(seed), Findings()
    Door(random, findings, f"seed {seed}").play(random.randint(1, 8))
    assert findings.examples == []


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_one_row_reads_the_same_in_every_format(suffix: str, world: World) -> None:
    """Value by value, to the last digit."""
    table = [{"id": "1234567890123456701", "at": day(0).isoformat(), "x": 0.1, "colour": "red"}]
    world.landing.put(f"toy/features/a.{suffix}", written(suffix, table))
    world.take_in(day(1))
    assert taken_in(world) == [("1234567890123456701", pd.Timestamp(day(0)), 0.1, "red")]
