"""`freeze`, `unfreeze`, `snooze` and `unsnooze`: what a person holds back is kept with name, reason and end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from include.cli import freeze, snooze, unfreeze, unsnooze
from include.cli.__main__ import cli
from include.models import model_names
from tests.fakes import FakeRegistry, MemoryStore, services

TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%MZ}"


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = services(MemoryStore(), MemoryStore(), FakeRegistry())
    for module in (freeze, unfreeze, snooze, unsnooze):
        monkeypatch.setattr(module, "connect", lambda: found)
        if hasattr(module, "getpass"):
            monkeypatch.setattr(module.getpass, "getuser", lambda: "erin")
    return found


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, list(arguments))


def test_a_freeze_is_in_force_and_in_the_ledger(stack: Any) -> None:
    """And so is its end."""
    answer = run("freeze", "traffic_volume", "--until", TOMORROW, "--reason", "incident 12")
    assert answer.exit_code == 0
    assert "frozen until" in answer.stdout
    assert stack.holds.frozen("traffic_volume").by == "erin"
    assert stack.holds.frozen("flight_delays") is None
    answer = run("unfreeze", "traffic_volume", "--reason", "it is over")
    assert "not frozen any more" in answer.stdout
    assert stack.holds.frozen("traffic_volume") is None
    entries = stack.ledger.proved("traffic_volume")
    assert [(entry.event, entry.by, entry.reason) for entry in entries] == [
        ("frozen", "erin", "incident 12"),
        ("unfrozen", "erin", "it is over"),
    ]


def test_all_models_are_frozen_together(stack: Any) -> None:
    """Each ledger has it; a single one cannot be taken out by mistake."""
    assert run("freeze", "--all", "--until", TOMORROW, "--reason", "Christmas").exit_code == 0
    assert {name for name in model_names() if stack.holds.frozen(name)} == set(model_names())
    assert all(stack.ledger.proved(name)[-1].event == "frozen" for name in model_names())
    answer = run("unfreeze", "traffic_volume", "--reason", "r")
    assert (answer.exit_code, "It is frozen with all models: use --all." in answer.stderr) == (1, True)
    assert run("unfreeze", "--all", "--reason", "r").exit_code == 0
    assert not [name for name in model_names() if stack.holds.frozen(name)]


def test_a_freeze_works_in_an_incident_of_the_ledger_too(stack: Any) -> None:
    """It holds, and the command says which ledger could not record it."""
    stack.holds._store.put("ledger/traffic_volume/0000000001.json", b"{}")
    answer = run("freeze", "traffic_volume", "--until", TOMORROW, "--reason", "incident 12")
    assert answer.exit_code == 0
    assert "the ledger of traffic_volume does not have it" in answer.stdout
    assert stack.holds.frozen("traffic_volume")


def test_a_snooze_is_of_one_kind(stack: Any) -> None:
    """Until its time, or until a person wants to hear again."""
    assert run("snooze", "traffic_volume", "page", "--until", TOMORROW, "--reason", "order 4711").exit_code == 0
    assert [(hold.what, hold.reason) for hold in stack.holds.in_force("traffic_volume")] == [("page", "order 4711")]
    assert run("unsnooze", "traffic_volume", "page", "--reason", "the sensor was replaced").exit_code == 0
    assert stack.holds.in_force("traffic_volume") == ()
    (kept,) = stack.holds._of("traffic_volume")
    assert kept.ended_because == "the sensor was replaced"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["freeze", "--until", TOMORROW, "--reason", "r"], "name one model, or use --all"),
        (["freeze", "traffic_volume", "--all", "--until", TOMORROW, "--reason", "r"], "name one model, or use --all"),
        (["freeze", "unknown", "--until", TOMORROW, "--reason", "r"], "model 'unknown' does not exist"),
        (["freeze", "traffic_volume", "--until", "2020-01-01", "--reason", "r"], "a time that has not come yet"),
        (["freeze", "traffic_volume", "--until", "Monday", "--reason", "r"], "until='Monday' is not a time"),
        (["freeze", "traffic_volume", "--until", TOMORROW, "--reason", " "], "the reason is empty"),
        (["unfreeze", "traffic_volume", "--reason", "r"], "there is no freeze to end"),
        (["snooze", "traffic_volume", "outage", "--until", TOMORROW, "--reason", "r"], "Invalid value for"),
        (["unsnooze", "traffic_volume", "page", "--reason", " "], "the reason is empty"),
        (["unsnooze", "traffic_volume", "page", "--reason", "r"], "no messages of the kind page are snoozed"),
    ],
)
def test_what_cannot_be_held_back_is_named(stack: Any, arguments: list[str], message: str) -> None:
    """And nothing is kept."""
    answer = run(*arguments)
    assert answer.exit_code in (1, 2)
    assert message in answer.stderr
    assert stack.holds.overview() == ({}, [])
