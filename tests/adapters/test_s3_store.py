"""What only a store behind a network has to promise, against the real server; the rest is in test_store_contract.py."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack
from include.adapters.object_store import self_test
from include.adapters.s3_store import S3Store
from include.errors import (
    AccessDenied,
    AlreadyExists,
    BucketMissing,
    StoreError,
    StoreUnreachable,
    WrongRegion,
)
from tests.fakes import CarelessS3, client_error

MakeStore = Callable[[], S3Store]


@pytest.fixture
def store(object_store: MakeStore) -> S3Store:
    return object_store()


def careless(*refusals: Any, writes_anyway: bool = False) -> tuple[S3Store, CarelessS3]:
    client: Any = CarelessS3(*refusals, writes_anyway=writes_anyway)
    return S3Store(client, "lake"), client


def test_a_listing_goes_past_its_first_page_in_the_order_of_the_keys(store: S3Store) -> None:
    """Every object is listed once and in order, also across pages, and also where a folder's name begins another key."""
    store._page_size = 7
    keys = [f"p/{number:03}" for number in range(40)] + ["p/a-b", "p/a.b", "p/a/b", "p/a0", "p/a/c/d"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: store.put(key, key.encode()), [*keys, "q/other"]))
    assert [entry.key for entry in store.entries("p/")] == sorted(keys)


def test_a_large_file_arrives_whole(store: S3Store, tmp_path: Path) -> None:
    """A file that goes up in parts comes back byte for byte, and its etag pins it like any other."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(1024**2) * 35)
    store.upload_file(path, "large.bin")
    entry = store.stat("large.bin")
    assert entry is not None
    assert entry.etag.endswith('-3"')
    assert store.read("large.bin", etag=entry.etag) == path.read_bytes()


def test_an_absent_bucket_is_not_an_absent_object(seaweedfs: Stack) -> None:
    """No operation takes a missing bucket for an empty one, and none creates it."""
    store = S3Store.connect("not-there", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    attempts: list[Callable[[], object]] = [
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: store.put("a", b"1"),
        lambda: store.create_if_absent("a", b"1"),
        lambda: list(store.entries()),
        partial(self_test, store),
    ]
    for attempt in attempts:
        with pytest.raises(BucketMissing, match=r"s3://not-there/.* does not exist: create it"):
            attempt()


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_refused(seaweedfs: Stack, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """A wrong key or secret is AccessDenied, for a read, a look, a listing and a write."""
    monkeypatch.setenv(wrong, "wrong")
    store = S3Store.connect("lake", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    attempts: list[Callable[[], object]] = [
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: list(store.entries()),
        lambda: store.put("a", b"1"),
    ]
    for attempt in attempts:
        with pytest.raises(AccessDenied, match="AWS_ACCESS_KEY_ID"):
            attempt()


def test_no_credentials_are_named(seaweedfs: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any credentials the message says which variables to set."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    store = S3Store.connect("lake", endpoint=seaweedfs.s3_endpoint, region="us-east-1")
    with pytest.raises(AccessDenied, match="there are no credentials: set AWS_ACCESS_KEY_ID"):
        store.read("a")


def test_a_dead_store_is_reported_soon(seaweedfs: Stack) -> None:
    """Where nothing listens a call fails within fifteen seconds, as an error that Airflow retries."""
    store = S3Store.connect("lake", endpoint="http://127.0.0.1:9", region="us-east-1")
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="check that the store runs") as caught:
        store.put("a", b"1")
    assert time.monotonic() - began < 15
    assert caught.value.transient


def test_the_self_test_fails_on_a_store_that_ignores_conditions() -> None:
    """A store where two racing writers would both win is refused, and the message says what to use instead."""
    store, client = careless()
    with pytest.raises(StoreError, match=r"careless.example .* ignores If-None-Match .* AWS S3 or SeaweedFS"):
        self_test(store)
    assert client.objects == {}


def test_an_undecided_write_is_asked_again() -> None:
    """AWS's 409 "another conditional write is under way" is retried, not taken for an answer."""
    store, client = careless(*[client_error("ConditionalRequestConflict", 409)] * 2)
    store.create_if_absent("a", b"1")
    assert client.objects == {"a": b"1"}


def test_a_write_that_stays_undecided_ends() -> None:
    """A store that answers 409 for ever is a transient failure after a bounded number of attempts."""
    store, client = careless(*[client_error("ConditionalRequestConflict", 409)] * 20)
    with pytest.raises(StoreUnreachable, match="later"):
        store.create_if_absent("a", b"1")
    assert len(client.refusals) == 15


def test_a_writer_is_not_beaten_by_its_own_retry() -> None:
    """When the first attempt was written but its answer lost, the retry is recognized by its bytes."""
    store, _ = careless(client_error("PreconditionFailed", 412, retries=1), writes_anyway=True)
    assert store.create_if_absent("a", b"mine") == f'"{hash(b"mine")}"'
    store, client = careless(client_error("PreconditionFailed", 412, retries=1))
    client.objects["a"] = b"theirs"
    with pytest.raises(AlreadyExists):
        store.create_if_absent("a", b"mine")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("PermanentRedirect", 301, WrongRegion),
        ("AuthorizationHeaderMalformed", 400, WrongRegion),
        ("RequestTimeTooSkewed", 403, AccessDenied),
        ("ExpiredToken", 400, AccessDenied),
        ("SomethingNew", 403, AccessDenied),
        ("SlowDown", 503, StoreUnreachable),
        ("InternalError", 500, StoreUnreachable),
        ("NoSuchBucket", 404, BucketMissing),
        ("EntityTooLarge", 400, StoreError),
    ],
)
def test_each_refusal_has_its_error(code: str, status: int, kind: type[StoreError]) -> None:
    """The store's own word decides; where it is a new one, the status does."""
    store, _ = careless(client_error(code, status))
    with pytest.raises(StoreError, match=r"s3://lake/a at http://careless\.example") as caught:
        store.put("a", b"1")
    assert type(caught.value) is kind
