"""A pack saves requests and decides nothing: which files are read, and what they hold, it cannot change."""

import hashlib
import io
import zipfile

import pytest

from include.adapters.packs import FEW, Packs
from include.errors import CorruptObject, ObjectMissing, StoreUnreachable
from tests.fakes import CountingStore

MANY, TOGETHER = 40, 20


def name_of(data: bytes, period: int) -> str:
    return f"curated/toy/features/{period:02}/{hashlib.sha256(data).hexdigest()}.parquet"


FILES = {name_of(data, period): data for period, data in ((n, f"rows of {n}".encode()) for n in range(MANY))}


@pytest.fixture
def store() -> CountingStore:
    """A bucket with small files of many periods."""
    store = CountingStore()
    for key, data in FILES.items():
        store.put(key, data)
    return store


def packs(store: CountingStore, erased: tuple[str, ...] = ()) -> Packs:
    """Twenty periods share a pack."""

    def read(key: str) -> bytes:
        data = store.read(key)
        if hashlib.sha256(data).hexdigest() not in key:
            raise CorruptObject(key)
        return data

    return Packs(store, lambda key: f"packs/{int(key.split('/')[3]) // TOGETHER}.zip", read, lambda: erased)


def contents(store: CountingStore, keys: list[str] | None = None) -> dict[str, bytes]:
    return dict(packs(store).contents(sorted(FILES) if keys is None else keys))


def test_a_second_reading_is_one_request_a_pack(store: CountingStore) -> None:
    """And gives the same files in the same order."""
    first = contents(store)
    store.reads.clear()
    assert list(contents(store).items()) == list(first.items()) == sorted(FILES.items())
    assert store.reads.total() == 2


def test_some_files_of_a_pack_are_these_files(store: CountingStore) -> None:
    """In the order in which they are asked for, within a pack."""
    contents(store)
    some = sorted(FILES)[1:15]
    assert contents(store, some) == {key: FILES[key] for key in some}
    assert contents(store, []) == {}


def test_files_that_came_since_are_read_and_join_the_pack_when_they_are_some(store: CountingStore) -> None:
    """Few are read by themselves: writing a pack for each would cost more."""
    early, late = sorted(FILES)[:10], sorted(FILES)[10 : 11 + FEW]
    contents(store, early)
    before = store.stat("packs/0.zip")
    assert contents(store, [*early, *late[:FEW]]) == {key: FILES[key] for key in [*early, *late[:FEW]]}
    assert store.stat("packs/0.zip") == before
    assert contents(store, [*early, *late]) == {key: FILES[key] for key in [*early, *late]}
    store.reads.clear()
    contents(store, [*early, *late])
    assert store.reads.total() == 1


def test_a_pack_that_is_spoilt_or_lost_is_made_again(store: CountingStore) -> None:
    """Nothing depends on it."""
    first = contents(store)
    store.put("packs/0.zip", store.read("packs/0.zip")[:-30])
    store.delete("packs/1.zip")
    assert contents(store) == first
    store.reads.clear()
    assert contents(store) == first
    assert store.reads.total() == 2


def test_a_forged_pack_convinces_nobody(store: CountingStore) -> None:
    """What does not have the digest in its name is read where it lies."""
    first = contents(store)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key in sorted(FILES)[:TOGETHER]:
            archive.writestr(key, b"forged")
    store.put("packs/0.zip", buffer.getvalue())
    assert contents(store) == first


def test_a_file_that_is_gone_or_spoilt_is_told(store: CountingStore) -> None:
    """Where no pack has it."""
    first, second = sorted(FILES)[:2]
    store.put(second, b"spoilt")
    with pytest.raises(CorruptObject, match=second):
        contents(store)
    store.delete(first)
    with pytest.raises(ObjectMissing, match=first):
        contents(store)


def test_a_pack_that_cannot_be_written_stops_nothing(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are there all the same."""

    def refuse(key: str, data: bytes) -> str:
        raise StoreUnreachable(f"no room for {len(data)} bytes of {key}")

    monkeypatch.setattr(store, "put", refuse)
    assert contents(store) == FILES
    assert not list(store.entries("packs/"))


def test_large_files_stay_by_themselves(store: CountingStore) -> None:
    """A request costs little beside their bytes, and they would be kept twice."""
    large = bytes(300_000)
    keys = [name_of(large + bytes([number]), number) for number in range(TOGETHER)]
    for number, key in enumerate(keys):
        store.put(key, large + bytes([number]))
    assert [len(data) for data in contents(store, keys).values()] == [300_001] * TOGETHER
    assert not list(store.entries("packs/"))


def test_a_pack_that_was_written_during_an_erasure_is_removed(store: CountingStore) -> None:
    """It was made of files that were read before they were replaced."""
    erased = sorted(FILES)[2]
    assert dict(packs(store, (erased,)).contents(sorted(FILES))) == FILES
    assert [entry.key for entry in store.entries("packs/")] == ["packs/1.zip"]


def test_few_files_are_read_beside_each_other(store: CountingStore) -> None:
    """A pack may be far larger than they are: it is neither read nor written for them."""
    some = sorted(FILES)[:5]
    contents(store)
    store.reads.clear()
    assert contents(store, some) == {key: FILES[key] for key in some}
    assert store.reads == {"curated": 5}
