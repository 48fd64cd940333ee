"""Pulling: what a source holds becomes deliveries in landing, each row once.

    landing:  <model>/<stream>/pulled/<number>.parquet     at most ROWS_A_DELIVERY rows, in the order in which they changed
    lake:     sources/<model>/<stream>.parquet             how far it got, and digests of the newest rows

A delivery is written first, and how far it got afterwards. Where a process dies in between, the next one finds the delivery
under the next number and goes on behind it. A pull goes back by the source's overlap, and rows that were delivered already
are known by their digests. One process pulls a stream at a time.

A row that is gone in the source is left out of the deliveries that hold it, which are delivered again under their names: what
becomes of that stands in docs/deliveries.md. So are, in these files, rows that a later delivery has replaced: they would count
as the newest again.
"""

import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from include.adapters.file_reader import texts_of
from include.adapters.lock import HeldLock, Locks
from include.adapters.object_store import ObjectStore, unless_spoilt
from include.adapters.pulled_rows import NO_DIGESTS, NO_TIMES, Digests, Identities, Rows, is_true, naive
from include.documents import from_bytes, to_bytes
from include.errors import BrokenFeed, CorruptObject, SourceRefused
from include.row_digests import among, digests
from include.sources import Connections, Delivery, Problem, Source, StreamName
from include.sources.arrow_tables import joined
from include.sources.port import SHORTEST_OVERLAP
from include.untrusted_text import of_data

ROWS_A_DELIVERY = 200_000
FOLDER = "pulled"
_PROGRESS = b"pg_progress"
# The lock's lease is longer: see adapters/lock.py.
_RENEW_AFTER = 30.0
# Later than any row changes, and than any arithmetic of a query would go wrong at.
_ALL_TIMES = datetime(2200, 1, 1, tzinfo=UTC)


