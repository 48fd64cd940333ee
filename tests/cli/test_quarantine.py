"""`quarantine` shows which rows broke the contract and why, and nothing that would steer a terminal."""

from contextlib import suppress

import pytest
from click.testing import CliRunner

from include.cli import quarantine
from include.cli.__main__ import cli
from include.errors import BrokenFeed
from tests.toy import MODEL, World, day, rows


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack on which the toy is a model."""
    world = World()
    monkeypatch.setattr(quarantine, "find_model", lambda _: MODEL)
    monkeypatch.setattr(quarantine, "connect", lambda: world.services)
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


def test_the_newest_deliveries_are_listed_with_their_reasons(world: World) -> None:
    """File, time, count and reasons of the newest three, and whether the good rows went on."""
    for number, bad in enumerate((1, 2, 3, 30)):
        deliver(world, number, bad)
    output = CliRunner().invoke(cli, ["quarantine", "toy"]).stdout
    lines = output.splitlines()
    assert "the newest 3 of 4 deliveries" in output
    assert "toy/features/00.csv" not in output
    newest = next(line for line in lines if "toy/features/03.csv" in line)
    assert "2024-01-05 00:00" in newest
    assert "held back" in newest
    assert "30 × x: not a number" in newest
    assert "went on" in next(line for line in lines if "toy/features/02.csv" in line)


def test_the_rows_of_the_newest_are_grouped_by_reason(world: World) -> None:
    """Each reason with its count, the values that broke it, and examples: a rare one is seen beside a frequent one."""
    deliver(world, 3, 12)
    shown = CliRunner().invoke(cli, ["quarantine", "toy"]).stdout.partition("by reason:")[2]
    lines = [line.strip() for line in shown.splitlines()]
    first, second = lines.index("12 × x: not a number"), lines.index("1 × colour: not one of red, green, blue")
    assert lines[first + 1] == "values: many (12)"
    assert [line.partition(":")[0] for line in lines[first + 2 : first + 4]] == ["row 1", "row 2"]
    assert lines[second + 1] == "values: pink (1)"
    assert "colour=pink" in lines[second + 2]
    assert first < second


def test_what_a_row_holds_cannot_steer_the_terminal(world: World) -> None:
    """Control characters, line breaks and the terminal's own markup come out as one short line of text."""
    deliver(world, 0, 1, "\x1b[2J[red]a\nb\u202e" + "z" * 500)
    output = CliRunner().invoke(cli, ["quarantine", "toy", "--newest", "1"]).stdout
    assert "\x1b" not in output
    assert "\u202e" not in output
    assert len([line for line in output.splitlines() if "[red]a b" in line]) == 3
    assert "z" * 41 not in output


def test_nothing_in_quarantine_is_an_answer(world: World) -> None:
    """A sentence, and no failure."""
    answer = CliRunner().invoke(cli, ["quarantine", "toy"])
    assert (answer.exit_code, answer.stdout) == (0, "No row of toy is in quarantine.\n")


@pytest.mark.parametrize("count", ["0", "many", "101"])
def test_a_count_that_cannot_be_used_is_named(count: str, world: World) -> None:
    """The value and what is accepted."""
    answer = CliRunner().invoke(cli, ["quarantine", "toy", "--newest", count])
    assert answer.exit_code == 2
    assert f"Invalid value for '--newest': {count}" in answer.stderr.replace("'many'", "many")
