"""The lake keeps every row once, finds it by time, and gives the same bytes for the same digest."""

from datetime import datetime, timedelta

import pandas as pd
import pytest

from include.adapters.lake import Lake
from include.adapters.records import Records
from include.errors import CorruptObject, ObjectMissing
from include.models.contract import Column
from include.noise.profile import NoiseProfile
from include.own_columns import LABEL_DELIVERED
from include.statuses import MonitorStatus, PeriodProfile
from tests.fakes import Crash
from tests.statuses import monitor_status
from tests.toy import DAY, World, changed, day, rows


@pytest.fixture
def world() -> World:
    """Three days are curated."""
    return World().with_days(3)


def lake(world: World) -> Lake:
    return world.services.lake


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (day(0), day(3), 180),
        (day(1), day(2), 60),
        (day(1), day(1) + timedelta(minutes=10), 60),
        (day(1) + timedelta(minutes=50), day(2) + timedelta(minutes=5), 120),
        (day(5), day(9), 0),
    ],
)
def test_rows_are_those_of_the_time_asked_for(world: World, start: datetime, end: datetime, count: int) -> None:
    """The periods that the time touches, whole; the period that begins at its end is outside."""
    found = lake(world).rows(world.model, start, end)
    assert len(found) == count
    assert found["at"].between(world.model.period_of(start), end + DAY, inclusive="left").all()


def test_a_label_finds_its_row(world: World) -> None:
    """Each row has its own label, however the files were cut."""
    found = lake(world).rows(world.model, day(1), day(2)).set_index("id")
    assert found["y"].astype(int).to_dict() == rows(1).set_index("id")["y"].to_dict()


def test_a_row_whose_label_has_not_come_is_there_without(world: World) -> None:
    """No label delivered, and a label that says "none", are told apart."""
    world.deliver("features", "03", rows(3).drop(columns="y"))
    world.deliver("labels", "03", rows(3)[["id", "at", "y"]].head(1).assign(y=None))
    world.take_in(day(5))
    found = lake(world).rows(world.model, day(3), day(4))
    assert found[LABEL_DELIVERED].tolist() == [True] + [False] * 59
    assert found["y"].isna().all()


def test_before_any_label_came_there_are_rows() -> None:
    """The first day of a new feed has features only."""
    world = World()
    world.deliver_day(0, labels=False)
    world.take_in(day(1))
    assert not lake(world).rows(world.model, day(0), day(1))[LABEL_DELIVERED].any()


def test_labels_without_rows_are_no_rows() -> None:
    """Labels may even come first."""
    world = World()
    world.deliver("labels", "00", rows(0)[["id", "at", "y"]])
    world.take_in(day(1))
    assert lake(world).rows(world.model, day(0), day(1)).empty


def test_bytes_that_are_not_those_of_their_name_are_not_read(world: World) -> None:
    """A damaged file is told by its key, not trained on."""
    key = next(key for key in world.lake.objects if key.startswith("curated/toy/features/2024-01-02"))
    world.lake.put(key, b"damaged")
    with pytest.raises(CorruptObject, match=key):
        lake(world).rows(world.model, day(1), day(2))


def test_a_snapshot_that_lost_a_file_is_not_read(world: World) -> None:
    """Half of the rows are not the rows."""
    snapshot = world.snapshot(day(0), day(2))
    world.lake.delete(next(key for key in world.lake.objects if key.startswith("curated/")))
    with pytest.raises(ObjectMissing):
        lake(world).read_snapshot(world.model, snapshot.digest)


def test_a_snapshot_holds_only_its_own_days(world: World) -> None:
    """Of all the files that it is given, those of its time."""
    files = lake(world).files(world.model, day(0), day(3))
    snapshot = lake(world).snapshot(world.model, (day(1), day(2)), files, 60)
    assert set(lake(world).read_snapshot(world.model, snapshot.digest)["id"]) == set(rows(1)["id"])


def test_status_documents_come_back_in_order(world: World) -> None:
    """Oldest first, by the time they are about and not by the time they were written."""
    records = Records(world.lake)
    for number in (11, 2, 7):
        records.write_status("toy", monitor_status(day(number)))
    assert [status.as_of for status in records.statuses("toy", MonitorStatus)] == [day(2), day(7), day(11)]
    assert records.status_times("toy", MonitorStatus) == [day(2), day(7), day(11)]


def test_noise_profiles_come_back_in_order_and_none_from_the_future(world: World) -> None:
    """Oldest first, those of periods that start before the time asked for; a period measured again has one."""
    records = Records(world.lake)
    for number in (11, 2, 7, 7):
        records.write_profile("toy", PeriodProfile(day(number), NoiseProfile(number)))
    assert [found.period for found in records.profiles("toy", day(11))] == [day(2), day(7)]
    assert [found.period for found in records.profiles("toy", day(12))] == [day(2), day(7), day(11)]
    assert records.profile("toy", day(7)) == PeriodProfile(day(7), NoiseProfile(7))
    assert records.profile("toy", day(8)) is None


