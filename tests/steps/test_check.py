"""Check lets good rows on, keeps bad rows with their reasons, and stops when too much is wrong."""

import json
from typing import Any

import pandas as pd
import pytest

from include.errors import BrokenFeed, FeedError, UnreadableFile
from include.own_columns import LABEL_DELIVERED
from include.steps import state_after_failure
from tests.fakes import Crash
from tests.toy import World, day, rows


def features(number: int = 0, **changes: Any) -> pd.DataFrame:
    """A day's features; `x={3: "bad"}` exchanges the value of row 3."""
    frame = rows(number).drop(columns="y").astype("object")
    for column, values in changes.items():
        for row, value in values.items():
            frame.loc[row, column] = value
    return frame


def quarantined(world: World) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    objects = [data for key, (data, _) in world.lake.objects.items() if key.startswith("quarantine/")]
    return [json.loads(line, parse_constant=refuse) for data in objects for line in data.splitlines()]


def curated(world: World) -> pd.DataFrame:
    return world.services.lake.rows(world.model, day(0), day(100))


def test_bad_rows_are_kept_with_their_reason_and_source(world: World) -> None:
    """The person who asks upstream gets file, line, value and reason; good rows went on."""
    world.deliver("features", "00", features(x={3: "many"}, colour={5: "pink"}))
    checked = world.take_in(day(1))
    assert (checked.rows, checked.quarantined) == (58, 2)
    assert checked.reasons == {"x: not a number": 1, "colour: not one of red, green, blue": 1}
    assert len(curated(world)) == 58
    many, pink = sorted(quarantined(world), key=lambda row: row["row"])
    assert (many["source"], many["row"], many["reasons"]) == ("toy/features/00.csv", 4, ["x: not a number"])
    assert (many["values"]["x"], pink["values"]["colour"]) == ("many", "pink")


def test_quarantine_is_json_also_where_a_value_is_missing(world: World) -> None:
    """Other tools can read it: JSON has no NaN."""
    world.deliver("features", "00", features(x={3: None}))
    world.take_in(day(1))
    assert quarantined(world)[0]["values"]["x"] is None


def test_data_anomalies_stop_what_follows(world: World) -> None:
    """Too many bad rows: nothing of the whole batch goes on, and the message names file, shares and reasons."""
    world.deliver("features", "00", features(0))
    world.deliver("features", "01", features(1, x=dict.fromkeys(range(13), "bad")))
    with pytest.raises(BrokenFeed, match=r"toy/features/01\.csv: 13 of 60 rows .*13 × x: not a number.*accepted is 20%"):
        world.take_in(day(1))
    assert curated(world).empty
    assert len(quarantined(world)) == 13
    assert len(world.do("pull", day(1)).files) == 2


def test_as_many_bad_rows_as_are_accepted_go_to_quarantine(world: World) -> None:
    """A fifth of the rows is not more than a fifth."""
    world.deliver("features", "00", features(x=dict.fromkeys(range(12), "bad")))
    assert world.take_in(day(1)).quarantined == 12


def test_a_missing_column_is_named(world: World) -> None:
    """Every row would lack it, so nothing goes on and what is there is listed."""
    world.deliver("features", "00", features().drop(columns="colour"))
    with pytest.raises(BrokenFeed, match="lacks the columns colour; it has «id, at, x, z»"):
        world.take_in(day(1))
    assert list(world.lake.objects) == ["layouts/toy.json"]


def test_a_file_that_cannot_be_read_is_named_and_the_others_go_on(world: World) -> None:
    """One red run says which file, and the next one goes on without it; delivered again, it is read."""
    world.deliver("features", "00", features())
    world.landing.put("toy/features/01.parquet", b"not parquet")
    world.landing.put("toy/features/02.csv", b"")
    with pytest.raises(
        UnreadableFile, match=r"toy/features/01\.parquet \(11 bytes\).*1 more of the batch.*1 other file.* went on"
    ):
        world.take_in(day(1))
    assert len(curated(world)) == 60
    # The red run handed no counts on: the next one counts what went on, and goes on without the two.
    assert [file.key for file in world.do("pull", day(1)).files] == ["toy/features/00.csv"]
    assert world.take_in(day(1)).rows == 60
    assert world.do("pull", day(1)).files == ()
    world.landing.now = day(2)
    world.landing.put("toy/features/02.csv", features(1).to_csv(index=False).encode())
    assert world.take_in(day(2)).rows == 60


def test_lines_that_cannot_be_told_apart_are_in_quarantine_by_number(world: World) -> None:
    """With the beginning of what stands there; the whole lines between them go on."""
    lines = features().to_csv(index=False).splitlines()
    lines[4] += ",surplus"
    lines[9] = lines[9].replace(",", "", 1)
    world.landing.put("toy/features/00.csv", "\n".join(lines).encode())
    checked = world.take_in(day(1))
    assert (checked.rows, checked.quarantined) == (58, 2)
    assert checked.reasons == {"6 values, the header has 5 names": 1, "4 values, the header has 5 names": 1}
    first, second = sorted(quarantined(world), key=lambda row: row["row"])
    assert (first["row"], first["reasons"]) == (4, ["line 5: 6 values, the header has 5 names"])
    assert (second["row"], second["reasons"]) == (9, ["line 10: 4 values, the header has 5 names"])
    assert (first["values"], first["line"]) == ({}, lines[4])


