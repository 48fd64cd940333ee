"""A bundle saves requests and decides nothing: what counts is what lies in the store now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from include.adapters.bundles import FEW, Bundle
from include.adapters.ledger import ONE_BY_ONE, Ledger
from include.adapters.memory_store import MemoryStore
from include.adapters.records import Records
from include.documents import from_bytes, sealed
from include.errors import CorruptObject, LedgerBroken, StoreUnreachable
from include.ledger.entries import Entry
from include.ledger.state import Fact
from include.noise.profile import NoiseProfile
from include.statuses import PeriodProfile
from tests.fakes import CountingStore
from tests.toy import day

MANY = 3 * FEW
BUNDLE = "bundles/profiles/toy.json"


@pytest.fixture
def store() -> CountingStore:
    """A bucket with the profiles of many days."""
    store = CountingStore()
    for number in range(MANY):
        Records(store).write_profile("toy", PeriodProfile(day(number), NoiseProfile(number + 1)))
    return store


def rows(store: MemoryStore) -> list[int]:
    return [kept.profile.rows for kept in Records(store).profiles("toy", day(MANY))]


def test_a_second_reading_is_one_request(store: CountingStore) -> None:
    """And says the same as the first."""
    first = rows(store)
    store.reads.clear()
    assert rows(store) == first == list(range(1, MANY + 1))
    assert store.reads.total() == 1


def test_what_was_written_since_is_read_and_what_was_removed_is_gone(store: CountingStore) -> None:
    """A measurement that was made again, a new one, and one that is no more."""
    rows(store)
    Records(store).write_profile("toy", PeriodProfile(day(3), NoiseProfile(99)))
    store.delete(next(entry.key for entry in store.entries("profiles/toy/")))
    assert rows(store) == [2, 3, 99, *range(5, MANY + 1)]


def test_a_bundle_that_is_spoilt_or_lost_is_made_again(store: CountingStore) -> None:
    """Nothing depends on it."""
    first = rows(store)
    store.put(BUNDLE, b"{")
    assert rows(store) == first
    store.reads.clear()
    assert rows(store) == first
    assert store.reads.total() == 1
    store.delete(BUNDLE)
    assert rows(store) == first


def test_a_document_that_is_spoilt_is_told(store: CountingStore) -> None:
    """Its bytes have changed, so the bundle's copy does not count."""
    rows(store)
    key = next(entry.key for entry in store.entries("profiles/toy/"))
    store.put(key, b"{")
    with pytest.raises(CorruptObject, match=key):
        rows(store)


def test_a_bundle_that_cannot_be_written_stops_nothing(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next reading reads one by one again."""

    def fail(key: str, data: bytes) -> str:
        raise StoreUnreachable(f"writing {key}: no answer")

    monkeypatch.setattr(store, "put", fail)
    assert rows(store) == list(range(1, MANY + 1))


def written(store: MemoryStore) -> Ledger:
    """A ledger of many entries, the first of which promoted version 1."""
    ledger = Ledger(store)
    for number in range(ONE_BY_ONE + MANY):
        fact = Fact(event="promoted", key=f"{number}", as_of=day(number), by="the gate", reason="", run_id="r", version="1")
        other = replace(fact, event="compared", version=f"{number}")
        ledger.append("toy", replace(fact, new="1") if not number else other)
    return ledger


def test_the_ledger_is_searched_in_few_requests_however_long_it_is() -> None:
    """The promotion lies far back; a task that asks again asks the store for nothing."""
    store = CountingStore()
    written(store)
    assert Ledger(store).newest_about("toy", "promoted", "1")
    store.reads.clear()
    ledger = Ledger(store)
    found = ledger.newest_about("toy", "promoted", "1")
    assert found
    assert found.sequence == 1
    assert store.reads.total() <= ONE_BY_ONE + 1
    again = store.reads.total()
    assert ledger.newest_about("toy", "promoted", "1") == found
    assert store.reads.total() <= again + 1


def test_a_forged_bundle_of_the_ledger_convinces_nobody() -> None:
    """An entry in it that the next one is not chained to is read where it lies."""
    store = CountingStore()
    written(store).newest_about("toy", "promoted", "nothing")
    (bundle,) = (entry.key for entry in store.entries("bundles/ledger/"))
    kept = from_bytes(Bundle, store.read(bundle), bundle)
    key, (etag, text) = next(iter(sorted(kept.documents.items())))
    forged = replace(from_bytes(Entry, text.encode(), key), version="2")
    store.put(bundle, sealed(Bundle({**kept.documents, key: (etag, sealed(forged).decode())})))
    assert Ledger(store).newest_about("toy", "promoted", "2") is None
    found = Ledger(store).newest_about("toy", "promoted", "1")
    assert found
    assert found.version == "1"


def test_an_entry_that_was_copied_to_another_place_is_found() -> None:
    """It has the bytes of one that was seen, and not its place."""
    store = CountingStore()
    ledger = written(store)
    keys = [entry.key for entry in store.entries("ledger/toy/")]
    ledger.newest_about("toy", "compared", "0")
    store.put(keys[-2], store.objects[keys[-1]][0])
    with pytest.raises(LedgerBroken, match="copied there"):
        ledger.newest_about("toy", "promoted", "7")


def test_an_hour_is_a_key_too() -> None:
    """Periods of an hour have bundles as those of a day do."""
    store = MemoryStore()
    for number in range(MANY):
        Records(store).write_profile("toy", PeriodProfile(day(0) + timedelta(hours=number), NoiseProfile(number)))
    Records(store).profiles("toy", day(9))
    assert store.stat(BUNDLE) is not None


def test_of_each_version_only_so_many_periods_are_remembered() -> None:
    """Whether one version is asked about or all of them, the same documents count."""
    records, every = Records(MemoryStore()), 525
    for number in range(every):
        records.remember("toy", "7", day(number), PeriodProfile(day(number), NoiseProfile(number)))
    records.remember("toy", "12", day(3), PeriodProfile(day(3), NoiseProfile(3)))
    alone = records.remembered("toy", "7", PeriodProfile, day(every))
    assert list(alone) == [day(number) for number in range(every - 520, every)]
    found = records.remembered_of_all("toy", PeriodProfile, day(every))
    assert found == {"7": alone, "12": {day(3): PeriodProfile(day(3), NoiseProfile(3))}}
