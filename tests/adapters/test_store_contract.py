"""The promises of an object store, kept by the one in memory and by the real server."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.adapters.memory_store import MemoryStore
from include.adapters.object_store import ObjectStore, self_test
from include.adapters.s3_store import S3Store
from include.errors import AlreadyExists, Conflict, ObjectMissing


@pytest.fixture(params=["memory", "seaweedfs"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """An empty bucket of each kind; the server is started only where it is asked for."""
    if request.param == "memory":
        return MemoryStore()
    fresh: Callable[[], ObjectStore] = request.getfixturevalue("object_store")
    return fresh()


@pytest.mark.parametrize("data", [bytes(range(256)), b""])
def test_what_is_written_is_read_back(store: ObjectStore, data: bytes) -> None:
    """Bytes come back as they went in, none too, and a write, a look and a listing give one etag, in quotes."""
    etag = store.put("a/b.bin", data)
    found = store.stat("a/b.bin")
    assert found is not None
    assert store.read("a/b.bin") == store.read("a/b.bin", etag=etag) == data
    assert [entry.etag for entry in store.entries("a/")] == [etag]
    assert (found.key, found.etag, found.size) == ("a/b.bin", etag, len(data))
    assert etag[0] == etag[-1] == '"'
    assert abs((datetime.now(UTC) - found.modified).total_seconds()) < 60


def test_a_second_write_replaces_the_first(store: ObjectStore) -> None:
    """A put needs no permission, and changes the etag with the bytes."""
    before = store.put("a", b"1")
    assert store.put("a", b"2") != before
    assert store.read("a") == b"2"


def test_an_absent_key_is_named(store: ObjectStore) -> None:
    """Reading an absent key names it; looking at it, listing it and deleting it are no errors."""
    with pytest.raises(ObjectMissing, match=f"reading s3://{store.bucket}/absent at .*: there is no such object"):
        store.read("absent")
    assert store.stat("absent") is None
    assert list(store.entries("absent/")) == []
    store.delete("absent")


def test_deleting_removes(store: ObjectStore) -> None:
    """A deleted object is gone, and its key is free again."""
    store.put("a", b"1")
    store.delete("a")
    assert store.stat("a") is None
    store.create_if_absent("a", b"2")


def test_a_file_is_uploaded_as_it_is(store: ObjectStore, tmp_path: Path) -> None:
    """The bytes of a file arrive, and a file that cannot be read leaves no object."""
    (tmp_path / "file").write_bytes(b"bytes")
    store.upload_file(tmp_path / "file", "a")
    with pytest.raises(OSError, match="nowhere"):
        store.upload_file(tmp_path / "nowhere", "b")
    assert [(entry.key, store.read(entry.key)) for entry in store.entries()] == [("a", b"bytes")]


def test_a_listing_has_the_order_of_the_keys(store: ObjectStore) -> None:
    """Everything that begins with the prefix is listed once, in order, also where a folder's name begins another key."""
    keys = ["p/a-b", "p/a.b", "p/a/b", "p/a0", "p/a/c/d", "p/b", "q/other"]
    for key in reversed(keys):
        store.put(key, key.encode())
    assert [entry.key for entry in store.entries("p/")] == sorted(keys[:-1])
    assert [entry.key for entry in store.entries("p/a/")] == ["p/a/b", "p/a/c/d"]
    assert [entry.key for entry in store.entries()] == sorted(keys)


@pytest.mark.parametrize("after", ["p/02/", "p/03/", "p/03/b1.json", "p/03/b2", "p/05/", "p/07/", "p/04/a", "a", "z"])
def test_a_listing_begins_after_a_key(store: ObjectStore, after: str) -> None:
    """Whether there is such a key or not, in a folder or in between two; a folder's name ends with a slash."""
    keys = [f"p/{number:02}/{name}{turn}.json" for number in (1, 3, 4, 6) for name in ("a", "b") for turn in (1, 2)]
    for key in [*keys, "q/01/a1.json"]:
        store.put(key, key.encode())
    assert [entry.key for entry in store.entries("p/", after=after)] == [key for key in keys if key > after]


def test_a_flat_listing_begins_after_a_time(store: ObjectStore) -> None:
    """As documents are named, page by page too."""
    if isinstance(store, S3Store):
        store._page_size = 2
    keys = [f"status/toy/2024-01-{number:02}T000000Z.json" for number in range(1, 8)]
    for key in keys:
        store.put(key, b"{}")
    listed = [entry.key for entry in store.entries("status/toy/", after="status/toy/2024-01-03T000000Z")]
    assert listed == keys[2:]


