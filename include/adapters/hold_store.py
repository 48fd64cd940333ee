"""The holds on the object store, with compare-and-set: what people freeze or snooze.

holds/<model>.json    of one model
holds/_all.json       of all models together
"""

from collections.abc import Callable
from datetime import UTC, datetime

from include.adapters.object_store import ObjectStore, read_document
from include.documents import from_bytes, to_bytes
from include.errors import AlreadyExists, Conflict, CorruptObject, ObjectMissing, StoreUnreachable
from include.holds import ALL_MODELS, FREEZE, Hold, Holds, What, held, in_force

_RACES = 20
_FOLDER = "holds/"


def _now() -> datetime:
    return datetime.now(UTC)


class HoldStore:
    """All holds. Every method may raise a StoreError; a spoilt document raises CorruptObject, so that nothing is promoted."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self.now = now

    def frozen(self, model_name: str) -> Hold | None:
        """The freeze that holds now, of this model or of all."""
        return held(self._of(model_name), FREEZE, self.now())

    def in_force(self, model_name: str) -> tuple[Hold, ...]:
        """All that holds now, of this model or of all."""
        return in_force(self._of(model_name), self.now())

    def overview(self) -> tuple[dict[str, tuple[Hold, ...]], list[str]]:
        """By model, what holds now, and under `ALL_MODELS` what holds for all; the documents that cannot be read are named."""
        found, faults = {}, []
        for entry in self._store.entries(_FOLDER):
            name = entry.key.removeprefix(_FOLDER).removesuffix(".json")
            try:
                found[name] = in_force(read_document(self._store, Holds, entry.key).holds, self.now())
            except CorruptObject as error:
                faults.append(str(error))
        return found, faults

    def knows(self, scope: str, hold: Hold) -> bool:
        """Whether this very hold was begun before, also where it has ended since."""
        return self._read(scope).knows(hold)

    def begin(self, scope: str, hold: Hold) -> None:
        """Hold something back, for a model or for `ALL_MODELS`."""
        self._revise(scope, lambda holds: holds.begun(hold))

    def end(self, scope: str, what: What, by: str, reason: str = "") -> Hold | None:
        """End what holds now, earlier than it would by itself; what it was, or None where nothing was held back."""
        now = self.now()
        before = held(self._read(scope).holds, what, now)
        if before:
            self._revise(scope, lambda holds: holds.ended(what, by, now, reason))
        return before

    def _of(self, model_name: str) -> tuple[Hold, ...]:
        return (*self._read(model_name).holds, *self._read(ALL_MODELS).holds)

    def _read(self, scope: str) -> Holds:
        try:
            return read_document(self._store, Holds, _key(scope))
        except ObjectMissing:
            return Holds()

    def _revise(self, scope: str, step: Callable[[Holds], Holds]) -> None:
        key = _key(scope)
        for _ in range(_RACES):
            stored = self._store.stat(key)
            try:
                if stored is None:
                    self._store.create_if_absent(key, to_bytes(step(Holds())))
                else:
                    holds = from_bytes(Holds, self._store.read(key, etag=stored.etag), key)
                    self._store.compare_and_set(key, to_bytes(step(holds)), stored.etag)
            except (AlreadyExists, Conflict, ObjectMissing):
                continue
            return
        raise StoreUnreachable(f"{key}: others wrote it again and again. Try again.")


def _key(scope: str) -> str:
    return f"{_FOLDER}{scope}.json"
