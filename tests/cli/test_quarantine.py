"""`make quarantine` shows which rows broke the contract and why, and nothing that would steer a terminal."""

from contextlib import suppress

import pytest

from include.cli import quarantine
from include.errors import BrokenFeed
from tests.toy import MODEL, World, day, rows


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack on which the toy is a model."""
    world = World()
    monkeypatch.setattr(quarantine, "find_stack", lambda _: None)
    monkeypatch.setattr(quarantine, "find_model", lambda _: MODEL)
    monkeypatch.setattr(quarantine, "build_services", lambda: world.services)
    return world


def deliver(world: World, number: int, bad: int, value: str = "many") -> None:
    """A day whose first rows hold no number."""
    frame = rows(number).drop(columns="y").astype("object")
    frame.loc[: bad - 1, "x"] = value
    frame.loc[0, "colour"] = "pink"
    world.landing.now = world.lake.now = day(number + 1)
    world.deliver("features", f"{number:02}", frame)
    with suppress(BrokenFeed):
        world.take_in(day(number + 1))


def test_the_newest_deliveries_are_told_with_their_reasons(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """File, time, count and reasons of the newest three, whether the good rows went on, and rows of the newest alone."""
    for number, bad in enumerate((1, 2, 3, 30)):
        deliver(world, number, bad)
    assert quarantine.main(["toy"]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert "the newest 3 of 4 deliveries" in said
    assert "toy/features/00.csv" not in said
    newest = next(line for line in lines if "toy/features/03.csv" in line)
    assert "2024-01-05 00:00" in newest
    assert "held back" in newest
    assert "30 × x: not a number" in newest
    assert "went on" in next(line for line in lines if "toy/features/02.csv" in line)
    assert "row 1: x: not a number; colour: not one of red, green, blue" in lines
    assert len([line for line in lines if line.startswith("row ")]) == 10


def test_what_a_row_holds_cannot_steer_the_terminal(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters, line breaks and the terminal's own markup come out as one short line of text."""
    deliver(world, 0, 1, "\x1b[2J[red]a\nb\u202e" + "z" * 500)
    assert quarantine.main(["toy", "1"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\u202e" not in said
    (line,) = [line for line in said.splitlines() if "[red]a b" in line]
    assert "z" * 41 not in line


def test_nothing_in_quarantine_is_an_answer(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told, and no failure."""
    assert quarantine.main(["toy"]) == 0
    assert capsys.readouterr().out == "No row of toy is in quarantine.\n"


@pytest.mark.parametrize("count", ["0", "many", "101"])
def test_a_count_that_cannot_be_used_is_named(count: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The value and what is accepted."""
    assert quarantine.main(["toy", count]) == 1
    assert f"NEWEST='{count}' is no number of deliveries; accepted are 1 to 100" in capsys.readouterr().out
