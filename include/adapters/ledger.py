"""The ledger on the object store: append-only, create-only writes, one object per entry.

    ledger/<model>/<sequence, ten digits>.json

What an entry is, and what follows from it: `include/ledger/entries.py`.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from include.adapters.bundles import read_together
from include.adapters.latest_status import LatestStatus
from include.adapters.object_store import ObjectStore, StoredObject, read_again
from include.documents import from_bytes, sealed
from include.errors import AlreadyExists, CorruptObject, LedgerBroken, Locked, StoreError
from include.ledger.entries import Entry, faults, following
from include.ledger.state import ONCE_PER_KEY, Fact, State

_log = logging.getLogger(__name__)

_RACES = 20
# How far back an event that is appended once per key is looked for.
_REPEATED_WITHIN = 50
# So many of the newest entries are read one by one before the bundle is asked: most questions end there.
ONE_BY_ONE = 8


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """One ledger per model. Every method may raise a StoreError, or LedgerBroken."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._latest = LatestStatus(store)
        # By etag: a task asks for the same few entries several times, and one that was changed has another.
        self._seen: dict[tuple[str, str], Entry] = {}
        self.now = now

    def newest(self, model_name: str) -> Entry | None:
        """The newest entry; its state is what all of them add up to."""
        listed = self._listed(model_name)
        return self._read(model_name, listed[-1]) if listed else None

    def state(self, model_name: str) -> State:
        """What the entries so far add up to."""
        newest = self.newest(model_name)
        return newest.after if newest else State()

    def append(self, model_name: str, fact: Fact, seen: int | None = None) -> Entry:
        """Write a fact as the next entry. Of an event that is appended once per key, an earlier try's entry is returned.

        Racing writers get different sequences, in the order in which they got through. A writer that decided by the state of
        entry `seen` is refused once another one was written after it under the lock, which it has lost then.

        Raises:
            Locked: the champion was changed since `seen`.
        """
        for _ in range(_RACES):
            listed, within = self._listed(model_name), _REPEATED_WITHIN if fact.event in ONCE_PER_KEY else 1
            recent = [self._read(model_name, one) for one in listed[-within:]]
            repeated = [entry for entry in recent if (entry.event, entry.key) == (fact.event, fact.key)]
            if repeated and fact.event in ONCE_PER_KEY:
                if repeated[-1] is recent[-1]:
                    # The earlier try may have died before this.
                    self._post(model_name, repeated[-1])
                return repeated[-1]
            if seen is not None:
                self._refuse_overtaken(model_name, listed, seen)
            entry = following(recent[-1] if recent else None, model_name, fact, self.now())
            try:
                self._store.create_if_absent(_key(model_name, entry.sequence), sealed(entry))
            except AlreadyExists:
                continue
            self._post(model_name, entry)
            return entry
        raise LedgerBroken(
            f"the ledger of {model_name}: {_RACES} other writers came first, one after the other. "
            "See who writes it; then clear the task."
        )

    def _post(self, model_name: str, entry: Entry) -> None:
        """Copy the newest entry to the latest status. It is for pages: the next entry makes up for one that was not copied."""
        try:
            self._latest.post(model_name, "ledger", entry)
        except StoreError as error:
            _log.warning("the latest status of %s is behind its ledger: %s", model_name, error)

    def _refuse_overtaken(self, model_name: str, listed: list[StoredObject], seen: int) -> None:
        since = [self._read(model_name, one) for one in listed if one.key > _key(model_name, seen)]
        others = [entry for entry in since if entry.event not in ONCE_PER_KEY]
        if others:
            raise Locked(
                f"the ledger of {model_name}: {others[-1].run_id} wrote {others[-1].event} meanwhile, so the lock was lost. "
                "Nothing more is written here; the task is tried again."
            )

    def newest_of(self, model_name: str, event: str, key: str, within: int = _REPEATED_WITHIN) -> Entry | None:
        """The newest entry of an event about one thing, among so many of the newest."""
        newest = islice(self._backwards(model_name), within)
        return next((entry for entry in newest if (entry.event, entry.key) == (event, key)), None)

    def newest_about(self, model_name: str, event: str | tuple[str, ...], version: str) -> Entry | None:
        """The newest entry of an event, or of one of several, about a version, however long ago."""
        events = (event,) if isinstance(event, str) else event
        entries = self._backwards(model_name)
        return next((entry for entry in entries if entry.event in events and entry.version == version), None)

    def newest_where(self, model_name: str, matches: Callable[[Entry], bool]) -> Entry | None:
        """The newest entry that matches, however long ago."""
        return next(filter(matches, self._backwards(model_name)), None)

    def newest_with(self, model_name: str, about: tuple[str, str, object], within: timedelta) -> Entry | None:
        """The newest entry of an event with a name and a value in its evidence, of those that were written within a time."""
        event, name, value = about
        for entry in self._backwards(model_name):
            if self.now() - entry.at > within:
                return None
            if entry.event == event and entry.evidence.get(name) == value:
                return entry
        return None

    def _backwards(self, model_name: str) -> Iterator[Entry]:
        """The entries, newest first: the newest ones are read when they are asked for, those before them come from a bundle.

        The bundle is believed as far as the chain goes: the digest of each entry in it stands in the one after it.
        """
        listed = self._listed(model_name)
        newer: Entry | None = None
        for turn, one in enumerate(reversed(listed)):
            if turn == ONE_BY_ONE:
                yield from self._bundled(model_name, listed[: len(listed) - ONE_BY_ONE], newer)
                return
            newer = self._read(model_name, one)
            yield newer

    def _bundled(self, model_name: str, older: list[StoredObject], newer: Entry | None) -> Iterator[Entry]:
        try:
            kept = dict(
                zip((one.key for one in older), read_together(self._store, Entry, f"ledger/{model_name}", older), strict=True)
            )
        except CorruptObject:
            # Reading it one by one says which, and only where it is asked for.
            kept = {}
        for one in reversed(older):
            entry = kept.get(one.key)
            if entry is None or newer is None or entry.digest != newer.chained_to:
                entry = self._read(model_name, one)
            newer = entry
            yield entry

    def entries(self, model_name: str, after: int = 0) -> list[Entry]:
        """All entries with a sequence above `after`, oldest first."""
        return [self._read(model_name, one) for one in self._listed(model_name) if one.key > _key(model_name, after)]

    def newest_entries(self, model_name: str, count: int) -> list[Entry]:
        """So many of the newest entries, newest first."""
        return [self._read(model_name, one) for one in self._listed(model_name)[: -count - 1 : -1]]

    def proved(self, model_name: str) -> list[Entry]:
        """All entries, once it is proved that none was changed, left out or put in between.

        Raises:
            LedgerBroken: one was; the message says which.
        """
        keys = [one.key for one in self._listed(model_name)]
        stored = [self._store.read(key) for key in keys]
        entries = [_entry(model_name, key, data) for key, data in zip(keys, stored, strict=True)]
        if wrong := faults(entries, stored):
            raise LedgerBroken(
                f"the ledger of {model_name} cannot be trusted: {'; '.join(wrong)}. Restore its objects from the store's "
                "versions or a backup, and see who may write there."
            )
        return entries

    def _listed(self, model_name: str) -> list[StoredObject]:
        return list(self._store.entries(f"ledger/{model_name}/"))

    def _read(self, model_name: str, listed: StoredObject) -> Entry:
        key, seen = listed.key, (listed.key, listed.etag)
        if seen in self._seen:
            return self._seen[seen]
        entry = read_again(lambda: _entry(model_name, key, self._store.read(key)), key, (LedgerBroken,))
        if _key(model_name, entry.sequence) != key:
            raise LedgerBroken(
                f"{key} holds entry {entry.sequence} of {entry.model}: it was copied there. Restore the object."
            )
        self._seen[seen] = entry
        return entry


def _key(model_name: str, sequence: int) -> str:
    return f"ledger/{model_name}/{sequence:010d}.json"


def _entry(model_name: str, key: str, data: bytes) -> Entry:
    try:
        return from_bytes(Entry, data, key)
    except CorruptObject as error:
        raise LedgerBroken(f"the ledger of {model_name} holds an object that is not an entry: {error}") from error
