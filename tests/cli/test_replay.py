"""`make replay` finds the stack that runs, or says what to do."""

from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.stack import Stack, StackError
from include.cli import replay
from tests.toy import World, day


def test_where_nothing_runs_it_says_what_to_do(tmp_path: Path) -> None:
    """Neither a stack here nor an address in the environment: the way to either is told."""
    with pytest.raises(StackError, match="make demo DETACH=1"):
        replay.find_stack({}, Stack(tmp_path / "nothing"))


def test_an_environment_that_names_a_stack_is_used_as_it_is(tmp_path: Path) -> None:
    """What is set stays."""
    environment = {"PROVING_GROUND_S3_ENDPOINT": "http://s3.example"}
    replay.find_stack(environment, Stack(tmp_path / "nothing"))
    assert environment["PROVING_GROUND_S3_ENDPOINT"] == "http://s3.example"


def test_dot_env_is_read_where_the_environment_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours, AWS's and MLflow's variables; comments, empty values and what is no business of ours are left alone."""
    (tmp_path / ".env").write_text(
        "# PROVING_GROUND_S3_REGION=no\nPROVING_GROUND_S3_ENDPOINT=http://s3.example\nAWS_ACCESS_KEY_ID=key\n"
        "MLFLOW_TRACKING_URI=\nPOSTGRES_PASSWORD=secret\nPATH=/nowhere\n"
    )
    monkeypatch.setattr(replay, "PROJECT", tmp_path)
    environment = {"AWS_ACCESS_KEY_ID": "mine"}
    replay.find_stack(environment, Stack(tmp_path / "nothing"))
    assert environment == {"AWS_ACCESS_KEY_ID": "mine", "PROVING_GROUND_S3_ENDPOINT": "http://s3.example"}


def test_without_a_model_it_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    """And ends as a failure."""
    assert replay.main([]) == 1
    assert "MODEL=flight_delays" in capsys.readouterr().out.replace("\n", "")


def test_too_little_history_is_told_and_is_no_answer(world_of_a_week: World) -> None:
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
