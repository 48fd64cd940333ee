"""Pulls bring every row of a source into landing once, as it is now, whatever is committed late, deleted, or dies."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from include.adapters.databases import engine_at
from include.adapters.file_reader import read_file
from include.adapters.lock import Locks
from include.adapters.pulling import Order, Pulled, Pulls
from include.errors import BrokenFeed, SourceRefused, SourceUnreachable
from tests.fakes import MemoryStore
from tests.sources.held import PROBLEM, Held, ListSource, in_database, moment, row

PREFIX = "toy/features/pulled/"


class Killed(BaseException):
    """The process ends."""


class World:
    """A source in memory, and what pulls of it leave in landing."""

    def __init__(self, **options: Any) -> None:
        self.landing, self.lake = MemoryStore("landing"), MemoryStore("lake")
        self.held = Held(ListSource(**options), lambda _name: sa.create_engine("sqlite://"))
        self.writes_left: int | None = None
        for store in (self.landing, self.lake):
            store.put = self._mortal(store.put)  # type: ignore[method-assign]

    def _mortal(self, write: Any) -> Any:
        def put(key: str, data: bytes) -> str:
            # Locks are not counted: they end by themselves.
            if self.writes_left is not None and not key.startswith("locks/"):
                if self.writes_left == 0:
                    raise Killed
                self.writes_left -= 1
            return str(write(key, data))

        return put

    def pull(self, minutes: float, most_gone: float = 1.0) -> Pulled:
        # Other clocks and other pauses than the real ones: a lock that a killed process held is free at once.
        locks = Locks(MemoryStore("locks"), sleep=lambda _seconds: None)
        self.landing.now = self.lake.now = moment(minutes)
        order = Order(self.held.source, PROBLEM, moment(minutes), "run/pull", most_gone)
        (pulled,) = Pulls(self.landing, self.lake, locks, self.held.connections).pull(order)
        return pulled

    def deliveries(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """In the order in which they landed."""
        for entry in sorted(self.landing.entries(PREFIX), key=lambda entry: (entry.modified, entry.key)):
            yield entry.key, read_file(entry.key, self.landing.read(entry.key)).table

    def counting(self) -> dict[str, str]:
        """What counts of each key: the row that was delivered last."""
        counts: dict[str, str] = {}
        for _, table in self.deliveries():
            counts |= dict(zip(table["id"], table["word"], strict=True)) if len(table) else {}
        return counts

    def delivered(self) -> list[str]:
        """The key of every row of every delivery."""
        return [key for _, table in self.deliveries() for key in (table["id"] if len(table) else ())]


def test_what_is_new_is_delivered_once() -> None:
    """Three pulls, the last of which finds nothing; a delivery is never written again."""
    world = World()
    world.held.put(row("a", 1), row("b", 2))
    assert world.pull(5).in_words == "2 rows of features pulled"
    world.held.put(row("c", 6))
    assert (world.pull(10).rows, world.pull(15)) == (1, Pulled("features"))
    assert sorted(world.delivered()) == ["a", "b", "c"]
    assert [key for key, _ in world.deliveries()] == [f"{PREFIX}00000001.parquet", f"{PREFIX}00000002.parquet"]


def test_a_row_that_changed_is_delivered_again_and_counts() -> None:
    """In a delivery of its own; the one before stays as it was."""
    world = World()
    world.held.put(row("a", 1, word="old"), row("b", 2, word="other"))
    world.pull(5)
    world.held.put(row("a", 30, at=1, word="new"))
    world.pull(40)
    assert world.counting() == {"a": "new", "b": "other"}
    assert world.delivered() == ["a", "b", "a"]


def test_a_row_that_was_committed_late_is_delivered() -> None:
    """Within the overlap: its time of change is before that of rows that were pulled already."""
    world = World(overlap=timedelta(minutes=10))
    world.held.put(row("a", 20))
    world.pull(25)
    world.held.put(row("late", 15))
    world.pull(30)
    assert sorted(world.delivered()) == ["a", "late"]


def test_what_was_committed_later_than_the_overlap_comes_by_the_comparison() -> None:
    """A long transaction: the next comparison of all keys finds its rows, and says so."""
    world = World(overlap=timedelta(minutes=10), compare=timedelta(minutes=60))
    world.held.put(row("a", 100))
    world.pull(101)
    world.held.put(row("late", 15))
    assert (world.pull(120).rows, world.pull(162).in_words) == (0, "1 rows of features pulled, 1 of them committed late")
    assert sorted(world.delivered()) == ["a", "late"]
    assert world.pull(230) == Pulled("features")


def test_a_row_that_is_marked_as_gone_counts_no_more() -> None:
    """It leaves the delivery that held it; what replaced other rows of that delivery meanwhile still counts."""
    world = World()
    world.held.put(row("a", 1, word="a1"), row("b", 2, word="b1"), row("c", 3, word="c1"))
    world.pull(5)
    world.held.put(row("a", 30, word="a2"))
    world.pull(35)
    world.held.put(row("b", 60, gone=True))
    assert world.pull(65).in_words == "1 rows of features gone in the source"
    assert world.counting() == {"a": "a2", "c": "c1"}
    world.held.put(row("b", 90, word="b2"))
    world.pull(95)
    assert world.counting() == {"a": "a2", "c": "c1", "b": "b2"}


def test_a_row_that_was_deleted_without_a_trace_is_found_by_the_comparison() -> None:
    """And only then."""
    world = World(compare=timedelta(minutes=60))
    world.held.put(*(row(name, 1) for name in "abcdef"))
    world.pull(5)
    world.held.remove("b")
    world.pull(10)
    assert "b" in world.counting()
    assert world.pull(70, most_gone=0.2).gone == 1
    assert sorted(world.counting()) == ["a", "c", "d", "e", "f"]


def test_a_row_that_changed_after_the_run_s_time_is_not_gone() -> None:
    """A run as of six that runs at five past: what changed in between is still there."""
    world = World(compare=timedelta(minutes=60))
    world.held.put(row("a", 1, word="old"), row("b", 2))
    world.pull(5)
    world.held.put(row("a", 71, word="new"))
    assert world.pull(70).gone == 0
    assert world.counting()["a"] == "old"


def test_a_source_that_lost_most_of_its_rows_is_not_believed() -> None:
    """A table that is being loaded anew must not empty the history."""
    world = World(compare=timedelta(minutes=60))
    world.held.put(*(row(name, 1) for name in "abcdef"))
    world.pull(5)
    for name in "bcdef":
        world.held.remove(name)
    with pytest.raises(BrokenFeed, match=r"lacks 5 of the 6 keys that were delivered, more than the 20%"):
        world.pull(70, most_gone=0.2)
    assert len(world.counting()) == 6


def test_a_withdrawn_delivery_does_not_come_again() -> None:
    """What a person withdrew is still in the source: the comparison passes over it."""
    world = World(compare=timedelta(minutes=60))
    world.held.put(row("a", 1), row("b", 2))
    world.pull(5)
    (key,) = [entry.key for entry in world.landing.entries(PREFIX)]
    world.landing.put(key.replace("toy/", "toy/_withdrawn/"), world.landing.read(key))
    world.landing.delete(key)
    assert world.pull(70).rows == 0
    assert world.delivered() == []


def test_two_rows_of_one_key_that_differ_are_refused() -> None:
    """A join that multiplies rows: which one is true cannot be known, so none goes on."""
    world = World()
    world.held.put(row("a", 1), row("b", 2, word="one"))
    assert isinstance(world.held.source, ListSource)
    world.held.source.rows.append(row("b", 2, word="two"))
    with pytest.raises(SourceRefused, match=r"gives 1 rows that differ .* the first: «id=b»"):
        world.pull(5)
    assert world.delivered() == []


def test_two_equal_rows_go_on() -> None:
    """Landing's check puts the first into quarantine, and says so."""
    world = World()
    world.held.put(row("a", 1))
    assert isinstance(world.held.source, ListSource)
    world.held.source.rows.append(row("a", 1))
    assert world.pull(5).rows == 2


