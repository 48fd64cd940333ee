"""The upstream delivers real history as it would have come: once, never early, and the same each time."""

import gzip
import io
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import PurePath

import pandas as pd
import pytest

from demo.upstream import FLIGHTS, FRAUD, INTENTS, SEARCHES, TRAFFIC, WEEK, Stream, Upstream, damage
from include.models import find_model

FIRST = datetime(2013, 3, 11, tzinfo=UTC)
# Their histories lie elsewhere in time.
OTHER_FIRST = {
    "search_queries": datetime(2011, 3, 14, tzinfo=UTC),
    "card_fraud": datetime(2024, 3, 4, tzinfo=UTC),
    "support_intents": datetime(2024, 4, 1, tzinfo=UTC),
}
# What is made is made once.
MADE = [replace(stream, extract=cache(stream.history)) for stream in (FRAUD, INTENTS)]

streams = pytest.mark.parametrize("stream", [FLIGHTS, TRAFFIC, SEARCHES, *MADE], ids=lambda stream: stream.name)


def weeks(stream: Stream) -> list[datetime]:
    """The eight weeks that are played after the backlog."""
    first = OTHER_FIRST.get(stream.name, FIRST)
    return [first + turn * WEEK for turn in range(8)]


def end(stream: Stream) -> datetime:
    return weeks(stream)[-1] + WEEK


class Landing(dict[str, bytes]):
    """Keeps what was put."""

    def put(self, key: str, data: bytes, /) -> None:
        self[key] = data


@cache
def played(stream: Stream) -> Landing:
    """Backlog and eight weeks, without damage."""
    landing = Landing()
    upstream = Upstream(landing, replace(stream, damaged_week=None))
    upstream.backlog(weeks(stream)[0])
    for start in weeks(stream):
        upstream.week(start)
    return landing


def read(key: str, data: bytes) -> pd.DataFrame:
    """A delivered file as text columns would be read by anyone."""
    if key.endswith(".parquet"):
        return pd.read_parquet(io.BytesIO(data))
    plain = gzip.decompress(data) if key.endswith(".gz") else data
    if ".jsonl" in key:
        return pd.read_json(io.BytesIO(plain), lines=True, convert_dates=False)
    # pandas takes "n/a" for a missing value unless told otherwise: the contract must see the text.
    return pd.read_csv(io.BytesIO(plain), keep_default_na=False, na_values=[""], dtype={SEARCHES.label: str})


def delivered(stream: Stream, part: str) -> pd.DataFrame:
    """All rows of one part, with the name of the file that brought them."""
    files = {key: data for key, data in played(stream).items() if key.startswith(f"{stream.name}/{part}/")}
    assert len(files) == 1 + len(weeks(stream))
    frames = [read(key, data).assign(file=PurePath(key).name.split(".")[0]) for key, data in files.items()]
    for frame in frames:
        frame[stream.time] = pd.to_datetime(frame[stream.time], utc=True).astype("datetime64[ms, UTC]")
    return pd.concat(frames, ignore_index=True)


@cache
def history(stream: Stream) -> pd.DataFrame:
    return stream.history()


@streams
def test_every_row_is_delivered_exactly_once(stream: Stream) -> None:
    """Backlog and weeks together hold the features of every row before their end, each once and unaltered."""
    expected = history(stream).drop(columns=[stream.label, *filter(None, [stream.known])])
    expected = expected[expected[stream.time] < end(stream)].reset_index(drop=True)
    found = delivered(stream, "features").drop(columns="file")
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@streams
def test_every_label_is_delivered_exactly_once(stream: Stream) -> None:
    """Backlog and weeks together hold the label of every row that is known before their end, each once and unaltered."""
    expected = history(stream)[stream.known_at(history(stream)) < end(stream)]
    expected = expected[list(dict.fromkeys([*stream.key, stream.time, stream.label]))]
    found = (
        delivered(stream, "labels").drop(columns="file").astype({stream.label: expected[stream.label].dtype})[expected.columns]
    )
    # A label that takes longer than others comes after theirs.
    order = [stream.time, *stream.key]
    found, expected = (rows.sort_values(order, ignore_index=True) for rows in (found, expected))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


@streams
def test_no_label_comes_before_it_is_known(stream: Stream) -> None:
    """A label's file ends after the label became known, and a week's file holds no label known before the week."""
    labels, truth = delivered(stream, "labels"), history(stream)
    times = truth.assign(known_at=stream.known_at(truth))[[*stream.key, "known_at"]]
    known = labels.merge(times, how="left", on=list(stream.key), validate="one_to_one")["known_at"]
    backlog = labels["file"].str.startswith("backlog")
    assert (known[backlog] < weeks(stream)[0]).all()
    starts = pd.to_datetime(labels["file"][~backlog], utc=True)
    assert (known[~backlog] >= starts).all()
    assert (known[~backlog] < starts + WEEK).all()


