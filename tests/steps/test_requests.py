"""What a run costs follows what is new: a longer history costs no more requests, but for the rows that are trained on."""

from collections import Counter
from importlib import import_module
from typing import Any

from bench.in_process import play
from bench.requests import every_step
from include.adapters.bundles import FEW
from include.models.contract import candidate_names
from include.request import Request
from include.services import StepContext
from tests.fakes import CountingStore
from tests.toy import World, changed, day

FIRST, SHORT, LONG = 8, 12, 28


def asked(days: int) -> dict[str, Counter[str]]:
    """What a check and a forced retraining ask of the lake, by step, once so many days have been checked."""
    lake = CountingStore()
    world = World(model=changed(probation=None), lake=lake)
    world.with_days(FIRST)
    play(world.services, world.model, day(FIRST + 1))
    for number in range(FIRST, days):
        world.deliver_day(number)
        play(world.services, world.model, day(number + 1))
    # Since the last retraining there may be much that is new to the next one: that is no cost of the history before.
    world.do("assemble", day(days))
    world.deliver_day(days)
    request = Request(as_of=day(days + 1), reason="counted", run_id="counted", force=True)
    counts: dict[str, Counter[str]] = {}

    def step(name: str, *inputs: Any) -> Any:
        lake.asked.clear()
        result = import_module(f"include.steps.{name}").run(StepContext(world.services, world.model, request), *inputs)
        counts[name] = Counter(lake.asked)
        return result

    every_step(step, candidate_names(world.model))
    return counts


def test_no_step_asks_for_more_after_a_longer_history() -> None:
    """Four weeks instead of twelve days. Rows that are trained on are read: `curated` grows, and is bounded by the window.

    Documents that a bundle does not have yet are read one by one, so many at most.
    """
    short, long = asked(SHORT), asked(LONG)
    grown = {
        (step, folder): (short[step][folder], count)
        for step, counts in long.items()
        for folder, count in counts.items()
        if folder != "curated" and count > short[step][folder] + FEW + 2
    }
    assert not grown