def test_a_period_that_counts_again_is_no_longer_broken(world: World) -> None:
    """What it was called stays on its record; a period without one is passed over."""
    records = Records(world.lake)
    records.write_profile("toy", PeriodProfile(day(7), NoiseProfile(7), ("(volume)",)))
    assert records.is_broken("toy", day(7))
    records.count_again("toy", [day(7), day(8)])
    assert not records.is_broken("toy", day(7))
    assert records.profile("toy", day(7)) == PeriodProfile(day(7), NoiseProfile(7), ("(volume)",), counts_again=True)
    assert records.profile("toy", day(8)) is None


def test_batches_give_the_rows_that_count(world: World) -> None:
    """Some at a time, and exactly the features of `rows`: a row that was delivered again counts as delivered last."""
    world.landing.now += DAY
    again = rows(0).head(20).assign(x=7.5)
    world.deliver("features", "corrected", again.drop(columns="y"))
    world.take_in(day(3))
    parts = list(lake(world).batches(world.model, day(0), day(2), at_most=7))
    assert max(map(len, parts)) <= 7
    found = pd.concat(parts).sort_values("id", ignore_index=True)
    whole = lake(world).rows(world.model, day(0), day(2)).sort_values("id", ignore_index=True)
    pd.testing.assert_frame_equal(found, whole[found.columns])
    assert (found["x"] == 7.5).sum() == 20
    assert list(lake(world).batches(world.model, day(8), day(9))) == []


def test_what_is_remembered_comes_back_by_version_and_in_order(world: World) -> None:
    """Nothing of a later period, only so many of the newest, and every version for itself."""
    records = Records(world.lake)
    for version, number in (("1", 1), ("1", 2), ("10", 1), ("2", 3)):
        records.remember("toy", version, day(number), NoiseProfile(number))
    records.remember("toy", "1", day(1), PeriodProfile(day(1), NoiseProfile(0)))
    assert list(records.remembered("toy", "1", NoiseProfile, day(9)).values()) == [NoiseProfile(1), NoiseProfile(2)]
    assert records.remembered("toy", "1", NoiseProfile, day(9), newest=1) == {day(2): NoiseProfile(2)}
    assert records.remembered("toy", "1", NoiseProfile, day(2)) == {day(1): NoiseProfile(1)}
    everything = records.remembered_of_all("toy", NoiseProfile, day(3))
    assert {version: list(found) for version, found in everything.items()} == {
        "1": [day(1), day(2)],
        "2": [],
        "10": [day(1)],
    }


def test_a_baseline_is_whole_or_not_there(world: World) -> None:
    """Killed before its last write, it is made again."""
    sample = pd.DataFrame({"x": [1.0, 2.0]})
    world.lake.crash_at = 2
    with pytest.raises(Crash):
        lake(world).write_baseline("toy", "digest", NoiseProfile(1), sample)
    assert lake(world).baseline("toy", "digest", NoiseProfile) is None
    world.lake.crash_at = None
    lake(world).write_baseline("toy", "digest", NoiseProfile(1), sample)
    assert lake(world).baseline("toy", "digest", NoiseProfile) == NoiseProfile(1)
    pd.testing.assert_frame_equal(lake(world).baseline_sample("toy", "digest"), sample)
    lake(world).write_summary("toy", "digest", day(1), NoiseProfile(2))
    assert lake(world).summary("toy", "digest", day(1), NoiseProfile) == NoiseProfile(2)
    assert lake(world).summary("toy", "digest", day(2), NoiseProfile) is None


def test_a_feature_that_came_later_is_missing_in_older_rows(world: World) -> None:
    """A model may gain a column: what was curated before reads as missing, numbers as numbers."""
    later = (Column("weight", "number", optional=True), Column("shape", "category", optional=True))
    model = changed(features=(*world.model.features, *later))
    found = lake(world).rows(model, day(0), day(1))
    assert found[["weight", "shape"]].isna().all(axis=None)
    assert found["weight"].dtype == "float64"


def test_a_table_in_which_one_bit_is_another_is_not_read(world: World) -> None:
    """Wherever the bit is; and a value that looks like the digest of a table is a value."""
    table = pd.DataFrame({"x": [1.5, None], "words": [["a", "b"], []], "text": [f"pg_digest:{'a' * 64}", None]})
    lake(world).write_table("table", table)
    pd.testing.assert_frame_equal(lake(world).read_table("table")[["x"]], table[["x"]])
    data = world.lake.read("table")
    for place in range(0, len(data), 7):
        world.lake.put("table", data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CorruptObject, match=r"^table "):
            lake(world).read_table("table")
    world.lake.put("table", b"")
    assert not lake(world).has_table("table")
    assert not lake(world).has_table("absent")
