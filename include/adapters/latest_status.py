"""The latest status on the object store: for each model the newest of what its runs found, so that no page reads histories.

    latest/<model>/monitor.json    the newest status of a check, and so on for `retrain`
    latest/<model>/profile.json    the noise profile of the newest period
    latest/<model>/ledger.json     the newest entry of the ledger
    latest/<model>/failed_<stage>.json  why the newest failed run of monitor or retrain stopped
    latest/_all/messages.json      how many messages went out, and what the next one has to report

All of it is copied from what is kept elsewhere for good: what was lost here is written again, run by run.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from include.adapters.object_store import ObjectStore, StoredObject, read_document
from include.documents import from_bytes, sealed, to_bytes
from include.errors import AlreadyExists, Conflict, CorruptObject, ObjectMissing, StoreUnreachable
from include.statuses import LATEST_KINDS, Latest, LatestKind, Posted

T = TypeVar("T")
# In place of a model: no model may have this name.
_ALL_MODELS = "_all"
_MESSAGES = f"latest/{_ALL_MODELS}/messages.json"
# So many requests are under way at once.
READERS = 8
_log = logging.getLogger(__name__)


class LatestStatus:
    """The latest status of all models. Every method may raise a StoreError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._read: dict[str, tuple[str, Posted[Any] | CorruptObject]] = {}

    def post(self, model_name: str, kind: LatestKind, document: object) -> None:
        """Write a document in place of the one before."""
        self._store.put(_key(model_name, kind), sealed(document))

    def post_newest(self, model_name: str, kind: LatestKind, document: Any, moment: str) -> None:
        """The same, unless the one before has a later time in its attribute `moment`: a back-fill is not news."""
        newest = self._document(model_name, kind)
        if newest is None or getattr(newest, moment) <= getattr(document, moment):
            self.post(model_name, kind, document)

    def of(self, model_name: str) -> Latest:
        """The newest documents of one model."""
        listed = [entry for entry in self._store.entries(f"latest/{model_name}/") if _is_ours(entry.key)]
        return _latest({_kind(entry.key): self._posted(entry) for entry in listed})

    def all(self) -> dict[str, Latest]:
        """Those of all models. What has not changed since the last call is not read again: one listing shows it.

        A document that cannot be read concerns one model and one kind: the others are there.
        """
        listed = {entry.key: entry for entry in self._store.entries("latest/") if _is_ours(entry.key)}
        # Taken once and replaced whole: two scrapes may read at the same time.
        before = self._read
        changed = [entry for key, entry in listed.items() if before.get(key, ("",))[0] != entry.etag]
        with ThreadPoolExecutor(READERS) as pool:
            fresh = list(pool.map(self._posted, changed))
        now = before | {entry.key: (entry.etag, posted) for entry, posted in zip(changed, fresh, strict=True)}
        self._read = now = {key: kept for key, kept in now.items() if key in listed}
        by_model: dict[str, dict[str, Posted[Any] | CorruptObject]] = {}
        for key, (_, posted) in now.items():
            by_model.setdefault(key.split("/")[1], {})[_kind(key)] = posted
        return {model_name: _latest(posted) for model_name, posted in by_model.items()}

    def messages(self, kind: type[T]) -> T | None:
        """What is remembered about messages; None where there is nothing, or nothing that can be read."""
        try:
            return from_bytes(kind, self._store.read(_MESSAGES), _MESSAGES)
        except (ObjectMissing, CorruptObject):
            return None

    def revise_messages(self, kind: type[T], step: Callable[[T | None], T], within: float) -> None:
        """Write what a step makes of what is remembered about messages; of any number of writers none undoes another's.

        `step` may be called several times.

        Raises:
            StoreUnreachable: others were quicker, for `within` seconds.
        """
        until = time.monotonic() + within
        while time.monotonic() < until:
            stored = self._store.stat(_MESSAGES)
            try:
                if stored is None:
                    self._store.create_if_absent(_MESSAGES, to_bytes(step(None)))
                else:
                    data = self._store.read(_MESSAGES, etag=stored.etag)
                    self._store.compare_and_set(_MESSAGES, to_bytes(step(_readable(kind, data))), stored.etag)
            except (AlreadyExists, Conflict, ObjectMissing):
                time.sleep(random.uniform(0.005, 0.1))  # noqa: S311  # nosec B311
            else:
                return
        raise StoreUnreachable(f"{_MESSAGES}: others wrote it again and again for {within} s. Try again.")

    def _document(self, model_name: str, kind: LatestKind) -> Any:
        key = _key(model_name, kind)
        try:
            return read_document(self._store, LATEST_KINDS[kind], key)
        except (ObjectMissing, CorruptObject):
            return None

    def _posted(self, entry: StoredObject) -> Posted[Any] | CorruptObject:
        try:
            return Posted(entry.modified, read_document(self._store, LATEST_KINDS[_kind(entry.key)], entry.key))
        except CorruptObject as error:
            _log.error("%s", error)
            return error


def _latest(posted: Mapping[str, Posted[Any] | CorruptObject]) -> Latest:
    readable: dict[str, Any] = {kind: one for kind, one in posted.items() if isinstance(one, Posted)}
    faults = {kind: str(one) for kind, one in posted.items() if isinstance(one, CorruptObject)}
    return Latest(**readable, unreadable=tuple(faults), faults=tuple(faults.values()))


def _readable(kind: type[T], data: bytes) -> T | None:
    """What is there; None for what is not a document of ours: it is written anew."""
    try:
        return from_bytes(kind, data, _MESSAGES)
    except CorruptObject:
        return None


def _is_ours(key: str) -> bool:
    """A console's marker of a folder, or a file of another program, is not."""
    return key.count("/") == 2 and key.endswith(".json") and _kind(key) in LATEST_KINDS


def _kind(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".json")


def _key(model_name: str, kind: LatestKind) -> str:
    return f"latest/{model_name}/{kind}.json"