@pytest.mark.parametrize(
    "key", ["two words", "p=1/plus+and%20", "ümläut/日本/🛫", "a&b<c>'\"", "q?x#y", "x" * 200, "a:b;c,d@e"]
)
def test_odd_keys_are_kept_as_they_are(store: ObjectStore, key: str) -> None:
    """The same key reads, lists and deletes an object, with any character in it."""
    store.put(key, b"odd")
    assert store.read(key) == b"odd"
    assert [entry.key for entry in store.entries()] == [key]
    store.delete(key)
    assert list(store.entries()) == []


def test_one_of_many_creators_wins(store: ObjectStore) -> None:
    """Of eight writers that race to create one key, one succeeds, and the object holds that one's bytes."""

    def create(number: int) -> int | None:
        try:
            store.create_if_absent("lock", str(number).encode())
        except AlreadyExists:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(create, range(8)) if number is not None]
    assert [str(number).encode() for number in winners] == [store.read("lock")]


def test_a_taken_key_is_named(store: ObjectStore) -> None:
    """A refused creation leaves the object alone and names the key that is taken."""
    store.create_if_absent("a", b"1")
    with pytest.raises(AlreadyExists, match=f"creating s3://{store.bucket}/a at .* is taken"):
        store.create_if_absent("a", b"2")
    assert store.read("a") == b"1"


def test_one_of_many_updaters_wins(store: ObjectStore) -> None:
    """Of eight writers that race to replace one version, one succeeds, and its bytes stay."""
    etag = store.put("pointer", b"before")

    def replace(number: int) -> int | None:
        try:
            store.compare_and_set("pointer", str(number).encode(), etag)
        except Conflict:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(replace, range(8)) if number is not None]
    assert [str(number).encode() for number in winners] == [store.read("pointer")]


def test_no_update_is_lost(store: ObjectStore) -> None:
    """Writers that read, add and compare-and-set until they succeed lose no addition."""
    store.put("counter", b"0")

    def add(_: int) -> None:
        while True:
            entry = store.stat("counter")
            assert entry is not None
            try:
                value = int(store.read("counter", etag=entry.etag))
                store.compare_and_set("counter", str(value + 1).encode(), entry.etag)
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(add, range(9)))
    assert store.read("counter") == b"9"


def test_replacing_by_a_stale_etag_is_a_conflict(store: ObjectStore) -> None:
    """What was decided on old bytes is not written over newer ones."""
    stale = store.put("a", b"1")
    fresh = store.compare_and_set("a", b"2", stale)
    with pytest.raises(Conflict, match=f"s3://{store.bucket}/a at "):
        store.compare_and_set("a", b"3", stale)
    assert store.read("a", etag=fresh) == b"2"


def test_replacing_what_is_gone_is_a_conflict(store: ObjectStore) -> None:
    """Compare-and-set on a deleted key does not bring it back."""
    etag = store.put("a", b"1")
    store.delete("a")
    with pytest.raises(Conflict, match=f"s3://{store.bucket}/a at "):
        store.compare_and_set("a", b"2", etag)
    assert store.stat("a") is None


def test_reading_by_a_stale_etag_is_a_conflict(store: ObjectStore) -> None:
    """A reader of the bytes that were listed never gets later ones."""
    etag = store.put("a", b"1")
    store.put("a", b"2")
    with pytest.raises(Conflict, match="not the one that was expected"):
        store.read("a", etag=etag)


def test_the_self_test_passes_and_leaves_nothing_behind(store: ObjectStore) -> None:
    """Every condition is honored, and no object of the test stays."""
    self_test(store)
    assert list(store.entries()) == []


def test_a_download_is_the_object(store: ObjectStore, tmp_path: Path) -> None:
    """A file holds the bytes that were listed, or none of others; an absent key is named."""
    data = bytes(range(256)) * 10_000
    etag = store.put("a", data)
    store.download("a", tmp_path / "file", etag=etag)
    assert (tmp_path / "file").read_bytes() == data
    store.put("a", b"other")
    with pytest.raises(Conflict):
        store.download("a", tmp_path / "file", etag=etag)
    with pytest.raises(ObjectMissing, match="absent"):
        store.download("absent", tmp_path / "file")