@pytest.mark.parametrize("changed", [None])
def test_a_row_without_a_time_of_change_stops_the_pull(changed: Any) -> None:
    """It would never be pulled again; the message says what to do."""
    world = World()
    world.held.put(row("a", 1), row("b", 2, updated_at=changed))
    with pytest.raises(SourceRefused, match=r"gives 1 rows whose updated_at is no time.*COALESCE"):
        world.pull(5)


def test_deliveries_have_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history comes in pieces, in the order in which it changed; each is noted before the next."""
    monkeypatch.setattr("include.adapters.pulling.ROWS_A_DELIVERY", 4)
    world = World()
    world.held.put(*(row(f"{n:02}", n) for n in range(11)))
    pulled = world.pull(20)
    assert (pulled.rows, pulled.deliveries) == (11, 3)
    assert world.delivered() == [f"{n:02}" for n in range(11)]


def test_a_source_that_breaks_off_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it gave until then is delivered, and is not asked for again."""
    monkeypatch.setattr("include.adapters.pulling.ROWS_A_DELIVERY", 4)
    world = World(overlap=timedelta(0))
    world.held.put(*(row(f"{n:02}", n) for n in range(11)))
    whole, asked = ListSource.read, []

    def broken(source: ListSource, delivery: Any, connections: Any) -> Iterator[Any]:
        asked.append(delivery.since)
        for turn, table in enumerate(whole(source, delivery, connections)):
            if turn == 3 and len(asked) == 1:
                raise SourceUnreachable("it is gone")
            yield table

    monkeypatch.setattr(ListSource, "read", broken)
    with pytest.raises(SourceUnreachable):
        world.pull(20)
    assert len(world.delivered()) == 4
    world.pull(20)
    assert world.delivered() == [f"{n:02}" for n in range(11)]
    assert asked == [None, moment(3)]


