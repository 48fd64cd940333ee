"""The contract: every row goes on or is given its reasons, and none is lost."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.data.row_contract import RowContract, missing_columns, sort_rows
from include.models.contract import Column

COLUMNS = (
    Column("speed", "number", low=0, high=100),
    Column("weight", "number", optional=True),
    Column("colour", "category", values=("red", "green")),
    Column("note", "text", optional=True),
)
GOOD = {"id": "1", "at": "2024-01-01T00:00:00Z", "speed": "50", "weight": "1.5", "colour": "red", "note": "fine"}

BAD = [
    ({"at": "yesterday"}, "at: not a time"),
    ({"at": None}, "at: not a time"),
    ({"id": None}, "id: missing in the key"),
    ({"id": "  "}, "id: missing in the key"),
    ({"speed": "fast"}, "speed: not a number"),
    ({"weight": "heavy"}, "weight: not a number"),
    ({"weight": "inf"}, "weight: not a number"),
    ({"speed": None}, "speed: missing"),
    ({"speed": "-0.1"}, "speed: below 0"),
    ({"speed": "100.1"}, "speed: above 100"),
    ({"colour": "blue"}, "colour: not one of red, green"),
    ({"colour": None}, "colour: missing"),
]
FINE: list[dict[str, Any]] = [
    {},
    {"weight": None},
    {"note": None},
    {"speed": "0"},
    {"speed": "100"},
    {"at": "2024-01-01T01:00:00+02:00"},
]


def sort(rows: list[dict[str, Any]]) -> Any:
    return sort_rows(pd.DataFrame(rows, columns=list(GOOD)), RowContract(("id",), "at", COLUMNS))


@pytest.mark.parametrize(("wrong", "reason"), BAD, ids=[f"{wrong}" for wrong, _ in BAD])
def test_each_kind_of_bad_row_is_given_its_reason(wrong: dict[str, Any], reason: str) -> None:
    """A bad row does not go on, its one reason says what is wrong, and its neighbours are not touched."""
    found = sort([GOOD, GOOD | {"id": "2"} | wrong, GOOD | {"id": "3"}])
    assert found.reasons == {1: [reason]}
    assert found.good["id"].tolist() == ["1", "3"]


@pytest.mark.parametrize("fine", FINE, ids=str)
def test_what_the_contract_allows_goes_on(fine: dict[str, Any]) -> None:
    """Bounds are inclusive, optional values may be missing, and times of any zone are times."""
    found = sort([GOOD | fine])
    assert found.reasons == {}
    assert len(found.good) == 1


def test_all_reasons_of_a_row_are_kept() -> None:
    """Upstream mends a row once, not three times."""
    found = sort([GOOD | {"speed": "101", "colour": "blue", "at": "x"}])
    assert sorted(found.reasons[0]) == ["at: not a time", "colour: not one of red, green", "speed: above 100"]


def test_of_several_rows_with_one_key_the_last_counts() -> None:
    """A file may correct itself: the earlier row gives way, with its reason, and is not called bad."""
    found = sort([GOOD, GOOD | {"id": "2"}, GOOD | {"speed": "60"}])
    assert found.reasons == {0: ["key id: a later row of the file replaces it"]}
    assert found.replaced == {0}
    assert found.good["speed"].tolist() == [50.0, 60.0]


def test_a_bad_row_replaces_nothing() -> None:
    """The last good row of a key counts, wherever the bad ones of that key stand."""
    found = sort([GOOD | {"speed": "-1"}, GOOD | {"speed": "40"}, GOOD | {"speed": "900"}])
    assert found.good["speed"].tolist() == [40.0]
    assert set(found.reasons) == {0, 2}
    assert not found.replaced


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0000-01-01T00:00:00Z", "at: before the year 1900"),
        ("0020-01-05T00:00:00Z", "at: before the year 1900"),
        ("1899-12-31T23:59:59Z", "at: before the year 1900"),
        ("2025-01-03T00:00:00Z", "at: more than a year after it was delivered"),
        ("9999-12-31T00:00:00Z", "at: more than a year after it was delivered"),
        ("now", "at: not a time"),
        ("today", "at: not a time"),
        ("NaT", "at: not a time"),
        ("1704067200", "at: not a time"),
        ("2024-01-01T00:00:00+99:99", "at: not a time"),
        ("2024-02-30", "at: not a time"),
        ("12:00", "at: not a time"),
    ],
)
def test_a_time_out_of_the_plausible_range_is_quarantined(time: str, reason: str) -> None:
    """Years that no feed has, words that mean the clock, and counts of seconds are no times."""
    contract = RowContract(("id",), "at", (), latest=datetime(2025, 1, 2, tzinfo=UTC))
    table = pd.DataFrame({"id": ["1", "2", "3"], "at": [time, "2024-01-01T00:00:00+05:30", "2024-01-01 00:00"]})
    found = sort_rows(table, contract)
    assert found.reasons == {0: [reason]}
    assert [str(moment) for moment in found.good["at"]] == ["2023-12-31 18:30:00+00:00", "2024-01-01 00:00:00+00:00"]
    assert found.times.isna().tolist() == [True, False, False]


def test_a_binary_label_is_0_or_1() -> None:
    """A value between them trains nothing; booleans are 1 and 0."""
    contract = RowContract(("id",), "at", (Column("y", "number", low=0, high=1),), binary="y")
    labels = ["0.5", "1", "0", "1.0", "True", "false", "-0"]
    table = pd.DataFrame({"id": [*"abcdefg"], "at": "2024-01-01", "y": labels})
    found = sort_rows(table, contract)
    assert found.reasons == {0: ["y: neither 0 nor 1"]}
    assert found.good["y"].tolist() == [1, 0, 1, 1, 0, 0]


def test_a_row_that_could_not_be_read_has_that_reason_alone() -> None:
    """None of its values is missing: they could not be told apart."""
    table = pd.DataFrame([GOOD, dict.fromkeys(GOOD), GOOD | {"id": "3"}])
    found = sort_rows(table, RowContract(("id",), "at", COLUMNS), {1: "line 3: 2 values, the header has 6 names"})
    assert found.reasons == {1: ["line 3: 2 values, the header has 6 names"]}
    assert found.good["id"].tolist() == ["1", "3"]


def test_missing_columns_are_found_before_any_row_is_read() -> None:
    """Key, time and contract columns are all wanted, in that order, each once."""
    assert missing_columns(pd.DataFrame(columns=["at", "speed"]), RowContract(("id", "at"), "at", COLUMNS)) == [
        "id",
        "weight",
        "colour",
        "note",
    ]


values = st.none() | st.sampled_from(["1", "50", "101", "-1", "x", "", " ", "nan", "inf", "1e999", "red", "é", "2024-01-01"])
some_rows = st.lists(st.fixed_dictionaries({name: values for name in GOOD}), max_size=8)


@settings(max_examples=40)
@given(some_rows)
def test_no_row_is_lost(rows: list[dict[str, Any]]) -> None:
    """Good and bad rows add up to what was delivered, whatever it was, and no bad row is without a reason."""
    found = sort(rows)
    assert len(found.good) + len(found.reasons) == len(rows)
    assert all(found.reasons.values())
    assert set(found.reasons) <= set(range(len(rows)))


@settings(max_examples=40)
@given(some_rows)
def test_what_goes_on_satisfies_the_contract(rows: list[dict[str, Any]]) -> None:
    """Sorting the good rows again finds nothing."""
    good = sort(rows).good
    assert sort(good.to_dict("records")).reasons == {}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_a_number_is_the_float_nearest_to_what_was_written(numbers: list[float]) -> None:
    """To the last bit: what a tool wrote with all its digits comes back as it was."""
    contract = RowContract(("id",), "at", (Column("x", "number"),))
    delivered = pd.DataFrame({"id": [str(n) for n in range(len(numbers))], "at": "2024-01-01", "x": list(map(repr, numbers))})
    assert sort_rows(delivered, contract).good["x"].tolist() == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [(" 7 ", 7.0), ("+5", 5.0), (".5", 0.5), ("5.", 5.0), ("1E-7", 1e-7), ("true", 1.0), ("False", 0.0), ("1e400", None)]
    + [(text, None) for text in ("0x1F", "1_000", "١٢", "½", "inf", "nan", "1e", "--1", "1 000", "1,5", "7f")],
)
def test_what_is_a_number(text: str, number: float | None) -> None:
    """Digits with a point and an exponent, or a boolean; what is infinite, or grouped in thousands, is none."""
    contract = RowContract(("id",), "at", (Column("x", "number"),))
    good = sort_rows(pd.DataFrame({"id": ["1"], "at": ["2024-01-01"], "x": [text]}), contract).good
    assert good["x"].tolist() == ([] if number is None else [number])
