"""Processes that die, lose their servers, or are overtaken, at any call to an adapter, found by watching the calls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

from include.adapters.lake import Lake
from include.adapters.landing import Landing
from include.adapters.ledger import Ledger
from include.adapters.lock import Locks
from include.adapters.serving import Serving
from include.errors import RegistryUnreachable, StoreUnreachable
from include.services import Services
from tests.fakes import Crash

_READS = {
    "read", "stat", "entries", "aliased", "champion", "version", "exists", "overview", "artifact_digest", "artifact",
    "try_out", "example", "version_url", "load", "find_trained", "all_versions", "run_url", "read_report", "address",
}  # fmt: skip


@dataclass
class Process:
    """One process of the pipeline. Each call it makes is counted; `writes` are the numbers of those that change something.

    `dies_before` and `dies_after` the call of that number: nothing is written from then on, not even by a `finally`.
    `cut_off_at` the call of that number: it and all later ones to the same server get no answer.
    """

    dies_before: int = 0
    dies_after: int = 0
    cut_off_at: int = 0
    calls: list[str] = field(default_factory=list)
    turn: Callable[[], None] = lambda: None
    dead: bool = False
    unreachable: str = ""
    _counting: Any = field(default_factory=threading.Lock)

    def call(self, server: str, name: str, work: Callable[[], Any]) -> Any:
        """Make one call, or what becomes of it."""
        if self.dead:
            raise Crash("dead already")
        self.turn()
        with self._counting:  # some steps read from several threads
            self.calls.append(f"{server}.{name}")
            number = len(self.calls)
        if number == self.cut_off_at:
            self.unreachable = server
        if self.unreachable == server:
            raise (RegistryUnreachable if server == "registry" else StoreUnreachable)("no answer")
        if number == self.dies_before:
            self.dead = True
            raise Crash(name)
        result = work()
        if number == self.dies_after:
            self.dead = True
            raise Crash(name)
        return result

    @property
    def writes(self) -> list[int]:
        """Numbers of the calls that change something."""
        return [number for number, call in enumerate(self.calls, start=1) if call.split(".")[1] not in _READS]

    def within(self, services: Services, store: Any, sleep: Callable[[float], None] = lambda _: None) -> Services:
        """The same services, as this process calls them. Landing and lake are buckets of one server."""
        watched: Any = Watched(store, self, "store")
        landing = Landing(cast(Any, Watched(services.landing._store, self, "store")))
        registry: Any = Watched(services.registry, self, "registry")
        locks = Locks(watched, sleep=sleep)
        serving = Serving(watched) if services.serving else None
        ours = {"landing": landing, "lake": Lake(watched), "ledger": Ledger(watched), "locks": locks, "serving": serving}
        return replace(services, registry=registry, **cast(dict[str, Any], ours))


class Watched:
    """An adapter whose every call goes through a process."""

    def __init__(self, adapter: Any, process: Process, server: str) -> None:
        self._adapter, self._process, self._server = adapter, process, server

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        if not callable(found):
            return found
        return lambda *args, **named: self._process.call(self._server, name, lambda: found(*args, **named))


class Turns:
    """Two threads of which one runs at a time, each until it is overtaken: `plan` says after how many calls, in turn.

    Who waits for a lock lets the other go on; who is done does too. The last ones run to their ends.
    """

    def __init__(self, plan: list[int]) -> None:
        self._plan = list(plan)
        self._running = 0
        self._left = self._plan.pop(0) if self._plan else -1
        self._done = [False, False]
        self._changed = threading.Condition()

    def take(self, who: int) -> None:
        """Wait for our turn, and use one call of it."""
        with self._changed:
            if self._running == who and self._left == 0:
                self._pass_on()
            self._changed.wait_for(lambda: self._running == who, timeout=60)
            self._left -= 1

    def wait(self, who: int) -> None:
        """Nothing can be done before the other has gone on."""
        with self._changed:
            if self._running == who:
                self._pass_on()

    def end(self, who: int) -> None:
        """This one will make no more calls."""
        with self._changed:
            self._done[who] = True
            if self._running == who:
                self._pass_on()

    def _pass_on(self) -> None:
        other = 1 - self._running
        if not self._done[other]:
            self._running = other
        self._left = self._plan.pop(0) if self._plan else -1
        self._changed.notify_all()


def run_both(works: tuple[Callable[[Process, Callable[[float], None]], Any], ...], plan: list[int]) -> list[Any]:
    """Let two processes do their work in turns; what each returned or raised."""
    turns, results = Turns(plan), [None, None]

    def perform(who: int) -> None:
        process = Process(turn=lambda: turns.take(who))
        try:
            results[who] = works[who](process, lambda _: turns.wait(who))
        except Exception as error:  # noqa: BLE001 - told to the test, which knows what may happen
            results[who] = error  # type: ignore[call-overload]
        finally:
            turns.end(who)

    threads = [threading.Thread(target=perform, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), f"stuck with the plan {plan}"
    return results


@contextmanager
def dying() -> Iterator[None]:
    """What runs inside may be killed."""
    with suppress(Crash):
        yield
