"""The extracts that the demo plays: the right rows, unchanged, and no answer among the questions."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from demo.data.extract import NEVER_TYPED, PRODUCT_CODE, misspellings, searches
from demo.upstream import DATA, FLIGHTS, SEARCHES, TRAFFIC, Stream

DIGESTS = {
    "flights_2013.parquet": "201668064eb5a3689deb1b603614c61d4e1c1fbe2296bce42436a2e17dd181c4",
    "traffic_i94.parquet": "8cbf5cfbbc4b8d19708cd225decff35ff94fbb591e50c920c717c4c4d364f892",
    "retail_searches.parquet": "1c48749b8a438fade3a4d2d8226f4fd11f1a2b9727becaa272b5275a61ce91e5",
}
ROWS = {"flights_2013.parquet": 336_776, "traffic_i94.parquet": 40_575, "retail_searches.parquet": 115_200}

streams = pytest.mark.parametrize("stream", [FLIGHTS, TRAFFIC, SEARCHES], ids=lambda stream: stream.name)


def extract_of(stream: Stream) -> str:
    """The name of its file; only a generated stream has none."""
    assert isinstance(stream.extract, str)
    return stream.extract


@streams
def test_extract_has_its_rows_and_bytes(stream: Stream) -> None:
    """An extract is the one that its README describes."""
    name = extract_of(stream)
    data = (DATA / name).read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGESTS[name]
    assert len(pd.read_parquet(DATA / name)) == ROWS[name]


@streams
def test_key_names_one_row(stream: Stream) -> None:
    """No two rows of a stream share a key, and no key has a gap."""
    keys = pd.read_parquet(DATA / extract_of(stream), columns=list(stream.key))
    assert not keys.duplicated().any()
    assert not keys.isna().any(axis=None)


def test_flights_carry_nothing_learned_after_departure() -> None:
    """No column of the flights tells what happened after the scheduled departure, except the label."""
    columns = set(pd.read_parquet(DATA / extract_of(FLIGHTS)).columns)
    assert not columns & {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}
    assert FLIGHTS.label in columns


def test_searches_are_clean_texts_for_real_products() -> None:
    """A search has one to four lower-case words, each once, none of them in NEVER_TYPED; its label is a product's code."""
    table = pd.read_parquet(DATA / extract_of(SEARCHES))
    assert table["query"].str.fullmatch(r"[a-z]{2,}( [a-z]{2,}){0,3}").all()
    assert table["product"].str.fullmatch(PRODUCT_CODE).all()
    assert all(len(set(words)) == len(words) and not NEVER_TYPED & set(words) for words in table["query"].str.split())


def test_searches_hold_sold_products_only(tmp_path: Path) -> None:
    """Cancellations, postage, staff notes, gifts and lines without a title become no search, the rest always the same."""
    title, sold = "SET OF 4 RED RETROSPOT TEACUPS", ("100", "22001", 2, 1.5)
    lines = [
        (*sold[:2], title, *sold[2:]),
        ("C101", "22001", title, 2, 1.5),
        ("102", "POST", "POSTAGE", 1, 9.0),
        ("103", "22001", "wrongly coded 20713", 1, 1.5),
        ("104", "22001", title, -2, 1.5),
        ("105", "22001", title, 2, 0.0),
        ("106", "22001", None, 2, 1.5),
        ("107", "23444", "Next Day Carriage", 1, 15.0),
    ]
    source = pd.DataFrame(lines, columns=["Invoice", "StockCode", "Description", "Quantity", "Price"])
    # Nine copies, of which the sample takes one.
    pd.concat([source] * 9).assign(InvoiceDate="12/1/2009 7:45").to_csv(tmp_path / "retail.csv", index=False)
    table = searches(tmp_path / "retail.csv")
    assert table[["search", "product"]].to_numpy().tolist() == [["100-1", "22001"]]
    assert set(table["query"].item().split()) <= {"red", "retrospot", "teacups"}
    pd.testing.assert_frame_equal(table, searches(tmp_path / "retail.csv"))


def test_misspellings_are_the_published_ones() -> None:
    """The list is the one that its README describes."""
    digest = hashlib.sha256((DATA / "misspellings.csv").read_bytes()).hexdigest()
    assert digest == "2ceab8be470b1b71a29a60814de11b62a9a105b3490597105613a6175483f3e4"


def test_misspellings_are_of_words_that_are_used(tmp_path: Path) -> None:
    """Other words, short ones, what may mean several words, and what is itself a word of the grammar, are left out."""
    listed = [
        "parcle->parcel",
        "paracel->parcel",
        "parce->parse, parcel",
        "bocks->box",
        "teh->the",
        "zebar->zebra",
        "mine->mean",
    ]
    source = {"dictionaryDefinitions": [{"flagWords": ["mein->mean"], "suggestWords": listed}]}
    (tmp_path / "dict.json").write_text(json.dumps(source))
    (tmp_path / "grammar.toml").write_text('phrases = ["[I mean|it is] the parcel, not mine", "the box"]')
    found = misspellings(tmp_path / "dict.json", tmp_path / "grammar.toml")
    assert found.to_numpy().tolist() == [["mean", "mein"], ["parcel", "paracel parcle"]]
