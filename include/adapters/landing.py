"""Landing: what upstream delivered, as it delivered it. Only ever read."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from include.adapters.file_reader import LARGE, SUFFIXES, FileRows, read_file, read_pieces
from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import UnreadableFile
from include.results import LandedFile

Stream = Literal["features", "labels"]


class Landing:
    """The landing bucket: `<model>/features/…` and `<model>/labels/…`, in csv, jsonl or parquet, gzipped or not."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def files(self, model_name: str) -> list[LandedFile]:
        """Every file of a model, oldest delivery first. Hidden files and empty "folder" objects are passed over.

        Raises:
            UnreadableFile: a file's name ends in nothing that can be read.
        """
        files = []
        for stream in get_args(Stream):
            for entry in self._store.entries(f"{model_name}/{stream}/"):
                path = entry.key.removeprefix(f"{model_name}/{stream}/")
                if not path.endswith("/") and path and not is_hidden(path):
                    files.append(_pinned(entry, stream))
        return sorted(files, key=lambda file: (file.landed_at, file.key))

    def read(self, file: LandedFile) -> FileRows:
        """The rows of a file, every value as text: see file_reader.py.

        Raises:
            UnreadableFile: the bytes are not what the name says.
            Conflict: the file was overwritten after it was listed; the next run takes the new one.
        """
        return read_file(file.key, self._store.read(file.key, etag=file.etag), "landing file")

    def pieces(self, file: LandedFile) -> Iterator[FileRows]:
        """The same, of a large file a piece at a time, from the disk of this machine."""
        if file.size <= LARGE:
            yield self.read(file)
            return
        with TemporaryDirectory() as folder:
            path = Path(folder) / "delivery"
            self._store.download(file.key, path, etag=file.etag)
            yield from read_pieces(file.key, path, "landing file")

    def keys(self, model_name: str) -> list[str]:
        """Everything that lies below a model's name, hidden or not, whatever it is."""
        return [entry.key for entry in self._store.entries(f"{model_name}/") if not entry.key.endswith("/")]

    def read_any(self, key: str) -> FileRows:
        """The rows of whatever lies under a key now; UnreadableFile as for `read`."""
        return read_file(key, self._store.read(key), "landing file")


def is_hidden(path: str) -> bool:
    """Whether a file is half written or put aside: its name, or that of a folder that it is in, begins with . or _."""
    return any(part.startswith((".", "_")) for part in path.split("/"))


def _pinned(entry: StoredObject, stream: Stream) -> LandedFile:
    if not entry.key.endswith(SUFFIXES):
        raise UnreadableFile(
            f"landing file {entry.key}: accepted names end in {', '.join(SUFFIXES)}. "
            "Rename it, or begin its name with _ to hide it."
        )
    return LandedFile(key=entry.key, etag=entry.etag, stream=stream, landed_at=entry.modified, size=entry.size)
