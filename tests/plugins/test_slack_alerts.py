"""A failed task is reported, and what cannot be reported fails nothing."""

from types import SimpleNamespace

import pytest

import slack_alerts
from include.alerts.throttle import Message
from include.errors import BrokenFeed


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    messages: list[Message] = []
    monkeypatch.setattr(slack_alerts, "post", messages.append)
    return messages


def test_a_failed_task_is_reported_with_its_state(posted: list[Message]) -> None:
    """The message names the step, and the state in which that step leaves things."""
    failed = SimpleNamespace(dag_id="toy.monitor", task_id="pull", log_url="http://airflow.example/log")
    slack_alerts.report_failure({"ti": failed, "exception": BrokenFeed("the feed is broken")})
    (message,) = posted
    assert "monitor failed in *pull* (BrokenFeed)" in message.text
    assert "Nothing was taken in; the champion is unchanged" in message.text


def test_an_alert_that_cannot_be_written_raises_nothing(posted: list[Message]) -> None:
    """It must not hide the failure that it is about."""
    slack_alerts.report_failure({})
    assert posted == []


def test_messages_are_sent_in_their_order(posted: list[Message]) -> None:
    """One after the other, each by itself."""
    slack_alerts.send([Message("page", "one"), Message("by_hand", "two")])
    assert [message.text for message in posted] == ["one", "two"]
