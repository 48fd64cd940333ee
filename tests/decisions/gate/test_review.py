"""What a person may be asked, what an answer is worth, and what makes it void: tables of cases, and any text at all."""

import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.gate.review import PendingReview, Standing, answer_in, moved, needs_a_person, why_refused, with_section
from include.reports.review_text import ReviewPage, in_orchestrator, in_registry
from include.results import Answer, Verdict
from include.untrusted_text import one_line
from tests.toy import day

EVIDENCE = "0123456789ab" + "c" * 52
ASKED = PendingReview(EVIDENCE)
OVERRIDE = replace(ASKED, needs_reason=True)
APPROVE, REJECT = "approve-0123456789ab", "reject-0123456789ab"


def verdict(word: str = "promote", **changes: Any) -> Verdict:
    plain = {"verdict": word, "reasons": ("because",), "version": "2", "artifact_digest": "d", "champion_version": "1"}
    return Verdict.model_validate(plain | changes)


def standing(about: Verdict, **changes: Any) -> Standing:
    return replace(Standing(about.champion_version, about.artifact_digest, about.evidence), **changes)


@pytest.mark.parametrize(
    ("word", "champion", "asked"),
    [
        ("promote", "1", True),
        ("promote", None, True),
        ("inconclusive", "1", True),
        ("inconclusive", None, False),
        ("keep", "1", False),
        ("blocked", "1", False),
        ("blocked", None, False),
    ],
)
def test_people_are_asked_about_what_the_gate_may_leave_to_them(word: str, champion: str | None, asked: bool) -> None:
    """Never about what was blocked or lost, and never about a first champion that has not proved itself."""
    assert needs_a_person(verdict(word, champion_version=champion)) == asked


def test_no_reviewer_is_asked_where_nothing_was_judged() -> None:
    """There is no version that an answer could be about."""
    assert not needs_a_person(verdict(version=None))


def test_the_tags_of_an_answer_are_read() -> None:
    """Who, what and why, and nothing else is an answer."""
    tags = {"review": APPROVE, "review_by": "alice", "review_reason": "better on trucks", "verdict": "promote"}
    assert answer_in(tags, OVERRIDE) == Answer(decision="approve", by="alice", why="better on trucks")
    assert answer_in(tags | {"review": f" {REJECT} "}, ASKED) == Answer(decision="reject", by="alice", why="better on trucks")
    assert answer_in({}, ASKED) == answer_in({"review": " "}, ASKED) is None


@pytest.mark.parametrize(
    ("tags", "asked", "summary"),
    [
        ({"review": APPROVE}, ASKED, "not counted yet: set review_by to your name"),
        ({"review": REJECT, "review_by": "\u202e \u200b"}, ASKED, "not counted yet: set review_by to your name"),
        ({"review": APPROVE, "review_by": "a"}, OVERRIDE, "not counted yet: an override needs a reason, set review_reason"),
        ({"review": "approve-ffffffffffff", "review_by": "a"}, ASKED, "void: approve-ffffffffffff is for other evidence"),
        ({"review": "approve", "review_by": "a"}, ASKED, "not counted: review is approve; this judgement's are"),
        ({"review": APPROVE.upper(), "review_by": "a"}, ASKED, "not counted: review is APPROVE-0123456789AB"),
        (
            {"review": "yes", "review_by": "a"},
            ASKED,
            f"not counted: review is yes; this judgement's are {APPROVE} and {REJECT}",
        ),
        ({"review": APPROVE, "review_by": "eve"}, replace(ASKED, reviewers=("a", "b")), "none of the reviewers, who are a, b"),
    ],
)
def test_a_refused_answer_says_what_is_wrong_with_it(tags: dict[str, str], asked: PendingReview, summary: str) -> None:
    """The reviewer reads in a tag what to correct, and what was set for another judgement is void."""
    found = answer_in(tags, asked)
    assert isinstance(found, str)
    assert summary in found


@given(st.dictionaries(st.sampled_from(["review", "review_by", "review_reason"]), st.text()), st.booleans())
def test_no_text_approves_but_the_very_words(tags: dict[str, str], needs_reason: bool) -> None:
    """Whatever people type into the three tags, it is an answer, a sentence about what is wrong, or nothing."""
    found = answer_in(tags, replace(ASKED, needs_reason=needs_reason))
    if isinstance(found, Answer):
        assert tags["review"].strip() in (APPROVE, REJECT)
    assert isinstance(found, Answer | str | None)


