"""What every source promises: `Sql` on SQLite and DuckDB, and a source of a third party's own. Postgres: tests/databases."""

import pytest

from include.sources import Files
from tests.sources.held import PROBLEM, Held, moment, row


def test_every_value_is_the_one_that_is_held(held: Held) -> None:
    """Texts that look like numbers, times to the microsecond, what is missing: none is changed."""
    held.put(row("007", 1, x=0.1 + 0.2, word="7.0"), row("b", 2 + 1 / 6e7, x=None, word="É, \"'", flag=False))
    first, second = held.read(None, moment(60))
    assert (first["id"], first["x"], first["word"], first["flag"]) == ("007", 0.1 + 0.2, "7.0", True)
    assert (second["x"], second["word"], bool(second["flag"])) == (None, "É, \"'", False)
    assert str(second["updated_at"]).replace("T", " ").startswith("2024-01-01 00:02:00.000001")


def test_rows_come_in_the_order_in_which_they_changed(held: Held) -> None:
    """Then by their own time, then by key."""
    held.put(row("d", 5), row("c", 3, at=2), row("b", 3, at=1), row("a", 3, at=2))
    assert [one["id"] for one in held.read(None, moment(60))] == ["b", "a", "c", "d"]


def test_what_changed_after_the_run_s_time_is_not_read(held: Held) -> None:
    """As of a time; what changed just then is."""
    held.put(row("a", 1), row("b", 2), row("c", 3))
    assert [one["id"] for one in held.read(None, moment(2))] == ["a", "b"]


def test_what_changed_by_then_is_not_read_again(held: Held) -> None:
    """`since` itself does not belong to what is wanted."""
    held.put(row("a", 1), row("b", 2), row("c", 3))
    assert [one["id"] for one in held.read(moment(1), moment(60))] == ["b", "c"]


def test_a_row_without_a_time_of_change_is_given(held: Held) -> None:
    """It is an error of the query, and must not be passed over in silence."""
    held.put(row("a", 1), row("b", 2, updated_at=None))
    assert {one["id"] for one in held.read(moment(0), moment(60))} == {"a", "b"}


def test_a_limit_gives_the_first_rows(held: Held) -> None:
    """For a look at live data."""
    held.put(*(row(str(n), n) for n in range(5)))
    assert [one["id"] for one in held.read(None, moment(60), limit=2)] == ["0", "1"]


def test_columns_that_name_a_row_can_be_had_alone(held: Held) -> None:
    """For the comparison of all keys."""
    held.put(row("a", 1))
    (only,) = held.read(None, moment(60), identity=("id", "at", "updated_at"))
    assert set(only) == {"id", "at", "updated_at"}


def test_an_empty_source_has_its_columns_all_the_same(held: Held) -> None:
    """No rows is an answer."""
    assert held.read(None, moment(60)) == []


def test_a_reader_that_stops_early_lets_go(held: Held) -> None:
    """Nothing stays locked: the source can be written while, and after, a part of it was read."""
    held.put(*(row(str(n), n) for n in range(50)))
    from include.sources import Delivery

    tables = held.source.read(Delivery(PROBLEM, "features", None, moment(100)), held.connections)
    next(tables)
    getattr(tables, "close", lambda: None)()
    held.put(row("new", 60))
    assert len(held.read(None, moment(100))) == 51


def test_what_is_to_be_pulled_goes_back_by_the_overlap(held: Held) -> None:
    """From the beginning at first; then from before the newest row that was seen."""
    (first,) = held.source.new(PROBLEM, moment(60), {"features": None})
    (next_one,) = held.source.new(PROBLEM, moment(60), {"features": moment(50)})
    assert (first.since, next_one.since, next_one.as_of) == (None, moment(50) - held.source.overlap, moment(60))


@pytest.mark.parametrize("seen", [None, moment(5)])
def test_of_files_nothing_is_pulled(seen: object) -> None:
    """They come by themselves."""
    assert Files().new(PROBLEM, moment(60), {"features": None}) == ()
    assert Files().streams == ()
    assert Files().fault(PROBLEM) is None
