"""The upstream of the demo: it delivers real history, late labels and one bad week, as an upstream would."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from demo.messages import messages
from demo.payments import payments

DATA = Path(__file__).parent / "data"
WEEK = timedelta(days=7)
ISO = "%Y-%m-%dT%H:%M:%SZ"
DAMAGE_SHARE = 0.05
DAMAGE_SEED = 20130408


class LandingStore(Protocol):
    """The part of an object store that an upstream needs."""

    def put(self, key: str, data: bytes, /) -> object:
        """Store `data` under `key`, replacing what was there."""


@dataclass(frozen=True)
class Stream:
    """One model's feed, and the extract it is played from, or the generator that makes its history.

    `key`, `time` and `label` are column names; a label becomes known `label_delay` after its row's time, or when the column
    `known` says, which is never later. `features_as` and `labels_as` are the suffixes, and so the formats, of a week's files.
    The features of the week that starts at `damaged_week` are damaged on purpose; `dataclasses.replace(stream,
    damaged_week=…)` moves it, None leaves every week whole.
    """

    name: str
    extract: str | Callable[[], pd.DataFrame]
    key: tuple[str, ...]
    time: str
    label: str
    label_delay: timedelta
    features_as: str
    labels_as: str
    damaged_week: datetime | None = None
    known: str = ""

    def history(self) -> pd.DataFrame:
        """Every row with its label, oldest first."""
        return pd.read_parquet(DATA / self.extract) if isinstance(self.extract, str) else self.extract()

    def known_at(self, rows: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
        """When each row's label becomes known."""
        return rows[self.known] if self.known else rows[self.time] + self.label_delay


FLIGHTS = Stream(
    name="flight_delays",
    extract="flights_2013.parquet",
    key=("scheduled_departure", "carrier", "flight", "origin"),
    time="scheduled_departure",
    label="late",
    label_delay=timedelta(days=3),
    features_as=".csv.gz",
    labels_as=".csv.gz",
    damaged_week=datetime(2013, 4, 8, tzinfo=UTC),
)
TRAFFIC = Stream(
    name="traffic_volume",
    extract="traffic_i94.parquet",
    key=("hour",),
    time="hour",
    label="volume",
    label_delay=timedelta(days=1),
    features_as=".jsonl.gz",
    labels_as=".csv",
)
SEARCHES = Stream(
    name="search_queries",
    extract="retail_searches.parquet",
    key=("search",),
    time="time",
    label="product",
    label_delay=timedelta(days=1),
    features_as=".jsonl.gz",
    labels_as=".csv.gz",
)
FRAUD = Stream(
    name="card_fraud",
    extract=payments,
    key=("payment",),
    time="time",
    label="fraud",
    label_delay=timedelta(days=14),
    features_as=".csv.gz",
    labels_as=".csv.gz",
    known="known",
)
INTENTS = Stream(
    name="support_intents",
    extract=messages,
    key=("message",),
    time="time",
    label="intent",
    label_delay=timedelta(days=10),
    features_as=".jsonl.gz",
    labels_as=".csv.gz",
    known="known",
)


@dataclass(frozen=True)
class Delivery:
    """What was put into landing: rows by object key, and rows damaged on purpose by the kind of damage."""

    rows: dict[str, int]
    damage: dict[str, int] = field(default_factory=dict)


