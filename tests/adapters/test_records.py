"""Documents by time: keys sort as their times do, and what is not ours is left out and named."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.adapters.records import Records, moment_of, stamp
from include.statuses import MonitorStatus
from tests.fakes import MemoryStore
from tests.statuses import monitor_status
from tests.toy import day

TIMES = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))


@given(TIMES, TIMES)
def test_keys_sort_as_their_times_do(one: datetime, other: datetime) -> None:
    """In every year, also those with three digits; and a key gives its time back."""
    assert (stamp(one) < stamp(other)) == (one < other)
    assert moment_of(stamp(one)) == one


@pytest.mark.parametrize(
    "name", ["", "README.md", "notes/2024-01-01.json", "2024-99-99T000000Z.json", "213-03-25T000000Z.json"]
)
def test_an_object_that_is_not_ours_is_left_out_and_named(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A note or a folder's marker beside the documents stops no run."""
    store = MemoryStore("lake")
    records = Records(store)
    records.write_status("toy", monitor_status(day(3)))
    store.put(f"status/toy/monitor/{name}", b"a note")
    assert [status.as_of for status in records.statuses("toy", MonitorStatus)] == [day(3)]
    assert records.status_times("toy", MonitorStatus) == [day(3)]
    assert f"status/toy/monitor/{name} is not one of our documents" in caplog.text
