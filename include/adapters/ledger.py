"""The ledger on the object store: append-only, create-only writes, one object per entry.

    ledger/<model>/<sequence, ten digits>.json

What an entry is, and what follows from it: `include/ledger/entries.py`.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from include.adapters.latest_status import LatestStatus
from include.adapters.object_store import ObjectStore
from include.errors import AlreadyExists, LedgerBroken, Locked, StoreError
from include.ledger.entries import SAID_ONCE, Entry, Fact, State, faults, following
from include.ledger.tally import Tally

_log = logging.getLogger(__name__)

_RACES = 20
# How far back a fact that was said before is looked for.
_REPEATED_WITHIN = 50


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """One ledger per model. Every method may raise a StoreError, or LedgerBroken."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._board = LatestStatus(store)
        self.now = now

    def newest(self, model_name: str) -> Entry | None:
        """The newest entry; its state is what all of them add up to."""
        keys = self._keys(model_name)
        return self._read(model_name, keys[-1]) if keys else None

    def state(self, model_name: str) -> State:
        """What the entries so far add up to."""
        newest = self.newest(model_name)
        return newest.after if newest else State()

    def append(self, model_name: str, fact: Fact, seen: int | None = None) -> Entry:
        """Write a fact as the next entry. Of what is said once, an earlier try's entry is found by its key and returned.

        Racing writers get different sequences, in the order in which they got through. Who decides by the state of entry
        `seen` is refused once anything was written after it under the lock: he held it, and no longer does.

        Raises:
            Locked: somebody else has changed the champion since `seen`.
        """
        for _ in range(_RACES):
            keys = self._keys(model_name)
            recent = [self._read(model_name, key) for key in keys[-(_REPEATED_WITHIN if fact.event in SAID_ONCE else 1) :]]
            said = [entry for entry in recent if (entry.event, entry.key) == (fact.event, fact.key)]
            if said and fact.event in SAID_ONCE:
                return said[-1]
            if seen is not None:
                self._refuse_overtaken(model_name, keys, seen)
            entry = following(recent[-1] if recent else None, model_name, fact, self.now())
            try:
                self._store.create_if_absent(_key(model_name, entry.sequence), entry.to_bytes())
            except AlreadyExists:
                continue
            self._post(model_name, entry)
            return entry
        raise LedgerBroken(
            f"the ledger of {model_name}: {_RACES} other writers came first, one after the other. "
            "See who writes it; then clear the task."
        )

    def _post(self, model_name: str, entry: Entry) -> None:
        """Put the tally on the board. It is for looking at: the next entry makes up for one that could not be written."""
        try:
            tally = self.tally(model_name)
            new = [entry] if tally.sequence == entry.sequence - 1 else self.entries(model_name, tally.sequence)
            self._board.post(model_name, "ledger", tally.counting(new).as_json())
        except (StoreError, ValueError) as error:
            _log.warning("the board of %s is behind its ledger: %s", model_name, error)

    def tally(self, model_name: str) -> Tally:
        """What is on the board about this ledger; where that is no tally, counting begins anew."""
        try:
            return Tally.from_json(self._board.document(model_name, "ledger") or Tally().as_json())
        except (KeyError, TypeError, ValueError):
            return Tally()

    def _refuse_overtaken(self, model_name: str, keys: list[str], seen: int) -> None:
        since = [self._read(model_name, key) for key in keys if key > _key(model_name, seen)]
        others = [entry for entry in since if entry.event not in SAID_ONCE]
        if others:
            raise Locked(
                f"the ledger of {model_name}: {others[-1].run_id} wrote {others[-1].event} meanwhile, so the lock was lost. "
                "Nothing more is written here; the task is tried again."
            )

    def newest_of(self, model_name: str, event: str, key: str, within: int = _REPEATED_WITHIN) -> Entry | None:
        """The newest entry of an event about one thing, among so many of the newest."""
        for stored in reversed(self._keys(model_name)[-within:]):
            entry = self._read(model_name, stored)
            if (entry.event, entry.key) == (event, key):
                return entry
        return None

    def newest_about(self, model_name: str, event: str | tuple[str, ...], version: str) -> Entry | None:
        """The newest entry of an event, or of one of several, about a version, however long ago."""
        events = (event,) if isinstance(event, str) else event
        for stored in reversed(self._keys(model_name)):
            entry = self._read(model_name, stored)
            if entry.event in events and entry.version == version:
                return entry
        return None

    def entries(self, model_name: str, after: int = 0) -> list[Entry]:
        """All entries with a sequence above `after`, oldest first."""
        return [self._read(model_name, key) for key in self._keys(model_name) if key > _key(model_name, after)]

    def newest_entries(self, model_name: str, count: int) -> list[Entry]:
        """So many of the newest entries, newest first."""
        return [self._read(model_name, key) for key in self._keys(model_name)[: -count - 1 : -1]]

    def proved(self, model_name: str) -> list[Entry]:
        """All entries, once it is proved that none was changed, left out or put in between.

        Raises:
            LedgerBroken: one was; the message says which.
        """
        stored = [self._store.read(key) for key in self._keys(model_name)]
        entries = [_entry(model_name, data) for data in stored]
        if wrong := faults(entries, stored):
            raise LedgerBroken(
                f"the ledger of {model_name} cannot be trusted: {'; '.join(wrong)}. Restore its objects from the store's "
                "versions or a backup, and see who may write there."
            )
        return entries

    def _keys(self, model_name: str) -> list[str]:
        return [entry.key for entry in self._store.entries(f"ledger/{model_name}/")]

    def _read(self, model_name: str, key: str) -> Entry:
        entry = _entry(model_name, self._store.read(key))
        if _key(model_name, entry.sequence) != key:
            raise LedgerBroken(f"{key} holds entry {entry.sequence} of {entry.model}: somebody copied it. Restore the object.")
        return entry


def _key(model_name: str, sequence: int) -> str:
    return f"ledger/{model_name}/{sequence:010d}.json"


def _entry(model_name: str, data: bytes) -> Entry:
    try:
        return Entry.from_bytes(data)
    except ValueError as error:
        raise LedgerBroken(
            f"the ledger of {model_name} holds an object that is no entry ({str(error)[:200]}). "
            "Restore it from the store's versions or a backup."
        ) from error