def test_a_small_bad_file_among_good_ones_breaks_no_feed(world: World) -> None:
    """Fifty files of one row each, and one of them bad: two percent of the period are bad."""
    whole = features()
    for number in range(50):
        part = whole.iloc[[number]].assign(x="many") if number == 7 else whole.iloc[[number]]
        world.deliver("features", f"{number:02}", part)
    assert (world.take_in(day(1)).rows, len(quarantined(world))) == (49, 1)


def test_a_bad_period_inside_a_long_history_stops_it(world: World) -> None:
    """One day of ten is wholly bad: ten percent of the file, and all of that day."""
    world.deliver(
        "features", "00", pd.concat([features(n, x=dict.fromkeys(range(60), "bad") if n == 3 else {}) for n in range(10)])
    )
    with pytest.raises(BrokenFeed, match=r"60 of 60 rows of features of 2024-01-04 break the contract"):
        world.take_in(day(11))


def test_labels_that_belong_to_no_row_are_counted(world: World) -> None:
    """With the first of their keys; labels of a row that came before them, or with them, belong to it."""
    world.deliver_day(0)
    world.deliver("labels", "08", rows(0)[["id", "at", "y"]].assign(id=lambda frame: frame["id"] + ".0"))
    checked = world.take_in(day(1))
    assert (checked.labels, checked.unmatched, checked.first_unmatched) == (120, 60, "0-0.0")
    assert checked.summary.endswith("; 120 labels came, 60 belong to a row; first key of the others «0-0.0»")
    world.deliver("labels", "09", rows(0)[["id", "at", "y"]].head(7))
    again = world.take_in(day(1))
    assert (again.labels, again.unmatched) == (7, 0)
    world.deliver("labels", "10", rows(3)[["id", "at", "y"]])
    assert world.take_in(day(1)).unmatched == 60


def test_a_correction_inside_one_file_is_no_bad_row(world: World) -> None:
    """The last row of a key counts; those that it replaces are kept with that reason and break no feed."""
    world.deliver("features", "00", features())
    labels = rows(0)[["id", "at", "y"]]
    world.deliver("labels", "00", pd.concat([labels.assign(y=1 - labels["y"]), labels]))
    checked = world.take_in(day(1))
    assert checked.reasons == {"key id: a later row of the file replaces it": 60}
    assert (curated(world)["y"].to_numpy() == labels["y"].to_numpy()).all()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("parquet", b"not parquet"),
        ("csv", features().drop(columns="colour").to_csv(index=False).encode()),
        ("csv", features(x=dict.fromkeys(range(13), "bad")).to_csv(index=False).encode()),
    ],
)
def test_the_summary_of_the_quarantine_is_true_however_it_fails(world: World, suffix: str, data: bytes) -> None:
    """Rows are in quarantine where the message counts bad ones, and nowhere else; that is all that the alert promises."""
    world.landing.put(f"toy/features/00.{suffix}", data)
    with pytest.raises(FeedError) as failed:
        world.take_in(day(1))
    in_quarantine = "break the contract" in str(failed.value)
    assert bool(quarantined(world)) == in_quarantine
    if in_quarantine:
        assert "Bad rows that are counted here are in quarantine" in state_after_failure("check", failed.value)
    assert curated(world).empty


def test_an_empty_delivery_is_done(world: World) -> None:
    """A header without rows is a quiet day, not a fault."""
    world.deliver("features", "00", features().head(0))
    checked = world.take_in(day(1))
    assert (checked.rows, checked.summary) == (0, "one file, no rows")
    assert world.do("pull", day(1)).files == ()


def test_checking_twice_changes_nothing(world: World) -> None:
    """A cleared task writes the same bytes under the same names."""
    world.deliver("features", "00", features(x={3: "bad"}))
    batch = world.do("pull", day(1))
    first = world.do("check", day(1), batch=batch)
    before = dict(world.lake.objects)
    assert world.do("check", day(1), batch=batch) == first
    assert world.lake.objects == before


def test_killed_at_any_write_and_run_again_leaves_no_duplicates(world: World) -> None:
    """Between any two writes of check, a crash is made good by the next run."""
    whole = features(x={3: "bad"})
    for write in range(1, 10):
        other = World()
        other.deliver("features", "00", whole)
        other.deliver("labels", "00", rows(0)[["id", "at", "y"]])
        other.lake.crash_at = write
        try:
            other.take_in(day(1))
        except Crash:
            other.take_in(day(1))
        else:
            assert write == 8, "layout, the batch, quarantine, two curated files and two records are seven writes"
            return
        kept = curated(other)
        assert len(kept) == 59
        assert kept["id"].is_unique
        assert kept[LABEL_DELIVERED].all()
        assert len(quarantined(other)) == 1
    pytest.fail("no end of writes")


