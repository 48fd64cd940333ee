"""Rows of a pull, and what tells them apart: by all that they hold, by key, and by key and the time of their change."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from include.adapters.file_reader import texts_of
from include.errors import SourceRefused
from include.row_digests import digests
from include.sources import Problem
from include.untrusted_text import of_data

Digests = NDArray[np.uint64]
NO_DIGESTS, NO_TIMES = np.zeros((0, 2), np.uint64), np.zeros(0, "datetime64[us]")


@dataclass(frozen=True)
class Identities:
    """Of rows: their keys, keys with the time of change, each (n, 2), and that time; `newest` has each key once."""

    keys: Digests
    versions: Digests
    changed: NDArray[Any]
    newest: Digests = field(default_factory=lambda: NO_DIGESTS)

    @classmethod
    def joined(cls, parts: "list[Identities]") -> "Identities":
        """Those of several tables; `newest` stays empty."""
        if not parts:
            return cls(NO_DIGESTS, NO_DIGESTS, NO_TIMES)
        pieces = [(part.keys, part.versions, part.changed) for part in parts]
        keys, versions, changed = (np.concatenate(one) for one in zip(*pieces, strict=True))
        return cls(keys, versions, changed)


class Rows:
    """Rows of a table, and what tells them apart."""

    def __init__(self, table: pa.Table, problem: Problem, changed: str, what: str) -> None:
        self._table, self._key, self._changed = table, list(problem.key), changed
        self.changed = _moments(table.column(changed), changed, what)

    def digests(self, which: NDArray[np.bool_]) -> Digests:
        """Of all that these rows hold."""
        if not which.any():
            return NO_DIGESTS
        texts = texts_of(self._table.filter(pa.array(which)), 0).table
        return digests(texts, sorted(texts.columns))

    def keys(self, which: NDArray[np.bool_] | None = None) -> Digests:
        """The keys of these rows, by default of all."""
        return self._of(self._key, which)

    def replaced_by(self, gone: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The rows that a later one of the same key calls gone."""
        if not gone.any():
            return gone
        keys = pd.MultiIndex.from_arrays(list(self.keys().T))
        last = pd.Series(np.flatnonzero(gone), index=keys[gone]).groupby(level=[0, 1]).max()
        its = last.reindex(keys).to_numpy(dtype="float64")
        return np.asarray(np.arange(len(keys)) < its, dtype=bool)

    def versions(self) -> Digests:
        """Keys together with the time of change."""
        return self._of([*self._key, self._changed], None)

    def identities(self) -> Identities:
        """For the comparison of all keys."""
        return Identities(self.keys(), self.versions(), self.changed)

    def _of(self, names: list[str], which: NDArray[np.bool_] | None) -> Digests:
        names = list(dict.fromkeys(names))
        part = self._table.select(names) if which is None else self._table.select(names).filter(pa.array(which))
        return digests(texts_of(part, 0).table, names) if len(part) else NO_DIGESTS


def _moments(column: pa.ChunkedArray, name: str, what: str) -> NDArray[Any]:
    """Times in UTC, without a zone, to the microsecond; shape (n,)."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = pd.Series(column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None) and "UTC")).to_numpy())
    else:
        texts = pd.Series(column.to_pylist(), dtype="object")
        numbers = texts.map(lambda value: isinstance(value, int | float))
        times = pd.to_datetime(texts.mask(numbers), utc=True, errors="coerce", format="ISO8601").dt.tz_localize(None)
    if len(bad := np.flatnonzero(times.isna())):
        value = column[int(bad[0])].as_py()
        raise SourceRefused(
            f"{what} gives {len(bad):,} rows whose {name} is no time; the first holds {of_data(value)}. Accepted is a time in "
            "every row, such as COALESCE(updated_at, created_at): correct the query; nothing of these rows was delivered."
        )
    return times.to_numpy().astype("datetime64[us]")


def naive(moment: datetime) -> "np.datetime64":
    """An aware time as `Rows.changed` has it: in UTC, without a zone."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def is_true(table: pa.Table, name: str) -> NDArray[np.bool_]:
    """Whether a row is marked as gone; without such a column none is."""
    if not name:
        return np.zeros(len(table), dtype=bool)
    if name not in table.column_names:
        raise SourceRefused(f"the query lacks the column {name}, which source.deleted names. Add it, or leave out deleted.")
    texts = texts_of(table.select([name]), 0).table[name].astype("object")
    known = {"True": True, "true": True, "1": True, "t": True, "False": False, "false": False, "0": False, "f": False}
    values = texts.map(lambda text: False if pd.isna(text) else known.get(text))
    if values.isna().any():
        odd = texts[values.isna()].iloc[0]
        raise SourceRefused(
            f"{name} holds {of_data(odd)}; accepted in source.deleted are true, false, 1, 0. Cast it in the query."
        )
    return np.asarray(values, dtype=bool)
