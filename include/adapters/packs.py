"""Many small curated files in a few requests: those of neighbouring periods are kept together in one object, their pack.

The files stay what counts: a listing or a manifest says which of them are read, and the name of each holds its digest. A file
that a pack lacks is read by itself, and where these are some, the pack is written again. A pack can be lost at any time.

    packs/<model>/<stream>/<its first period>.zip
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from include.adapters.latest_status import READERS
from include.adapters.object_store import ObjectStore
from include.errors import ObjectMissing, StoreError

# Files of so many periods share a pack.
PERIODS = 256
# So many files are read one by one before it pays to write them together.
FEW = 2
# A larger file costs what its bytes cost, not what a request does.
_SMALL = 256 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packs:
    """Reads files that are named by the digest of their bytes.

    `pack_of` names the pack that a file belongs to, `read` reads one file by itself and checks it, `erased` tells which files
    an erasure has replaced by now.
    """

    store: ObjectStore
    pack_of: Callable[[str], str]
    read: Callable[[str], bytes]
    erased: Callable[[], Sequence[str]]

    def contents(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of each file, in the order of the keys; one pack is held in memory at a time.

        Raises:
            ObjectMissing, CorruptObject: a file is in no pack, and gone or spoilt.
        """
        for pack, its_keys in groupby(keys, key=self.pack_of):
            yield from self._of_one(pack, list(its_keys))

    def _of_one(self, pack: str, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        # So many are read at once, and a pack may be far larger than they are.
        packed = len(keys) > READERS
        kept = self._kept(pack) if packed else {}
        small: dict[str, bytes] = {}
        with ThreadPoolExecutor(READERS) as pool:
            # No more at once than are read at once: files may be large.
            for some in (keys[first : first + READERS] for first in range(0, len(keys), READERS)):
                alone = [key for key in some if key not in kept]
                read = dict(zip(alone, pool.map(self.read, alone), strict=True))
                yield from ((key, kept[key] if key in kept else read[key]) for key in some)
                small |= {key: data for key, data in read.items() if len(data) <= _SMALL}
        if packed and len(small) > FEW:
            self._write(pack, kept | small)

    def _kept(self, pack: str) -> dict[str, bytes]:
        try:
            with zipfile.ZipFile(io.BytesIO(self.store.read(pack))) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except ObjectMissing:
            return {}
        except (zipfile.BadZipFile, StoreError) as error:
            _log.warning("%s is not used, so its files are read one by one: %s", pack, error)
            return {}
        return {name: data for name, data in files.items() if hashlib.sha256(data).hexdigest() in name}

    def _write(self, pack: str, files: dict[str, bytes]) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for key in sorted(files):
                archive.writestr(key, files[key])
        try:
            self.store.put(pack, buffer.getvalue())
            # An erasure writes its record, then removes files, then packs: this one may have come after that.
            if not files.keys().isdisjoint(self.erased()):
                self.store.delete(pack)
        except StoreError as error:
            _log.warning("%s is not written, so its files are read one by one: %s", pack, error)
