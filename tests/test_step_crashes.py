"""Each step of monitor and retrain dies at every write and is cut off at every call: the rerun leaves what a calm run leaves.

Compared is everything: the bytes of every object on the lake; versions, tags, aliases and reports of the registry; the
step's own result. Only how many seconds a training took is left out: two calm runs differ in it as well. Not done here are
Evidently's report, which holds random ids, the picture on the card and the domain classifier: they take most of the time, and
call no server.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any

import pandas as pd
import pytest

from include.errors import ProvingGroundError, UnreadableFile
from include.request import Request
from include.results import Checked
from include.services import StepContext
from include.statuses import MonitorStatus
from tests.crashing import Process, dying
from tests.toy import World, day, rows

MONITOR = ("pull", "check", "score", "detect_drift", "measure_quality", "triage")
RETRAIN = ("assemble", "train", "select", "validate")
AS_OF = day(10)
# What a step takes from those before it, by the name of its parameter.
RESULTS = {
    "batch": "pull", "checked": "check", "scored": "score", "drift": "detect_drift", "quality": "measure_quality",
    "assembled": "assemble", "trained": "select",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _without_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.steps.detect_drift.areas_within", lambda *_: [0.5, 0.6])
    monkeypatch.setattr("include.steps.detect_drift.area_between", lambda *_: 0.55)
    monkeypatch.setattr("include.steps.detect_drift.draw_report", lambda *_: "drawn")
    monkeypatch.setattr("include.steps.validate.decision_picture", lambda *_: b"drawn")


@dataclass(frozen=True)
class Before:
    """The world as a step finds it, and the results of the steps before it."""

    world: World
    results: dict[str, Any]


def features(number: int, **changes: Any) -> pd.DataFrame:
    """A day's features; `x={3: "bad"}` exchanges the value of row 3."""
    frame = rows(number).drop(columns="y").astype("object")
    for column, values in changes.items():
        for row, value in values.items():
            frame.loc[row, column] = value
    return frame


def labels(number: int) -> pd.DataFrame:
    return rows(number)[["id", "at", "y"]].astype("object")


def deliver(world: World) -> None:
    """Several files in both streams: corrections, bad rows, a line that cannot be read, names that were delivered before."""
    world.landing.now = day(9)
    twice = features(8, x={3: "many", 5: 500.0}, colour={9: "pink"})
    world.deliver("features", "08", pd.concat([twice, twice.head(4).assign(x=1.0)]))
    world.deliver("features", "07", features(7).head(50))
    lines = features(9).to_json(orient="records", lines=True).splitlines()
    world.landing.put("toy/features/09.jsonl", "\n".join([*lines[:20], "{not JSON", *lines[20:]]).encode())
    world.deliver("labels", "07", labels(7).head(55))
    world.deliver("labels", "08", pd.concat([labels(8), labels(8).head(2).assign(id=["8-0.0", "8-1.0"])]))
    world.landing.now = day(10)
    world.deliver("features", "08-corrected", features(8).head(5).assign(x=0.5))
    half = labels(9)
    half.loc[7, "y"] = 0.5
    world.deliver("labels", "09", half)


@cache
def before(step: str) -> Before:
    """The first champion, the deliveries, and all steps before this one."""
    chain = MONITOR + RETRAIN
    if step == chain[0]:
        world = World().with_champion()
        deliver(world)
        return Before(world, {})
    last = chain[chain.index(step) - 1]
    calm = undisturbed(last)
    return Before(calm.world, before(last).results | {last: calm.result})


@dataclass(frozen=True)
class Calm:
    """A step that nothing disturbed: what it left, what it returned, and the calls that it made."""

    world: World
    result: Any
    process: Process


@cache
def undisturbed(step: str) -> Calm:
    world, process = deepcopy(before(step).world), Process()
    result = perform(step, world, process, before(step).results)
    return Calm(world, result, process)


def perform(step: str, world: World, process: Process, results: dict[str, Any]) -> Any:
    """Run one step as the task of a run does."""
    services = process.within(world.services, world.lake)
    services.ledger.now = lambda: AS_OF
    request = Request(as_of=AS_OF, reason="a test", run_id="run", reason_given=True, asked_by="carol")
    run = import_module(f"include.steps.{step}").run
    # Of the pool, its one declared candidate: that of a mapped task.
    given = {"candidate": "main", "tried": [results[name] for name in ("train",) if name in results]}
    needed = [name for name in signature(run).parameters if name != "context"]
    inputs = {name: given[name] if name in given else results[RESULTS[name]] for name in needed}
    return run(StepContext(services, world.model, request), **inputs)