def test_a_row_delivered_again_counts_as_delivered_last(world: World) -> None:
    """A correction replaces; it does not add."""
    world.deliver("features", "00", features())
    world.take_in(day(1))
    world.landing.now = day(3)
    world.deliver("features", "00-corrected", features(x={0: 42.0}).head(1))
    world.take_in(day(3))
    assert len(curated(world)) == 60
    assert curated(world).set_index("id").loc["0-0", "x"] == 42.0


def test_json_lines_may_leave_out_what_is_null_and_may_be_empty(world: World) -> None:
    """An optional column that no row has is missing values; a file without rows is a delivery of nothing."""
    frame = rows(0).drop(columns=["y", "z"]).assign(colour="red")
    world.landing.put("toy/features/00.jsonl", frame.to_json(orient="records", lines=True).encode())
    world.landing.put("toy/labels/00.jsonl", b"")
    assert world.take_in(day(1)).rows == 60
    assert world.services.lake.rows(world.model, day(0), day(1))["z"].isna().all()


def test_json_lines_of_which_none_can_be_read_are_in_quarantine(world: World) -> None:
    """Then no column is known at all; the other files of the batch go on."""
    world.deliver("features", "00", features())
    world.landing.put("toy/features/01.jsonl", b"{cut\n[1, 2]\n")
    assert (world.take_in(day(1)).rows, len(quarantined(world))) == (60, 2)
    assert [row["line"] for row in quarantined(world)] == ["{cut", "[1, 2]"]


def test_json_lines_end_at_line_feeds_only(world: World) -> None:
    """A line separator inside a string is no end of a line."""
    frame = rows(0).drop(columns="y")
    text = frame.to_json(orient="records", lines=True, force_ascii=False).replace('"0-0"', '"0\u2028-0"')
    world.landing.put("toy/features/00.jsonl", text.encode())
    assert world.take_in(day(1)).rows == 60


def mixed_history(days: int = 6) -> pd.DataFrame:
    """Some days in one table, with bad rows, and with keys that come again: in the same piece, and many pieces later."""
    whole = pd.concat([features(number) for number in range(days)], ignore_index=True).astype("object")
    whole.loc[[7, 100], "x"] = "bad"
    again = whole.iloc[[3, 50, 200, 7]].assign(z=1.5)
    near = whole.iloc[[20]].assign(z=2.5)
    return pd.concat([whole.iloc[:21], near, whole.iloc[21:], again], ignore_index=True)


def delivered_as(world: World, format: str, table: pd.DataFrame) -> None:
    if format == "csv":
        world.landing.put("toy/features/all.csv", table.to_csv(index=False).encode())
    elif format == "jsonl":
        lines = [
            json.dumps({name: value for name, value in row.items() if not pd.isna(value)}) for row in table.to_dict("records")
        ]
        world.landing.put("toy/features/all.jsonl", "\n".join(lines).encode())
    else:
        world.landing.put("toy/features/all.parquet", table.astype({"x": "str"}).to_parquet(index=False))


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_large_file_is_taken_in_as_a_small_one_is(world: World, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    """Piece by piece: the same rows, the same quarantine, the same counts; the last good row of a key counts across pieces."""
    delivered_as(world, format, mixed_history())
    checked = world.take_in(day(7))
    assert (checked.rows, checked.quarantined) == (358, 7)
    for limit in ("include.adapters.file_reader.LARGE", "include.adapters.landing.LARGE", "include.steps.check.LARGE"):
        monkeypatch.setattr(limit, 4000)
    monkeypatch.setattr("include.adapters.file_reader._ROWS_AT_ONCE", 40)
    large = World()
    delivered_as(large, format, mixed_history())
    assert large.take_in(day(7)) == checked
    order = ["id"]
    pd.testing.assert_frame_equal(
        curated(large).sort_values(order, ignore_index=True), curated(world).sort_values(order, ignore_index=True)
    )
    (key,) = checked.quarantine_keys
    assert large.services.lake.quarantined_rows(key) == world.services.lake.quarantined_rows(key)
    assert len([name for name in large.lake.objects if name.startswith("curated/")]) > 6
    # Delivered again, shorter: what it has no longer is gone.
    delivered_as(large, format, features(2))
    large.take_in(day(8))
    assert set(curated(large)["id"]) == set(features(2)["id"])


def test_a_large_file_with_too_many_bad_rows_stops_as_a_small_one_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it goes on, and its bad rows are in quarantine."""
    for limit in ("include.adapters.file_reader.LARGE", "include.adapters.landing.LARGE", "include.steps.check.LARGE"):
        monkeypatch.setattr(limit, 2000)
    world.deliver("features", "00", features(x=dict.fromkeys(range(30), "bad")))
    with pytest.raises(BrokenFeed, match=r"30 of 60 rows of features of 2024-01-01"):
        world.take_in(day(1))
    assert not curated_keys(world)
    (kept,) = world.services.lake.quarantines("toy")
    assert len(world.services.lake.quarantined_rows(kept.key)) == 30


def curated_keys(world: World) -> list[str]:
    return [key for key in world.lake.objects if key.startswith("curated/")]
