"""What the pipeline asks of an object store, and the proof that a store keeps its promises."""

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from include.documents import from_bytes
from include.errors import AlreadyExists, Conflict, CorruptObject, StoreError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_USE_ANOTHER_STORE = "Use one that passes this test, such as AWS S3 or SeaweedFS 4.45 or later."


@dataclass(frozen=True, order=True)
class StoredObject:
    """One object as it was listed; `etag` pins its bytes, in the quotes that S3 puts around it."""

    key: str
    etag: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """One bucket. Every failure is a StoreError that names bucket, key and endpoint.

    `S3Store` and `MemoryStore` keep the same promises: tests/adapters/test_store_contract.py.
    """

    bucket: str

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        """The object's bytes; with `etag`, those bytes or none.

        Raises:
            ObjectMissing: nothing is there.
            Conflict: the object has been overwritten since `etag` was listed.
        """
        ...

    def download(self, key: str, path: Path, *, etag: str | None = None) -> None:
        """The object's bytes as a file, without holding them in memory; errors as of `read`."""
        ...

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of this one key; None when nothing is there."""
        ...

    def put(self, key: str, data: bytes) -> str:
        """Write, whatever was there; returns the new etag."""
        ...

    def create_if_absent(self, key: str, data: bytes) -> str:
        """Write only if the key is free: of any number of racing writers one wins. Returns the etag.

        A retry can meet the write of its own first attempt; it is told by its bytes. So where the winner matters, let the
        bytes name their writer.

        Raises:
            AlreadyExists: the key is taken.
        """
        ...

    def compare_and_set(self, key: str, data: bytes, etag: str) -> str:
        """Overwrite only if the object is still the one with `etag`; returns the new etag.

        Raises:
            Conflict: it is another one by now, or gone.
        """
        ...

    def entries(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        """Everything under the prefix with a key after another one, which need not exist, ordered by key.

        `after` is for folders in which no name begins another one, as times do not, and names a folder with its slash: some
        stores list folder by folder.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        ...

    def upload_file(self, path: Path, key: str) -> None:
        """Write a file's bytes, in parts once it is larger than 16 MB; OSError when it cannot be read."""
        ...

    @property
    def endpoint(self) -> str:
        """Where the bucket is, for people."""
        ...

    def address(self, key: str) -> str:
        """Bucket, key and endpoint, for messages."""
        return f"s3://{self.bucket}/{key} at {self.endpoint}"


def read_again(read: Callable[[], T], what: str, spoilt: tuple[type[Exception], ...] = (CorruptObject,)) -> T:
    """What `read` gives, at the second try where the bytes were spoilt at the first: it may have happened on the way."""
    try:
        return read()
    except spoilt as error:
        _log.warning("%s is read again, it came spoilt: %s", what, error)
        return read()


def read_document(store: ObjectStore, kind: type[T], key: str) -> T:
    """The document of a type under a key; CorruptObject where it is spoilt, also at a second try."""
    return read_again(lambda: from_bytes(kind, store.read(key), key), key)


def unless_spoilt(read: Callable[[], T | None]) -> T | None:
    """What `read` gives; None, with a warning, where that is spoilt: for what the caller then makes again."""
    try:
        return read()
    except CorruptObject as error:
        _log.warning("What is spoilt is made again: %s", error)
        return None


def self_test(store: ObjectStore) -> None:
    """Prove that the store honors every condition that promotions rely on; it leaves nothing behind.

    Raises:
        StoreError: a condition was ignored, as several S3 servers do.
    """
    key = f".self-test/{uuid.uuid4().hex}"
    stale = store.create_if_absent(key, b"first")
    try:
        _must_refuse(store, "If-None-Match on a write", lambda: store.create_if_absent(key, b"second"))
        fresh = store.compare_and_set(key, b"third", stale)
        _must_refuse(store, "If-Match on a write", lambda: store.compare_and_set(key, b"fourth", stale))
        _must_refuse(store, "If-Match on a read", lambda: store.read(key, etag=stale))
        if store.read(key, etag=fresh) != b"third":
            raise StoreError(f"{store.address(key)} gave back other bytes than were written. {_USE_ANOTHER_STORE}")
    finally:
        store.delete(key)


def _must_refuse(store: ObjectStore, condition: str, attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except (AlreadyExists, Conflict):
        return
    raise StoreError(
        f"the store at {store.endpoint} (bucket {store.bucket}) ignores {condition}: two writers would both win. "
        f"{_USE_ANOTHER_STORE}"
    )
