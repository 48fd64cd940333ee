"""A bucket in memory that keeps what `ObjectStore` promises: for a run that ends with its process, and for tests."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock

from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import AlreadyExists, Conflict, ObjectMissing

# Of all stores, so that a store can be copied with what it holds.
_ONE_AT_A_TIME = RLock()


class MemoryStore(ObjectStore):
    """One bucket of this process. Conditions hold between its threads."""

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        with _ONE_AT_A_TIME:
            there = self.stat(key)
            if there is None:
                raise ObjectMissing(
                    f"reading {self.address(key)}: there is no such object: list the prefix, it may have been deleted or "
                    "never written."
                )
            if etag and there.etag != etag:
                raise Conflict(
                    f"reading {self.address(key)}: the object is not the one that was expected, another writer replaced it: "
                    f"read it again and decide again. Expected was etag {etag}."
                )
            return self.objects[key][0]

    def download(self, key: str, path: Path, *, etag: str | None = None) -> None:
        path.write_bytes(self.read(key, etag=etag))

    def stat(self, key: str) -> StoredObject | None:
        found = self.objects.get(key)
        return StoredObject(key, _etag(found[0]), len(found[0]), found[1]) if found else None

    def put(self, key: str, data: bytes) -> str:
        with _ONE_AT_A_TIME:
            self.objects[key] = (bytes(data), self._now())
        return _etag(data)

    def create_if_absent(self, key: str, data: bytes) -> str:
        with _ONE_AT_A_TIME:
            if key in self.objects:
                raise AlreadyExists(
                    f"creating {self.address(key)}: the key is taken; expected was none. Read what is there: the work may be "
                    "done."
                )
            return self.put(key, data)

    def compare_and_set(self, key: str, data: bytes, etag: str) -> str:
        with _ONE_AT_A_TIME:
            there = self.stat(key)
            if there is None or there.etag != etag:
                found = f"etag {there.etag}" if there else "gone"
                raise Conflict(
                    f"replacing {self.address(key)}: the object is {found}; expected was etag {etag}. Read again and decide "
                    "again."
                )
            return self.put(key, data)

    def entries(self, prefix: str = "", *, after: str = "") -> Iterator[StoredObject]:
        with _ONE_AT_A_TIME:
            listed = [key for key in self.objects if key.startswith(prefix) and key > after]
            return iter(sorted(entry for key in listed if (entry := self.stat(key))))

    def delete(self, key: str) -> None:
        with _ONE_AT_A_TIME:
            self.objects.pop(key, None)

    def upload_file(self, path: Path, key: str) -> None:
        self.put(key, path.read_bytes())

    def _now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def endpoint(self) -> str:
        return "this process's memory"


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
