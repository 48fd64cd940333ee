"""Stored objects that were damaged or edited: each is named, or made again with the same outcome, and never believed."""

import copy
import functools
import gzip
import hashlib
import io
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adapters.latest_status import LatestStatus
from include.decisions.drift.baseline import Baseline
from include.decisions.monitoring.quality import Judged
from include.documents import sealed
from include.errors import CorruptObject, LedgerBroken
from include.noise.profile import NoiseProfile
from include.own_columns import PREDICTION
from include.results import Checked
from include.statuses import MonitorStatus, PeriodProfile
from tests.toy import DAY, World, day, rows


def monitored(world: World, as_of: datetime) -> list[Any]:
    """What the steps of a check find."""
    checked = world.take_in(as_of)
    scored = world.do("score", as_of, checked=checked)
    drift = world.do("detect_drift", as_of, checked=checked, scored=scored)
    quality = world.do("measure_quality", as_of, scored=scored)
    finding = world.do("triage", as_of, checked=checked, scored=scored, drift=drift, quality=quality)
    return [checked, scored, drift, quality, finding]


@functools.cache
def _lived() -> World:
    """A champion, its announcement, and three checks."""
    world = World(serving=True).with_days(8)
    verdict = world.challenge(day(9))[2]
    approval = world.do("review", day(9), verdict=verdict)
    promotion = world.do("promote", day(9), verdict=verdict, approval=approval)
    world.do("announce", day(9), verdict=verdict, approval=approval, promotion=promotion)
    for number in (8, 9, 10):
        world.deliver_day(number)
        monitored(world, day(number + 1))
    return world


@pytest.fixture
def lived() -> World:
    return copy.deepcopy(_lived())


def cut(data: bytes) -> bytes:
    """As after a full disk."""
    return data[: len(data) // 2]


def other(_data: bytes) -> bytes:
    """A sound document of another type."""
    return sealed(NoiseProfile(1))


def edited(data: bytes) -> bytes:
    """One value is another, and all the rest, such as the digest that was written beside it, is as it was."""
    if data[:4] == b"PAR1":
        return _with_another_value(pq.read_table(io.BytesIO(data)))
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(edited(gzip.decompress(data)))
    document = json.loads(data)
    kept = {name: document.pop(name) for name in ("document", "digest") if name in document}
    assert any(_change_first(document, of_kind) for of_kind in (_another_number, _another_time))
    return json.dumps(kept | document).encode()


def _change_first(value: Any, change: Callable[[Any], Any]) -> bool:
    """Change the first value that can be changed in this way, however deep it is."""
    for place, inside in list(
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    ):
        if (another := change(inside)) is not None:
            value[place] = another
            return True
        if _change_first(inside, change):
            return True
    return False


def _another_number(value: Any) -> Any:
    return value + 1 if isinstance(value, int | float) and not isinstance(value, bool) else None


def _another_time(value: Any) -> Any:
    return value.replace("2024-", "2023-") if isinstance(value, str) and "2024-" in value else None


def _with_another_value(table: pa.Table) -> bytes:
    name = PREDICTION if PREDICTION in table.column_names else "x" if "x" in table.column_names else table.column_names[-1]
    values = table[name].to_pylist()
    values[0] = f"{values[0]}?" if isinstance(values[0], str) else 0.123
    place, buffer = table.column_names.index(name), io.BytesIO()
    pq.write_table(table.set_column(place, table.schema.field(name), [values]), buffer)
    return buffer.getvalue()


WAYS = [cut, other, edited]


def the_next_check(world: World) -> Any:
    """The fourth check, of a new period."""
    world.deliver_day(11)
    return monitored(world, day(12))


def the_last_check_again(world: World) -> Any:
    """A cleared run."""
    return monitored(world, day(11))[1:]


def delivered_again(world: World) -> Any:
    """A file that came before has one row now, of another day: what it had before has to go."""
    world.landing.now += DAY
    again = rows(9).drop(columns="y").head(1).assign(at=(day(8) + timedelta(hours=5)).isoformat())
    world.deliver("features", "09", again)
    world.take_in(day(12))
    return world.services.lake.rows(world.model, day(7), day(11)).drop(columns="y").to_csv()


def latest(world: World) -> Any:
    """The latest status after the next check."""
    the_next_check(world)
    found = LatestStatus(world.lake).of("toy")
    return found.unreadable, [getattr(posted, "document", None) for posted in (found.retrain, found.ledger, found.profile)]


def served(world: World) -> Any:
    """What a server reads after the next run has published again what is not right."""
    world.do("reconcile", day(12))
    return {key: data for key, (data, _) in world.lake.objects.items() if key.startswith("serving/")}


MADE_AGAIN: list[tuple[str, Callable[[World], Any]]] = [
    (f"intake/toy/{hashlib.sha256(b'toy/features/09.csv').hexdigest()[:16]}", delivered_again),
    ("predictions/toy/2024-01-11", the_last_check_again),
    ("predictions/toy/2024-01-10", the_next_check),
    ("profiles/toy/2024-01-11", the_last_check_again),
    ("/baseline.json.gz", the_next_check),
    ("/sample.parquet", the_next_check),
    ("baselines/toy/", the_next_check),
    ("latest/toy/monitor", latest),
    ("latest/toy/retrain", latest),
    ("latest/toy/profile", latest),
    ("latest/toy/ledger", latest),
]
NAMED: list[tuple[str, Callable[[World], Any]]] = [
    ("curated/toy/features/2024-01-11", the_last_check_again),
    ("snapshots/toy/", lambda world: world.services.lake.read_snapshot(world.model, newest_digest(world))),
    ("/DriftMemory/", the_next_check),
    ("/PredictionsMemory/", the_next_check),
    ("/Judged/", lambda world: world.services.lake.remembered_of_all("toy", Judged, day(12))),
    ("profiles/toy/2024-01-10", lambda world: world.services.lake.profiles("toy", day(11))),
    ("status/toy/monitor/", lambda world: world.do("assemble", day(12))),
    ("status/toy/retrain/", the_next_check),
    ("ledger/toy/", lambda world: world.services.ledger.state("toy")),
]


def key_of(world: World, part: str) -> str:
    """The newest object whose key has this part; of summaries the one that the next check reads."""
    found = sorted(key for key in world.lake.objects if part in key)
    if part == "baselines/toy/":
        found = [key for key in found if key.rpartition("/")[2].startswith("2024")]
    return found[-1]


def newest_digest(world: World) -> str:
    """The digest in the name of the manifest that `key_of` finds."""
    return key_of(world, "snapshots/").split("/")[2].removesuffix(".json")


def _spoil(world: World, key: str, way: Callable[[bytes], bytes]) -> None:
    before = world.lake.objects[key][0]
    world.lake.put(key, way(before))
    assert world.lake.objects[key][0] != before


@functools.cache
def _without_damage(action: Callable[[World], Any]) -> Any:
    return action(copy.deepcopy(_lived()))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("part", "action"), MADE_AGAIN, ids=[part for part, _ in MADE_AGAIN])
