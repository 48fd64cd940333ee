"""What a person has asked to be erased is nowhere on the lake afterwards, and the report names what is left elsewhere."""

import io
import zipfile

import pandas as pd
import pytest

from include.champion.erasure import erase
from include.errors import ToolError
from include.request import Request
from include.results import Erased
from include.services import StepContext
from tests.toy import World, changed, day, rows

ASKED = ("3-7", "6-2", "8-5")


def erased(world: World, *keys: str, as_of: int = 12) -> Erased:
    request = Request(as_of=day(as_of), reason="request 4711", run_id=f"erase {as_of}", reason_given=True, asked_by="carol")
    return erase(StepContext(world.services, world.model, request), pd.DataFrame({"id": keys or ASKED}))


@pytest.fixture
def lived(seasoned: World) -> World:
    """The champion has scored and drift was checked; a bad row of an asked key is in quarantine."""
    seasoned.deliver_day(8)
    bad = rows(8).drop(columns="y").head(6).assign(x="no number")
    seasoned.deliver("features", "08-bad", bad)
    seasoned.deliver("labels", "07-odd", pd.DataFrame({"id": ["8-5"], "at": [day(7).isoformat()], "y": [1]}))
    checked = seasoned.take_in(day(9))
    scored = seasoned.scored(day(9))
    drift = seasoned.do("detect_drift", day(9), checked=checked, scored=scored)
    quality = seasoned.do("measure_quality", day(9), scored=scored)
    seasoned.do("triage", day(9), checked=checked, scored=scored, drift=drift, quality=quality)
    return seasoned


def test_a_time_in_the_key_is_found_in_every_spelling() -> None:
    """A key of id and time: the list writes the time otherwise than the deliveries, which differ in it, too."""
    world = World(model=changed(key=("id", "at")))
    table = rows(0).drop(columns="y")
    world.deliver("features", "00", table.head(30))
    offset = table.tail(30).assign(at=lambda part: part["at"].str.replace("+00:00", "Z"))
    offset = offset.astype({"x": "object"})
    offset.loc[40, "x"] = "no number"
    world.deliver("features", "01", pd.concat([offset, rows(1).drop(columns="y"), rows(2).drop(columns="y")]).head(150))
    world.take_in(day(3))
    keys = pd.DataFrame({"id": ["0-3", "0-40"], "at": ["2024-01-01 01:03:00+01:00", "2024-01-01T00:40:00.000Z"]})
    request = Request(as_of=day(12), reason="request 4711", run_id="erase", reason_given=True, asked_by="carol")
    record = erase(StepContext(world.services, world.model, request), keys)
    assert (record.rows, record.quarantined) == (1, 1)
    assert naming(world, "0-3", "0-40") == []


def _shown(key: str, data: bytes) -> dict[str, str]:
    if key.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(data))
        return {f"{key} {name}": text for name in archive.namelist() for text in _shown(name, archive.read(name)).values()}
    return {key: pd.read_parquet(io.BytesIO(data)).to_csv() if key.endswith(".parquet") else data.decode("latin1")}


def texts(world: World) -> dict[str, str]:
    """Everything on the lake as text; a table by its values."""
    shown: dict[str, str] = {}
    for key, (data, _) in world.lake.objects.items():
        shown |= _shown(key, data)
    return shown


def naming(world: World, *keys: str) -> list[str]:
    return [place for place, text in texts(world).items() if any(f"{key}," in text or f'"{key}"' in text for key in keys)]


def test_no_object_on_the_lake_names_an_erased_key(lived: World) -> None:
    """Curated rows, predictions, quarantine, samples and statuses: before they did, afterwards they do not."""
    folders = {place.split("/")[0] for place in naming(lived, *ASKED)}
    assert {"curated", "predictions", "quarantine"} <= folders
    record = erased(lived)
    assert naming(lived, *ASKED) == []
    assert (record.keys, record.rows) == (3, 7)
    assert record.predictions > 0
    assert record.quarantined == 1
    assert record.versions == ("1",)


def test_the_other_rows_are_as_they_were(lived: World) -> None:
    """Nothing else is lost or changed, also of snapshots."""
    lake, model = lived.services.lake, lived.model
    digest = lived.registry.versions["1"].tags["train_digest"]
    before, snapshot = lake.rows(model, day(0), day(9)), lake.read_snapshot(model, digest)
    erased(lived)
    erased(lived, "4-1", as_of=13)
    gone = [*ASKED, "4-1"]
    after = lake.rows(model, day(0), day(9))
    pd.testing.assert_frame_equal(after, before[~before["id"].isin(gone)].reset_index(drop=True))
    pd.testing.assert_frame_equal(
        lake.read_snapshot(model, digest), snapshot[~snapshot["id"].isin(gone)].reset_index(drop=True)
    )


def test_everything_goes_on_afterwards(lived: World) -> None:
    """Drift is judged by a new baseline without the rows, quality is measured, and a challenger is trained."""
    erased(lived)
    lived.deliver_day(9)
    lived.deliver_day(10)
    checked = lived.take_in(day(11))
    scored = lived.scored(day(11))
    assert lived.do("detect_drift", day(11), checked=checked, scored=scored).columns == 3
    assert lived.do("measure_quality", day(11), scored=scored).value is not None
    assert lived.challenge(day(11))[2].version == "2"
    assert lived.services.ledger.proved("toy")


def test_what_is_left_elsewhere_is_named(lived: World) -> None:
    """Landing belongs to upstream: its files are named, those that were put aside too, and the example rows of a version."""
    lived.landing.put("toy/_withdrawn/features/x.csv", rows(3).drop(columns="y").to_csv(index=False).encode())
    lived.landing.put("toy/features/_broken.parquet", b"not parquet")
    first = rows(0).head(1)["id"].iloc[0]
    record = erased(lived, *ASKED, first)
    named = [line.split(" in landing")[0] for line in record.left if "in landing:" in line]
    assert {"toy/features/03.csv", "toy/labels/03.csv", "toy/_withdrawn/features/x.csv", "toy/features/00.csv"} <= set(named)
    assert "toy/features/04.csv" not in named
    assert "toy/features/_broken.parquet in landing cannot be read: look into it yourself" in record.left
    assert "the example rows beside version 1 in MLflow: delete the version there, once it is not needed" in record.left


def test_the_ledger_tells_of_it_without_a_key(lived: World) -> None:
    """Who, why, how many rows, and which versions had seen them."""
    erased(lived)
    entry = lived.services.ledger.proved("toy")[-1]
    assert (entry.event, entry.by) == ("erased", "carol")
    assert "request 4711" in entry.reason
    assert entry.evidence["rows"] == 7
    assert "erased" in lived.registry.versions["1"].tags["withdrawn_rows"]


def test_a_list_without_the_key_is_refused(seasoned: World) -> None:
    """Nothing is erased by a column of another name, nor by an empty list."""
    context = StepContext(seasoned.services, seasoned.model, Request(as_of=day(12), reason="", run_id="x"))
    before = dict(seasoned.lake.objects)
    for keys in (pd.DataFrame({"ids": ["1"]}), pd.DataFrame({"id": []})):
        with pytest.raises(ToolError, match="the list of keys lacks"):
            erase(context, keys)
    assert seasoned.lake.objects == before
