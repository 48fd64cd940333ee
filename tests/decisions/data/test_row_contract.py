"""The contract: every row goes on or is given its reasons, and none is lost."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.data.row_contract import missing_columns, sort_rows
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
    return sort_rows(pd.DataFrame(rows, columns=list(GOOD)), ("id",), "at", COLUMNS)


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


def test_a_repeated_key_is_bad_the_second_time() -> None:
    """The first of two rows with one key goes on."""
    found = sort([GOOD, GOOD | {"speed": "60"}])
    assert found.reasons == {1: ["key id: repeats an earlier row"]}
    assert found.good["speed"].tolist() == [50.0]


def test_types_come_out_the_same_however_the_file_wrote_them() -> None:
    """Text from csv and numbers from parquet give the same rows."""
    text = sort([GOOD])
    typed = sort([GOOD | {"id": 1, "speed": 50, "weight": 1.5, "at": pd.Timestamp("2024-01-01", tz="UTC")}])
    pd.testing.assert_frame_equal(text.good, typed.good)


def test_one_missing_key_does_not_rename_all_the_others() -> None:
    """Pandas turns whole numbers beside a missing one into floats: 1 must not become "1.0", or labels never find their row."""
    found = sort([GOOD | {"id": 1}, GOOD | {"id": None}])
    assert found.good["id"].tolist() == ["1"]


def test_one_missing_category_does_not_rename_all_the_others() -> None:
    """A category written as a whole number is the same category in every file."""
    column = Column("platform", "category", optional=True)
    rows = pd.DataFrame({"id": ["1", "2"], "at": GOOD["at"], "platform": [7, None]})
    assert sort_rows(rows, ("id",), "at", (column,)).good["platform"].tolist()[0] == "7"


def test_missing_columns_are_found_before_any_row_is_read() -> None:
    """Key, time and contract columns are all wanted, in that order, each once."""
    assert missing_columns(pd.DataFrame(columns=["at", "speed"]), ("id", "at"), "at", COLUMNS) == [
        "id",
        "weight",
        "colour",
        "note",
    ]


values = st.none() | st.sampled_from(["1", "50", "101", "-1", "x", "", " ", "nan", "inf", "1e999", "red", "é", "2024-01-01"])
some_rows = st.lists(st.fixed_dictionaries({name: values for name in GOOD}), max_size=8)


@settings(max_examples=40, deadline=None)
@given(some_rows)
def test_no_row_is_lost(rows: list[dict[str, Any]]) -> None:
    """Good and bad rows add up to what was delivered, whatever it was, and no bad row is without a reason."""
    found = sort(rows)
    assert len(found.good) + len(found.reasons) == len(rows)
    assert all(found.reasons.values())
    assert set(found.reasons) <= set(range(len(rows)))


@settings(max_examples=40, deadline=None)
@given(some_rows)
def test_what_goes_on_satisfies_the_contract(rows: list[dict[str, Any]]) -> None:
    """Sorting the good rows again finds nothing."""
    good = sort(rows).good
    assert sort(good.to_dict("records")).reasons == {}
