"""The lock of a model: one holder, who notices when he no longer is, and whose death the waiter times by his own clock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include.adapters.lock import LEASE, Locks
from include.adapters.object_store import ObjectStore
from include.adapters.s3_store import S3Store
from include.errors import Locked, StoreError, StoreUnreachable
from tests.fakes import CarelessS3, MemoryStore


class Time:
    """A clock that only moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def locks(store: Any, time: Time | None = None) -> Locks:
    time = time or Time()
    return Locks(store, sleep=time.sleep, clock=lambda: time.now)


def test_given_back_it_is_free_at_once() -> None:
    """The next one does not wait."""
    store, time = MemoryStore(), Time()
    for owner in ("a", "b", "a"):
        with locks(store, time).held("toy", owner):
            pass
    assert time.now == 0


def test_models_do_not_wait_for_each_other() -> None:
    """There is one lock per model."""
    store, time = MemoryStore(), Time()
    with locks(store, time).held("toy", "a"), locks(store, time).held("other", "b"):
        assert time.now == 0


def test_a_dead_holder_is_waited_out_for_one_lease() -> None:
    """He is silent for a whole lease, watched by the waiter's own clock: then the lock is taken over, and he notices."""
    store, time = MemoryStore(), Time()
    dead = locks(store, time)._taken("locks/toy.json", "a")
    with locks(store, time).held("toy", "b"):
        assert LEASE.total_seconds() <= time.now <= LEASE.total_seconds() + 5
        with pytest.raises(Locked, match="took the lock over"):
            dead.renew()


def test_a_living_holder_keeps_it() -> None:
    """Each renewal begins the lease anew, however long it takes: the waiter gives up, and may be tried again."""
    store, time = MemoryStore(), Time()
    holder = locks(store, time)._taken("locks/toy.json", "a")

    def sleep(seconds: float) -> None:
        time.now += seconds
        holder.renew()

    waiter: Any = store
    with (
        pytest.raises(Locked, match="a held the lock") as refused,
        Locks(waiter, sleep=sleep, clock=lambda: time.now).held("toy", "b"),
    ):
        pass
    assert refused.value.transient


def test_the_rerun_of_a_dead_task_does_not_wait() -> None:
    """The same task of the same run takes the lock over at once; were the first still alive, it would notice."""
    store, time = MemoryStore(), Time()
    first = locks(store, time)._taken("locks/toy.json", "run/promote")
    with locks(store, time).held("toy", "run/promote"):
        assert time.now == 0
        with pytest.raises(Locked):
            first.renew()


def test_a_lock_that_cannot_be_given_back_hides_nothing() -> None:
    """What was done under it is done, and its own error is the one that is seen."""
    store = MemoryStore()

    def broken(*_: Any) -> str:
        raise StoreUnreachable("away")

    with locks(store).held("toy", "a"):
        store.compare_and_set = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyError, match="mine"), locks(MemoryStore()).held("toy", "a"):
        raise KeyError("mine")


def test_a_store_that_ignores_conditions_holds_no_lock() -> None:
    """Several S3 servers do: every contender would win, so the first attempt to take a lock there fails, and says why."""
    careless: Any = CarelessS3()
    with (
        pytest.raises(StoreError, match="ignores If-None-Match on a write: two writers would both win"),
        Locks(S3Store(careless, "lake")).held("toy", "a"),
    ):
        pass


def test_of_racing_contenders_one_holds_it(object_store: Callable[[], ObjectStore]) -> None:
    """Four contenders on the real store: never two inside at once, and each gets in."""
    store = object_store()
    inside: list[int] = []
    most: list[int] = []

    def contend(number: int) -> None:
        with Locks(store).held("toy", f"run {number}") as lock:
            inside.append(number)
            most.append(len(inside))
            lock.renew()
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(contend, range(4)))
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "data", [b'{"document": "Lock/2", "owner"', b"{}", b"", b'{"owner": null, "holding": "of an old release"}']
)
def test_a_lock_that_cannot_be_read_is_held(data: bytes) -> None:
    """It may be held, so it is free when a whole lease has passed; the holder, whose bytes these are not, notices."""
    store, time = MemoryStore(), Time()
    holder = locks(store, time)._taken("locks/toy.json", "a")
    store.put("locks/toy.json", data)
    with locks(store, time).held("toy", "a"):
        assert LEASE.total_seconds() <= time.now <= LEASE.total_seconds() + 5
        with pytest.raises(Locked, match="took the lock over"):
            holder.renew()


def test_a_holder_that_was_edited_out_is_not_gone() -> None:
    """A lock is free where its own document says so, not where one value does."""
    store, time = MemoryStore(), Time()
    locks(store, time)._taken("locks/toy.json", "a")
    store.put("locks/toy.json", store.read("locks/toy.json").replace(b'"owner": "a"', b'"owner": null'))
    with locks(store, time).held("toy", "b"):
        assert time.now >= LEASE.total_seconds()