def test_rows_of_one_moment_are_not_lost_where_a_pull_ends_among_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even without an overlap: the process dies after the first of two deliveries of rows that changed at once."""
    monkeypatch.setattr("include.adapters.pulling.ROWS_A_DELIVERY", 2)
    monkeypatch.setattr("include.sources.sql_rows.ROWS_AT_ONCE", 2)
    monkeypatch.setattr("include.sources.sql.FOLDER", tmp_path)
    world = World()
    engine = engine_at(f"duckdb:///{tmp_path}/held.duckdb", "the test")
    world.held = in_database(engine, tmp_path, overlap=timedelta(0))
    world.held.put(*(row(name, 5) for name in "abcde"))
    _pull(world, 6, 2)
    assert world.delivered() == ["a", "b"]
    world.pull(7)
    assert world.delivered() == ["a", "b", "c", "d", "e"]


def test_a_spoilt_record_of_how_far_it_got_loses_nothing() -> None:
    """Deliveries that are there are gone on behind."""
    world = World()
    world.held.put(row("a", 1), row("b", 2))
    world.pull(5)
    world.lake.put("sources/toy/features.parquet", b"spoilt")
    world.held.put(row("c", 6))
    world.pull(10)
    assert sorted(world.counting()) == ["a", "b", "c"]
    assert len(list(world.landing.entries(PREFIX))) == 2


def test_everything_comes_again_when_a_person_asks_for_it() -> None:
    """After a column was added to the query."""
    world = World()
    world.held.put(row("a", 1, word="old"))
    world.pull(5)
    assert isinstance(world.held.source, ListSource)
    world.held.source.rows[0]["word"] = "new"
    pulls = Pulls(world.landing, world.lake, Locks(world.lake), world.held.connections)
    assert pulls.begin_again("toy", "features").mark == moment(1)
    world.pull(30)
    assert world.counting() == {"a": "new"}


def test_types_that_differ_from_pull_to_pull_are_no_change() -> None:
    """A column that is empty in one pull and of integers in the next: rows in the overlap are known all the same."""
    world = World(at_once=1)
    world.held.put(row("a", 1, x=None), row("b", 2, x=7))
    world.pull(5)
    world.held.put(row("c", 3, x=1.5))
    assert world.pull(6).rows == 1


KEYS = st.sampled_from("abcdef")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(0, 9)),
        st.tuples(st.just("late"), KEYS, st.integers(0, 8)),
        st.tuples(st.just("gone"), KEYS),
        st.tuples(st.just("remove"), KEYS),
        st.tuples(st.just("pull"), st.one_of(st.none(), st.integers(0, 6))),
    ),
    max_size=25,
)


@settings(max_examples=50)
@given(ACTIONS, st.booleans())
def test_landing_holds_what_the_source_holds(actions: list[tuple[Any, ...]], small: bool) -> None:
    """Any changes, and pulls that may die at any write: after a last one with a comparison both are equal."""
    patch = pytest.MonkeyPatch()
    patch.setattr("include.adapters.pulling.ROWS_A_DELIVERY", 2 if small else 100)
    world, now = World(), 0.0
    try:
        for kind, *what in actions:
            now += 1
            if kind == "put":
                world.held.put(row(what[0], now, word=f"{what[1]} at {now}"))
            elif kind == "late":
                world.held.put(row(what[0], now - what[1], word=f"{what[1]} late at {now}"))
            elif kind == "gone":
                world.held.put(row(what[0], now, gone=True, word=f"gone at {now}"))
            elif kind == "remove":
                world.held.remove(what[0])
            else:
                _pull(world, now, what[0])
        assert isinstance(world.held.source, ListSource)
        world.held.source = replace(world.held.source, compare=timedelta(minutes=1))
        world.pull(now + 50)
        world.pull(now + 100)
    finally:
        patch.undo()
    held = {one["id"]: one["word"] for one in world.held.source.rows if not one["gone"]}
    assert world.counting() == held


def _pull(world: World, now: float, writes: int | None) -> None:
    world.writes_left = writes
    try:
        world.pull(now)
    except Killed:
        pass
    finally:
        world.writes_left = None


def test_a_delivery_says_in_its_file_what_it_holds() -> None:
    """It is a parquet file that anybody can open, with the types that the source has."""
    world = World()
    world.held.put(row("a", 1))
    world.pull(5)
    table = pq.read_table(io.BytesIO(world.landing.read(f"{PREFIX}00000001.parquet")))
    assert table.schema.field("updated_at").type.tz == "UTC"
    assert table.to_pylist()[0]["updated_at"] == moment(1)
    assert isinstance(table.to_pylist()[0]["at"], datetime)
