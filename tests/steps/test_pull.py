"""Pull finds every delivery once, however late and however often."""

import pytest

from include.errors import UnreadableFile
from tests.toy import World, day, rows


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
