r"""Make the extracts from the files of their publishers; see README.md beside this file.

    python demo/data/extract.py <folder with flights.csv.zip and weather.csv> <hourly_traffic_volume.csv> \
        <online_retail.csv.xz> <dict-en.json>

Writes next to itself. Safe to run again: the same sources give the same tables.
"""

import argparse
import json
import re
import tomllib
from pathlib import Path

import numpy as np
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
SEARCH_EVERY = 9
SEARCH_SEED = 20091201
PRODUCT_CODE = r"\d{5}[A-Z]{0,2}"
CARRIAGE = "Next Day Carriage"
WORDS_TYPED, WORDS_TYPED_SHARES = (2, 3, 4), (0.15, 0.5, 0.35)
COLOUR_LEFT_OUT_SHARE = 0.3
OTHER_ORDER_SHARE = 0.1
NEVER_TYPED = frozenset(
    re.findall(r"\w+", "a an and ass asst assorted at by for from in no of on pack pc pcs set the to with")
)
COLOURS = frozenset(
    re.findall(
        r"\w+",
        "black blue brown cream gold green grey ivory lilac natural orange pink purple red silver turquoise white yellow",
    )
)


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


def searches(path: Path) -> pd.DataFrame:
    """Every ninth purchase line as a search: what the buyer of the product might have typed, and the product.

    The text is made from the title on that line; which of its words are typed is drawn from one seeded generator, in the
    order of the rows.

    Raises:
        ValueError: the key is not unique.
    """
    bought = _purchases(pd.read_csv(path, dtype={"Invoice": str, "StockCode": str}))
    sample = bought.iloc[::SEARCH_EVERY]
    rng = np.random.default_rng(SEARCH_SEED)
    table = sample.assign(query=[_typed(title, rng) for title in sample["title"]]).drop(columns="title")
    return _keyed(table[table["query"].ne("")], ["time", "search"])[["search", "time", "query", "product"]]


def _purchases(source: pd.DataFrame) -> pd.DataFrame:
    """Lines on which a product was sold: no cancellation, correction, postage, voucher or note of the staff; oldest first."""
    line = source.groupby("Invoice").cumcount() + 1
    table = pd.DataFrame(
        {
            "search": source["Invoice"] + "-" + line.astype(str),
            "time": pd.to_datetime(source["InvoiceDate"], format="%m/%d/%Y %H:%M").dt.tz_localize("UTC"),
            "title": source["Description"].str.strip(),
            "product": source["StockCode"].str.upper(),
        }
    )
    sold = source["Invoice"].str.fullmatch(r"\d+") & (source["Quantity"] > 0) & (source["Price"] > 0)
    # Staff write their notes ("found", "amazon adjust") in small letters where a title, in capitals, should be.
    titled = table["title"].str.match("[^a-z?]", na=False) & table["title"].ne(CARRIAGE)
    kept = table[sold & titled & table["product"].str.fullmatch(PRODUCT_CODE)]
    return kept.sort_values(["time", "search"], ignore_index=True)


def _typed(title: str, rng: np.random.Generator) -> str:
    """Two to four words of a title, in small letters, mostly in its order; fewer if it has fewer, "" if it has none."""
    plain = title.lower().replace("'", "").replace("t-light", "tlight")
    words = list(dict.fromkeys(word for word in re.findall("[a-z]{2,}", plain) if word not in NEVER_TYPED))
    kept = [word for word in words if word not in COLOURS or rng.random() >= COLOUR_LEFT_OUT_SHARE]
    words = kept if len(kept) > 1 else words
    wanted = rng.choice(WORDS_TYPED, p=WORDS_TYPED_SHARES)
    while len(words) > wanted:
        words.pop(int(rng.integers(len(words))))
    if len(words) > 1 and rng.random() < OTHER_ORDER_SHARE:
        words[:2] = reversed(words[:2])
    return " ".join(words)


def misspellings(path: Path, grammar: Path = HERE / "messages.toml") -> pd.DataFrame:
    """What people write for the words that the grammar of messages uses: one row a word, its misspellings in one text.

    Short words are left out, and misspellings that may mean several words or are themselves words of the grammar.
    """
    used = set(re.findall("[a-z]{4,}", json.dumps(tomllib.loads(grammar.read_text("utf-8"))).lower()))
    source = json.loads(path.read_text("utf-8"))["dictionaryDefinitions"][0]
    misspelt: dict[str, set[str]] = {}
    for line in [*source["flagWords"], *source["suggestWords"]]:
        pair = re.fullmatch("([a-z]+)->([a-z]+)", line)
        if pair and pair[2] in used and pair[1] not in used:
            misspelt.setdefault(pair[2], set()).add(pair[1])
    listed = sorted((word, " ".join(sorted(wrong))) for word, wrong in misspelt.items())
    return pd.DataFrame(listed, columns=["word", "misspelt"])


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
    """Write the extracts from the files that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flights", type=Path, help="folder that holds flights.csv.zip and weather.csv")
    parser.add_argument("traffic", type=Path, help="hourly_traffic_volume.csv")
    parser.add_argument("retail", type=Path, help="online_retail.csv.xz")
    parser.add_argument("misspellings", type=Path, help="dict-en.json")
    paths = parser.parse_args()
    write(flights(paths.flights), HERE / "flights_2013.parquet")
    write(traffic(paths.traffic), HERE / "traffic_i94.parquet")
    write(searches(paths.retail), HERE / "retail_searches.parquet")
    misspellings(paths.misspellings).to_csv(HERE / "misspellings.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
