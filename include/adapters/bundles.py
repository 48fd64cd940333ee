"""Many small documents in a few requests: what they hold is kept together in one object, their bundle.

The documents stay what counts. One listing tells by their etags which of them the bundle still has; the others are read one by
one, and where these are many, the bundle is written again. It can be lost at any time.

    bundles/<folder of the documents>.json
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from include.adapters.latest_status import READERS
from include.adapters.object_store import ObjectStore, StoredObject, read_document
from include.documents import from_bytes, to_bytes
from include.errors import CorruptObject, ObjectMissing, StoreError

T = TypeVar("T")
V = TypeVar("V")
# So many documents are read one by one before it pays to write them together.
FEW = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundle:
    """By the key of a document its etag and its text."""

    documents: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def text_of(self, entry: StoredObject) -> str | None:
        """The document as it is in the store now; None where the bundle has another one, or none."""
        etag, text = self.documents.get(entry.key, ("", ""))
        return text if etag == entry.etag else None


def read_together(store: ObjectStore, kind: type[T], folder: str, entries: Sequence[StoredObject]) -> list[T]:
    """The documents of a type under these entries of a listing of one folder, in their order.

    Raises:
        CorruptObject: one of them is spoilt, also at a second try.
    """
    return read_in_short(store, (kind, lambda document: document), (folder, kind), entries)


def read_in_short(
    store: ObjectStore, whole: tuple[type[T], Callable[[T], V]], short: tuple[str, type[V]], entries: Sequence[StoredObject]
) -> list[V]:
    """As `read_together`, of large documents of which only a part is asked for, time and again.

    `whole` is their type and what makes the part of one, `short` the name of the bundle and the type of a part.
    """
    (kind, part_of), (folder, part) = whole, short
    kept = _bundle(store, folder) if len(entries) > 2 else Bundle()
    missing = [entry for entry in entries if kept.text_of(entry) is None]
    with ThreadPoolExecutor(READERS) as pool:
        made = list(pool.map(lambda entry: part_of(read_document(store, kind, entry.key)), missing))
    read = dict(zip((entry.key for entry in missing), made, strict=True))
    found = [
        from_bytes(part, text.encode(), entry.key) if (text := kept.text_of(entry)) is not None else read[entry.key]
        for entry in entries
    ]
    if len(missing) > FEW:
        texts = {entry.key: (entry.etag, to_bytes(read[entry.key]).decode()) for entry in missing}
        still = {entry.key: kept.documents[entry.key] for entry in entries if entry.key not in texts}
        _write(store, folder, Bundle(still | texts))
    return found


def _bundle(store: ObjectStore, folder: str) -> Bundle:
    key = _key(folder)
    try:
        return from_bytes(Bundle, store.read(key), key)
    except (ObjectMissing, CorruptObject):
        return Bundle()


def _write(store: ObjectStore, folder: str, bundle: Bundle) -> None:
    try:
        store.put(_key(folder), to_bytes(bundle))
    except StoreError as error:
        _log.warning("%s is not written, so its documents are read one by one: %s", _key(folder), error)


def _key(folder: str) -> str:
    return f"bundles/{folder.strip('/')}.json"
