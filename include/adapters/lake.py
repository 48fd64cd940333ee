"""The lake: everything the pipeline keeps on the object store, and the one place that knows its keys.

    erasures/<model>/<time>.json                           what was erased at a person's request
    layouts/<model>.json                                   how the model's file read what was taken in
    intake/<model>/<file id>.json                          one per landing file that is done
    taken_in/<model>.json                                  the files of the newest check, until its run has counted them
    curated/<model>/<stream>/<period>/<digest>.parquet     rows that satisfy the contract
    quarantine/<model>/<file id>.jsonl                     rows that do not, with their reasons
    snapshots/<model>/<digest>.json                        manifests: which curated files, with their digests
    predictions/<model>/<period>/v<version>-<digest>.parquet
    profiles/<model>/<period>.json                         the noise that was measured in a period
    baselines/<model>/<training digest>/…                  what a champion's training rows were like, and a sample of them
    baselines/<model>/<training digest>/<period>.json      a later period, summarised in the same way
    memory/<model>/v<version>/<kind>/<period>.json         what a version is remembered by, period by period
    replays/<model>/<digest>/…                             historical models: their plan, and how each one did
    trials/<model>/<digest>/…                              what candidates and trials of a search were worth before a hold-out
    reports/<model>/…                                      what a person may want to open
    status/<model>/<kind>/<as of>.json                     what each run found and did
    latest/<model>/<kind>.json                             the newest of them: see adapters/latest_status.py
    packs/<model>/<stream>/<period>.zip                    copies of many small curated files in one: see adapters/packs.py
    bundles/<folder>.json                                  copies of many small documents in one: see adapters/bundles.py

Every key says what it is about, so writing twice writes the same thing. Documents and tables hold a digest of their content,
or are named by it: what does not have its digest raises CorruptObject, also when it is read again. Once the history was taken
in again, under a changed layout, `intake` and `curated` go on in `<model>.2`, and so on: what snapshots consist of stays.

A curated file holds what one delivery of a landing file has for one period. In each period the last delivery of a file counts,
and may be empty: what a file no longer has when it is delivered again is gone. Which rows count as of a time:
`adapters/curated.py`.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from include.adapters.curated import History, Origin, Stream, as_bytes, as_parquet, completed, origin_of, read_part, row_key
from include.adapters.object_store import ObjectStore, StoredObject, read_again, read_document, unless_spoilt
from include.adapters.packs import PERIODS, Packs
from include.adapters.records import Records, moment_of, stamp, status_key
from include.documents import from_bytes, to_bytes
from include.errors import AlreadyExists, CorruptObject, LayoutChanged, ObjectMissing
from include.layout import Layout, key_texts
from include.models.contract import Model
from include.own_columns import DELIVERED_AT, LABEL_DELIVERED, OWN, PERIOD, SOURCE
from include.periods import as_stored, from_stored, number_of, start_of
from include.results import Erased, Intake, LandedFile, Manifest, ManifestFile, QuarantinedRow, Snapshot, TakenIn
from include.statuses import MonitorStatus

T = TypeVar("T")
_DIGEST = b"pg_digest"
_NO_DIGEST = b"0" * 64
_ITS_DIGEST = re.compile(_DIGEST + rb":([0-9a-f]{64})")
# No row is older: see decisions/data/row_contract.py.
BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)


def file_id(file: LandedFile) -> str:
    """What names a delivery: its key, its bytes and when they landed. A file that is put again is delivered again."""
    return f"{_source_id(file.key)}-{_short_digest(f'{file.etag} {file.landed_at.isoformat()}')}"


def _source_id(key: str) -> str:
    return _short_digest(key)


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def period_in(key: str) -> datetime:
    """Start of the period that a curated file belongs to."""
    return moment_of(key.split("/")[3])


class Lake(Records):
    """The lake bucket."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        # What a step read of it stays true for that step: it asks at its beginning, by `require_layout`, and then often.
        self._layouts: dict[str, Layout | None] = {}

    # How deliveries are read

    def times_taken_in(self, model_name: str) -> int:
        """How often the history of a model was taken in as a whole."""
        layout = self._layout(model_name)
        return layout.taken_in if layout else 1

    def require_layout(self, model: Model) -> None:
        """The rows in the lake can be read as the model's file says; the first call keeps what it says.

        Raises:
            LayoutChanged: they cannot; the message says what has changed, and how to take the history in again.
        """
        self._layouts.pop(model.name, None)
        kept, now = self._layout(model.name), Layout.of(model)
        if kept and (changes := now.changes_since(kept)):
            raise LayoutChanged(
                f"include/models/{model.name}.py reads deliveries otherwise than the rows in the lake were taken in: "
                f"{'; '.join(changes)}. Take the file back, or take the history in again from landing: "
                f"python -m include.cli landing take-again {model.name}."
            )
        merged = now.with_columns_of(kept) if kept else now
        if merged != kept:
            self._keep_layout(model.name, merged)

    def begin_again(self, model: Model) -> list[str]:
        """Let every file of landing be taken in again, as the model's file says now; returns what has changed.

        Snapshots keep their rows. What was derived from rows of the layout before is removed: it would be compared with what
        is derived from now on.
        """
        kept, now = self._layout(model.name), Layout.of(model)
        changes = now.changes_since(kept) if kept else []
        derived = [f"baselines/{model.name}/"]
        if kept and kept.period != now.period:
            derived += [f"memory/{model.name}/", f"profiles/{model.name}/"]
        for prefix in derived:
            self.remove([entry.key for entry in self._store.entries(prefix)])
        self._keep_layout(model.name, replace(now, taken_in=kept.taken_in + 1 if kept else 2))
        return changes

    def _layout(self, model_name: str) -> Layout | None:
        if model_name not in self._layouts:
            self._layouts[model_name] = self._optional(Layout, f"layouts/{model_name}.json")
        return self._layouts[model_name]

    def _keep_layout(self, model_name: str, layout: Layout) -> None:
        self._store.put(f"layouts/{model_name}.json", to_bytes(layout))
        self._layouts[model_name] = layout

    def _home(self, model_name: str) -> str:
        """What `intake` and `curated` of a model are kept under."""
        return _home_of(model_name, self.times_taken_in(model_name))

    # Deliveries

    def finished_files(self, model_name: str) -> set[str]:
        """Ids of the landing files that are done."""
        prefix = f"intake/{self._home(model_name)}/"
        return {entry.key.removeprefix(prefix).removesuffix(".json") for entry in self._store.entries(prefix)}

    def delivered_keys(self, model_name: str) -> set[str]:
        """Keys in landing of all files that were taken in and not withdrawn."""
        prefix = f"intake/{self._home(model_name)}/"
        keys = [entry.key for entry in self._store.entries(prefix)]
        intakes = sorted((read_document(self._store, Intake, key) for key in keys), key=lambda one: one.file.landed_at)
        newest = {intake.file.key: intake for intake in intakes}
        return {key for key, intake in newest.items() if not intake.withdrawn}

    def finish_file(self, model_name: str, intake: Intake) -> None:
        """Mark a landing file as done: the last write about it."""
        self._store.put(f"intake/{self._home(model_name)}/{file_id(intake.file)}.json", to_bytes(intake))

    def keep_taken_in(self, model_name: str, taken_in: TakenIn) -> None:
        """Keep which files a check is taking in: written before the first of them is done."""
        self._store.put(f"taken_in/{model_name}.json", to_bytes(taken_in))

    def count_no_more(self, model_name: str, landing_key: str) -> None:
        """Leave a file of landing to no later run to count that the newest check took in, under whatever bytes."""
        newest = self._optional(TakenIn, f"taken_in/{model_name}.json")
        if newest and any(file.key == landing_key for file in newest.files):
            others = tuple(file for file in newest.files if file.key != landing_key)
            self.keep_taken_in(model_name, newest.model_copy(update={"files": others}))

    def known_since(self, model_name: str, files: Iterable[LandedFile], as_of: datetime) -> dict[str, datetime]:
        """Since when each file is known that a run as of a time takes in, by its id.

        That time, or the newest one that any run was about before: what a run as of an earlier time takes in was not known
        then. A file that the newest check began to take in keeps the time that it got there, and so does one of a history that
        is taken in again.
        """
        newest = self._optional(TakenIn, f"taken_in/{model_name}.json")
        checked = self.newest_status_time(model_name, MonitorStatus, as_of)
        times = [as_of, *([checked] if checked else []), *([newest.as_of] if newest else [])]
        begun = newest.known if newest else {}
        return {name: begun.get(name) or self._known_before(model_name, name) or max(times) for name in map(file_id, files)}

    def _known_before(self, model_name: str, name: str) -> datetime | None:
        """Since when a file was known that is taken in again, under a changed layout."""
        for home in self._homes(model_name)[:-1]:
            intake = self._optional(Intake, f"intake/{home}/{name}.json")
            if intake and intake.known:
                return intake.known
        return None

    def uncounted_files(self, model_name: str) -> set[str]:
        """Ids of files that the newest check took in, where its run never came to its status: the next run counts them."""
        newest = self._optional(TakenIn, f"taken_in/{model_name}.json")
        if newest is None or self.holds(status_key(model_name, MonitorStatus, newest.as_of)):
            return set()
        return {file_id(file) for file in newest.files}

    def quarantine_key(self, model_name: str, file: LandedFile) -> str:
        """Where rows of a delivery are kept that may not go on."""
        return f"quarantine/{model_name}/{file_id(file)}.jsonl"

    @contextmanager
    def quarantine(self, model_name: str, file: LandedFile) -> Iterator[Callable[[Sequence[QuarantinedRow]], None]]:
        """What takes rows that may not go on, some at a time; in the end they are kept, one JSON object a line."""
        with NamedTemporaryFile() as kept:

            def put_aside(rows: Sequence[QuarantinedRow]) -> None:
                kept.write((b"\n" if kept.tell() else b"") + _as_lines(rows))

            yield put_aside
            kept.flush()
            if kept.tell():
                self._store.upload_file(Path(kept.name), self.quarantine_key(model_name, file))

    def quarantines(self, model_name: str) -> list[StoredObject]:
        """What `quarantine` has kept, the newest first."""
        return sorted(self._store.entries(f"quarantine/{model_name}/"), key=lambda entry: (entry.modified, entry.key))[::-1]

    def quarantined_rows(self, key: str) -> list[QuarantinedRow]:
        """Rows that `quarantine` kept under a key."""
        try:
            return [QuarantinedRow.model_validate_json(line) for line in self._store.read(key).split(b"\n") if line]
        except ValidationError as error:
            raise CorruptObject(
                f"{key} does not hold rows of quarantine. It was changed. Restore it from a backup."
            ) from error

    def publish(
        self, model: Model, file: LandedFile, pieces: Iterable[pd.DataFrame], known: datetime | None
    ) -> tuple[datetime, ...]:
        """Add rows to their curated periods, which are returned, in the place of what was delivered under this name before.

        No key may be in two of the pieces. `known` is since when the pipeline knows of it, None for what counts for every
        time. A second time finds the same files there.
        """
        home = self._home(model.name)
        turn, before = self._earlier(home, file)
        periods, none = set[datetime](), pd.DataFrame()

        def keep(start: datetime, rows: pd.DataFrame) -> None:
            data = as_bytes(rows, Origin(file.key, turn, known))
            self._create_once(f"{_curated(home, file.stream, start)}{hashlib.sha256(data).hexdigest()}.parquet", data)

        for piece in pieces:
            rows = piece.copy()
            rows[DELIVERED_AT], rows[SOURCE] = pd.Timestamp(file.landed_at), file.key
            none = rows.iloc[:0]
            for period, part in rows.groupby(model.periods_of(rows[model.feed.time])):
                keep(period.to_pydatetime(), part)
                periods.add(period.to_pydatetime())
        for start in sorted(before - periods):
            keep(start, none)
        return tuple(sorted(periods))

    def _earlier(self, home: str, file: LandedFile) -> tuple[int, set[datetime]]:
        """How many deliveries under the name of this one came before, and the periods that they were of."""
        keys = [key for key in self._intake_keys(home, file.key) if not key.endswith(f"/{file_id(file)}.json")]
        records = [unless_spoilt(partial(read_document, self._store, Intake, key)) for key in keys]
        known = [record for record in records if record is not None]
        if len(known) < len(keys):
            return len(keys), {period_in(key) for key in self._curated_of(home, file.stream, file.key)}
        return len(keys), {period for record in known for period in record.periods}

    def _intake_keys(self, home: str, landing_key: str) -> list[str]:
        return [entry.key for entry in self._store.entries(f"intake/{home}/{_source_id(landing_key)}-")]

    def _curated_of(self, home: str, stream: str, landing_key: str) -> list[str]:
        """The curated files with rows of one file in landing, by what they tell of themselves."""
        keys = [entry.key for entry in self._store.entries(f"curated/{home}/{stream}/")]
        origins = {key: origin_of(self._open_curated(key)) for key in keys}
        return [key for key, origin in origins.items() if origin and origin.source == landing_key]

    def intakes(self, model_name: str, landing_key: str) -> list[Intake]:
        """The records of all deliveries under one name in landing, in the order in which they landed."""
        found = [read_document(self._store, Intake, key) for key in self._intake_keys(self._home(model_name), landing_key)]
        return sorted(found, key=lambda intake: intake.file.landed_at)

    # What is taken back

    def curated_from(self, model_name: str, landing_key: str) -> set[str]:
        """Keys of all curated files with rows of one file in landing, also of those that count no more."""
        streams = ("features", "labels")
        return {
            key
            for home in self._homes(model_name)
            for stream in streams
            for key in self._curated_of(home, stream, landing_key)
        }

    def snapshots_with(self, model_name: str, curated: Collection[str]) -> set[str]:
        """Digests of the snapshots that hold any of these curated files."""
        digests, erased = set(), self._erased(model_name)
        for entry in self._store.entries(f"snapshots/{model_name}/"):
            manifest = read_document(self._store, Manifest, entry.key)
            if any(_successor(file.key, erased) in curated for file in manifest.files):
                digests.add(entry.key.rsplit("/", 1)[-1].removesuffix(".json"))
        return digests

    def erase(self, model: Model, keys: pd.DataFrame, about: Erased) -> Erased:
        """Remove all rows with these keys from curated files, predictions and quarantine, and baselines that hold samples.

        `keys` has the key columns, as text. A curated file is replaced by one without the rows; the record of the erasure,
        which is completed and returned, is how snapshots find it.
        """
        key, replaced, rows = list(model.feed.key), {}, 0
        for home in self._homes(model.name):
            for entry in list(self._store.entries(f"curated/{home}/")):
                table = self._open_curated(entry.key).read()
                if set(key) <= set(table.column_names) and (gone := among(model, table.select(key).to_pandas(), keys)).any():
                    data, rows = as_parquet(table.filter(pa.array(~gone))), rows + int(gone.sum())
                    replaced[entry.key] = f"{entry.key.rpartition('/')[0]}/{hashlib.sha256(data).hexdigest()}.parquet"
                    self._create_once(replaced[entry.key], data)
        snapshots = self.snapshots_with(model.name, replaced)
        samples = [entry.key for digest in snapshots for entry in self._store.entries(_baseline(model.name, digest))]
        record = about.model_copy(update={"rows": rows, "samples": len(samples), "replaced": replaced})
        # Written first: a snapshot whose file is gone finds the one in its place.
        self.keep_erased(model.name, record)
        packs = [entry.key for home in self._homes(model.name) for entry in self._store.entries(_packs_of(home))]
        self.remove([*replaced, *samples, *packs])
        counts = {"predictions": self._erase_predictions(model, keys), "quarantined": self._erase_quarantine(model, keys)}
        return record.model_copy(update=counts)

    def keep_erased(self, model_name: str, record: Erased) -> None:
        """Keep the record of an erasure."""
        self._store.put(f"erasures/{model_name}/{stamp(record.at)}.json", to_bytes(record))

    def _erased(self, model_name: str) -> dict[str, str]:
        """Of each curated file that lost rows by an erasure, the one in its place."""
        keys = [entry.key for entry in self._store.entries(f"erasures/{model_name}/")]
        records = [read_document(self._store, Erased, key) for key in keys]
        return {old: new for record in records for old, new in record.replaced.items()}

    def _erase_predictions(self, model: Model, keys: pd.DataFrame) -> int:
        count = 0
        for entry in list(self._store.entries(f"predictions/{model.name}/")):
            rows = self.read_table(entry.key)
            if set(model.feed.key) <= set(rows.columns) and (gone := among(model, rows, keys)).any():
                self.write_table(entry.key, rows[~gone])
                count += int(gone.sum())
        return count

    def _erase_quarantine(self, model: Model, keys: pd.DataFrame) -> int:
        count, wanted = 0, list(keys.itertuples(index=False, name=None))
        for entry in self.quarantines(model.name):
            rows = self.quarantined_rows(entry.key)
            delivered = pd.DataFrame([{name: row.values.get(name) for name in model.feed.key} for row in rows])
            about = among(model, delivered, keys)
            # One that could not be read is about a key where all its parts stand in the line.
            about |= np.array([any(all(part in row.line for part in key) for key in wanted) for row in rows], dtype=bool)
            kept = [row for row, gone in zip(rows, about, strict=True) if not gone]
            if len(kept) < len(rows):
                self._store.put(entry.key, _as_lines(kept))
                count += len(rows) - len(kept)
        return count

    def _homes(self, model_name: str) -> list[str]:
        return [_home_of(model_name, turn) for turn in range(1, self.times_taken_in(model_name) + 1)]

    # Curated rows

    def files(
        self, model: Model, start: datetime, end: datetime, streams: Sequence[str] = ("features", "labels")
    ) -> list[str]:
        """Keys of the curated files of the periods in [start, end), one stream after the other, each in order."""
        first, last = model.period_of(start), model.period_of(end - timedelta.resolution)
        home, keys = self._home(model.name), []
        for stream in streams:
            low, high = _curated(home, stream, first), _curated(home, stream, last)
            listed = (entry.key for entry in self._store.entries(f"curated/{home}/{stream}/", after=low))
            keys += [key for key in listed if key[: len(high)] <= high]
        return keys

    def history(self, model: Model, keys: Sequence[str], features: Sequence[str] | None = None) -> History:
        """Rows of curated files as they were delivered: `at` a time gives those that were known by then.

        `features` names the feature columns that are wanted; None is all of them. Keys, time and label always come.

        Periods do not mix: reading some of them gives exactly what reading all and picking those would give.
        """
        wanted = model.feature_names if features is None else list(features)
        rows = self._stream(model, [key for key in keys if "/features/" in key], wanted)
        return History(model, rows, self._stream(model, [key for key in keys if "/labels/" in key], [model.label.name]))

    def read(
        self, model: Model, keys: Sequence[str], features: Sequence[str] | None = None, known_by: datetime | None = None
    ) -> pd.DataFrame:
        """The rows of `history` that were known by a time, by default now."""
        return self.history(model, keys, features).at(known_by)

    def unmatched(self, model: Model, labels: pd.DataFrame) -> pd.DataFrame:
        """The labels, of contract rows, that `read` would join to no row of features: by key and period."""
        if labels.empty:
            return labels
        by, periods = row_key(model), model.periods_of(labels[model.feed.time])
        end = model.later(periods.max().to_pydatetime())
        keys = self.files(model, periods.min().to_pydatetime(), end, ("features",))
        wanted = {stamp(start.to_pydatetime()) for start in periods.unique()}
        stream = self._stream(model, [key for key in keys if key.split("/")[3] in wanted], [])
        rows = stream.rows[by].iloc[stream.positions(None)]
        found = labels.assign(**{PERIOD: periods}).merge(rows, how="left", on=by, indicator=f"{OWN}match")
        return labels[(found[f"{OWN}match"] == "left_only").to_numpy()]

    def rows(self, model: Model, start: datetime, end: datetime, known_by: datetime | None = None) -> pd.DataFrame:
        """Rows of the periods in [start, end), as they were known by a time, by default now."""
        return self.read(model, self.files(model, start, end), known_by=known_by)

    def batches(
        self, model: Model, start: datetime, end: datetime, known_by: datetime | None = None, at_most: int = 250_000
    ) -> Iterator[pd.DataFrame]:
        """The features of the periods in [start, end), as `rows` would give them, some at a time and in no order.

        Memory is bounded by the largest file, and by the keys of all rows where they came in more than one.
        """
        keys = self.files(model, start, end, ("features",))
        kept = self._kept_rows(model, keys, known_by) if len(keys) > 1 else {}
        wanted = list(dict.fromkeys([*model.feed.key, model.feed.time, *model.feature_names]))
        for key in keys:
            read = 0
            file = self._open_curated(key)
            for batch in file.iter_batches(at_most, columns=[name for name in wanted if name in file.schema_arrow.names]):
                rows: pd.DataFrame = completed(model, pa.Table.from_batches([batch]), wanted).to_pandas()
                chosen = rows[kept[key][read : read + len(rows)]] if key in kept else rows
                read += len(rows)
                if len(chosen):
                    yield chosen[wanted].reset_index(drop=True)

    def contents(self, keys: Iterable[str]) -> dict[datetime, str]:
        """For each period of curated files a digest of what was delivered of it: it changes when any of its rows may have."""
        by_period: dict[datetime, list[str]] = {}
        for key in keys:
            by_period.setdefault(period_in(key), []).append(key)
        return {period: _short_digest("\n".join(keys)) for period, keys in by_period.items()}

    def sound_files(self, model: Model, as_of: datetime) -> list[str]:
        """The curated files of all periods up to a time, without those of periods that were called broken by then."""
        broken = self._broken_periods(model, as_of)
        return [key for key in self.files(model, BEGINNING, as_of) if period_in(key) not in broken]

    def _broken_periods(self, model: Model, as_of: datetime) -> set[datetime]:
        """Periods that triage called broken and that no later run has called sound: nothing is learned from them."""
        last_action: dict[datetime, str] = {}
        for outcome in self.outcomes(model.name):
            if outcome.period and outcome.as_of <= as_of:
                last_action |= dict.fromkeys(outcome.sound_again, "sound again")
                last_action[outcome.period] = outcome.action
        return {period for period, action in last_action.items() if action == "stop"}

    def files_about(self, model: Model, predictions: pd.DataFrame) -> list[str]:
        """Keys of the curated files of the periods that predictions are about."""
        times = predictions[model.feed.time]
        return self.files(model, times.min().to_pydatetime(), model.later(model.period_of(times.max().to_pydatetime())))

    def with_labels(
        self, model: Model, predictions: pd.DataFrame, keys: Sequence[str], known_by: datetime
    ) -> tuple[pd.DataFrame, set[datetime]]:
        """Predictions beside the labels of their rows, from the files about them, as these were known by a time.

        Also the periods that changed since. LABEL_DELIVERED is whether a label was delivered.
        """
        row = list(dict.fromkeys([*model.feed.key, model.feed.time]))
        history = self.history(model, keys, features=())
        labels = history.at(known_by)[[*row, model.label.name, LABEL_DELIVERED]]
        joined = predictions.merge(labels, how="left", on=row, validate="one_to_one")
        joined[LABEL_DELIVERED] = joined[LABEL_DELIVERED].eq(True)
        return joined, history.changed_since(known_by)

    def snapshot(
        self,
        model: Model,
        span: tuple[datetime, datetime],
        keys: Sequence[str],
        rows: int,
        known_by: datetime | None = None,
    ) -> Snapshot:
        """Fix the periods from the start to before the end of a span of these curated files: a manifest named by its digest.

        With `known_by` its rows are those that were known by then.
        """
        start, end = span
        low, high = stamp(start), stamp(end)
        files = tuple(ManifestFile(key=key, sha256=_digest_in(key)) for key in keys if low <= key.split("/")[3] < high)
        manifest = to_bytes(_manifest(model, start, end, files, known_by))
        digest = hashlib.sha256(manifest).hexdigest()
        self._create_once(f"snapshots/{model.name}/{digest}.json", manifest)
        return Snapshot(digest=digest, start=start, end=end, rows=rows, summary=f"{rows:,} rows in {len(files)} files")

    def narrowed(self, model: Model, snapshot: Snapshot, start: datetime, rows: int) -> Snapshot:
        """Of a snapshot the periods from a start on, as a snapshot of its own; `rows` is how many rows they have."""
        if start == snapshot.start:
            return snapshot
        manifest = self.manifest(model.name, snapshot.digest)
        keys = [file.key for file in manifest.files]
        return self.snapshot(model, (start, snapshot.end), keys, rows, manifest.known_by)

    def joined(self, model: Model, one: Snapshot, next_one: Snapshot, start: datetime) -> Snapshot:
        """Two snapshots, the second of which follows on the first, as one from a start on."""
        manifests = [self.manifest(model.name, snapshot.digest) for snapshot in (one, next_one)]
        keys = sorted({file.key for manifest in manifests for file in manifest.files})
        known_by = next((manifest.known_by for manifest in manifests if manifest.known_by), None)
        whole = self.snapshot(model, (start, next_one.end), keys, 0, known_by)
        return whole.model_copy(update={"rows": len(self.read_snapshot(model, whole.digest, features=()))})

    def trial_key(self, model_name: str, digest: str, candidate: str) -> str:
        """Where the values of one candidate are kept that candidates are compared by; the digest names all they depend on."""
        return f"trials/{model_name}/{digest}/{candidate}.parquet"

    def kept_trial(self, kind: type[T], model_name: str, search: str, number: int) -> T | None:
        """One trial of a search, which a digest names; None where there is none that can be used."""
        return unless_spoilt(partial(self._optional, kind, _trial(model_name, search, number)))

    def keep_trial(self, model_name: str, search: str, number: int, trial: object) -> None:
        """Keep a finished trial."""
        self._store.put(_trial(model_name, search, number), to_bytes(trial))

    def read_snapshot(self, model: Model, digest: str, features: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of a snapshot: the same digest gives the same rows, less those that were erased. `features` as for `read`.

        Raises:
            ObjectMissing: the manifest or one of its files is gone.
            CorruptObject: a file's bytes are not those that the manifest names.
        """
        manifest, erased = self.manifest(model.name, digest), self._erased(model.name)
        files = [_successor(file.key, erased) for file in manifest.files]
        return self.read(_at_that_time(model, manifest), files, features, manifest.known_by)

    def manifest(self, model_name: str, digest: str) -> Manifest:
        """What a snapshot consists of.

        Raises:
            ObjectMissing, CorruptObject: as for `read_snapshot`.
        """
        key = f"snapshots/{model_name}/{digest}.json"
        return from_bytes(Manifest, self._read_named(key, "Restore the object, then clear the run."), key)

    # Predictions, reports, status

    def predictions_key(self, model_name: str, period: datetime, version: str, rows: pd.DataFrame) -> str:
        """Where predictions of a version for exactly these rows are kept."""
        about = hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest()[:16]
        return f"predictions/{model_name}/{stamp(period)}/v{version}-{about}.parquet"

    def beside(self, key: str, version: str) -> str:
        """Where predictions of another version are kept for the rows that a key of predictions is about."""
        folder, _, name = key.rpartition("/")
        return f"{folder}/v{version}-{name.rpartition('-')[2]}"

    def predictions_of(self, model_name: str, period: datetime) -> list[str]:
        """Keys of all predictions for the rows of a period."""
        return [entry.key for entry in self._store.entries(f"predictions/{model_name}/{stamp(period)}/")]

    def predictions_before(self, model_name: str, moment: datetime) -> list[tuple[str, int]]:
        """Keys and bytes of the predictions for periods that start before a time."""
        last = f"predictions/{model_name}/{stamp(moment)}"
        return [(entry.key, entry.size) for entry in self._store.entries(f"predictions/{model_name}/") if entry.key < last]

    def baselines_except(self, model_name: str, digests: Collection[str], moment: datetime) -> list[tuple[str, int]]:
        """Keys and bytes of the baselines of all other training digests, where they were written before a time."""
        prefix = f"baselines/{model_name}/"
        return [
            (entry.key, entry.size)
            for entry in self._store.entries(prefix)
            if entry.key.removeprefix(prefix).split("/")[0] not in digests and entry.modified < moment
        ]

    def trials_before(self, model_name: str, moment: datetime) -> list[tuple[str, int]]:
        """Keys and bytes of the values by which candidates were compared before a time."""
        return [(entry.key, entry.size) for entry in self._store.entries(f"trials/{model_name}/") if entry.modified < moment]

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is not there is no error."""
        for key in keys:
            self._store.delete(key)

    def write_table(self, key: str, rows: pd.DataFrame) -> None:
        """Write rows under a key as parquet, with a digest."""
        self._store.put(key, _parquet(rows))

    def read_table(self, key: str) -> pd.DataFrame:
        """Rows written by `write_table`; CorruptObject where they are not as they were written."""
        return read_again(lambda: _table(key, self._store.read(key)), key)

    def has_table(self, key: str) -> bool:
        """Whether there is a table under this key that can be used; where one is spoilt, that is logged."""
        try:
            return unless_spoilt(lambda: self.read_table(key)) is not None
        except ObjectMissing:
            return False

    # Replays

    def keep_plan(self, model_name: str, digest: str, plan: object) -> None:
        """Keep what a replay is going to do."""
        self._store.put(f"replays/{model_name}/{digest}/plan.json", to_bytes(plan))

    def plan(self, model_name: str, digest: str, kind: type[T]) -> T:
        """What `keep_plan` kept."""
        return read_document(self._store, kind, f"replays/{model_name}/{digest}/plan.json")

    def replay_key(self, model_name: str, digest: str, name: str) -> str:
        """Where the scores of one historical model are kept."""
        return f"replays/{model_name}/{digest}/{name}.parquet"

    def replayed(self, model_name: str, digest: str) -> set[str]:
        """Names of the historical models that are done, and whose scores can be used."""
        prefix = f"replays/{model_name}/{digest}/"
        keys = [entry.key for entry in self._store.entries(prefix) if entry.key.endswith(".parquet")]
        return {key.removeprefix(prefix).removesuffix(".parquet") for key in keys if self.has_table(key)}

    # What drift is judged by

    def write_baseline(self, model_name: str, digest: str, baseline: object, sample: pd.DataFrame) -> None:
        """Keep what the training rows of a digest were like; the document comes last, so that it is whole where it is."""
        self.write_table(f"{_baseline(model_name, digest)}sample.parquet", sample)
        self._store.put(f"{_baseline(model_name, digest)}baseline.json.gz", gzip.compress(to_bytes(baseline), mtime=0))

    def baseline(self, model_name: str, digest: str, kind: type[T]) -> T | None:
        """The document that `write_baseline` kept, or None."""
        key = f"{_baseline(model_name, digest)}baseline.json.gz"
        try:
            return read_again(lambda: from_bytes(kind, _unzipped(key, self._store.read(key)), key), key)
        except ObjectMissing:
            return None

    def baseline_sample(self, model_name: str, digest: str) -> pd.DataFrame:
        """The sample that `write_baseline` kept."""
        return self.read_table(f"{_baseline(model_name, digest)}sample.parquet")

    def write_summary(self, model_name: str, digest: str, period: datetime, summary: object) -> None:
        """Keep the summary of a period, made to be compared with the baseline of a digest."""
        self._store.put(f"{_baseline(model_name, digest)}{stamp(period)}.json", to_bytes(summary))

    def summary(self, model_name: str, digest: str, period: datetime, kind: type[T]) -> T | None:
        """The document that `write_summary` kept, or None."""
        return self._optional(kind, f"{_baseline(model_name, digest)}{stamp(period)}.json")

    # Private

    def _kept_rows(
        self, model: Model, keys: list[str], known_by: datetime | None
    ) -> dict[str, "np.ndarray[Any, np.dtype[np.bool_]]"]:
        """For each file, which of its rows count."""
        stream = self._stream(model, keys, [])
        kept = np.zeros(len(stream.rows), dtype=bool)
        kept[stream.positions(known_by)] = True
        ends = np.cumsum([len(part.table) for part in stream.parts])
        return dict(zip(keys, np.split(kept, ends[:-1]), strict=True))

    def _stream(self, model: Model, keys: list[str], columns: list[str]) -> Stream:
        stored = [DELIVERED_AT, SOURCE, *(name for name in row_key(model) if name != PERIOD), model.feed.time, *columns]
        stored = list(dict.fromkeys(stored))
        files = self._packs(model).contents(keys)
        return Stream.of(model, [read_part(model, key, _opened(data), stored) for key, data in files], columns)

    def _packs(self, model: Model) -> Packs:
        def pack_of(key: str) -> str:
            _, home, stream, period, _ = key.split("/")
            number = number_of(model.feed.period, moment_of(period)) // PERIODS
            return f"{_packs_of(home)}{stream}/{stamp(start_of(model.feed.period, number * PERIODS))}.zip"

        return Packs(self._store, pack_of, self._read_curated, lambda: list(self._erased(model.name)))

    def _read_curated(self, key: str) -> bytes:
        return self._read_named(key, "Restore the object, or deliver its rows again.")

    def _open_curated(self, key: str) -> pq.ParquetFile:
        return _opened(self._read_curated(key))

    def _read_named(self, key: str, way_out: str) -> bytes:
        """The bytes of an object that is named by their digest."""

        def read() -> bytes:
            data = self._store.read(key)
            if hashlib.sha256(data).hexdigest() != _digest_in(key):
                raise CorruptObject(f"{key}: the bytes do not have the digest in its name. {way_out}")
            return data

        return read_again(read, key)

    def _create_once(self, key: str, data: bytes) -> None:
        # The key names the content: an earlier try wrote the same bytes.
        with suppress(AlreadyExists):
            self._store.create_if_absent(key, data)


def _manifest(
    model: Model, start: datetime, end: datetime, files: tuple[ManifestFile, ...], known_by: datetime | None
) -> Manifest:
    key, time, period = model.feed.key, model.feed.time, as_stored(model.feed.period)
    return Manifest(model=model.name, start=start, end=end, files=files, key=key, time=time, period=period, known_by=known_by)


def _at_that_time(model: Model, manifest: Manifest) -> Model:
    """The model, with what told rows apart when the snapshot was taken."""
    if not manifest.key:
        return model
    period = from_stored(manifest.period)
    return replace(model, feed=replace(model.feed, key=manifest.key, time=manifest.time, period=period))


def _baseline(model_name: str, digest: str) -> str:
    return f"baselines/{model_name}/{digest}/"


def _as_lines(rows: Sequence[QuarantinedRow]) -> bytes:
    return b"\n".join(row.model_dump_json(fallback=str).encode() for row in rows)


def among(model: Model, rows: pd.DataFrame, keys: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """For each row, whether its key is one of these."""
    texts, wanted = key_texts(model, rows), key_texts(model, keys)
    return pd.MultiIndex.from_frame(texts).isin(pd.MultiIndex.from_frame(wanted))


def _successor(key: str, erased: dict[str, str]) -> str:
    """The file that holds what is left of a curated file: several erasures may have followed each other."""
    while key in erased:
        key = erased[key]
    return key


def _home_of(model_name: str, taken_in: int) -> str:
    return model_name if taken_in == 1 else f"{model_name}.{taken_in}"


def _curated(home: str, stream: str, start: datetime) -> str:
    return f"curated/{home}/{stream}/{stamp(start)}/"


def _packs_of(home: str) -> str:
    return f"packs/{home}/"


def _opened(data: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(data))


def _digest_in(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".parquet").removesuffix(".json")


def _unzipped(key: str, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptObject(f"{key} cannot be unpacked ({error}). Remove it: the next check makes it again.") from error


def _parquet(rows: pd.DataFrame) -> bytes:
    """The rows as a file that holds the digest of its own bytes, made while nothing but zeros stood in the digest's place."""
    table, buffer = pa.Table.from_pandas(rows, preserve_index=False), io.BytesIO()
    about = {**(table.schema.metadata or {}), _DIGEST: _DIGEST + b":" + _NO_DIGEST}
    pq.write_table(table.replace_schema_metadata(about), buffer, compression="zstd")
    data = buffer.getvalue()
    return _in_its_place(data, hashlib.sha256(data).hexdigest().encode())


def _in_its_place(data: bytes, digest: bytes) -> bytes:
    """The bytes of a file with another digest in it: at the last place that looks like one, for it is in the footer."""
    found = list(_ITS_DIGEST.finditer(data))
    return data[: found[-1].start(1)] + digest + data[found[-1].end(1) :] if found else data


def _trial(model_name: str, search: str, number: int) -> str:
    return f"trials/{model_name}/{search}/{number:04}.json"


def _table(key: str, data: bytes) -> pd.DataFrame:
    way_out = "Restore it from a backup, or remove it: a later run writes it again (docs/runbook.md)."
    named = _ITS_DIGEST.findall(data)
    if not named or hashlib.sha256(_in_its_place(data, _NO_DIGEST)).hexdigest().encode() != named[-1]:
        raise CorruptObject(
            f"{key} is no table that holds its own digest. It was changed, or another release wrote it. {way_out}"
        )
    rows: pd.DataFrame = pd.read_parquet(io.BytesIO(data))
    return rows
