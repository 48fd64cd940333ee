"""`ledger` shows what was in production, and names what it cannot answer."""

from typing import Any

import pytest
from click.testing import CliRunner

from include.cli import ledger
from include.cli.__main__ import cli
from tests.fakes import FakeRegistry, MemoryStore, services
from tests.ledger.test_entries import promoted


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack whose ledger holds two promotions of traffic_volume."""
    found = services(MemoryStore(), MemoryStore(), FakeRegistry())
    for fact in promoted("1", "2"):
        found.ledger.append("traffic_volume", fact)
    monkeypatch.setattr(ledger, "connect", lambda: found)
    return found


def test_it_prints_who_was_champion_when(stack: Any) -> None:
    """All terms, and for one moment a sentence."""
    assert "Champion: version 2" in CliRunner().invoke(cli, ["ledger", "traffic_volume"]).stdout
    answer = CliRunner().invoke(cli, ["ledger", "traffic_volume", "--at", "2013-05-03T14:00"])
    assert answer.exit_code == 0
    assert "nothing was in production" in " ".join(answer.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing argument 'MODEL'"),
        (["unknown"], 1, "model 'unknown' does not exist"),
        (["traffic_volume", "--at", "yesterday"], 1, "AT='yesterday' is not a time"),
        (["traffic_volume", "--at", "2999-01-01"], 1, "has not come yet"),
    ],
)
def test_what_it_cannot_answer_is_named(stack: Any, arguments: list[str], code: int, message: str) -> None:
    """The thing, its value, and what is accepted."""
    answer = CliRunner().invoke(cli, ["ledger", *arguments])
    assert answer.exit_code == code
    assert message in answer.stderr
