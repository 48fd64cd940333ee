"""The ledger in a terminal: no line is longer than the terminal is wide, and nothing in it steers that."""

from datetime import timedelta

import pytest

from include.reports.ledger_text import ledger_text
from tests.ledger.test_entries import NOW, chain, ledger_fact, promoted

SPITE = "\x1b[2J" + "precision fell, and the control room has complained about the numbers for days " * 4
ENTRIES = chain(
    *promoted("1", "2"),
    ledger_fact("rolling_back", "1"),
    ledger_fact("rolled_back", "1", reason=SPITE, by="dora"),
    ledger_fact("restoring", "2"),
    ledger_fact("restored", "2", reason="it was the road", by="erin"),
)


@pytest.mark.parametrize("width", [80, 110])
def test_it_fits_the_terminal(width: int) -> None:
    """Who, what, when and why in lines of their own, whatever a reason holds."""
    text = ledger_text("toy", ENTRIES, NOW + timedelta(days=9), width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    for said in (
        "Champion: version 2.",
        "A rollback goes to version 1.",
        "restored by erin: it was the road",
        "rolled back by dora",
    ):
        assert said in text
    indents = {len(line) - len(line.lstrip()) for line in text.splitlines() if "the control room" in line}
    assert len(indents) == 1, "a reason that goes on stands below its beginning"
    assert "restoring" not in text, "the intent, beside its outcome"
    assert text.index("restored") < text.index("rolled back")


def test_an_empty_ledger_says_so() -> None:
    """A sentence, and no failure."""
    assert "nothing has happened yet" in ledger_text("toy", [])


EARLIER = chain(
    *promoted("1", "2"),
    ledger_fact("refused", version="3", reason="it lost"),
    ledger_fact("rolling_back", "1"),
    ledger_fact("rolled_back", "1", reason="precision fell", by="dora"),
)


@pytest.mark.parametrize(
    ("hours", "sentence"),
    [
        (0.5, "At 2026-05-01 00:30 UTC nothing was in production: the ledger begins on 2026-05-01 00:00 UTC."),
        (
            4,
            "At 2026-05-01 04:00 UTC version 2 was in production: since 2026-05-01 03:00 UTC, until 2026-05-01 06:00 UTC. "
            "promoted by carol: because",
        ),
        (
            9,
            "At 2026-05-01 09:00 UTC version 1 was in production: since 2026-05-01 06:00 UTC, and still is. "
            "rolled back by dora: precision fell",
        ),
    ],
)
def test_what_was_in_production_at_a_moment_is_one_sentence(hours: float, sentence: str) -> None:
    """Before the first champion, in the middle, and now."""
    assert sentence in " ".join(ledger_text("toy", EARLIER, NOW + timedelta(hours=hours)).split())