class Upstream:
    """Plays one stream into `landing`. The same call puts the same bytes under the same keys, so it is safe to repeat."""

    def __init__(self, landing: LandingStore, stream: Stream = FLIGHTS, extract: Path | None = None) -> None:
        self._landing = landing
        self._stream = stream
        self._history = pd.read_parquet(extract) if extract else stream.history()

    def backlog(self, until: datetime) -> Delivery:
        """Deliver the features of every row before `until`, and the labels known before it.

        One parquet file of each, `<stream>/features/backlog-<until>.parquet` and `<stream>/labels/…`, even if it has no row.
        `until` is aware; the week that starts at `until` continues without a gap or an overlap.
        """
        return self._deliver(f"backlog-{until:%Y-%m-%d}", None, until, (".parquet", ".parquet"))

    def week(self, start: datetime) -> Delivery:
        """Deliver the features of [start, start + 7 days) and the labels that became known in these days.

        Two files, `<stream>/features/<start>…` and `<stream>/labels/<start>…`, even if one holds no row.
        """
        suffixes = (self._stream.features_as, self._stream.labels_as)
        return self._deliver(f"{start:%Y-%m-%d}", start, start + WEEK, suffixes)

    def damage_in(self, start: datetime) -> dict[str, int]:
        """The rows that `week(start)` damages, by kind; delivers nothing."""
        if start != self._stream.damaged_week:
            return {}
        return damage(self._history[_within(self._history[self._stream.time], start, start + WEEK)], DAMAGE_SEED)[1]

    def _deliver(self, name: str, start: datetime | None, end: datetime, suffixes: tuple[str, str]) -> Delivery:
        stream, time = self._stream, self._history[self._stream.time]
        told_later = [stream.label, *([stream.known] if stream.known else [])]
        features = self._history[_within(time, start, end)].drop(columns=told_later)
        known = _within(stream.known_at(self._history), start, end)
        labels = self._history.loc[known, list(dict.fromkeys([*stream.key, stream.time, stream.label]))]
        counts: dict[str, int] = {}
        if start is not None and start == stream.damaged_week:
            features, counts = damage(features, DAMAGE_SEED)
        rows = {}
        for part, frame, suffix in (("features", features, suffixes[0]), ("labels", _whole(labels), suffixes[1])):
            key = f"{stream.name}/{part}/{name}{suffix}"
            self._landing.put(key, _WRITERS[suffix](frame))
            rows[key] = len(frame)
        return Delivery(rows, counts)


def damage(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """Damage about 5 % of the rows of a flights delivery, each in one way that a contract can see.

    Returns the damaged frame (columns may become `object`; repeated rows stand at the end) and how many rows were damaged in
    each way. No row is damaged twice, so the counts add up to the rows that have to be quarantined. A frame of fewer than
    140 rows is too small for 5 % in seven ways and comes back whole, with counts of 0.
    """
    each = round(len(frame) * DAMAGE_SHARE / (len(_DAMAGE) + 1))
    victims = np.random.default_rng(seed).permutation(len(frame))
    damaged = frame.copy()
    for turn, (column, ruin) in enumerate(_DAMAGE.values()):
        chosen = frame.index[victims[turn * each : (turn + 1) * each]]
        damaged[column] = damaged[column].astype(object)
        damaged.loc[chosen, column] = damaged.loc[chosen, column].map(ruin)
    repeated = damaged.iloc[victims[len(_DAMAGE) * each : (len(_DAMAGE) + 1) * each]]
    kinds = [*_DAMAGE, "repeated row"]
    return pd.concat([damaged, repeated], ignore_index=True), dict.fromkeys(kinds, each)


_DAMAGE: dict[str, tuple[str, Callable[[object], object]]] = {
    "unknown origin": ("origin", lambda _: "XXX"),
    "negative distance": ("distance", lambda miles: -int(str(miles))),
    "unreadable time": ("scheduled_departure", lambda moment: f"{moment:%d/%m} at noon"),
    "text in a number": ("temperature", lambda _: "n/a"),
    "minute outside the day": ("departure_minute", lambda _: 4000),
    "empty carrier": ("carrier", lambda _: None),
}


def _within(time: pd.Series, start: datetime | None, end: datetime) -> pd.Series:
    inside = time < end
    return inside if start is None else inside & (time >= start)


def _whole(labels: pd.DataFrame) -> pd.DataFrame:
    """A 0/1 label with missing values is read as 0.0 and 1.0; a delivery says 0 and 1. Text stays as it is."""
    label = labels.iloc[:, -1]
    return labels.assign(**{labels.columns[-1]: label.astype("Int64")}) if is_numeric_dtype(label) else labels


def _written(frame: pd.DataFrame) -> pd.DataFrame:
    """Times as ISO 8601 with Z; what is not a time stays as it is."""
    texts = {}
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            texts[name] = frame[name].dt.strftime(ISO)
        elif frame[name].dtype == object:
            texts[name] = frame[name].map(lambda value: value.strftime(ISO) if isinstance(value, datetime) else value)
    return frame.assign(**texts)


def _csv(frame: pd.DataFrame) -> bytes:
    return _written(frame).to_csv(index=False, lineterminator="\n").encode()


def _jsonl(frame: pd.DataFrame) -> bytes:
    return _written(frame).to_json(orient="records", lines=True).encode()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": _csv,
    ".csv.gz": lambda frame: gzip.compress(_csv(frame), mtime=0),
    ".jsonl.gz": lambda frame: gzip.compress(_jsonl(frame), mtime=0),
    ".parquet": _parquet,
}
