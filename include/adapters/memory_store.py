"""A bucket in memory that keeps what `ObjectStore` promises: for a run that ends with its process, and for tests."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import AlreadyExists, Conflict, ObjectMissing

# Of all stores, so that a store can be copied with what it holds.
_ONE_AT_A_TIME = RLock()


class MemoryStore(ObjectStore):
    """One bucket of this process. Conditions hold between its threads; the self-test of `ObjectStore` proves it here too."""

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock, so that a store can be copied."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_lock": RLock()}

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        """The object's bytes; with `etag`, those bytes or none."""
        with _ONE_AT_A_TIME:
            there = self.stat(key)
            if there is None:
                raise ObjectMissing(
                    f"reading {self._where(key)}: there is no such object: list the prefix, it may have been deleted or never "
                    "written."
                )
            if etag and there.etag != etag:
                raise Conflict(
                    f"reading {self._where(key)}: the object is not the one that was expected, another writer replaced it: "
                    f"read it again and decide again. Expected was etag {etag}."
                )
            return self.objects[key][0]

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of this one key; None when nothing is there."""
        found = self.objects.get(key)
        return StoredObject(key, _etag(found[0]), len(found[0]), found[1]) if found else None

    def put(self, key: str, data: bytes) -> str:
        """Write, whatever was there; returns the new etag."""
        with _ONE_AT_A_TIME:
            self.objects[key] = (bytes(data), self._now())
        return _etag(data)

    def create_if_absent(self, key: str, data: bytes) -> str:
        """Write only if the key is free: of any number of racing writers one wins. Returns the etag."""
        with _ONE_AT_A_TIME:
            if key in self.objects:
                raise AlreadyExists(
                    f"creating {self._where(key)}: the key is taken; expected was none. Read what is there: the work may be "
                    "done."
                )
            return self.put(key, data)

    def compare_and_set(self, key: str, data: bytes, etag: str) -> str:
        """Overwrite only if the object is still the one with `etag`; returns the new etag."""
        with _ONE_AT_A_TIME:
            there = self.stat(key)
            if there is None or there.etag != etag:
                found = f"etag {there.etag}" if there else "gone"
                raise Conflict(
                    f"replacing {self._where(key)}: the object is {found}; expected was etag {etag}. Read again and decide "
                    "again."
                )
            return self.put(key, data)

    def entries(self, prefix: str = "") -> Iterator[StoredObject]:
        """Everything under the prefix, ordered by key."""
        with _ONE_AT_A_TIME:
            return iter(sorted(entry for key in self.objects if key.startswith(prefix) and (entry := self.stat(key))))

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        with _ONE_AT_A_TIME:
            self.objects.pop(key, None)

    def upload_file(self, path: Path, key: str) -> None:
        """Write a file's bytes; OSError when it cannot be read."""
        self.put(key, path.read_bytes())

    def _now(self) -> datetime:
        return datetime.now(UTC)

    @property
    def _endpoint(self) -> str:
        return "this process's memory"


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
