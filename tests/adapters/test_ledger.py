"""The ledger on the object store: nothing is overwritten, said twice where it is said once, or lost to a race."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.adapters.ledger import Ledger
from include.adapters.object_store import ObjectStore
from include.errors import LedgerBroken
from tests.fakes import MemoryStore
from tests.ledger.test_entries import ledger_fact, promoted


def ledger(store: Any) -> Ledger:
    return Ledger(store)


def test_entries_follow_each_other() -> None:
    """Sequence by sequence, each chained to the one before; a model's ledger is its own."""
    kept = ledger(MemoryStore())
    for fact in promoted("1", "2"):
        kept.append("toy", fact)
    assert [entry.sequence for entry in kept.proved("toy")] == [1, 2, 3, 4]
    assert kept.state("toy").champion == "2"
    assert kept.newest("toys") is None
    assert [entry.sequence for entry in kept.entries("toy", after=2)] == [3, 4]


def test_what_is_said_once_is_found_and_not_repeated() -> None:
    """The second run of a task adds nothing; a second intent is an intent again."""
    kept = ledger(MemoryStore())
    assert kept.append("toy", ledger_fact("refused", version="2")) == kept.append("toy", ledger_fact("refused", version="2"))
    assert kept.append("toy", ledger_fact("promoting", "2")) != kept.append("toy", ledger_fact("promoting", "2"))


def test_time_never_runs_backwards() -> None:
    """Two machines' clocks may disagree; an entry is never older than the one it follows."""
    times = iter([datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)])
    store: Any = MemoryStore()
    kept = Ledger(store, now=lambda: next(times))
    assert kept.append("toy", ledger_fact("found", "1")).at == kept.append("toy", ledger_fact("changed_by_hand", "2")).at


@pytest.mark.parametrize("how", ["changed", "removed", "no entry", "copied"])
def test_a_ledger_that_was_changed_is_not_believed(how: str) -> None:
    """Proof fails by name of the entry; no state is taken from bytes that are no entry."""
    store = MemoryStore()
    kept = ledger(store)
    for fact in promoted("1", "2"):
        kept.append("toy", fact)
    keys = sorted(key for key in store.objects if key.startswith("ledger/"))
    if how == "changed":
        store.put(keys[1], store.read(keys[1]).replace(b"because", b"for me"))
    elif how == "removed":
        store.delete(keys[1])
    elif how == "no entry":
        store.put(keys[-1], b"{}")
    else:
        store.put(keys[-1], store.read(keys[0]))
    with pytest.raises(LedgerBroken, match="toy"):
        kept.proved("toy")
    if how in ("no entry", "copied"):
        with pytest.raises(LedgerBroken):
            kept.state("toy")


def test_racing_writers_lose_nothing(object_store: Callable[[], ObjectStore]) -> None:
    """Six writers at once on the real store: every fact is there once, in one whole chain."""
    kept = Ledger(object_store())
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda turn: kept.append("toy", ledger_fact("refused", version=str(turn), key=str(turn))), range(6)))
    entries = kept.proved("toy")
    assert sorted(str(entry.version) for entry in entries) == list("012345")
    assert entries[-1].at - entries[0].at < timedelta(minutes=5)
