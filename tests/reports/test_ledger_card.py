"""The ledger as people read it: what was in production when, who decided it and why, whatever a reason contains."""

import pytest

from include.reports.ledger_card import ledger_card
from tests.ledger.test_entries import chain, ledger_fact, promoted

ENTRIES = chain(
    *promoted("1", "2"),
    ledger_fact("refused", version="3", reason="it lost"),
    ledger_fact("rolling_back", "1"),
    ledger_fact("rolled_back", "1", reason="precision fell", by="dora"),
)


def test_it_says_who_is_champion_and_where_a_rollback_goes() -> None:
    """The first lines are what the engineer on call needs."""
    page = ledger_card("toy", ENTRIES)
    assert "**Champion: version 1.**" in page
    assert "Blocked after a rollback: 2." in page
    assert "A rollback goes to" not in page
    assert "A rollback goes to version 1." in ledger_card("toy", ENTRIES[:4])


def test_every_term_says_how_it_began_and_who_decided_it() -> None:
    """Newest first; the one that lasts ends now."""
    lines = [line for line in ledger_card("toy", ENTRIES).splitlines() if line.startswith("| ")]
    assert "| 1 | 2026-05-01 06:00 UTC | now | rolled back | dora | precision fell |" in lines
    assert "| 2 | 2026-05-01 03:00 UTC | 2026-05-01 06:00 UTC | promoted | carol | because |" in lines
    assert any("refused | 3 | carol | it lost" in line for line in lines)
    assert not any("promoting" in line or "rolling back" in line for line in lines)


def test_where_only_refusals_happened_nothing_was_in_production() -> None:
    """A model whose first challengers were all rejected has a ledger, and no term."""
    entries = chain(ledger_fact("rejected", version="1", by="dora", reason="not yet"), ledger_fact("refused", version="1"))
    page = ledger_card("toy", entries)
    assert "**There is no champion.**" in page
    assert "Nothing was in production yet." in page
    assert "| rejected | 1 | dora | not yet |" in page


def test_a_model_without_a_history_says_so() -> None:
    """No table of nothing."""
    assert "Nothing has happened yet" in ledger_card("toy", [])


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "a | b | c", "[x](javascript:1)", "pay \u202eme", "two\nlines", "x" * 10_000_000]
)
def test_what_people_wrote_stays_text(hostile: str) -> None:
    """In a reason, a name, or the address of a card: no markup, no second line, no turned text, no ten megabytes."""
    entries = chain(
        *promoted("1"),
        ledger_fact("refused", version="2", reason=hostile, by=hostile, evidence={"card": "javascript:alert(1)"}),
        ledger_fact("refused", version="2", reason="r", key="2", evidence={"card": f"http://x/{hostile}"}),
    )
    page = ledger_card("toy", entries)
    assert "<script" not in page
    assert "javascript:alert" not in page
    assert "\u202e" not in page
    assert len(page) < 10_000
    row = next(line for line in page.splitlines() if line.startswith("| 3 |"))
    assert row.replace("\\|", "").count("|") == 8
