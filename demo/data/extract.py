"""Make the two extracts from the files of their publishers; see README.md beside this file.

    python demo/data/extract.py <folder with flights.csv.zip and weather.csv> <hourly_traffic_volume.csv>

Writes next to itself. Safe to run again: the same sources give the same tables.
"""

import argparse
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
LATE_AFTER_MINUTES = 15
FLIGHT_KEY = ["scheduled_departure", "carrier", "flight", "origin"]
WEATHER = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_dir": "wind_direction",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
TRAFFIC = {
    "temp": "temperature_k",
    "rain_1h": "rain_mm",
    "snow_1h": "snow_mm",
    "clouds_all": "clouds_percent",
    "weather_main": "weather",
    "traffic_volume": "volume",
}


def flights(folder: Path) -> pd.DataFrame:
    """Every scheduled flight with what was known before it left, and `late` (1, 0 or missing).

    Raises:
        ValueError: the key is not unique, or the weather join changed the number of rows.
    """
    source = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv")[["origin", "time_hour", *WEATHER]].rename(columns=WEATHER)
    table = _schedule(source).merge(weather, how="left", on=["origin", "time_hour"], validate="many_to_one")
    late = (source["arr_delay"] > LATE_AFTER_MINUTES).astype("Int8").mask(source["arr_delay"].isna())
    return _keyed(table.drop(columns="time_hour").assign(late=late), FLIGHT_KEY)


def _schedule(source: pd.DataFrame) -> pd.DataFrame:
    """What the timetable says; hours and minutes are local to the airport they belong to."""
    local = pd.to_datetime(source[["year", "month", "day"]])
    return pd.DataFrame(
        {
            "scheduled_departure": pd.to_datetime(source["time_hour"]) + pd.to_timedelta(source["minute"], unit="min"),
            "carrier": source["carrier"],
            "flight": source["flight"].astype("int16"),
            "origin": source["origin"],
            "dest": source["dest"],
            "tail": source["tailnum"],
            "departure_minute": _minute_of_day(source["sched_dep_time"]),
            "arrival_minute": _minute_of_day(source["sched_arr_time"]),
            "weekday": local.dt.weekday.astype("int8"),
            "distance": source["distance"].astype("int16"),
            "time_hour": source["time_hour"],
        }
    )


def _minute_of_day(hhmm: pd.Series) -> pd.Series:
    """1754 becomes 17 * 60 + 54."""
    return (hhmm // 100 * 60 + hhmm % 100).astype("int16")


def traffic(path: Path) -> pd.DataFrame:
    """One row per hour: weather, holiday and the westbound volume.

    Raises:
        ValueError: an hour is left twice.
    """
    # "None" is the source's word for no holiday, and ours; the default reading would make it a missing value.
    source = pd.read_csv(path, keep_default_na=False, parse_dates=["date_time"])
    hour = source["date_time"]
    marked = source[source["holiday"] != "None"]
    holidays = pd.Series(marked["holiday"].to_numpy(), index=marked["date_time"].dt.normalize())
    holidays = holidays[~holidays.index.duplicated()]
    table = pd.DataFrame(
        {
            "hour": hour.dt.tz_localize("UTC"),
            "holiday": hour.dt.normalize().map(holidays).fillna("None"),
            **{ours: source[theirs] for theirs, ours in TRAFFIC.items() if ours != "volume"},
            "hour_of_day": hour.dt.hour.astype("int8"),
            "weekday": hour.dt.weekday.astype("int8"),
            "volume": source["traffic_volume"].astype("int16"),
        }
    ).astype({"clouds_percent": "int8"})
    return _keyed(table.drop_duplicates("hour"), ["hour"])


def _keyed(table: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    if table.duplicated(key).any():
        raise ValueError(f"{int(table.duplicated(key).sum())} rows repeat the key {key}; it must name a row.")
    return table.sort_values(key, ignore_index=True)


def write(table: pd.DataFrame, path: Path) -> None:
    """Plain parquet without pandas' own notes, so that the bytes do not change with its version."""
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    for index, column in enumerate(arrow.schema):
        if pa.types.is_timestamp(column.type):
            arrow = arrow.set_column(index, column.name, arrow[index].cast(pa.timestamp("ms", tz="UTC")))
        if pa.types.is_large_string(column.type):
            arrow = arrow.set_column(index, column.name, arrow[index].cast(pa.string()))
    pq.write_table(arrow, path, compression="zstd", compression_level=19, data_page_version="2.0")


def main() -> None:
    """Write both extracts from the folders that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flights", type=Path, help="folder that holds flights.csv.zip and weather.csv")
    parser.add_argument("traffic", type=Path, help="hourly_traffic_volume.csv")
    paths = parser.parse_args()
    write(flights(paths.flights), HERE / "flights_2013.parquet")
    write(traffic(paths.traffic), HERE / "traffic_i94.parquet")


if __name__ == "__main__":
    main()
