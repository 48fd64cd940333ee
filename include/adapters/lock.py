"""One lock per model on the object store: whoever changes a champion holds it.

    locks/<model>.json

No two machines' clocks are compared. A holder renews the lock before each of its writes; whoever waits takes it over once he
has watched it unchanged for a whole lease, by his own clock. The same task of the same run takes it over at once: Airflow runs
it again only after it died. A process that was frozen in the middle of one call to the registry for longer than a lease is the
one thing that this cannot stop, because MLflow knows no condition on a write: the next run finds it and records it.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from include.adapters.object_store import ObjectStore, self_test
from include.errors import AlreadyExists, Conflict, Locked, StoreError

# Longer than the longest single call to the registry: three tries of 30 s and their pauses.
LEASE = timedelta(seconds=120)
_POLL = 2.0
_log = logging.getLogger(__name__)


class Held:
    """The lock, in our hands as long as `renew` does not raise."""

    def __init__(self, store: ObjectStore, key: str, owner: str, etag: str) -> None:
        self._store, self._key, self._owner, self._etag = store, key, owner, etag

    def renew(self) -> None:
        """Prove that it is still ours, and start the lease anew; to be called before each write.

        Raises:
            Locked: somebody took it over, because nothing was heard from us for a whole lease.
        """
        try:
            self._etag = self._store.compare_and_set(self._key, _content(self._owner), self._etag)
        except Conflict as error:
            raise Locked(
                f"{self._key}: somebody took the lock over from {self._owner}, who was silent for more than {LEASE}. "
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
    def held(self, model_name: str, owner: str) -> Iterator[Held]:
        """Hold the lock of a model; waits for somebody who holds it, for at most two leases.

        Raises:
            Locked: others held it all the time.
            StoreError: the store ignores conditions on writes, so it can hold no lock.
        """
        lock = self._taken(f"locks/{model_name}.json", owner)
        try:
            yield lock
        finally:
            lock.release()

    def _taken(self, key: str, owner: str) -> Held:
        began, watched, since = self._clock(), "", 0.0
        while True:
            found = self._found(key)
            if found is None:
                etag = self._created(key, owner)
            else:
                holder, seen = found
                if seen != watched:
                    watched, since = seen, self._clock()
                silent = self._clock() - since >= LEASE.total_seconds()
                etag = self._swapped(key, owner, seen) if holder in (None, owner) or silent else None
            if etag:
                return Held(self._store, key, owner, etag)
            if self._clock() - began > 2 * LEASE.total_seconds():
                holder = found[0] if found else "others"
                raise Locked(f"{key}: {holder} held the lock for {2 * LEASE}. See what that run does; this is tried again.")
            self._sleep(_POLL)

    def _found(self, key: str) -> tuple[str | None, str] | None:
        """Who holds it (None: nobody), and the etag that says so; None where there is no such lock yet."""
        entry = self._store.stat(key)
        if entry is None:
            return None
        try:
            return _holder(self._store.read(key, etag=entry.etag)), entry.etag
        except Conflict:
            return "somebody else", entry.etag

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
    """Different bytes each time: an etag is a digest of them, and has to tell one holding from the next."""
    return json.dumps({"owner": owner, "holding": uuid.uuid4().hex}).encode()


def _holder(data: bytes) -> str | None:
    try:
        owner = json.loads(data)["owner"]
    except (ValueError, KeyError, TypeError):
        return None
    return str(owner) if owner is not None else None
