"""Curated files: what one delivery of a landing file has for one period; and which rows of all deliveries count as of a time.

Every file says in its schema which file in landing it came from, how many deliveries under that name came before (its turn),
and since when the pipeline knows it: as of which run it was taken in. There are two clocks, a row's own time and that one, and
a decision as of a time uses what was known by then: of each file the last delivery, of each key the row that was delivered
last. A row that came later and was the first of its key counts all the same, from when it was due: a history that is loaded as
a whole was known in its time, and what replaces a part of it later was not. What was withdrawn is gone for every time.
"""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from include.errors import CorruptObject
from include.models.contract import Model
from include.own_columns import DELIVERED_AT, KNOWN_FROM, KNOWN_UNTIL, LABEL_DELIVERED, OWN, PERIOD, SOURCE

_SOURCE, _TURN, _KNOWN = b"pg_source", b"pg_turn", b"pg_known"
_PART = f"{OWN}part"


@dataclass(frozen=True)
class Origin:
    """Where a curated file came from: which file in landing, its turn, and since when it is known.

    `known` is None where it counts for every time: a withdrawal, or a file of an earlier release.
    """

    source: str
    turn: int
    known: datetime | None = None

    def is_known_by(self, as_of: datetime | None) -> bool:
        """Whether it was taken in by a time; None is now."""
        return as_of is None or self.known is None or self.known <= as_of


def as_bytes(rows: pd.DataFrame, origin: Origin) -> bytes:
    """A curated file."""
    about = {_SOURCE: origin.source.encode(), _TURN: str(origin.turn).encode()}
    if origin.known:
        about[_KNOWN] = origin.known.isoformat().encode()
    return as_parquet(pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(about))


def as_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a file, with what its schema says."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def origin_of(file: pq.ParquetFile) -> Origin | None:
    """What a curated file says of itself; None for one that an early release wrote, which says nothing."""
    about = file.schema_arrow.metadata or {}
    if _TURN not in about:
        return None
    known = datetime.fromisoformat(about[_KNOWN].decode()) if _KNOWN in about else None
    return Origin(about[_SOURCE].decode(), int(about[_TURN]), known)


@dataclass(frozen=True, eq=False)
class Part:
    """What one delivery has for one period: a curated file, or some columns of it."""

    key: str
    origin: Origin
    table: pa.Table


def read_part(model: Model, key: str, file: pq.ParquetFile, columns: Sequence[str]) -> Part:
    """Some columns of a curated file.

    Raises:
        CorruptObject: an early release wrote it.
    """
    table = completed(model, file.read(columns=[name for name in columns if name in file.schema_arrow.names]), columns)
    origin = origin_of(file)
    if origin is None:
        raise CorruptObject(
            f"{key}: an earlier release of this project wrote it. Remove curated/{model.name}/ and intake/{model.name}/ "
            f"from the lake and run {model.name}.monitor: it takes in all files of landing again."
        )
    return Part(key, origin, table)


