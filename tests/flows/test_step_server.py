"""The process that steps are copied from: results, errors and logs come back, and no process outlives what it is for."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.prefect_tasks.step_server import SOCKET, StepLost, StepTooLong, call
from include.errors import DataError, StoreUnreachable
from tests.whole_loop.loop import wait_for

ROOT = Path(__file__).parents[2]
HERE = "tests.flows.test_step_server"


class NotPortable(Exception):
    """Cannot be made again from its arguments alone."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def what_a_step_does(step: str, *arguments: Any) -> Any:
    """Run in the copy."""
    logging.getLogger("include.steps").info("%s has begun", step)
    if step == "fails":
        raise arguments[0]
    if step == "odd":
        raise NotPortable("this", "that")
    if step == "sleeps":
        time.sleep(60)
    return os.getpid(), arguments


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """The server, with nothing imported beforehand."""
    socket = tmp_path / "s"
    command = [sys.executable, "-m", "flows.prefect_tasks.step_server", str(socket), ""]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    wait_for(socket.exists, "the server to listen", seconds=30)
    monkeypatch.setenv(SOCKET, str(socket))
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


def called(step: str, *arguments: Any, seconds: float = 30) -> Any:
    return call(f"{HERE}:what_a_step_does", (step, *arguments), seconds)


def copies(server: psutil.Process) -> list[psutil.Process]:
    return [child for child in server.children() if child.status() != psutil.STATUS_ZOMBIE]


def test_a_step_has_a_fresh_process_and_its_result_comes_back(
    server: psutil.Process, caplog: pytest.LogCaptureFixture
) -> None:
    """Not this process and not the server's; what it logged is logged here; nothing of it is left."""
    caplog.set_level(logging.INFO, "include")
    pid, arguments = called("works", {"rows": 3})
    assert pid not in (os.getpid(), server.pid)
    assert arguments == ({"rows": 3},)
    assert "works has begun" in caplog.messages
    wait_for(lambda: not server.children(), "the copy to be gone", seconds=10)


@pytest.mark.parametrize("error", [DataError("no rows: deliver again"), StoreUnreachable("no answer")], ids=["data", "store"])
def test_an_error_of_ours_comes_back_as_itself(server: psutil.Process, error: DataError | StoreUnreachable) -> None:
    """Its class says whether trying again can help."""
    with pytest.raises(type(error), match=str(error)) as raised:
        called("fails", error)
    assert raised.value.transient == error.transient


def test_an_error_that_cannot_be_copied_keeps_its_words(server: psutil.Process) -> None:
    """A library's own class may not survive the way: then its name and its message do."""
    with pytest.raises(RuntimeError, match="NotPortable: this and that"):
        called("odd")


def test_a_killed_step_is_lost_and_the_next_one_is_not(server: psutil.Process) -> None:
    """Who asked for it is told at once, and the server goes on."""
    found: list[BaseException] = []

    def ask() -> None:
        try:
            called("sleeps")
        except StepLost as lost:
            found.append(lost)

    asking = threading.Thread(target=ask)
    asking.start()
    (copy,) = wait_for(lambda: [c for c in copies(server) if c.name() == "sleeps"], "the step to run", seconds=20)
    copy.kill()
    asking.join(10)
    assert found
    assert called("works", 1)[1] == (1,)


def test_a_step_that_says_nothing_for_too_long_is_ended(server: psutil.Process) -> None:
    """Its process too: another try may begin at once."""
    with pytest.raises(StepTooLong):
        called("sleeps", seconds=0.5)
    wait_for(lambda: not copies(server), "the copy to be gone", seconds=10)


def test_without_a_server_a_step_is_performed_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Slower, and nothing else: a flow can be run without the process that serves."""
    monkeypatch.setenv(SOCKET, str(tmp_path / "none"))
    assert called("works", 1) == (os.getpid(), (1,))