class Progress(BaseModel):
    """How far a stream was pulled: the number of its last delivery, its newest change, and when all keys were compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = 0
    mark: datetime | None = None
    compared: datetime | None = None


@dataclass(frozen=True)
class Pulled:
    """What a pull of one stream brought: rows in deliveries, and how many rows were found gone, or late by a comparison."""

    stream: StreamName
    rows: int = 0
    deliveries: int = 0
    gone: int = 0
    late: int = 0

    @property
    def in_words(self) -> str:
        """For people; empty where nothing came."""
        parts = [f"{self.rows:,} rows of {self.stream} pulled" if self.rows else ""]
        parts += [f"{self.late:,} of them committed late" if self.late else ""]
        parts += [f"{self.gone:,} rows of {self.stream} gone in the source" if self.gone else ""]
        return ", ".join(filter(None, parts))


@dataclass(frozen=True)
class Order:
    """What is to be pulled: the source of a model, as of a time, by which run; `most_gone` is the share that may be gone."""

    source: Source
    problem: Problem
    as_of: datetime
    owner: str
    most_gone: float


class Pulls:
    """Pulls of all models."""

    def __init__(self, landing: ObjectStore, lake: ObjectStore, locks: Locks, connections: Connections) -> None:
        self._landing, self._lake, self._locks, self._connections = landing, lake, locks, connections

    def pull(self, order: Order) -> list[Pulled]:
        """Pull what is new of every stream that the source brings.

        Raises:
            SourceError: the source gave no answer, refused, or gives rows that cannot be told apart.
            BrokenFeed: so many rows are gone that the source is more likely the wrong one.
        """
        results = []
        for stream in order.source.streams:
            with self._locks.held(f"{order.problem.model}.pull-{stream}", order.owner) as lock:
                results.append(_Stream(self._landing, self._lake, order, stream, lock).pull(self._connections))
        return results

    def progress(self, model_name: str, stream: StreamName) -> Progress:
        """How far a stream was pulled."""
        return _kept(self._lake, model_name, stream)[0]

    def begin_again(self, model_name: str, stream: StreamName) -> Progress:
        """Let the next pull take everything anew, in deliveries after those that are there; returns how far it had been."""
        before = self.progress(model_name, stream)
        _keep(self._lake, (model_name, stream), Progress(number=before.number), _Recent())
        return before


@dataclass(frozen=True)
class _Recent:
    """The newest rows that were delivered: their digests, shape (n, 2), and when each changed."""

    rows: Digests = field(default_factory=lambda: NO_DIGESTS)
    changed: NDArray[Any] = field(default_factory=lambda: NO_TIMES)

    def after(self, moment: datetime) -> "_Recent":
        newer = self.changed > naive(moment)
        return _Recent(self.rows[newer], self.changed[newer])

    def with_rows(self, rows: Digests, changed: NDArray[Any]) -> "_Recent":
        return _Recent(np.concatenate([self.rows, rows]), np.concatenate([self.changed, changed]))


class _Stream:
    """The pull of one stream of one model."""

    def __init__(self, landing: ObjectStore, lake: ObjectStore, order: Order, stream: StreamName, lock: HeldLock) -> None:
        self._landing, self._lake, self._lock = landing, lake, lock
        self._order, self._stream = order, stream
        self._problem, self._source = order.problem, order.source
        self._changed = self._source.changed(self._problem)
        self._what = f"the source of {stream} of {self._problem.model}"
        self._progress, self._recent = _kept(lake, self._problem.model, stream)
        self._last: pa.Table | None = None
        self._pulled = Pulled(stream)
        self._renewed = time.monotonic()

    def pull(self, connections: Connections) -> Pulled:
        self._take_over()
        mark = {self._stream: self._progress.mark}
        for delivery in self._source.new(self._problem, self._order.as_of, mark):
            if delivery.stream == self._stream:
                self._deliver_all(self._source.read(delivery, connections), self._unless_known)
                self._compare(delivery, connections)
        return self._pulled

    def _take_over(self) -> None:
        """Deliveries that a process wrote which died before it could note how far it got."""
        while there := self._landing.stat(self._key(self._progress.number + 1)):
            self._note(pq.read_table(io.BytesIO(self._landing.read(there.key, etag=there.etag))))

    # Rows

    def _deliver_all(self, tables: Iterator[pa.Table], choose: "Callable[[Rows], NDArray[np.bool_]]") -> None:
        """Rows as they come, those that `choose` picks, in deliveries of a bounded size."""
        waiting: list[pa.Table] = []
        try:
            for table in tables:
                self._stay_locked()
                waiting.append(table)
                if sum(map(len, waiting)) >= ROWS_A_DELIVERY:
                    self._deliver(joined(waiting), choose)
                    waiting = []
            if waiting:
                self._deliver(joined(waiting), choose)
        finally:
            if hasattr(tables, "close"):
                tables.close()

    def _deliver(self, table: pa.Table, choose: "Callable[[Rows], NDArray[np.bool_]]") -> None:
        rows = Rows(table, self._problem, self._changed, self._what)
        self._refuse_ambiguous(table)
        wanted = choose(rows)
        gone = wanted & is_true(table, self._source.deleted)
        over = rows.replaced_by(gone)
        if gone.any():
            self._leave_out(rows.keys(gone))
        kept = table.filter(pa.array(wanted & ~gone & ~over))
        if len(kept):
            self._lock.renew()
            self._landing.put(self._key(self._progress.number + 1), _as_bytes(kept))
            self._pulled = replace(self._pulled, rows=self._pulled.rows + len(kept), deliveries=self._pulled.deliveries + 1)
        if wanted.any():
            self._note(table.filter(pa.array(wanted)), written=bool(len(kept)))

    def _unless_known(self, rows: "Rows") -> NDArray[np.bool_]:
        """Those that were not delivered yet: behind the newest change all are."""
        new = np.ones(len(rows.changed), dtype=bool)
        if self._progress.mark and len(self._recent.rows):
            before = rows.changed <= naive(self._progress.mark)
            new[before] = ~among(rows.digests(before), self._recent.rows)
        return new

    def _refuse_ambiguous(self, table: pa.Table) -> None:
        """Two rows of one key that changed at one moment: which of them is true cannot be known. They follow each other."""
        both = joined([self._last, table]) if self._last is not None else table
        self._last = table.slice(len(table) - 1) if len(table) else self._last
        names = list(dict.fromkeys([*self._problem.key, self._problem.time, self._changed]))
        texts = texts_of(both.select(names), 0).table
        one = digests(texts, names)
        same = np.flatnonzero((one[1:] == one[:-1]).all(axis=1) & texts.notna().all(axis=1).to_numpy()[1:])
        if not len(same):
            return
        pairs = np.unique(np.concatenate([same, same + 1]))
        whole = texts_of(both.take(pa.array(pairs)), 0).table
        content = dict(zip(pairs.tolist(), map(tuple, digests(whole, list(whole.columns)).tolist()), strict=True))
        if differ := [first for first in same.tolist() if content[first] != content[first + 1]]:
            row = texts.iloc[differ[0]]
            key = ", ".join(f"{name}={row[name]}" for name in self._problem.key)
            raise SourceRefused(
                f"{self._what} gives {len(differ):,} rows that differ and have the key of the row before them and its "
                f"{self._changed}; the first: {of_data(key)}. Which one is true cannot be known: is there a join that gives a "
                "row several times? Correct the query; nothing of these rows was delivered."
            )

    # How far it got

    def _note(self, table: pa.Table, written: bool = True) -> None:
        rows = Rows(table, self._problem, self._changed, self._what)
        newest = rows.changed.max().astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
        mark = max(filter(None, [self._progress.mark, newest]))
        begins = mark - max(self._source.overlap, SHORTEST_OVERLAP)
        recent = rows.changed > naive(begins)
        self._recent = self._recent.after(begins).with_rows(rows.digests(recent), rows.changed[recent])
        self._progress = self._progress.model_copy(update={"number": self._progress.number + written, "mark": mark})
        self._save()

    def _save(self) -> None:
        self._lock.renew()
        _keep(self._lake, (self._problem.model, self._stream), self._progress, self._recent)

    def _stay_locked(self) -> None:
        if time.monotonic() - self._renewed > _RENEW_AFTER:
            self._lock.renew()
            self._renewed = time.monotonic()

    # What is gone, and what came late

    def _compare(self, delivery: Delivery, connections: Connections) -> None:
        """All keys of the source with all that were delivered, where that is due."""
        every, before, as_of = self._source.compare, self._progress.compared, self._order.as_of
        if every is None or (before is not None and as_of - before < every):
            return
        if before is not None:
            whole = replace(delivery, since=None, as_of=_ALL_TIMES)
            here = self._identities(self._source.read(replace(whole, identity=self._identity()), connections))
            delivered = self._delivered()
            gone = delivered.newest[~among(delivered.newest, here.keys)]
            self._refuse_a_loss(len(gone), len(delivered.newest))
            if len(gone):
                self._leave_out(gone)
            late = here.versions[here.changed <= naive(as_of)]
            late = late[~among(late, delivered.versions)]
            if len(late):
                rows_before = self._pulled.rows
                self._last = None
                self._deliver_all(
                    self._source.read(replace(whole, as_of=as_of), connections), lambda rows: among(rows.versions(), late)
                )
                self._pulled = replace(self._pulled, late=self._pulled.rows - rows_before)
        self._progress = self._progress.model_copy(update={"compared": as_of})
        self._save()

    def _identity(self) -> tuple[str, ...]:
        names = [*self._problem.key, self._problem.time, self._changed, self._source.deleted]
        return tuple(dict.fromkeys(filter(None, names)))

    def _identities(self, tables: Iterator[pa.Table]) -> "Identities":
        parts = []
        for table in tables:
            self._stay_locked()
            here = table.filter(pa.array(~is_true(table, self._source.deleted)))
            parts.append(Rows(here, self._problem, self._changed, self._what).identities())
        return Identities.joined(parts)

    def _delivered(self) -> "Identities":
        """What was delivered and not left out since; of withdrawn deliveries too, so that they do not come again."""
        parts, newest = [], NO_DIGESTS
        withdrawn = self._landing.entries(f"{self._problem.model}/_withdrawn/{self._stream}/{FOLDER}/")
        for key, is_withdrawn in [
            *((key, False) for key in reversed(self._keys())),
            *((entry.key, True) for entry in withdrawn),
        ]:
            self._stay_locked()
            table = self._read(key, [*self._problem.key, self._changed])
            identities = Rows(table, self._problem, self._changed, self._what).identities()
            parts.append(identities)
            if not is_withdrawn:
                newest = np.concatenate([newest, identities.keys[~among(identities.keys, newest)]])
        whole = Identities.joined(parts)
        return replace(whole, newest=newest)

    def _refuse_a_loss(self, gone: int, all_keys: int) -> None:
        if gone > self._order.most_gone * all_keys:
            raise BrokenFeed(
                f"{self._what} lacks {gone:,} of the {all_keys:,} keys that were delivered, more than the "
                f"{self._order.most_gone:.0%} of feed.max_bad_share: a table that is being loaded, or another one? Nothing "
                "was removed. If they are gone for good, withdraw their deliveries: python -m include.cli landing withdraw."
            )

    def _leave_out(self, keys: Digests) -> None:
        """Deliver again, without the rows of these keys, each delivery that holds some."""
        newer = NO_DIGESTS
        for key in reversed(self._keys()):
            self._stay_locked()
            table = self._read(key)
            its = Rows(table, self._problem, self._changed, self._what).keys()
            if (gone := among(its, keys)).any():
                self._lock.renew()
                self._landing.put(key, _as_bytes(table.filter(pa.array(~gone & ~among(its, newer)))))
                self._pulled = replace(self._pulled, gone=self._pulled.gone + int((gone & ~among(its, newer)).sum()))
            newer = np.concatenate([newer, its])

    # Objects

    def _key(self, number: int) -> str:
        return f"{self._problem.model}/{self._stream}/{FOLDER}/{number:08d}.parquet"

    def _keys(self) -> list[str]:
        prefix = f"{self._problem.model}/{self._stream}/{FOLDER}/"
        return [entry.key for entry in self._landing.entries(prefix)]

    def _read(self, key: str, columns: Sequence[str] | None = None) -> pa.Table:
        names = list(dict.fromkeys(columns)) if columns else None
        return pq.read_table(io.BytesIO(self._landing.read(key)), columns=names)


def _as_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _state_key(model_name: str, stream: StreamName) -> str:
    return f"sources/{model_name}/{stream}.parquet"


def _kept(lake: ObjectStore, model_name: str, stream: StreamName) -> tuple[Progress, _Recent]:
    """How far it got; the beginning where nothing is kept, or what is kept is spoilt: rows come again, and none is lost."""
    key = _state_key(model_name, stream)
    if lake.stat(key) is None:
        return Progress(), _Recent()

    def read() -> tuple[Progress, _Recent]:
        try:
            table = pq.read_table(io.BytesIO(lake.read(key)))
            about = (table.schema.metadata or {})[_PROGRESS]
            rows = np.column_stack([table.column(name).to_numpy() for name in ("a", "b")]).astype(np.uint64)
            changed = table.column("changed").to_numpy().astype("datetime64[us]")
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise CorruptObject(f"{key} is no record of a pull: {str(error)[:100]}.") from error
        return from_bytes(Progress, about, key), _Recent(rows, changed)

    return unless_spoilt(read) or (Progress(), _Recent())


def _keep(lake: ObjectStore, of: tuple[str, StreamName], progress: Progress, recent: _Recent) -> None:
    columns = {"a": recent.rows[:, 0], "b": recent.rows[:, 1], "changed": recent.changed}
    table = pa.table(columns).replace_schema_metadata({_PROGRESS: to_bytes(progress)})
    lake.put(_state_key(*of), _as_bytes(table))