def completed(model: Model, table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """With every column: one that the model gained later is missing in each row of a file of before."""
    numbers = [column.name for column in (*model.delivered, model.label) if column.kind == "number"]
    for name in columns:
        if name not in table.column_names:
            kind = pa.float64() if name in numbers else pa.string()
            table = table.append_column(name, pa.nulls(len(table), kind))
    return table.replace_schema_metadata(None)


def row_key(model: Model) -> list[str]:
    """What tells the rows of a stream apart: the key, within a period."""
    return list(dict.fromkeys([*model.feed.key, PERIOD]))


@dataclass(frozen=True, eq=False)
class Stream:
    """The rows of one stream as they were delivered, in the order of `parts`, and which of them count as of a time."""

    by: list[str]
    parts: Sequence[Part]
    rows: pd.DataFrame

    @classmethod
    def of(cls, model: Model, parts: Sequence[Part], columns: Sequence[str]) -> "Stream":
        """From curated files; `columns` beside those that tell rows apart."""
        wanted = list(dict.fromkeys([*row_key(model), model.feed.time, *columns]))
        if not parts:
            times = pd.Series(dtype="datetime64[us, UTC]")
            dated = (model.feed.time, PERIOD)
            empty = {name: times if name in dated else pd.Series(dtype="object") for name in wanted}
            return cls(row_key(model), parts, pd.DataFrame(empty).assign(**{_PART: pd.Series(dtype="int64")}))
        # Joined as Arrow tables: turning each of hundreds of small files into a frame costs more than reading it.
        rows: pd.DataFrame = pa.concat_tables([part.table for part in parts], promote_options="permissive").to_pandas()
        rows[PERIOD] = model.periods_of(rows[model.feed.time])
        rows[_PART] = np.repeat(np.arange(len(parts)), [len(part.table) for part in parts])
        return cls(row_key(model), parts, rows[[*wanted, DELIVERED_AT, SOURCE, _PART]])

    def positions(self, as_of: datetime | None) -> NDArray[np.intp]:
        """Positions of the rows that count, in the order in which they were delivered."""
        if not self.contested:
            return self._in_order
        known = [part.origin.is_known_by(as_of) for part in self.parts]
        last = self._last_turns(known)
        turns = [
            (is_known, part.origin.turn, last.get(_file_of(part), -1))
            for part, is_known in zip(self.parts, known, strict=True)
        ]
        counted = self._newest(self._of([is_known and turn == newest for is_known, turn, newest in turns]))
        if all(known):
            return counted
        # What was withdrawn counts for no time; an earlier delivery of a file that was replaced by then brings nothing back.
        late = [not is_known and turn > newest for is_known, turn, newest in turns]
        seen = [is_known and not is_gone for is_known, is_gone in zip(known, self._withdrawn, strict=True)]
        counts = np.zeros(len(self.rows), dtype=bool)
        counts[counted] = counts[self._first_of_their_key(self._of(late), self._of(seen))] = True
        return self._in_order[counts[self._in_order]]

    def changed_since(self, as_of: datetime) -> set[datetime]:
        """The periods of which other rows count now than did as of a time."""
        if not self.contested or all(part.origin.is_known_by(as_of) for part in self.parts):
            return set()
        differ = np.setxor1d(self.positions(as_of), self.positions(None))
        return {start.to_pydatetime() for start in self.rows[PERIOD].iloc[differ].unique()}

    @cached_property
    def contested(self) -> set[str]:
        """The periods, as keys name them, of which any row was delivered more than once."""
        files = Counter(map(_file_of, self.parts))
        again = {period for (period, _), count in files.items() if count > 1}
        twice = set(self.rows.loc[self.rows.duplicated(self.by), _PART])
        return again | {_file_of(self.parts[number])[0] for number in twice}

    def known_by(self, as_of: datetime) -> "Stream":
        """Without the deliveries that came later and of which nothing counts as of a time."""
        counting = np.zeros(len(self.parts), dtype=bool)
        counting[self.rows[_PART].to_numpy()[self.positions(as_of)]] = True
        return self._only([part.origin.is_known_by(as_of) or bool(counting[n]) for n, part in enumerate(self.parts)])

    def of_periods(self, periods: set[str], inside: bool) -> "Stream":
        """The deliveries of these periods, or of all others."""
        return self._only([(_file_of(part)[0] in periods) == inside for part in self.parts])

    def _only(self, kept: Sequence[bool]) -> "Stream":
        if all(kept):
            return self
        chosen = [number for number, is_kept in enumerate(kept) if is_kept]
        # The rows of a part stand together.
        ends = np.cumsum([0, *(len(part.table) for part in self.parts)])
        positions = np.concatenate([np.arange(ends[n], ends[n + 1]) for n in chosen]) if len(chosen) else np.zeros(0, np.intp)
        rows = self.rows.iloc[positions].reset_index(drop=True)
        rows[_PART] = np.repeat(np.arange(len(chosen)), [len(self.parts[n].table) for n in chosen])
        return Stream(self.by, [self.parts[n] for n in chosen], rows)

    @cached_property
    def _withdrawn(self) -> list[bool]:
        """For each part, whether it or a later delivery under its name was a withdrawal."""
        last = self._last_turns([part.origin.known is None and not len(part.table) for part in self.parts])
        return [part.origin.turn <= last.get(_file_of(part), -1) for part in self.parts]

    @cached_property
    def _in_order(self) -> NDArray[np.intp]:
        """Positions of all rows, in the order in which they were delivered."""
        if not self.parts:
            return np.zeros(0, np.intp)
        return np.asarray(self.rows.sort_values([DELIVERED_AT, SOURCE], kind="stable").index, dtype=np.intp)

    def _last_turns(self, among: Sequence[bool]) -> dict[tuple[str, str], int]:
        """The last turn of each file and period among some parts."""
        last: dict[tuple[str, str], int] = {}
        for part, is_among in zip(self.parts, among, strict=True):
            if is_among:
                last[_file_of(part)] = max(part.origin.turn, last.get(_file_of(part), -1))
        return last

    def _of(self, parts: Sequence[bool]) -> NDArray[np.intp]:
        """Positions of the rows of these parts, in the order in which they were delivered."""
        wanted = np.asarray(parts, dtype=bool)[self.rows[_PART].to_numpy()]
        positions: NDArray[np.intp] = self._in_order[wanted[self._in_order]]
        return positions

    def _newest(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        newest: NDArray[np.intp] = positions[~self.rows[self.by].iloc[positions].duplicated(keep="last").to_numpy()]
        return newest

    def _first_of_their_key(self, late: NDArray[np.intp], known: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of rows that came later, those whose key no known delivery ever had; of several with one key, the first.

        A row whose time was corrected is in another period: where the file had its key, it is not the first either.
        """
        part = self.rows[_PART].to_numpy()[late]
        came = {
            "known": pd.Series([one.origin.known for one in self.parts]).to_numpy()[part],
            "turn": np.array([one.origin.turn for one in self.parts])[part],
        }
        # Stable: of what was taken in by one run, what was delivered first.
        late = late[pd.DataFrame(came).sort_values(["known", "turn"], kind="stable").index.to_numpy()]
        both = np.concatenate([known, late])
        first = np.ones(len(late), dtype=bool)
        for names in (self.by, [SOURCE, *(name for name in self.by if name != PERIOD)]):
            first &= ~self.rows[names].iloc[both].duplicated(keep="first").to_numpy()[len(known) :]
        came_first: NDArray[np.intp] = late[first]
        return came_first


def _valid(rows: pd.DataFrame, since: datetime | None, until: datetime | None) -> pd.DataFrame:
    """Rows with the time from when, and until when, they counted."""
    return rows.assign(**{KNOWN_FROM: _moments(since, rows.index), KNOWN_UNTIL: _moments(until, rows.index)})


def _moments(moment: datetime | None, index: pd.Index) -> pd.Series:
    return pd.Series([moment] * len(index), index=index, dtype="datetime64[us, UTC]")


def _contents(rows: pd.DataFrame) -> NDArray[np.uint64]:
    """What a row says, as a number; shape (n,)."""
    told = rows.drop(columns=[KNOWN_FROM, KNOWN_UNTIL])
    return np.asarray(pd.util.hash_pandas_object(told, index=False).to_numpy())


def _in_time(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    """In the order of their own time, and those of one moment in that of their keys.

    What is drawn from rows is drawn by their places, which therefore must not follow from how and when files came.
    """
    return rows.sort_values(list(dict.fromkeys([model.feed.time, *model.feed.key])), kind="stable", ignore_index=True)


def _file_of(part: Part) -> tuple[str, str]:
    """The period, as its key names it, and the file in landing."""
    return part.key.split("/")[3], part.origin.source


@dataclass(frozen=True, eq=False)
class History:
    """Rows of a model as they were delivered: features, and the labels that belong to them by key and period."""

    model: Model
    features: Stream
    labels: Stream

    def at(self, as_of: datetime | None = None) -> pd.DataFrame:
        """The rows as they were known as of a time, by default now, in the order of their own time and key.

        Features and label; LABEL_DELIVERED says whether a label row came.
        """
        by = self.features.by
        own = [PERIOD, DELIVERED_AT, SOURCE, _PART]
        rows = self.features.rows.iloc[self.features.positions(as_of)]
        labels = self.labels.rows.iloc[self.labels.positions(as_of)]
        labels = labels[[*by, self.model.label.name]].assign(**{LABEL_DELIVERED: True})
        joined: pd.DataFrame = rows.merge(labels, how="left", on=by, validate="one_to_one")
        joined = joined.drop(columns=[name for name in own if name in joined])
        joined[LABEL_DELIVERED] = joined[LABEL_DELIVERED].eq(True)
        return _in_time(self.model, joined)

    def known_by(self, as_of: datetime) -> "History":
        """Without the deliveries that came later and of which nothing counts as of a time."""
        return History(self.model, self.features.known_by(as_of), self.labels.known_by(as_of))

    def versions(self) -> pd.DataFrame:
        """The rows in all their versions, see decisions/data/versions.py; as `at` gives them where each has one."""
        contested = self.features.contested | self.labels.contested
        calm = self._of_periods(contested, inside=False).at()
        if not contested:
            return calm
        pieces = [_valid(calm, None, None)]
        for period in sorted(contested):
            pieces += self._of_periods({period}, inside=True)._its_versions()
        # Stable: the versions of a row stay in the order in which they counted.
        return _in_time(self.model, pd.concat([piece for piece in pieces if len(piece)] or pieces[:1], ignore_index=True))

    def _its_versions(self) -> list[pd.DataFrame]:
        """Of the rows of one period: a row that does not change is there once, however often it was delivered."""
        times = sorted({part.origin.known for part in (*self.features.parts, *self.labels.parts) if part.origin.known})
        current = _valid(self.at(times[0] - datetime.resolution if times else None), None, None)
        ended: list[pd.DataFrame] = []
        for moment in times:
            rows = _valid(self.at(moment), moment, None)
            its, others = _contents(rows), _contents(current)
            over = ~np.isin(others, its)
            ended.append(current[over].assign(**{KNOWN_UNTIL: _moments(moment, current.index[over])}))
            parts = [part for part in (current[~over], rows[~np.isin(its, others)]) if len(part)]
            current = pd.concat(parts, ignore_index=True) if parts else current.head(0)
        return [*ended, current]

    def _of_periods(self, periods: set[str], *, inside: bool) -> "History":
        return History(self.model, self.features.of_periods(periods, inside), self.labels.of_periods(periods, inside))

    @property
    def keys(self) -> list[str]:
        """The curated files, those of features first."""
        return [part.key for part in (*self.features.parts, *self.labels.parts)]

    def changed_since(self, as_of: datetime) -> set[datetime]:
        """The periods of which other rows or labels count now than did as of a time."""
        return self.features.changed_since(as_of) | self.labels.changed_since(as_of)
