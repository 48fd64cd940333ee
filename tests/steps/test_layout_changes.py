"""A model's file that changes under live data: the first run says what has changed, and the history is taken in again."""

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from include.cli.landing import take_again
from include.decisions.monitoring.quality import Judged
from include.errors import DataError, LayoutChanged
from include.models.contract import Column, Model
from include.request import Request
from include.services import StepContext
from tests.toy import MODEL, World, changed, day, rows


def with_kind(name: str, kind: Any) -> Model:
    columns = tuple(Column(name, kind, optional=True) if column.name == name else column for column in MODEL.features)
    return changed(features=columns)


CHANGES: dict[str, tuple[Model, str]] = {
    "number to category": (with_kind("z", "category"), "column z: number before, category now"),
    "category to number": (with_kind("colour", "number"), "column colour: category before, number now"),
    "key gains a column": (changed(key=("id", "at")), "feed.key: id before, id, at now"),
    "another time column": (changed(time="seen"), "feed.time: at before, seen now"),
    "period": (changed(period=timedelta(days=7)), "feed.period: 1 day, 0:00:00 before, 7 days, 0:00:00 now"),
    "to months": (changed(period="month"), "feed.period: 1 day, 0:00:00 before, month now"),
    "label": (changed(label=Column("z", "number", optional=True), features=MODEL.features[:1]), "label: y before, z now"),
}


def again(world: World) -> str:
    request = Request(as_of=day(12), reason="take-again", run_id="take-again", asked_by="carol")
    return take_again(StepContext(world.services, world.model, request))


@pytest.mark.parametrize("step", ["pull", "assemble", "refit"])
@pytest.mark.parametrize("name", CHANGES)
def test_the_change_is_named_before_anything_is_read(seasoned: World, name: str, step: str) -> None:
    """Column, before and after, and the command that takes the history in again; nothing is written."""
    seasoned.model, words = CHANGES[name]
    before = dict(seasoned.lake.objects)
    with pytest.raises(LayoutChanged, match="landing take-again toy") as error:
        seasoned.do(step, day(12))
    assert words in str(error.value)
    assert seasoned.lake.objects == before