def everything(world: World) -> dict[str, Any]:
    """All that a world holds, but for what no two runs have in common."""
    registry = world.registry
    return {
        # Without the copies of what is kept elsewhere: which of them are there says nothing.
        "lake": {key: data for key, (data, _) in world.lake.objects.items() if not key.startswith(("bundles/", "packs/"))},
        "versions": registry.versions,
        "aliases": registry.aliases,
        "model tags": registry.model_tags,
        "descriptions": registry.descriptions,
        "digests": registry.digests,
        "reports": registry.reports,
        "pictures": registry.pictures,
        "trainings": [replace(training, metrics={}) for training in registry.trainings],
    }


def require_same(world: World, calm: World, case: object) -> None:
    """The same in every part; a difference is named by its part and key."""
    left, right = everything(world), everything(calm)
    for part, there in right.items():
        if isinstance(there, dict):
            odd = {key for key in {*there, *left[part]} if there.get(key) != left[part].get(key)}
            assert not odd, f"{case}: {part}: {sorted(map(str, odd))}"
        assert left[part] == there, f"{case}: {part}"


def without_summary(step: str, result: Any) -> Any:
    """A training that was found says so, and not how long it took: nothing else may differ."""
    if step == "train":
        return result.model_copy(update={"summary": "", "seconds": None})
    return result.model_copy(update={"summary": ""}) if step == "select" else result


def deaths(step: str) -> Iterator[tuple[str, Process, World]]:
    """A world for each death at a write of a step, with the name of the case."""
    calls = undisturbed(step).process
    for number in calls.writes:
        for when in ("before", "after"):
            world = deepcopy(before(step).world)
            yield f"{step} dies {when} call {number}, {calls.calls[number - 1]}", Process(**{f"dies_{when}": number}), world  # type: ignore[arg-type]


@pytest.mark.parametrize("step", MONITOR + RETRAIN)
def test_killed_at_every_write_the_rerun_leaves_what_an_undisturbed_run_leaves(step: str) -> None:
    """Before it was made, or made but never heard of; Airflow runs the task again with the same inputs."""
    calm, results = undisturbed(step), before(step).results
    for case, process, world in deaths(step):
        with dying():
            perform(step, world, process, results)
        assert process.dead, case
        again = perform(step, world, Process(), results)
        assert without_summary(step, again) == without_summary(step, calm.result), case
        require_same(world, calm.world, case)


@pytest.mark.parametrize("step", MONITOR + RETRAIN)
def test_cut_off_at_every_call_the_step_fails_in_our_words_and_the_rerun_makes_it_good(step: str) -> None:
    """From any call on a server does not answer: what is raised says that trying again can help, and it does."""
    calm, results = undisturbed(step), before(step).results
    for number, call in enumerate(calm.process.calls, start=1):
        world = deepcopy(before(step).world)
        with pytest.raises(ProvingGroundError) as failed:
            perform(step, world, Process(cut_off_at=number), results)
        assert failed.value.transient, (step, number, call)
        again = perform(step, world, Process(), results)
        assert without_summary(step, again) == without_summary(step, calm.result), (step, number, call)
        require_same(world, calm.world, (step, number, call))


@pytest.mark.parametrize("step", MONITOR)
def test_the_next_run_counts_what_a_dead_run_took_in(step: str) -> None:
    """No retry comes, and the next run starts from pull: it leaves and reports what it would have without the dead one."""
    calm = undisturbed("triage").world
    for case, process, world in deaths(step):
        with dying():
            perform(step, world, process, before(step).results)
        if world.services.lake.status("toy", MonitorStatus, AS_OF):
            continue  # The dead run has counted it itself.
        results: dict[str, Any] = {}
        for following in MONITOR:
            results[following] = perform(following, world, Process(), results)
        assert results["check"] == undisturbed("check").result, case
        require_same(world, calm, case)


def test_what_is_killed_here_has_something_to_lose() -> None:
    """The deliveries of these tests have everything that check counts, and every step but pull writes."""
    checked: Checked = undisturbed("check").result
    assert (checked.rows, checked.quarantined, checked.bad_features) == (173, 8, 4)
    assert (checked.labels, checked.unmatched, checked.first_unmatched) == (176, 9, "7-50")
    assert len(checked.quarantine_keys) == 3
    writes = {step: len(undisturbed(step).process.writes) for step in MONITOR + RETRAIN}
    assert [step for step, count in writes.items() if not count] == ["pull"]
    assert writes["check"] == 18


def test_the_next_run_counts_what_went_on_beside_a_file_that_cannot_be_read() -> None:
    """The run that names the file is red and hands nothing on; delivered again, it is counted with the others."""
    world = World()
    world.deliver_day(0)
    world.landing.put("toy/features/01.parquet", b"not parquet")
    with pytest.raises(UnreadableFile):
        world.take_in(day(1))
    checked = world.take_in(day(1))
    assert (checked.rows, checked.labels) == (60, 60)
    assert world.take_in(day(1)).rows == 0
