"""A failed task is reported, its reason is kept for the page Models, and what cannot be reported fails nothing."""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import slack_alerts
from include import services
from include.adapters.hold_store import HoldStore
from include.adapters.latest_status import LatestStatus
from include.adapters.ledger import Ledger
from include.adapters.records import Records
from include.alerts.throttle import Message
from include.errors import BrokenFeed, StoreUnreachable
from include.holds import Hold
from include.settings import Settings
from tests.fakes import MemoryStore

FAILED = SimpleNamespace(dag_id="toy.monitor", task_id="pull", run_id="r1", log_url="http://airflow.example/log")


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    messages: list[Message] = []
    monkeypatch.setattr(slack_alerts, "post", messages.append)
    return messages


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    lake = MemoryStore()
    read = services.Reader(Settings.read({}), LatestStatus(lake), Records(lake), Ledger(lake), HoldStore(lake))
    monkeypatch.setattr("include.services.reader", lambda patience=None: read)
    return lake


def test_a_failed_task_is_reported_with_its_state(
    posted: list[Message], store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The message says what it is, and the state things are in; the log ends with the reason, in one line."""
    with caplog.at_level(logging.INFO):
        slack_alerts.report_failure({"ti": FAILED, "exception": BrokenFeed("the feed is broken")})
    (message,) = posted
    assert "feed broken: monitor stopped in *pull*" in message.text
    assert "Nothing was taken in; the champion is unchanged" in message.text
    last = caplog.records[-1]
    assert last.getMessage().startswith("BrokenFeed: the feed is broken")
    assert (last.exc_info, "\n" in last.getMessage()) == (None, False)


def test_the_reason_is_kept_for_the_page_models(posted: list[Message], store: MemoryStore) -> None:
    """Of this run; of an error that is not ours only the type, for it may quote rows."""
    slack_alerts.report_failure({"ti": FAILED, "exception": BrokenFeed("412 rows")})
    kept = LatestStatus(store).of("toy").failed_monitor
    assert kept is not None
    assert (kept.document.run_id, kept.document.task, kept.document.reason) == ("r1", "pull", "412 rows")
    slack_alerts.report_failure({"ti": FAILED, "exception": ValueError("secret 4711")})
    assert b"4711" not in store.read("latest/toy/failed_monitor.json")


def test_a_snoozed_failure_is_not_sent_and_is_kept(posted: list[Message], store: MemoryStore) -> None:
    """The page goes on showing it."""
    now = datetime.now(UTC)
    hold = Hold(what="failure", by="erin", reason="r", since=now, until=now + timedelta(days=1))
    HoldStore(store).begin("toy", hold)
    slack_alerts.report_failure({"ti": FAILED, "exception": BrokenFeed("412 rows")})
    assert posted == []
    assert LatestStatus(store).of("toy").failed_monitor is not None


def test_a_failure_is_reported_whatever_else_fails(posted: list[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is away, in the middle of another fault or as the fault itself."""

    def away(**_: Any) -> Any:
        raise StoreUnreachable("no answer")

    monkeypatch.setattr("include.services.reader", away)
    slack_alerts.report_failure({"ti": FAILED, "exception": BrokenFeed("412 rows")})
    slack_alerts.report_failure({"ti": FAILED, "exception": StoreUnreachable("no answer")})
    assert [message.kind for message in posted] == ["failure", "outage"]


def test_an_alert_that_cannot_be_written_raises_nothing(posted: list[Message]) -> None:
    """It must not hide the failure that it is about."""
    slack_alerts.report_failure({})
    assert posted == []


def test_messages_are_sent_in_their_order(posted: list[Message]) -> None:
    """One after the other, each by itself."""
    slack_alerts.send([Message("page", "one"), Message("by_hand", "two")])
    assert [message.text for message in posted] == ["one", "two"]
