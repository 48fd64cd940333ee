"""The latest status: the newest documents of each model's runs, read with one listing and only where it has changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.adapters.lake import Lake
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.alerts.throttle import Flow
from include.documents import from_bytes, to_bytes
from include.errors import StoreUnreachable
from include.models.contract import NAME
from include.results import Finding
from include.statuses import Latest, MonitorStatus
from tests.fakes import MemoryStore
from tests.ledger.test_entries import ledger_fact, promoted
from tests.statuses import monitor_status

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


def status(as_of: datetime, reason: str) -> MonitorStatus:
    return monitor_status(as_of, finding=Finding(action="nothing", reason=reason))


def reason(latest: Latest) -> str:
    assert latest.monitor is not None
    return latest.monitor.document.finding.reason


@pytest.fixture
def store() -> Any:
    return CountingStore()


def test_a_back_fill_is_not_news(store: Any) -> None:
    """A run as of last year leaves the newest status where it is; the same run again writes its own anew."""
    lake = Lake(store)
    for days, finding in ((0, "newest"), (-365, "old"), (0, "again")):
        lake.write_status("toy", status(NOW + timedelta(days=days), finding))
    assert reason(LatestStatus(store).all()["toy"]) == "again"
    assert len(lake.statuses("toy", MonitorStatus)) == 2


def test_what_has_not_changed_is_not_read_again(store: Any) -> None:
    """A page that looks every few seconds costs one list, and one read for each document that is new."""
    lake, latest = Lake(store), LatestStatus(store)
    for name in ("one", "two", "three"):
        lake.write_status(name, status(NOW, name))
    assert set(latest.all()) == {"one", "two", "three"}
    store.reads.clear()
    latest.all()
    assert store.reads == []
    lake.write_status("two", status(NOW, "other"))
    store.reads.clear()
    assert reason(latest.all()["two"]) == "other"
    assert store.reads == ["latest/two/monitor.json"]


def test_what_was_removed_is_gone(store: Any) -> None:
    """A model that was deleted from the store is not shown from memory."""
    lake, latest = Lake(store), LatestStatus(store)
    lake.write_status("one", status(NOW, "x"))
    assert latest.all()
    store.delete("latest/one/monitor.json")
    assert latest.all() == {}


def test_a_document_that_cannot_be_read_is_named(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the object and that it can be deleted; the model's other documents are there."""
    Lake(store).write_status("one", status(NOW, "x"))
    store.put("latest/one/retrain.json", b"[]]")
    for found in (LatestStatus(store).of("one"), LatestStatus(store).all()["one"]):
        assert (reason(found), found.retrain, found.unreadable) == ("x", None, ("retrain",))
    assert "latest/one/retrain.json is not a document" in caplog.text


def test_what_is_no_document_is_passed_over(store: Any) -> None:
    """A console's marker of a folder, or a file that somebody put there, is left alone."""
    for key in ("latest/", "latest/other/", "latest/toy/notes.txt", "latest/toy/unknown.json", "latest/a/b/monitor.json"):
        store.put(key, b"")
    assert LatestStatus(store).all() == {}


@pytest.mark.parametrize("damaged", [b"{}", b"no json", b'{"as_of": "soon"}', b"[]"])
def test_a_damaged_document_stops_no_run(store: Any, damaged: bytes) -> None:
    """Whatever is there, the model's next run writes its own document in its place."""
    store.put("latest/toy/monitor.json", damaged)
    Lake(store).write_status("toy", status(NOW, "mine"))
    assert reason(LatestStatus(store).all()["toy"]) == "mine"


def test_the_newest_entry_of_the_ledger_is_there(store: Any) -> None:
    """With the counts of all entries so far, whatever was written before."""
    ledger = Ledger(store)
    for fact in [*promoted("1"), ledger_fact("refused", version="2", key="a", evidence={"verdict": "keep"}), *promoted("3")]:
        ledger.append("toy", fact)
    newest = LatestStatus(store).all()["toy"].ledger
    assert newest is not None
    assert newest.document == ledger.newest("toy")
    state = newest.document.after
    assert (newest.document.sequence, state.champion, state.verdicts) == (5, "3", {"keep": 1})


def test_an_entry_that_could_not_be_copied_is_made_up_for(store: Any) -> None:
    """The ledger goes on without its copy; the next entry holds all that came before."""
    ledger = Ledger(store)
    facts = promoted("1", "2", "3")
    ledger.append("toy", facts[0])
    store.refuses = "latest/"
    for fact in facts[1:-1]:
        ledger.append("toy", fact)
    store.refuses = None
    ledger.append("toy", facts[-1])
    newest = LatestStatus(store).of("toy").ledger
    assert newest is not None
    assert newest.document.after.events == {"promoting": 3, "promoted": 3}


class ContestedStore(MemoryStore):
    """Another writer comes between a look and a write, `rivals` times."""

    rivals = 0

    def stat(self, key: str) -> Any:
        found = super().stat(key)
        if self.rivals:
            self.rivals -= 1
            flow = from_bytes(Flow, self.objects[key][0], key) if found else Flow()
            self.objects[key] = (to_bytes(one_more(flow)), self.now)
        return found


def one_more(flow: Flow | None) -> Flow:
    return Flow(paused_until=(flow or Flow()).paused_until + 1)


def test_of_writers_at_the_same_time_none_undoes_another() -> None:
    """Whether the document was there or not: three rivals and we make four."""
    store: Any = ContestedStore()
    store.rivals = 3
    LatestStatus(store).revise_messages(Flow, one_more, within=10)
    assert LatestStatus(store).messages(Flow) == Flow(paused_until=4)


def test_a_document_that_is_always_taken_is_given_up() -> None:
    """After the time that the caller has, with an error that says that trying again can help."""
    store: Any = ContestedStore()
    store.rivals = 10_000
    with pytest.raises(StoreUnreachable, match="others wrote it again and again"):
        LatestStatus(store).revise_messages(Flow, one_more, within=0.3)


@pytest.mark.parametrize("damaged", [b"no json", b"[1]"])
def test_what_is_no_document_is_written_anew(store: Any, damaged: bytes) -> None:
    """Whatever is there."""
    store.put("latest/_all/messages.json", damaged)
    assert LatestStatus(store).messages(Flow) is None
    LatestStatus(store).revise_messages(Flow, one_more, within=10)
    assert LatestStatus(store).messages(Flow) == Flow(paused_until=1)


def test_no_model_has_the_name_of_all_models() -> None:
    """So that no model's documents stand among the messages."""
    assert not NAME.fullmatch("_all")
