"""Holds on the object store: two people at once lose nothing, and a spoilt document is no permission."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.adapters.hold_store import HoldStore
from include.errors import Conflict, CorruptObject
from include.holds import ALL_MODELS, FREEZE, Hold
from tests.fakes import MemoryStore

NOW = datetime(2026, 12, 24, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=2)


def hold(**changes: Any) -> Hold:
    return Hold(what=FREEZE, by="erin", reason="holiday", since=NOW, until=UNTIL).model_copy(update=changes)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def test_a_freeze_of_one_model_is_none_of_another() -> None:
    """And one of all models is one of each, until its time."""
    clock, store = Clock(), MemoryStore()
    holds = HoldStore(store, clock)
    assert holds.frozen("toy") is None
    holds.begin("toy", hold())
    assert (holds.frozen("toy"), holds.frozen("other")) == (hold(), None)
    everywhere = hold(everywhere=True, until=UNTIL + timedelta(days=1))
    holds.begin(ALL_MODELS, everywhere)
    assert (holds.frozen("toy"), holds.frozen("added later")) == (everywhere, everywhere)
    assert holds.overview() == ({"toy": (hold(),), ALL_MODELS: (everywhere,)}, [])
    clock.now = UNTIL
    assert holds.in_force("toy") == (everywhere,)
    clock.now = UNTIL + timedelta(days=1)
    assert holds.frozen("toy") is None


def test_ending_says_what_ended() -> None:
    """Nothing where nothing was held back."""
    holds = HoldStore(MemoryStore(), lambda: NOW)
    assert holds.end("toy", FREEZE, "dora") is None
    holds.begin("toy", hold(since=NOW - timedelta(hours=1)))
    assert holds.end("toy", FREEZE, "dora") is not None
    assert (holds.frozen("toy"), holds.end("toy", FREEZE, "dora")) == (None, None)


def test_two_people_at_once_lose_nothing() -> None:
    """The second write is made again on what the first one left."""

    class Overtaken(MemoryStore):
        others = 1

        def compare_and_set(self, key: str, data: bytes, etag: str) -> str:
            if self.others:
                self.others = 0
                HoldStore(self, lambda: NOW).begin("toy", hold(what="page"))
                raise Conflict("another writer came first")
            return super().compare_and_set(key, data, etag)

    holds = HoldStore(Overtaken(), lambda: NOW)
    holds.begin("toy", hold(what="failure"))
    holds.begin("toy", hold())
    assert {one.what for one in holds.in_force("toy")} == {"failure", "page", FREEZE}


def test_a_spoilt_document_is_named() -> None:
    """No one knows whether the model is frozen, so nothing may be promoted; the page shows the others."""
    store = MemoryStore()
    store.put("holds/toy.json", b"{}")
    holds = HoldStore(store, lambda: NOW)
    holds.begin("other", hold())
    with pytest.raises(CorruptObject, match=r"holds/toy\.json"):
        holds.frozen("toy")
    found, faults = holds.overview()
    assert list(found) == ["other"]
    assert "holds/toy.json" in faults[0]