@given(st.text(), st.integers(1, 500))
def test_what_people_write_becomes_one_harmless_line(text: str, longest: int) -> None:
    """Short, on one line, and with nothing in it that is not seen or that turns the text around."""
    line = one_line(text, longest)
    assert len(line) <= longest
    assert line == line.strip()
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in line)


@pytest.mark.parametrize(
    ("word", "answer", "summary"),
    [
        ("promote", Answer(decision="approve", by="alice"), ""),
        ("inconclusive", Answer(decision="approve", by="alice", why="we need it"), ""),
        ("inconclusive", Answer(decision="approve", by="alice"), "approved by alice without a reason"),
        ("promote", Answer(decision="reject", by="bob", why="not now"), "rejected by bob: not now"),
        ("promote", Answer(decision="reject", by="bob"), "rejected by bob: no reason given"),
        ("promote", Answer(decision=None), "no answer in time, and no answer means no"),
    ],
)
def test_what_an_answer_is_worth(word: str, answer: Answer, summary: str) -> None:
    """A yes is a yes, to overrule the gate it needs a reason, and silence is a no."""
    refusal = why_refused(answer, verdict(word))
    assert (refusal or "").startswith(summary)
    assert bool(refusal) == bool(summary)


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ({}, ""),
        ({"champion": "7"}, "the champion is version 7, it was compared with version 1"),
        ({"champion": None}, "the champion is none, it was compared with version 1"),
        ({"artifact_digest": "e"}, "the artifact of version 2 has digest e, the judged one had d"),
        ({"artifact_digest": None}, "version 2 is gone"),
        ({"evidence": None}, "version 2 was judged again"),
        ({"evidence": "f" * 64}, "version 2 was judged again: its evidence is ffffffffffff"),
    ],
)
def test_what_moved_is_named(changes: dict[str, Any], summary: str) -> None:
    """An approval that is void says why."""
    about = verdict()
    reason = moved(about, standing(about, **changes))
    assert (reason or "").startswith(summary)
    assert bool(reason) == bool(summary)


def test_all_that_moved_is_named() -> None:
    """All changes are named at once, not one after the other."""
    about = verdict()
    assert str(moved(about, standing(about, champion="7", artifact_digest="e"))).count(";") == 1


def test_a_reviewer_reads_what_to_do_before_the_card() -> None:
    """What is asked, what either answer does, until when, and what silence means; in MLflow the exact tags."""
    about = verdict()
    asked = PendingReview.about(about, ("alice",))
    page = in_orchestrator("toy", about, ReviewPage(asked, day(3), "## THE CARD", "http://registry.example/2", "Airflow"))
    for text in ("Approve**: version 2 becomes", "Reject**: version 1 stays", "2024-01-04 00:00 UTC** means no", "it is void"):
        assert text in page
        assert text in in_registry("toy", about, asked, day(3))
    assert page.endswith("## THE CARD")
    section = in_registry("toy", about, asked, day(3))
    assert f"`{asked.approve}` or `{asked.reject}`" in section
    assert "your name (one of alice)" in section


def test_an_override_is_called_one() -> None:
    """The page for an inconclusive verdict says that an approval is recorded as such and needs a reason."""
    about = verdict("inconclusive")
    asked = PendingReview.about(about, ())
    for page in (
        in_orchestrator("toy", about, ReviewPage(asked, day(3), "", "", "Airflow")),
        in_registry("toy", about, asked, day(3)),
    ):
        assert "overrides the gate**; it needs a reason" in page


@pytest.mark.parametrize("length", [10, 4_000, 5_000, 20_000])
def test_a_long_card_gives_way_and_the_question_does_not(length: int) -> None:
    """Postgres keeps 5,000 characters of a description: what to set is never what is cut."""
    about = verdict("inconclusive", version="9" * 20)
    section = in_registry("m" * 50, about, PendingReview.about(about, tuple(f"user{number}" for number in range(20))), day(3))
    card = "a line of the card\n" * (length // 19)
    whole = with_section(section, card, 5000)
    assert len(whole) <= 5000
    assert whole.startswith(section)
    assert "decision_card.md" in whole or whole.endswith(card)
