"""The page of what triage found is markdown that a browser draws as it is meant."""

from typing import Any

from decision_cards import as_html
from include.reports.findings_card import findings_card

FINDING = {"action": "stop", "reason": "the feed is broken"}
MOVED: dict[str, Any] = {
    "view": "note",
    "kind": "mess",
    "what": "24% wrong encoding",
    "in_a_row": 1,
    "weight": 0.2,
    "season": "",
}


def test_signs_of_a_broken_feed_do_not_break_the_table() -> None:
    """The list of signs ends before the table of what moved begins."""
    page = as_html(findings_card("toy", FINDING, {"broken": ["a sign", "another"], "moved": [MOVED]}, {}), str)
    assert page.count("<li>") == 2
    assert "<td>24% wrong encoding</td>" in page
    assert "| --- |" not in page
