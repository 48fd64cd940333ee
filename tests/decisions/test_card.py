"""The decision card: verdict first, numbers readable, and nothing in it that acts."""

from dataclasses import replace

import pytest

from include.decisions.card import CardFacts, decision_card
from include.decisions.evidence import CLEAN, Condition, Evidence, Measured
from include.decisions.verdict import Decision
from include.models.contract import Criteria
from include.references import Snapshot
from tests.toy import day

CRITERIA = Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02)
FACTS = CardFacts(
    model="toy",
    challenger="7",
    champion="6",
    lane="routine",
    trigger="cadence",
    train=Snapshot(digest="a" * 64, start=day(0), end=day(5), rows=1234),
    holdout=Snapshot(digest="b" * 64, start=day(5), end=day(7), rows=567),
    git_commit="0123456789abcdef",
    suite_digest="feed",
)
GAIN = Measured(0.03, 0.01)
COMPARED = Evidence("roc_auc", 567, 80, (Condition(CLEAN, 0.73, 0.01, 0.7, GAIN),), 0.7, 0.67, GAIN)
ALONE = Evidence("roc_auc", 567, 80, (Condition(CLEAN, 0.73, 0.01, None, None),), 0.7, None, None)
DECISION = Decision("promote", ("better", "cheaper"))


def card(evidence: Evidence | None = COMPARED, decision: Decision = DECISION, facts: CardFacts = FACTS) -> str:
    return decision_card(decision, evidence, CRITERIA, facts)


def cells(text: str) -> list[list[str]]:
    """The tables, cell by cell, without the spaces that only make them look better."""
    lines = [line.replace("&emsp;", "") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_verdict_comes_first() -> None:
    """Whoever reads one line has read what was decided, and about what."""
    assert card().splitlines()[0] == "## PROMOTE: toy version 7"
    assert "1. better\n2. cheaper\n" in card()


def test_both_models_stand_side_by_side() -> None:
    """Champion, challenger, gain and interval, for each condition and for the mix that decides."""
    assert ["clean", "0.7", "0.73", "+0.03", "+0.0104 to +0.0496"] in cells(card())
    assert ["**clean/noisy mix**", "", "", "**+0.03**", "+0.0104 to +0.0496"] in cells(card())
    assert "567 holdout rows, 80 positive" in card()


def test_a_first_champion_stands_alone() -> None:
    """No column is made up for a champion that does not exist."""
    text = card(ALONE, facts=replace(FACTS, champion=None))
    assert "first champion, nothing to compare with" in text
    assert ["clean", "0.73"] in cells(text)


def test_a_blocked_card_has_no_scorecard() -> None:
    """Without sound evidence no numbers are shown that somebody could believe."""
    text = card(None, Decision("blocked", ("the holdout is too small",)))
    assert text.startswith("## BLOCKED")
    assert "Scorecard" not in text


def test_the_card_says_how_to_reproduce_it() -> None:
    """Rows by digest, criteria, noise suite and code."""
    for said in ("`aaaaaaaaaaaaaaaa`", "`bbbbbbbbbbbbbbbb`", CRITERIA.digest(), "`feed`", "`0123456789ab`"):
        assert said in card()


@pytest.mark.parametrize(("metric", "bound"), [("roc_auc", "clean ≥ 0.6, noisy ≥ 0.55"), ("mae", "clean ≤ 0.6, noisy ≤ 0.55")])
def test_criteria_are_written_in_the_direction_of_the_metric(metric: str, bound: str) -> None:
    """A floor of an error is a ceiling."""
    assert bound in decision_card(DECISION, None, replace(CRITERIA, metric=metric), FACTS)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[here](http://evil.example)", "\\[here\\](http://evil.example)"),
        ("**bold** `code` _it_", "\\*\\*bold\\*\\* \\`code\\` \\_it\\_"),
        ("a | b", "a \\| b"),
        ("one\n## PROMOTE: two\r\n\tthree", "one \\#\\# PROMOTE: two three"),
        ("back\\slash", "back\\\\slash"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_what_a_person_typed_acts_on_nothing(typed: str, written: str) -> None:
    """Neither a browser nor markdown finds anything in a reason; it stays on its line."""
    text = card(facts=replace(FACTS, trigger=typed), decision=Decision("keep", (typed,)))
    assert f"asked for by: {written}\n" in text
    assert f"1. {written}\n" in text


def test_a_novel_is_cut() -> None:
    """A description has room for five thousand characters, so one reason does not take them all."""
    assert len(card(facts=replace(FACTS, trigger="x" * 9000))) < 2000
