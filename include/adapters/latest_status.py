"""The board on the object store: for each model the newest of what its runs said, so that nobody has to read histories.

    board/<model>/monitor.json    the newest status document of a check, and so on for `retrain`
    board/<model>/profile.json    the noise profile of the newest period
    board/<model>/ledger.json     the tally of the ledger
    board/_all/messages.json      how many messages went out, and what the next one has to say

All of it is made from what is kept elsewhere for good: a board that was lost fills up again, run by run.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import AlreadyExists, Conflict, CorruptObject, ObjectMissing, StoreUnreachable

Kind = Literal["monitor", "retrain", "profile", "ledger", "messages"]
# In place of a model: no model may be called so.
ALL_MODELS = "_all"
# So many requests are under way at once.
READERS = 8
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Posted:
    """One document on the board; `at` is when the store got it, which is when the run said it."""

    at: datetime
    document: Mapping[str, Any]


class LatestStatus:
    """One board for all models. Every method may raise a StoreError."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._read: dict[str, tuple[str, Posted]] = {}

    def post(self, model_name: str, kind: Kind, document: Mapping[str, Any]) -> None:
        """Put up a document in place of the one before."""
        self._store.put(_key(model_name, kind), as_json(document))

    def post_newest(self, model_name: str, kind: Kind, as_of: datetime, document: Mapping[str, Any]) -> None:
        """Put up a document as of a time, unless one as of a later time is there: a back-fill is not news."""
        if self._newest(model_name, kind) <= as_of:
            self.post(model_name, kind, {**document, "as_of": as_of.isoformat()})

    def _newest(self, model_name: str, kind: Kind) -> datetime:
        """As of when the document up there is; long ago where there is none, or something that somebody else put there."""
        try:
            return datetime.fromisoformat((self.document(model_name, kind) or {})["as_of"])
        except (ValueError, KeyError, TypeError):
            return datetime.min.replace(tzinfo=UTC)

    def document(self, model_name: str, kind: Kind) -> dict[str, Any] | None:
        """What is up there, or None."""
        try:
            return dict(json.loads(self._store.read(_key(model_name, kind))))
        except ObjectMissing:
            return None

    def of(self, model_name: str) -> dict[str, Posted]:
        """What is up there about one model, by kind.

        Raises:
            CorruptObject: somebody else wrote there.
        """
        listed = (entry for entry in self._store.entries(f"board/{model_name}/") if _is_ours(entry.key))
        return {_kind(entry.key): self._posted(entry) for entry in listed}

    def revise(
        self, model_name: str, kind: Kind, step: Callable[[dict[str, Any] | None], dict[str, Any]], within: float
    ) -> None:
        """Make a new document of the one that is there (None: of nothing); of any number of writers none undoes another's.

        `step` may be called several times.

        Raises:
            StoreUnreachable: others were quicker, for `within` seconds.
        """
        key, until = _key(model_name, kind), time.monotonic() + within
        while time.monotonic() < until:
            there = self._store.stat(key)
            try:
                if there is None:
                    self._store.create_if_absent(key, as_json(step(None)))
                else:
                    self._store.compare_and_set(key, as_json(step(self._known(there))), there.etag)
            except (AlreadyExists, Conflict, ObjectMissing):
                time.sleep(random.uniform(0.005, 0.1))  # noqa: S311  # nosec B311
            else:
                return
        raise StoreUnreachable(f"{key}: others wrote it again and again for {within} s. Try again.")

    def _known(self, entry: StoredObject) -> dict[str, Any] | None:
        """What is there; None for what is no document of ours: it is written anew."""
        try:
            document = json.loads(self._store.read(entry.key, etag=entry.etag))
        except ValueError:
            return None
        return document if isinstance(document, dict) else None

    def all(self) -> dict[str, dict[str, Posted]]:
        """Everything by model and kind. What has not changed since the last look is not read again: one list tells.

        A document that somebody else wrote is an empty one: it concerns one model, and the others want to be seen.
        """
        listed = {entry.key: entry for entry in self._store.entries("board/") if _is_ours(entry.key)}
        # Taken once and replaced whole: two scrapes may look at the same time.
        before = self._read
        changed = [entry for key, entry in listed.items() if before.get(key, ("",))[0] != entry.etag]
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(self._posted_or_empty, changed))
        now = before | {entry.key: (entry.etag, posted) for entry, posted in zip(changed, found, strict=True)}
        self._read = now = {key: kept for key, kept in now.items() if key in listed}
        board: dict[str, dict[str, Posted]] = {}
        for key, (_, posted) in now.items():
            board.setdefault(key.split("/")[1], {})[_kind(key)] = posted
        return board

    def _posted_or_empty(self, entry: StoredObject) -> Posted:
        try:
            return self._posted(entry)
        except CorruptObject as error:
            _log.error("%s", error)
            return Posted(entry.modified, {})

    def _posted(self, entry: StoredObject) -> Posted:
        try:
            return Posted(entry.modified, dict(json.loads(self._store.read(entry.key))))
        except (ValueError, TypeError) as error:
            raise CorruptObject(
                f"{entry.key} is no document of ours ({str(error)[:100]}): delete it, the model's next run writes it again."
            ) from error


def _is_ours(key: str) -> bool:
    """A console's marker of a folder, or a file that somebody put there, is not."""
    return key.count("/") == 2 and key.endswith(".json") and _kind(key) in get_args(Kind)


def _kind(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".json")


def as_json(document: Mapping[str, Any]) -> bytes:
    """A document as it is kept; what JSON does not know becomes text."""
    return json.dumps(document, indent=1, sort_keys=True, default=str).encode()


def _key(model_name: str, kind: Kind) -> str:
    return f"board/{model_name}/{kind}.json"
