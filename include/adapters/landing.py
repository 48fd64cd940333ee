"""Landing: what upstream delivered, as it delivered it. Only ever read."""

import gzip
import io
import json
import zlib
from typing import Literal, get_args

import pandas as pd
import pyarrow as pa

from include.adapters.object_store import ObjectStore, StoredObject
from include.errors import UnreadableFile
from include.results import LandedFile
from include.untrusted_text import of_data

Stream = Literal["features", "labels"]
SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")


class Landing:
    """The landing bucket: `<model>/features/…` and `<model>/labels/…`, in csv, jsonl or parquet, gzipped or not."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def files(self, model_name: str) -> list[LandedFile]:
        """Every file of a model, oldest delivery first. Dot files and empty "folder" objects are passed over.

        Raises:
            UnreadableFile: a file's name ends in nothing that can be read.
        """
        files = []
        for stream in get_args(Stream):
            for entry in self._store.entries(f"{model_name}/{stream}/"):
                name = entry.key.rsplit("/", 1)[-1]
                if name and not is_hidden(name):
                    files.append(_pinned(entry, stream))
        return sorted(files, key=lambda file: (file.landed_at, file.key))

    def read(self, file: LandedFile) -> pd.DataFrame:
        """The rows of a file; values of csv and jsonl are text as written, an empty csv cell is missing.

        Raises:
            UnreadableFile: the bytes are not what the name says.
            Conflict: the file was overwritten after it was listed; the next run takes the new one.
        """
        data = self._store.read(file.key, etag=file.etag)
        try:
            return _parse(file.key, gzip.decompress(data) if file.key.endswith(".gz") else data)
        except (ValueError, OSError, EOFError, zlib.error, pa.ArrowException) as error:
            raise UnreadableFile(
                f"landing file {file.key} ({len(data):,} bytes) cannot be read: {type(error).__name__}: {of_data(error)}. "
                f"Accepted are {', '.join(SUFFIXES)}; deliver it again under the same name, or remove it; then clear the "
                "run from pull."
            ) from error


def is_hidden(name: str) -> bool:
    """Whether a name says that the file is not to be taken: half written, or put aside."""
    return name.startswith((".", "_"))


def _pinned(entry: StoredObject, stream: Stream) -> LandedFile:
    if not entry.key.endswith(SUFFIXES):
        raise UnreadableFile(
            f"landing file {entry.key}: accepted names end in {', '.join(SUFFIXES)}. "
            "Rename it, or begin its name with _ to hide it."
        )
    return LandedFile(key=entry.key, etag=entry.etag, stream=stream, landed_at=entry.modified)


def _parse(key: str, data: bytes) -> pd.DataFrame:
    plain = key.removesuffix(".gz")
    if plain.endswith(".parquet"):
        return pd.read_parquet(io.BytesIO(data))
    if plain.endswith(".jsonl"):
        objects = [json.loads(line) for line in data.decode("utf-8").split("\n") if line.strip()]
        if not all(isinstance(row, dict) for row in objects):
            raise ValueError("a line is not a JSON object")
        return pd.DataFrame(objects)
    rows = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    if not isinstance(rows.index, pd.RangeIndex):
        # pandas takes the surplus for row names and shifts every value to its neighbour's column.
        raise ValueError("its lines have more values than its header has names")
    return rows
