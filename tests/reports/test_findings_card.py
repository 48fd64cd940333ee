"""The page of what triage found is markdown that a browser draws as it is meant."""

from include.reports.findings_card import findings_card
from include.reports.pages import from_markdown
from include.results import Drift, Finding, Moved

FINDING = Finding(action="stop", reason="the feed is broken")
MOVED = Moved(view="note", kind="noise", what="24% wrong encoding", effect=0.1, weight=0.2)


def test_signs_of_a_broken_feed_do_not_break_the_table() -> None:
    """The list of signs ends before the table of what moved begins."""
    drift = Drift(period=None, broken=("a sign", "another"), moved=(MOVED,))
    page = from_markdown(findings_card("toy", FINDING, drift, None))
    assert page.count("<li>") == 2
    assert "<td>24% wrong encoding</td>" in page
    assert "| --- |" not in page