def test_what_can_be_made_again_is(
    lived: World,
    part: str,
    action: Callable[[World], Any],
    way: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The outcome is the one without the damage, and the log names the object."""
    key = key_of(lived, part)
    _spoil(lived, key, way)
    with caplog.at_level(logging.WARNING):
        assert action(lived) == _without_damage(action)
    assert key in caplog.text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("part", "action"), NAMED, ids=[part for part, _ in NAMED])
def test_what_cannot_be_made_again_is_named(
    lived: World, part: str, action: Callable[[World], Any], way: Callable[[bytes], bytes]
) -> None:
    """The error has the key and says what to do, and nothing is decided on it."""
    key = key_of(lived, part)
    _spoil(lived, key, way)
    with pytest.raises((CorruptObject, LedgerBroken), match=rf"{key}.*(?i:restore|run toy)"):
        action(lived)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("part", ["about.json", "model-settings.json"])
def test_what_servers_read_is_published_again(lived: World, part: str, way: Callable[[bytes], bytes]) -> None:
    """A description that was changed in its bucket is not the one that was published."""
    _spoil(lived, key_of(lived, part), way)
    assert served(lived) == _without_damage(served)


@pytest.mark.parametrize("way", WAYS)
def test_scores_of_a_replay_are_made_again(lived: World, way: Callable[[bytes], bytes]) -> None:
    """A table of a historical model that is spoilt is not done; its plan, which each run writes, is named."""
    lake, key = lived.services.lake, lived.services.lake.replay_key("toy", "digest", "one")
    lake.write_table(key, rows(0))
    lake.keep_plan("toy", "digest", PeriodProfile(day(1), NoiseProfile(3)))
    assert lake.replayed("toy", "digest") == {"one"}
    _spoil(lived, key, way)
    assert lake.replayed("toy", "digest") == set()
    with pytest.raises(CorruptObject, match=key):
        lake.read_table(key)
    _spoil(lived, "replays/toy/digest/plan.json", way)
    with pytest.raises(CorruptObject, match=r"plan\.json"):
        lake.plan("toy", "digest", PeriodProfile)


def test_what_came_spoilt_only_once_is_read_again(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents, tables and curated files, as from a store that does not check what it sends."""
    lake, digest = lived.services.lake, key_of(lived, "/baseline.json.gz").split("/")[2]
    reads: list[Callable[[], object]] = [
        lambda: lake.statuses("toy", MonitorStatus),
        lambda: lake.baseline("toy", digest, Baseline),
        lambda: lake.read_table(key_of(lived, "predictions/")),
        lambda: lake.rows(lived.model, day(8), day(9)),
        lambda: lake.read_snapshot(lived.model, newest_digest(lived)),
        lambda: lived.services.ledger.state("toy"),
    ]
    sound = lived.lake.read
    for read in reads:
        seen: set[str] = set()

        def first_cut(key: str, *, etag: str | None = None, seen: set[str] = seen) -> bytes:
            data = sound(key, etag=etag)
            if key in seen:
                return data
            seen.add(key)
            return cut(data)

        monkeypatch.setattr(lived.lake, "read", first_cut)
        assert read() is not None
        assert seen


def test_a_deep_document_is_named(lived: World) -> None:
    """A parser that gives up is no reason to stop without a word."""
    key = key_of(lived, "status/toy/monitor/")
    lived.lake.put(key, b"[" * 100_000)
    with pytest.raises(CorruptObject, match=key):
        lived.services.lake.statuses("toy", MonitorStatus)


def test_rows_of_quarantine_that_cannot_be_read_are_named(lived: World) -> None:
    """The tool for people, too."""
    lived.lake.put("quarantine/toy/x.jsonl", b'{"source": "a')
    with pytest.raises(CorruptObject, match=r"quarantine/toy/x\.jsonl"):
        lived.services.lake.quarantined_rows("quarantine/toy/x.jsonl")


def test_the_world_without_damage_is_sound(lived: World) -> None:
    """What the tests above compare with finds all objects as they were written."""
    assert isinstance(the_next_check(lived)[0], Checked)
    assert LatestStatus(lived.lake).of("toy").unreadable == ()