@streams
def test_features_never_hold_the_label(stream: Stream) -> None:
    """No features file has the label's column."""
    for key, data in played(stream).items():
        assert (stream.label in read(key, data).columns) == ("/labels/" in key), key


@streams
def test_the_same_week_twice_gives_the_same_bytes(stream: Stream) -> None:
    """A repeated delivery, also of the damaged week, changes nothing."""
    first, second = Landing(), Landing()
    for landing in (first, second):
        upstream = Upstream(landing, stream)
        upstream.backlog(weeks(stream)[0])
        upstream.week(weeks(stream)[4])
    assert first == second


@pytest.mark.parametrize("stream", MADE, ids=lambda stream: stream.name)
def test_a_label_is_known_within_the_delay_that_its_model_declares(stream: Stream) -> None:
    """No label comes before its row or later than the model counts on, and they take their time: not all the same."""
    waited = history(stream)[stream.known] - history(stream)[stream.time]
    assert waited.min() > timedelta(0)
    assert waited.max() <= stream.label_delay == find_model(stream.name).feed.label_delay
    assert waited.nunique() > 100


def test_times_are_iso_8601_with_z() -> None:
    """A text file writes a time as 2013-03-11T00:00:00Z."""
    key = "flight_delays/features/2013-03-11.csv.gz"
    assert read(key, played(FLIGHTS)[key])[FLIGHTS.time].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z").all()


def test_a_product_keeps_its_letters_and_zeros() -> None:
    """The label of a search is a text: a stock code arrives as it was published."""
    text = gzip.decompress(played(SEARCHES)["search_queries/labels/2011-03-14.csv.gz"]).decode().splitlines()
    assert text[0] == "search,time,product"
    assert all(re.fullmatch(r"\d{5}[A-Z]{0,2}", line.rsplit(",", 1)[1]) for line in text[1:])


def test_labels_are_0_1_or_empty() -> None:
    """A flight that never arrived has an empty label: it will never be known."""
    key = "flight_delays/labels/2013-03-11.csv.gz"
    text = gzip.decompress(played(FLIGHTS)[key]).decode().splitlines()[1:]
    assert {line.rsplit(",", 1)[1] for line in text} == {"0", "1", ""}


def test_the_damaged_week_is_announced_and_no_other_is() -> None:
    """Damage is in the week chosen for it only, and the delivery's counts say what was done."""
    landing = Landing()
    upstream = Upstream(landing)
    assert upstream.week(weeks(FLIGHTS)[3]).damage == {}
    bad = upstream.week(weeks(FLIGHTS)[4])
    key = "flight_delays/features/2013-04-08.csv.gz"
    assert sum(bad.damage.values()) / bad.rows[key] == pytest.approx(0.05, abs=0.005)
    assert damage_found(read(key, landing[key])) == bad.damage
    assert landing["flight_delays/labels/2013-04-08.csv.gz"] == played(FLIGHTS)["flight_delays/labels/2013-04-08.csv.gz"]


@pytest.mark.parametrize("seed", range(5))
def test_damage_counts_are_what_was_damaged(seed: int) -> None:
    """The counts are those a reader finds, undamaged rows are untouched, and the input is left alone."""
    frame = history(FLIGHTS).drop(columns="late").head(3_000)
    before = frame.copy()
    damaged, counts = damage(frame, seed)
    pd.testing.assert_frame_equal(frame, before)
    assert damage_found(damaged) == counts
    untouched = (damaged.head(len(frame)).astype(object).fillna("") == frame.astype(object).fillna("")).all(axis=1)
    assert (~untouched).sum() == sum(counts.values()) - counts["repeated row"]


def test_a_frame_too_small_for_five_per_cent_comes_back_whole() -> None:
    """Fewer than one damaged row of each kind is none, and the counts say so."""
    frame = history(FLIGHTS).drop(columns="late").head(20)
    damaged, counts = damage(frame, 1)
    assert set(counts.values()) == {0}
    assert len(damaged) == 20


def damage_found(frame: pd.DataFrame) -> dict[str, int]:
    """Each kind of damage counted as a contract would see it."""
    unreadable = pd.to_datetime(frame["scheduled_departure"], utc=True, errors="coerce", format="ISO8601").isna()
    wrong = {
        "unknown origin": ~frame["origin"].isin(["EWR", "JFK", "LGA"]),
        "negative distance": pd.to_numeric(frame["distance"]) < 0,
        "unreadable time": unreadable,
        "text in a number": frame["temperature"].eq("n/a"),
        "minute outside the day": pd.to_numeric(frame["departure_minute"]) >= 24 * 60,
        "empty carrier": frame["carrier"].isna(),
        "repeated row": frame.astype(str).duplicated(),
    }
    return {kind: int(rows.sum()) for kind, rows in wrong.items()}
