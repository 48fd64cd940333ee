"""The extracts that the demo plays: the right rows, unchanged, and no answer among the questions."""

import hashlib

import pandas as pd
import pytest

from demo.upstream import DATA, FLIGHTS, TRAFFIC, Stream

DIGESTS = {
    "flights_2013.parquet": "201668064eb5a3689deb1b603614c61d4e1c1fbe2296bce42436a2e17dd181c4",
    "traffic_i94.parquet": "8cbf5cfbbc4b8d19708cd225decff35ff94fbb591e50c920c717c4c4d364f892",
}
ROWS = {"flights_2013.parquet": 336_776, "traffic_i94.parquet": 40_575}

streams = pytest.mark.parametrize("stream", [FLIGHTS, TRAFFIC], ids=lambda stream: stream.name)


@streams
def test_extract_has_its_rows_and_bytes(stream: Stream) -> None:
    """An extract is the one that its README describes."""
    data = (DATA / stream.extract).read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGESTS[stream.extract]
    assert len(pd.read_parquet(DATA / stream.extract)) == ROWS[stream.extract]


@streams
def test_key_names_one_row(stream: Stream) -> None:
    """No two rows of a stream share a key, and no key has a gap."""
    keys = pd.read_parquet(DATA / stream.extract, columns=list(stream.key))
    assert not keys.duplicated().any()
    assert not keys.isna().any(axis=None)


def test_flights_carry_nothing_learned_after_departure() -> None:
    """No column of the flights tells what happened after the scheduled departure, except the label."""
    columns = set(pd.read_parquet(DATA / FLIGHTS.extract).columns)
    assert not columns & {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert FLIGHTS.label in columns
