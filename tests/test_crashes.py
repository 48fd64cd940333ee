"""Whatever dies, is cut off or is overtaken while the champion changes: the next run leaves everything as it should be."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from include.errors import ProvingGroundError
from include.request import Request
from include.results import Approval, Verdict, VerifiedTarget
from include.services import Services, StepContext
from tests.crashing import Process, dying, run_both
from tests.steps.test_promote import verdict_on, yes
from tests.toy import World, day

Work = Callable[[World, Services], Any]


def request(run_id: str) -> Request:
    return Request(as_of=day(1), reason="a test", run_id=run_id, reason_given=True, asked_by="carol")


def promotion(version: str, champion: str | None, run_id: str = "", approval: Approval | None = None) -> Work:
    verdict: Verdict = verdict_on(version, champion)

    def work(world: World, services: Services) -> Any:
        step = import_module("include.steps.promote").run
        return step(
            StepContext(services, world.model, request(run_id or f"retrain {version}")), verdict, approval or yes(verdict)
        )

    return work


def rollback(target: str, current: str) -> Work:
    verified = VerifiedTarget(target=target, current=current, artifact_digest=f"digest-of-{target}", sample="s")

    def work(world: World, services: Services) -> Any:
        return import_module("include.steps.roll_back").run(StepContext(services, world.model, request("rollback")), verified)

    return work


def reconciling(world: World, services: Services) -> Any:
    return import_module("include.steps.reconcile").run(StepContext(services, world.model, request("monitor")))


def refusal(world: World, services: Services) -> Any:
    verdict = verdict_on("4", "2").model_copy(update={"verdict": "keep"})
    no = Approval(approved=False, by="the gate", evidence=verdict.evidence)
    return import_module("include.steps.promote").run(StepContext(services, world.model, request("retrain 4")), verdict, no)


@dataclass(frozen=True)
class Case:
    """One thing that a process does, and who is champion once it is done."""

    work: Work
    champion: str
    previous: str | None


CASES = {
    "promote": Case(promotion("3", "2"), "3", "2"),
    "roll back": Case(rollback("1", "2"), "1", None),
    "refuse": Case(refusal, "2", "1"),
    "reconcile": Case(reconciling, "2", "1"),
}


@pytest.fixture(scope="module")
def before() -> World:
    """Version 2 replaced 1; 3 and 4 are challengers."""
    world = World()
    for _ in range(4):
        world.registry.add("pipeline", {})
    for version, champion in (("1", None), ("2", "1")):
        promotion(version, champion)(world, world.services)
    world.registry.aliases["challenger"] = "3"
    world.registry.champions.clear()
    return world


def undisturbed(before: World, case: Case) -> tuple[World, Process]:
    world, process = deepcopy(before), Process()
    case.work(world, process.within(world.services, world.lake))
    return world, process


def require_whole(world: World, before: World) -> None:
    """One champion, the one that the ledger says; a whole chain that lost nothing; nothing promoted but by a verdict."""
    entries, known = world.services.ledger.proved("toy"), before.services.ledger.proved("toy")
    state = entries[-1].after
    assert entries[: len(known)] == known
    assert state.moving is None
    assert state.champion is not None
    assert world.registry.aliases["champion"] == state.champion
    assert world.registry.aliases.get("previous") == state.previous
    assert None not in world.registry.champions
    for entry in entries:
        assert entry.event != "promoted" or entry.evidence["verdict"] == "promote"
    events = Counter(entry.event for entry in entries)
    intents = events["promoting"] + events["rolling_back"]
    assert intents == events["promoted"] + events["rolled_back"] + events["abandoned"]


def require_as_undisturbed(world: World, case: Case, calm: World) -> None:
    assert world.registry.aliases == calm.registry.aliases
    assert world.registry.aliases["champion"] == case.champion
    assert world.registry.aliases.get("previous") == case.previous


def tags_but_the_sequence(world: World) -> dict[str, set[str]]:
    """Names of the tags on each version, without the numbers that entries about a death move on."""
    return {
        number: {name.rsplit(".", 1)[-1] for name in version.tags if not name.endswith((".abandoned", ".promoting", "_back"))}
        for number, version in world.registry.versions.items()
    }


def calls(before: World, name: str) -> Process:
    return undisturbed(before, CASES[name])[1]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write(before: World, name: str, when: str) -> None:
    """Before it was made, or made but never heard of: the rerun of the task leaves what an undisturbed run would have left."""
    case = CASES[name]
    calm, process = undisturbed(before, case)
    for number in process.writes:
        world = deepcopy(before)
        dies = Process(**{f"dies_{when}": number})  # type: ignore[arg-type]
        with dying():
            case.work(world, dies.within(world.services, world.lake))
        case.work(world, Process().within(world.services, world.lake))
        require_whole(world, before)
        require_as_undisturbed(world, case, calm)
        assert tags_but_the_sequence(world) == tags_but_the_sequence(calm), (number, process.calls[number - 1])


@pytest.mark.parametrize("name", ["promote", "roll back"])
def test_the_next_monitor_run_repairs_what_a_crash_left(before: World, name: str) -> None:
    """The next run of the monitor completes or undoes what a crashed run left unfinished, once its lease has ended."""
    case = CASES[name]
    outcomes = set()
    for number in undisturbed(before, case)[1].writes:
        world = deepcopy(before)
        with dying():
            case.work(world, Process(dies_after=number).within(world.services, world.lake))
        waits = Clock()
        services = Process().within(world.services, world.lake, sleep=waits.sleep)
        services.locks._clock = waits.read
        reconciling(world, services)
        require_whole(world, before)
        outcomes.add(world.registry.aliases["champion"])
    assert outcomes == {"2", case.champion}


class Clock:
    """A clock that moves only while a caller sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read(self) -> float:
        return self.now


