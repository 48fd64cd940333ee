"""One lock per model on the object store: a process holds it while it changes the champion.

    locks/<model>.json

Clocks of different machines are never compared. The holder renews the lock before each write. A waiting process takes the lock
over when, by its own clock, it has seen no renewal for a whole lease. The same task of the same run takes it over at once:
Airflow runs it again only after it died. One case remains: a process that freezes during a call to the registry for longer
than a lease still makes its write, because MLflow has no conditional writes; the next run finds that write and records it.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from include.adapters.object_store import ObjectStore, self_test
from include.documents import from_bytes, to_bytes
from include.errors import AlreadyExists, Conflict, CorruptObject, Locked, StoreError

# Longer than the longest single call to the registry: three tries of 30 s and their pauses.
LEASE = timedelta(seconds=120)
_POLL = 2.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lock:
    """Who holds a lock (None: it is free); each `holding` is another, because an etag, a digest, has to tell them apart."""

    owner: str | None
    holding: str


class HeldLock:
    """The lock, held by this process as long as `renew` does not raise."""

    def __init__(self, store: ObjectStore, key: str, owner: str, etag: str) -> None:
        self._store, self._key, self._owner, self._etag = store, key, owner, etag

    def renew(self) -> None:
        """Check that this process still holds it, and start the lease anew; to be called before each write.

        Raises:
            Locked: another process took it over, because this one did not renew it for a whole lease.
        """
        try:
            self._etag = self._store.compare_and_set(self._key, _content(self._owner), self._etag)
        except Conflict as error:
            raise Locked(
                f"{self._key}: another process took the lock over from {self._owner}, which did not renew it for {LEASE}. "
                "Nothing more is written here; the task is tried again."
            ) from error

    def release(self) -> None:
        """Give it back; a failure is only logged, because the lease ends by itself."""
        try:
            self._store.compare_and_set(self._key, _content(None), self._etag)
        except StoreError as error:
            _log.warning("the lock %s was not given back, so it is waited for: %s", self._key, error)


class Locks:
    """The locks of all models. `sleep` and `clock` (seconds, monotonic) are given by tests."""

    def __init__(
        self,
        store: ObjectStore,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._sleep, self._clock = store, sleep, clock

    @contextmanager
    def held(self, model_name: str, owner: str) -> Iterator[HeldLock]:
        """Hold the lock of a model; while another process holds it, wait for at most two leases.

        Raises:
            Locked: others held it all the time.
            StoreError: the store ignores conditions on writes, so it can hold no lock.
        """
        lock = self._taken(f"locks/{model_name}.json", owner)
        try:
            yield lock
        finally:
            lock.release()

    def _taken(self, key: str, owner: str) -> HeldLock:
        began, watched_etag, unchanged_since = self._clock(), "", 0.0
        while True:
            stored = self._stored(key)
            if stored is None:
                etag = self._created(key, owner)
            else:
                holder, etag_read = stored
                if etag_read != watched_etag:
                    watched_etag, unchanged_since = etag_read, self._clock()
                silent = self._clock() - unchanged_since >= LEASE.total_seconds()
                etag = self._swapped(key, owner, etag_read) if holder in (None, owner) or silent else None
            if etag:
                return HeldLock(self._store, key, owner, etag)
            if self._clock() - began > 2 * LEASE.total_seconds():
                holder = stored[0] if stored else "others"
                raise Locked(f"{key}: {holder} held the lock for {2 * LEASE}. See what that run does; this is tried again.")
            self._sleep(_POLL)

    def _stored(self, key: str) -> tuple[str | None, str] | None:
        """The holder (None: it is free) and the lock's etag; None where the lock does not exist yet."""
        entry = self._store.stat(key)
        if entry is None:
            return None
        try:
            return from_bytes(Lock, self._store.read(key, etag=entry.etag), key).owner, entry.etag
        except Conflict:
            return "another process", entry.etag
        except CorruptObject as error:
            # It may be held: it is free when a whole lease has passed, like that of a process which died.
            _log.warning("%s It is taken over after %s.", error, LEASE)
            return "an unreadable holder", entry.etag

    def _created(self, key: str, owner: str) -> str | None:
        # Once per model: several S3 servers accept conditions and ignore them, and then every contender would win.
        self_test(self._store)
        try:
            return self._store.create_if_absent(key, _content(owner))
        except AlreadyExists:
            return None

    def _swapped(self, key: str, owner: str, etag: str) -> str | None:
        try:
            return self._store.compare_and_set(key, _content(owner), etag)
        except Conflict:
            return None


def _content(owner: str | None) -> bytes:
    return to_bytes(Lock(owner, uuid.uuid4().hex))
