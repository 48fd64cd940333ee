"""Pull finds every delivery once, however late and however often."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from include.adapters.databases import engine_at
from include.adapters.lock import Locks
from include.adapters.pulling import Pulls
from include.errors import SourceDenied, UnreadableFile
from include.sources import Sql
from tests.toy import DAY, World, day, rows


def names(world: World) -> list[str]:
    return [file.key for file in world.do("pull", day(1)).files]


def test_nothing_delivered_is_nothing_new(world: World) -> None:
    """An empty landing is an empty batch, and it says so."""
    assert world.do("pull", day(1)).summary == "0 new files"


def test_what_is_finished_is_not_found_again(world: World) -> None:
    """A file is new until its intake record says that it is done."""
    world.deliver_day(0)
    assert names(world) == ["toy/features/00.csv", "toy/labels/00.csv"]
    assert names(world) == ["toy/features/00.csv", "toy/labels/00.csv"]
    world.take_in(day(1))
    assert names(world) == []


def test_a_late_file_is_found(world: World) -> None:
    """There is no watermark that a file of last week could slip under."""
    world.deliver_day(5)
    world.take_in(day(6))
    world.deliver_day(2)
    assert names(world) == ["toy/features/02.csv", "toy/labels/02.csv"]


def test_the_same_name_with_other_bytes_is_new(world: World) -> None:
    """A corrected file is a delivery of its own."""
    world.deliver_day(0)
    world.take_in(day(1))
    world.deliver("features", "00", rows(0).head(10).drop(columns="y"))
    assert names(world) == ["toy/features/00.csv"]


def test_what_was_overwritten_and_put_back_is_new(world: World) -> None:
    """Upstream delivers a file, overwrites it by mistake, and puts the first one back: the last word counts."""
    world.deliver_day(0)
    world.take_in(day(1))
    world.landing.now = day(3)
    world.deliver("features", "00", rows(0).assign(x=9.0).drop(columns="y"))
    world.take_in(day(3))
    world.landing.now = day(4)
    world.deliver_day(0)
    assert names(world) == ["toy/features/00.csv", "toy/labels/00.csv"]
    world.take_in(day(4))
    assert not (world.services.lake.rows(world.model, day(0), day(1))["x"] == 9.0).any()


def test_the_oldest_delivery_comes_first(world: World) -> None:
    """Whatever the names say."""
    for turn, name in enumerate(["b", "a", "c"]):
        world.landing.now = day(turn)
        world.deliver("features", name, rows(0))
    assert names(world) == ["toy/features/b.csv", "toy/features/a.csv", "toy/features/c.csv"]


def test_folders_and_hidden_files_are_passed_over(world: World) -> None:
    """Consoles make empty "folder" objects, and writers hide what is not ready."""
    for name in ("toy/features/", "toy/features/.part.csv", "toy/features/_SUCCESS", "other/features/00.csv"):
        world.landing.put(name, b"")
    assert names(world) == []


def test_a_file_of_an_unknown_format_stops_the_run(world: World) -> None:
    """A spreadsheet in landing is named in the error, not skipped."""
    world.landing.put("toy/features/report.xlsx", b"")
    with pytest.raises(UnreadableFile, match=r"toy/features/report\.xlsx: accepted names end in \.csv"):
        names(world)


@pytest.fixture
def with_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[World], sa.Engine]:
    """Gives the toy a table of its features in DuckDB, and a query of it; labels land as files."""
    monkeypatch.setattr("include.sources.sql.FOLDER", tmp_path)
    (tmp_path / "toy.sql").write_text("SELECT * FROM toy")

    def give(world: World) -> sa.Engine:
        engine = engine_at(f"duckdb:///{tmp_path}/toy.duckdb", "the test")
        known = pd.concat([rows(number).drop(columns="y") for number in range(4)])
        with engine.begin() as connection:
            kinds = 'id TEXT, "at" TEXT, x DOUBLE, z DOUBLE, colour TEXT, updated_at TIMESTAMPTZ'
            connection.execute(sa.text(f"CREATE TABLE toy ({kinds})"))
            known["updated_at"] = known["at"]
            values = [{str(name): value for name, value in row.items()} for row in known.to_dict("records")]
            connection.execute(sa.text("INSERT INTO toy VALUES (:id, :at, :x, :z, :colour, :updated_at)"), values)
        world.model = replace(world.model, source=Sql("warehouse", features="toy.sql", updated_at="updated_at"))
        given = world.services
        pulls = Pulls(world.landing, world.lake, Locks(world.lake), lambda _name: engine)
        monkeypatch.setattr(World, "services", replace(given, pulls=pulls))
        return engine

    return give


def test_rows_of_a_query_become_deliveries_like_any_others(world: World, with_source: Callable[[World], sa.Engine]) -> None:
    """Features from a database, labels from files: in the lake they stand side by side, value by value."""
    with_source(world)
    for number in range(4):
        world.deliver("labels", f"{number:02}", rows(number)[["id", "at", "y"]])
    world.landing.now = day(3)
    batch = world.do("pull", day(3))
    assert batch.summary.startswith("181 rows of features pulled; 5 new files")
    world.do("check", day(3), batch=batch)
    known = world.services.lake.rows(world.model, day(0), day(3)).sort_values("id", ignore_index=True)
    expected = pd.concat([rows(number) for number in range(3)]).sort_values("id", ignore_index=True)
    assert known["id"].tolist() == expected["id"].tolist()
    for name in ("x", "z", "colour", "y"):
        assert known[name].tolist() == expected[name].tolist()


def test_what_changed_in_the_database_counts_from_then_on(world: World, with_source: Callable[[World], sa.Engine]) -> None:
    """A correction is a later delivery: a decision as of before it uses the row as it was known then."""
    engine = with_source(world)
    world.landing.now = day(3)
    world.take_in(day(3))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE toy SET x = 9, updated_at = :now WHERE id = '0-7'"), {"now": day(3) + DAY / 2})
    world.landing.now = day(4)
    world.take_in(day(4))
    lake = world.services.lake
    corrected, before = (lake.rows(world.model, day(0), day(3), as_of).set_index("id")["x"] for as_of in (day(4), day(3)))
    assert (corrected["0-7"], before["0-7"]) == (9.0, rows(0)["x"][7])
    assert len(corrected) == len(before) == 180


def test_a_source_that_nothing_here_can_reach_is_no_empty_batch(
    world: World, with_source: Callable[[World], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence would look like a day without rows."""
    with_source(world)
    monkeypatch.setattr(World, "services", replace(world.services, pulls=None))
    with pytest.raises(SourceDenied, match="nothing here can reach it"):
        world.do("pull", day(1))