@pytest.mark.parametrize("name", CASES)
def test_cut_off_at_every_call(before: World, name: str) -> None:
    """From any call on, a server does not answer: the task fails in our words, to be tried again, and then all is well."""
    case = CASES[name]
    calm, process = undisturbed(before, case)
    for number in range(1, len(process.calls) + 1):
        world = deepcopy(before)
        try:
            case.work(world, Process(cut_off_at=number).within(world.services, world.lake))
        except ProvingGroundError as error:
            assert error.transient, error  # noqa: PT017 - it may also have got through, to be cut off while tidying
        assert world.registry.aliases["champion"] in ("2", case.champion)
        case.work(world, Process().within(world.services, world.lake))
        require_whole(world, before)
        require_as_undisturbed(world, case, calm)


PAIRS = {
    "two promotions": (promotion("3", "2"), promotion("4", "2"), {"3", "4"}),
    "promotion and rollback": (promotion("3", "2"), rollback("1", "2"), {"3", "1"}),
    "two rollbacks": (rollback("1", "2"), rollback("1", "2"), {"1"}),
    "promotion and monitor": (promotion("3", "2"), reconciling, {"3"}),
    "promotion and refusal": (promotion("3", "2"), refusal, {"3"}),
    "a task and its own second try": (promotion("3", "2"), promotion("3", "2"), {"3"}),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_two_concurrent_runs_leave_one_valid_champion_in_any_order(before: World, pair: str) -> None:
    """The first is overtaken after any of its calls, the second after every fifth: one champion, and one wins."""
    first, second, champions = PAIRS[pair]
    counts = [undisturbed(before, Case(work, "", None))[1] for work in (first, second)]
    longest = [len(process.calls) for process in counts]
    step = 5
    plans = [[i, j] for i in range(longest[0] + 1) for j in range(1, longest[1] + 1, step)]
    for plan in plans:
        world = deepcopy(before)
        contend(world, first, second, plan)
        # Airflow retries the process that lost, once.
        for work in (first, second):
            with suppress(ProvingGroundError):
                work(world, Process().within(world.services, world.lake))
        require_whole(world, before)
        assert world.registry.aliases["champion"] in champions, plan


@pytest.mark.parametrize("pair", ["two promotions", "promotion and rollback", "promotion and monitor"])
def test_a_run_frozen_beyond_its_lease_leaves_one_valid_champion(before: World, pair: str) -> None:
    """The first stands still after any call, the second takes its lock and finishes, the first wakes up: one of them wins."""
    first, second, champions = PAIRS[pair]
    for stands_still in range(1, len(undisturbed(before, Case(first, "", None))[1].calls) + 1):
        world = deepcopy(before)
        contend(world, first, second, [stands_still, -1], patient=False)
        reconciling(world, world.services)
        require_whole(world, before)
        assert world.registry.aliases["champion"] in champions | {"2"}, stands_still


def contend(world: World, first: Work, second: Work, plan: list[int], patient: bool = True) -> list[Any]:
    """Both run at once; the impatient process waits for a lock by its own clock, so that a lease ends at once."""
    services = world.services

    def within(work: Work) -> Callable[[Process, Callable[[float], None]], Any]:
        def perform(process: Process, sleep: Callable[[float], None]) -> Any:
            clock = Clock()
            watched = process.within(services, world.lake, sleep if patient else clock.sleep)
            if not patient:
                watched.locks._clock = clock.read
            return work(world, watched)

        return perform

    results = run_both((within(first), within(second)), plan)
    for result in results:
        assert result is None or not isinstance(result, Exception) or isinstance(result, ProvingGroundError), result
    return results


def test_a_write_that_comes_late_is_set_back(before: World) -> None:
    """MLflow carries out what a client gave up on, after others went on: the next run puts the right champion back."""
    world = deepcopy(before)
    number = undisturbed(before, CASES["promote"])[1].calls.index("registry.set_alias") + 2
    with dying():
        promotion("3", "2")(world, Process(dies_before=number).within(world.services, world.lake))
    waits = Clock()
    services = Process().within(world.services, world.lake, sleep=waits.sleep)
    services.locks._clock = waits.read
    promotion("4", "2")(world, services)
    world.registry.aliases["champion"] = "3"
    assert "came after its attempt was abandoned" in reconciling(world, world.services).summary
    require_whole(world, before)
    assert world.registry.aliases["champion"] == "4"
    assert not world.do("reconcile", day(2)).by_hand


def test_a_late_change_by_hand_is_recorded_as_one(before: World) -> None:
    """A day later no write is late: the change was made on purpose."""
    world = deepcopy(before)
    number = undisturbed(before, CASES["promote"])[1].calls.index("registry.set_alias") + 2
    with dying():
        promotion("3", "2")(world, Process(dies_before=number).within(world.services, world.lake))
    promotion("3", "2", approval=Approval(approved=False, by="x"))(world, world.services)
    world.registry.aliases["champion"] = "3"
    services = world.services
    later = services.ledger.now() + timedelta(hours=2)
    services.ledger.now = lambda: later
    assert reconciling(world, services).by_hand