HARMLESS: dict[str, Model] = {
    "a column more": changed(features=(*MODEL.features, Column("w", "number", optional=True))),
    "a column less": changed(features=MODEL.features[:2]),
    "a category as text": with_kind("colour", "text"),
    "other bounds": changed(features=(Column("x", "number", low=-9, high=9), *MODEL.features[1:])),
    "other delay": changed(label_delay=timedelta(days=2)),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_older_rows_can_be_read_by_is_no_change(seasoned: World, name: str) -> None:
    """A model gains and loses features as it lives."""
    seasoned.model = HARMLESS[name]
    assert seasoned.do("pull", day(12)).files == ()
    assert seasoned.do("assemble", day(12)) is not None


def test_a_column_that_comes_back_must_be_of_its_kind(seasoned: World) -> None:
    """Its older rows are still there."""
    seasoned.model = changed(features=MODEL.features[:2])
    seasoned.do("pull", day(12))
    seasoned.model = with_kind("colour", "number")
    with pytest.raises(LayoutChanged, match="column colour: category before, number now"):
        seasoned.do("pull", day(12))


def text_of(rows: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(rows[["id", "y"]].astype("str").itertuples(index=False, name=None))


@pytest.mark.parametrize("name", ["number to category", "key gains a column", "period", "to months"])
def test_the_history_is_taken_in_again_under_the_new_layout(seasoned: World, name: str) -> None:
    """All rows are there, of the new kinds and in the new periods, and next to none of the old addresses."""
    old = seasoned.services.lake.rows(seasoned.model, day(0), day(8))
    seasoned.model, words = CHANGES[name]
    assert words in again(seasoned)
    assert len(seasoned.do("pull", day(12)).files) == 16
    seasoned.take_in(day(12))
    new = seasoned.services.lake.rows(seasoned.model, day(0), day(8))
    assert text_of(new) == text_of(old)
    if name == "number to category":
        assert all(isinstance(value, str) for value in new["z"].dropna())
    if name == "period":
        starts = {key.split("/")[3] for key in seasoned.services.lake.files(seasoned.model, day(0), day(8))}
        assert starts == {"2024-01-01T000000Z", "2024-01-08T000000Z"}
    if name == "to months":
        starts = {key.split("/")[3] for key in seasoned.services.lake.files(seasoned.model, day(0), day(8))}
        assert starts == {"2024-01-01T000000Z"}


@pytest.mark.parametrize("name", ["number to category", "key gains a column", "period", "to months"])
def test_snapshots_keep_their_rows(seasoned: World, name: str) -> None:
    """What the champion was trained on can still be read, as it was."""
    lake, digest = seasoned.services.lake, seasoned.registry.versions["1"].tags["train_digest"]
    before = lake.read_snapshot(MODEL, digest, features=())
    seasoned.model, _ = CHANGES[name]
    again(seasoned)
    seasoned.take_in(day(12))
    pd.testing.assert_frame_equal(lake.read_snapshot(seasoned.model, digest, features=()), before)


def monitored(world: World, number: int) -> Any:
    as_of = day(number)
    checked = world.take_in(as_of)
    scored = world.scored(as_of)
    drift = world.do("detect_drift", as_of, checked=checked, scored=scored)
    quality = world.do("measure_quality", as_of, scored=scored)
    return world.do("triage", as_of, checked=checked, scored=scored, drift=drift, quality=quality)


def test_after_another_key_a_retraining_is_requested_and_replaces_the_champion(seasoned: World) -> None:
    """The champion goes on answering; its training rows are no measure for drift any more, so it is trained anew."""
    seasoned.model, _ = CHANGES["key gains a column"]
    again(seasoned)
    for number in (8, 9, 10):
        seasoned.deliver_day(number)
    finding = monitored(seasoned, 11)
    assert (finding.action, "trained before the history was taken in again" in finding.reason) == ("retrain", True)
    _, _, verdict = seasoned.challenge(day(12))
    assert verdict.verdict in ("promote", "keep", "inconclusive"), verdict
    assert verdict.version == "2"


def test_another_period_forgets_what_was_measured_by_the_old_one(seasoned: World) -> None:
    """Days and weeks are not compared with each other."""
    seasoned.deliver_day(8)
    monitored(seasoned, 9)
    assert seasoned.services.lake.remembered("toy", "1", Judged, day(20))
    seasoned.model, _ = CHANGES["period"]
    again(seasoned)
    assert not seasoned.services.lake.remembered("toy", "1", Judged, day(20))
    assert not seasoned.services.lake.profiles("toy", day(20))


def test_a_champion_that_cannot_score_the_new_kind_says_what_to_do(seasoned: World) -> None:
    """A red score names version and way out; the gate blocks until a person replaces the champion, with a reason."""
    columns = (*MODEL.features[:2], Column("colour", "number", optional=True))
    seasoned.model = changed(features=columns)
    again(seasoned)
    for number in range(12):
        seasoned.deliver("features", f"{number:02}", _numbered(number))
    seasoned.take_in(day(13))
    seasoned.registry.pipelines["1"] = _Fussy()
    with pytest.raises(
        DataError, match=r"version 1 cannot score rows of its own feed: ValueError.*replace_unscorable_champion"
    ):
        seasoned.scored(day(12))


def _numbered(number: int) -> pd.DataFrame:
    return rows(number).drop(columns="y").assign(colour=lambda table: table["colour"].str.len())


class _Fussy:
    """Takes texts alone, as an encoder of categories may."""

    def predict_proba(self, rows: pd.DataFrame) -> Any:
        raise ValueError("colour is not a text")


def test_withdrawn_files_and_lost_ones_are_not_taken_in_again(seasoned: World) -> None:
    """What is not in landing any more is named."""
    seasoned.landing.delete("toy/features/02.csv")
    told = again(seasoned)
    assert "Not in landing any more, and so not taken in again: toy/features/02.csv." in told
    assert "takes in all 15 files" in told
