"""The embedded stack names itself to others while it runs, and no longer."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

import deploy.local.__main__ as command
from deploy.local.stack import Ports, Stack, StackError


@pytest.mark.timeout(120)
def test_the_variables_of_a_running_stack_are_in_a_private_file(tmp_path: Path) -> None:
    """As they are, readable by the owner alone, again after a second start, and gone when the stack has ended."""
    stack = Stack(tmp_path / "a home", Ports.free(), {"MORE": "it's # not a comment"})
    written = stack.home / "env"
    try:
        stack.start(["seaweedfs"])
        assert dict(dotenv_values(written, interpolate=False)) == stack.environment()
        assert written.stat().st_mode & 0o777 == 0o600
        written.unlink()
        stack.start(["seaweedfs"])
        assert written.exists()
    finally:
        stack.stop()
    assert not written.exists()


def test_the_status_names_every_component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing runs."""
    monkeypatch.setattr(command, "Stack", lambda: Stack(tmp_path))
    answer = CliRunner().invoke(command.cli, ["status"])
    assert answer.exit_code == 0
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert [name for name, _ in lines] == ["seaweedfs", "mlflow", "api-server", "scheduler", "dag-processor", "triggerer"]
    assert {state for _, state in lines} == {"stopped"}


def test_a_stack_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line on standard error and exit code 1."""

    def refuse() -> Stack:
        raise StackError("port 8333, which SeaweedFS needs, is taken")

    monkeypatch.setattr(command, "Stack", refuse)
    answer = CliRunner().invoke(command.cli, ["up"])
    assert (answer.exit_code, answer.stderr) == (1, "port 8333, which SeaweedFS needs, is taken\n")
