"""One stack and one story for all tests of this folder: the first champion is made once, by the scheduler itself."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from demo.upstream import WEEK
from deploy.local.stack import Stack
from tests.whole_loop.loop import FIRST, Loop


@dataclass(frozen=True)
class Story:
    """What made the first champion: one delivery, the run of the monitor, and the run that the monitor asked for."""

    as_of: datetime
    monitor: str
    retrain: str


@pytest.fixture(scope="session")
def loop(stack: Stack) -> Loop:
    """The running stack, with Airflow knowing its DAGs and nothing delivered yet."""
    loop = Loop(stack)
    loop.api.wait_for_dags({loop.dag(stage) for stage in ("monitor", "retrain", "rollback")}, seconds=90)
    return loop


@pytest.fixture(scope="session")
def first_champion(loop: Loop) -> Story:
    """Deliver the backlog and a week, announce them, and touch nothing until there is a champion."""
    loop.upstream.backlog(FIRST)
    start = loop.next_week()
    monitor = loop.deliver(start)
    assert loop.finished("monitor", monitor) == "success", loop.tasks("monitor", monitor)
    retrain = loop.started("retrain", str(loop.run("monitor", monitor)["start_date"]))
    assert loop.finished("retrain", retrain) == "success", loop.tasks("retrain", retrain)
    return Story(start + WEEK, monitor, retrain)
