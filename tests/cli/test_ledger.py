"""`make ledger` tells what was in production, and says no in our words."""

from typing import Any

import pytest

from include.cli import ledger
from tests.fakes import FakeRegistry, MemoryStore, services
from tests.ledger.test_entries import promoted


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack whose ledger holds two promotions of traffic_volume."""
    found = services(MemoryStore(), MemoryStore(), FakeRegistry())
    for fact in promoted("1", "2"):
        found.ledger.append("traffic_volume", fact)
    monkeypatch.setattr(ledger, "find_stack", lambda _: None)
    monkeypatch.setattr(ledger, "build_services", lambda: found)
    return found


def test_it_prints_who_was_champion_when(stack: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """All terms, and for one moment a sentence."""
    assert ledger.main(["traffic_volume"]) == 0
    assert "Champion: version 2" in capsys.readouterr().out
    assert ledger.main(["traffic_volume", "2013-05-03T14:00"]) == 0
    assert "nothing was in production" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name one model"),
        (["nobody"], "nobody"),
        (["traffic_volume", "yesterday"], "AT='yesterday' is not a time"),
        (["traffic_volume", "2999-01-01"], "has not come yet"),
    ],
)
def test_what_it_cannot_answer_is_named(
    stack: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """The thing, its value, and what is accepted."""
    assert ledger.main(arguments) == 1
    assert message in capsys.readouterr().out
