"""Landing gives rows as they were written, and refuses what it cannot read by name."""

import gzip
import io

import pandas as pd
import pytest

from include.adapters.file_reader import SUFFIXES
from include.adapters.landing import Landing
from include.errors import Conflict, UnreadableFile
from tests.toy import World

ROWS = pd.DataFrame({"id": ["007", "8"], "note": ["n/a", None]})


def landing(world: World) -> Landing:
    return world.services.landing


def written(suffix: str) -> bytes:
    plain = suffix.removesuffix(".gz")
    if plain == ".parquet":
        buffer = io.BytesIO()
        ROWS.to_parquet(buffer)
        return buffer.getvalue()
    text = ROWS.to_csv(index=False) if plain == ".csv" else ROWS.to_json(orient="records", lines=True)
    return gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode()


def put(name: str, data: bytes) -> World:
    world = World()
    world.landing.put(f"toy/features/{name}", data)
    return world


def read(name: str, data: bytes) -> pd.DataFrame:
    (file,) = landing(world := put(name, data)).files("toy")
    return landing(world).read(file).table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_accepted_format_gives_the_same_rows(suffix: str) -> None:
    """Leading zeros and the text "n/a" survive; only an empty cell is missing."""
    rows = read(f"rows{suffix}", written(suffix))
    assert rows["id"].tolist() == ["007", "8"]
    assert rows["note"].tolist()[0] == "n/a"
    assert rows["note"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b""),
        ("a.csv", b"\xff\xfe\x00bad"),
        ("a.csv", b"id,note,id\n1,2,3\n"),
        ("a.csv.gz", b"not gzip"),
        ("a.csv.gz", gzip.compress(b"id\n1\n", mtime=0)[:-4]),
        ("a.parquet", b"PAR1"),
        ("a.parquet", b""),
    ],
)
def test_what_cannot_be_read_is_named(name: str, data: bytes) -> None:
    """The message says which file, how long it is, and which formats are accepted: nothing is guessed from half a file."""
    with pytest.raises(
        UnreadableFile, match=rf"landing file toy/features/{name} \({len(data)} bytes\) cannot be read.*Accepted are"
    ):
        read(name, data)


def test_a_file_that_was_overwritten_after_it_was_listed_is_not_read() -> None:
    """A batch is pinned to its bytes; the next run takes the new ones."""
    world = put("a.csv", b"id\n1\n")
    (file,) = landing(world).files("toy")
    world.landing.put(file.key, b"id\n2\n")
    with pytest.raises(Conflict):
        landing(world).read(file)


def test_both_streams_are_listed() -> None:
    """Features and labels, each marked as what it is; nothing of another model or beside the streams."""
    world = World()
    for key in ("toy/features/a.csv", "toy/labels/a.csv", "toy/other/a.csv", "toys/features/a.csv"):
        world.landing.put(key, b"id\n")
    assert [(file.key, file.stream) for file in landing(world).files("toy")] == [
        ("toy/features/a.csv", "features"),
        ("toy/labels/a.csv", "labels"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "_SUCCESS",
        ".a.csv.crc",
        "_temporary/0/part-0.csv",
        ".spark-staging-1/part-0.csv",
        "day=1/_part.csv",
        "day=1/",
        ".hidden/",
    ],
)
def test_what_is_half_written_is_passed_over(path: str) -> None:
    """Whatever part of the path begins with a dot or an underscore; a folder's marker is no file."""
    world = put(path, b"id\n")
    world.landing.put("toy/features/day=1/part-0.csv", b"id\n")
    assert [file.key for file in landing(world).files("toy")] == ["toy/features/day=1/part-0.csv"]
