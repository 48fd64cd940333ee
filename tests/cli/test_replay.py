"""`replay` asks for a model, and an answer that it cannot give is none."""

import pytest
from click.testing import CliRunner
from rich.console import Console

from include.cli import replay
from include.cli.__main__ import cli
from tests.toy import World, day


def test_without_a_model_it_asks_for_one() -> None:
    """A usage error."""
    answer = CliRunner().invoke(cli, ["replay"])
    assert answer.exit_code == 2
    assert "Missing argument 'MODEL'" in answer.stderr


def test_too_little_history_is_no_answer(world_of_a_week: World) -> None:
    """The bar ends, and the sentence says what is missing."""
    answer = replay.replay(world_of_a_week.services, world_of_a_week.model, Console(quiet=True))
    assert answer.recommendation is None
    assert "could be replayed" in answer.summary


@pytest.fixture
def world_of_a_week() -> World:
    world = World()
    for number in range(7):
        world.deliver_day(number)
    world.take_in(day(8))
    return world
