"""The board: the newest of what each model's runs said, read with one list and only where it has changed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.adapters.lake import Lake
from include.adapters.latest_status import ALL_MODELS, LatestStatus
from include.adapters.ledger import Ledger
from include.errors import CorruptObject, StoreUnreachable
from include.ledger.tally import Tally
from include.models.contract import NAME
from tests.fakes import MemoryStore
from tests.ledger.test_entries import promoted, said

NOW = datetime(2024, 3, 4, tzinfo=UTC)


class CountingStore(MemoryStore):
    """Counts what is read; `refuses` writes below a prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.refuses: str | None = None

    def read(self, key: str, *, etag: str | None = None) -> bytes:
        self.reads.append(key)
        return super().read(key, etag=etag)

    def put(self, key: str, data: bytes) -> str:
        if self.refuses and key.startswith(self.refuses):
            raise StoreUnreachable(key)
        return super().put(key, data)


@pytest.fixture
def store() -> Any:
    return CountingStore()


def test_a_back_fill_is_not_news(store: Any) -> None:
    """A run as of last year leaves the newest status where it is; the same run again writes its own anew."""
    lake = Lake(store)
    for days, finding in ((0, "newest"), (-365, "old"), (0, "again")):
        lake.write_status("toy", "monitor", NOW + timedelta(days=days), {"finding": finding})
    assert LatestStatus(store).all()["toy"]["monitor"].document["finding"] == "again"
    assert len(lake.statuses("toy", "monitor")) == 2


def test_what_has_not_changed_is_not_read_again(store: Any) -> None:
    """A page that looks every few seconds costs one list, and one read for each document that is new."""
    lake, board = Lake(store), LatestStatus(store)
    for name in ("one", "two", "three"):
        lake.write_status(name, "monitor", NOW, {"finding": name})
    assert set(board.all()) == {"one", "two", "three"}
    store.reads.clear()
    board.all()
    assert store.reads == []
    lake.write_status("two", "monitor", NOW, {"finding": "other"})
    store.reads.clear()
    assert board.all()["two"]["monitor"].document["finding"] == "other"
    assert store.reads == ["board/two/monitor.json"]


def test_what_was_removed_is_gone(store: Any) -> None:
    """A model that was deleted from the store is not shown from memory."""
    lake, board = Lake(store), LatestStatus(store)
    lake.write_status("one", "monitor", NOW, {})
    assert board.all()
    store.delete("board/one/monitor.json")
    assert board.all() == {}


def test_a_document_that_is_none_is_named(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Which object, and that it can be deleted: an error for who asks for that model, an empty document among all."""
    store.put("board/one/monitor.json", b"[]]")
    store.put("board/two/monitor.json", b'{"mine": 1}')
    with pytest.raises(CorruptObject, match=r"board/one/monitor\.json is no document of ours .* delete it"):
        LatestStatus(store).of("one")
    found = LatestStatus(store).all()
    assert (found["one"]["monitor"].document, found["two"]["monitor"].document) == ({}, {"mine": 1})
    assert "board/one/monitor.json" in caplog.text


def test_what_is_no_document_is_passed_over(store: Any) -> None:
    """A console's marker of a folder, or a file that somebody put there, concerns nobody."""
    for key in ("board/", "board/other/", "board/toy/notes.txt", "board/toy/unknown.json", "board/a/b/monitor.json"):
        store.put(key, b"")
    assert LatestStatus(store).all() == {}


@pytest.mark.parametrize("spoilt", [b"{}", b"no json", b'{"as_of": "soon"}', b"[]"])
def test_a_spoilt_document_stops_no_run(store: Any, spoilt: bytes) -> None:
    """Whatever somebody put there, the model's next run puts its own words in its place."""
    store.put("board/toy/monitor.json", spoilt)
    Lake(store).write_status("toy", "monitor", NOW, {"finding": "mine"})
    assert LatestStatus(store).all()["toy"]["monitor"].document["finding"] == "mine"


def test_the_ledger_keeps_its_tally_on_the_board(store: Any) -> None:
    """What each entry says is counted once, whatever was said before."""
    ledger = Ledger(store)
    for fact in [*promoted("1"), said("refused", version="2", key="a", evidence={"verdict": "keep"}), *promoted("3")]:
        ledger.append("toy", fact)
    tally = Tally.from_json(dict(LatestStatus(store).all()["toy"]["ledger"].document))
    assert tally == Tally().counting(ledger.entries("toy"))
    assert (tally.sequence, tally.state.champion, tally.verdicts) == (5, "3", {"keep": 1})


def test_a_board_that_could_not_be_written_is_made_up_for(store: Any) -> None:
    """The ledger goes on without its board, which counts what it missed with the next entry."""
    ledger = Ledger(store)
    facts = promoted("1", "2", "3")
    ledger.append("toy", facts[0])
    store.refuses = "board/"
    for fact in facts[1:-1]:
        ledger.append("toy", fact)
    assert ledger.tally("toy").sequence == 1
    store.refuses = None
    ledger.append("toy", facts[-1])
    assert ledger.tally("toy") == Tally().counting(ledger.entries("toy"))


@pytest.mark.parametrize("spoilt", [b"{}", b"no json", json.dumps({"sequence": "many"}).encode()])
def test_a_spoilt_tally_is_counted_anew(store: Any, spoilt: bytes) -> None:
    """Whatever somebody wrote there, the next entry puts it right."""
    ledger = Ledger(store)
    for fact in promoted("1"):
        ledger.append("toy", fact)
    store.put("board/toy/ledger.json", spoilt)
    ledger.append("toy", said("looked", key="x"))
    assert ledger.tally("toy") == Tally().counting(ledger.entries("toy"))


class ContestedStore(MemoryStore):
    """Somebody else writes between a look and a write, `rivals` times."""

    rivals = 0

    def stat(self, key: str) -> Any:
        found = super().stat(key)
        if self.rivals:
            self.rivals -= 1
            number = json.loads(self.objects[key][0])["n"] if found else 0
            self.objects[key] = (json.dumps({"n": number + 1}).encode(), self.now)
        return found


def one_more(document: dict[str, Any] | None) -> dict[str, Any]:
    return {"n": (document or {"n": 0})["n"] + 1}


def test_of_writers_at_the_same_time_none_undoes_another() -> None:
    """Whether the document was there or not: three rivals and we make four."""
    store: Any = ContestedStore()
    store.rivals = 3
    LatestStatus(store).revise(ALL_MODELS, "messages", one_more, within=10)
    assert LatestStatus(store).document(ALL_MODELS, "messages") == {"n": 4}


def test_a_document_that_is_always_taken_is_given_up() -> None:
    """After the time that the caller has, with an error that says that trying again can help."""
    store: Any = ContestedStore()
    store.rivals = 10_000
    with pytest.raises(StoreUnreachable, match="others wrote it again and again"):
        LatestStatus(store).revise(ALL_MODELS, "messages", one_more, within=0.3)


@pytest.mark.parametrize("spoilt", [b"no json", b"[1]"])
def test_what_is_no_document_is_written_anew(store: Any, spoilt: bytes) -> None:
    """Whatever somebody put there."""
    store.put("board/_all/messages.json", spoilt)
    LatestStatus(store).revise(ALL_MODELS, "messages", one_more, within=10)
    assert LatestStatus(store).document(ALL_MODELS, "messages") == {"n": 1}


def test_no_model_is_called_like_everybody() -> None:
    """So that nobody's documents stand among the messages."""
    assert not NAME.fullmatch(ALL_MODELS)
