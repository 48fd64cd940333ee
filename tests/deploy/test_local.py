"""The embedded stack names itself to others while it runs, and no longer."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from dotenv import dotenv_values

import deploy.local.__main__ as command
from deploy.local.processes import Running, end, launch
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


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Running]:
    """A component that runs."""
    component = launch("sleeper", [sys.executable, "-c", "import time; time.sleep(300)"], os.environ, tmp_path, tmp_path)
    yield component
    end([component])


def test_a_clock_that_is_set_is_no_end(sleeper: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop that slept, a machine that moved: what runs is known as before, so that it can be ended."""
    started, boot = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: started(process) + 3600)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot() + 3600)
    assert sleeper.is_alive()
    assert [process.pid for process in sleeper.members()] == [sleeper.pid]


def test_another_process_under_its_number_is_not_it(sleeper: Running) -> None:
    """After a restart of the machine, or where the number was given away again: it is not touched."""
    for other in (replace(sleeper, boot="another start", handle=None), replace(sleeper, born=sleeper.born - 10, handle=None)):
        assert not other.is_alive()
        assert other.members() == []


def test_what_an_earlier_release_started_is_still_known(sleeper: Running) -> None:
    """It wrote the time of the clock, and no start of the machine."""
    earlier = replace(sleeper, born=psutil.Process(sleeper.pid).create_time(), boot="", handle=None)
    assert earlier.is_alive()
    assert earlier.members()
