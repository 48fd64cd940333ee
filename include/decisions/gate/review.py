"""Review by people: what they are asked about, when an answer counts, and what makes it void.

Light, because a triggerer imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from include.results import SHORT, Answer, Question, Verdict
from include.untrusted_text import one_line

# The tags on a version by which a person answers in MLflow's page, and those by which the pipeline reports the state.
REVIEW, REVIEW_BY, REVIEW_REASON = "review", "review_by", "review_reason"
REVIEW_ASKED, REVIEWED = "review_asked", "reviewed"
_LONGEST_NAME = 100
_LONGEST_REASON = 500


def why_of(text: object) -> str:
    """A person's reason: on one line, cut, and readable."""
    return one_line(text, _LONGEST_REASON)


def name_of(text: object) -> str:
    """A person's name, likewise."""
    return one_line(text, _LONGEST_NAME)


def needs_a_person(verdict: Verdict) -> bool:
    """Whether there is anything that a person may decide.

    Never what lost or was blocked, and a first champion only where the gate says yes.
    """
    return bool(verdict.version) and (
        verdict.verdict == "promote" or (verdict.verdict == "inconclusive" and bool(verdict.champion_version))
    )


@dataclass(frozen=True)
class PendingReview:
    """What an answer by tags has to fit: the evidence, whether approving needs a reason, and who may answer.

    No `reviewers` means every user.
    """

    evidence: str
    needs_reason: bool = False
    reviewers: tuple[str, ...] = ()

    @classmethod
    def about(cls, verdict: Verdict, reviewers: tuple[str, ...]) -> "PendingReview":
        """What is asked about a verdict."""
        return cls(verdict.evidence, overrides(verdict), reviewers)

    @property
    def approve(self) -> str:
        """The value of the tag `review` that approves."""
        return f"approve-{self.evidence[:SHORT]}"

    @property
    def reject(self) -> str:
        """The value of the tag `review` that rejects."""
        return f"reject-{self.evidence[:SHORT]}"


def overrides(verdict: Verdict) -> bool:
    """Whether approving goes beyond what the gate found."""
    return verdict.verdict == "inconclusive"


def answer_in(tags: Mapping[str, str], pending: PendingReview) -> Answer | str | None:
    """The answer that the tags of a version hold, or a sentence on what is wrong with it; None where there is none.

    >>> answer_in({"review": "approve-0123456789ab", "review_by": "alice"}, PendingReview("0123456789abcdef"))
    Answer(summary='', decision='approve', by='alice', why='', at=None, evidence='')
    """
    tag = tags.get(REVIEW, "").strip()
    by, why = name_of(tags.get(REVIEW_BY, "")), why_of(tags.get(REVIEW_REASON, ""))
    decisions: dict[str, Literal["approve", "reject"]] = {pending.approve: "approve", pending.reject: "reject"}
    if not tag:
        return None
    if tag not in decisions:
        return _not_ours(tag, pending)
    if not by:
        return f"not counted yet: set {REVIEW_BY} to your name"
    if pending.reviewers and by not in pending.reviewers:
        return f"not counted: {by} is none of the reviewers, who are {', '.join(pending.reviewers)}"
    if decisions[tag] == "approve" and pending.needs_reason and not why:
        return f"not counted yet: an override needs a reason, set {REVIEW_REASON}"
    return Answer(decision=decisions[tag], by=by, why=why)


def _not_ours(tag: str, pending: PendingReview) -> str:
    word, _, of = tag.partition("-")
    accepted = f"this judgement's are {pending.approve} and {pending.reject}"
    if word in ("approve", "reject") and len(of) == SHORT:
        return f"void: {one_line(tag, 30)} is for other evidence; {accepted}"
    return f"not counted: {REVIEW} is {one_line(tag, 30)}; {accepted}"


def why_refused(answer: Answer, verdict: Verdict) -> str | None:
    """Why an answer does not approve, in a sentence; None where it does, as long as the evidence stands."""
    if answer.decision is None:
        return "no answer in time, and no answer means no"
    if answer.decision == "reject":
        return f"rejected by {answer.by}: {answer.why or 'no reason given'}"
    if overrides(verdict) and not answer.why:
        return (
            f"approved by {answer.by} without a reason: what the gate found inconclusive is overridden with one, or not at all"
        )
    return None


def shown(answer: Answer, evidence: str) -> str | None:
    """Why an answer is about something else than what is asked, in a sentence; None where it is not.

    After a task was cleared, the orchestrator's page goes on showing what was asked at first.
    """
    if not answer.evidence or evidence.startswith(answer.evidence):
        return None
    return f"the page showed the evidence {answer.evidence}, the question is about {evidence[:SHORT]}"


@dataclass(frozen=True)
class Standing:
    """The present state: who is champion, the digest of the version's artifact, and the newest evidence about it.

    None where there is no such thing.
    """

    champion: str | None
    artifact_digest: str | None
    evidence: str | None


def moved(verdict: Verdict, now: Standing) -> str | None:
    """What is not as it was when the verdict was given, in a sentence; None where everything is."""
    version = verdict.version
    if now.artifact_digest is None:
        return f"version {version} is gone"
    changes = (
        (
            now.champion != verdict.champion_version,
            f"the champion is {_named(now.champion)}, it was compared with {_named(verdict.champion_version)}",
        ),
        (
            now.artifact_digest != verdict.artifact_digest,
            f"the artifact of version {version} has digest {now.artifact_digest[:SHORT]}, "
            f"the judged one had {str(verdict.artifact_digest)[:SHORT]}",
        ),
        (
            now.evidence != verdict.evidence,
            f"version {version} was judged again: its evidence is {str(now.evidence)[:SHORT]}, "
            f"the question was about {verdict.evidence[:SHORT]}",
        ),
    )
    return "; ".join(change for changed, change in changes if changed) or None


def _named(version: str | None) -> str:
    return f"version {version}" if version else "none"


def with_section(section: str, card: str, longest: int) -> str:
    r"""A description that begins with what is asked; the card's last lines are cut where it would get too long.

    >>> with_section("ask", "one\ntwo\nthree", 50)
    'ask\n\n---\n\none\ntwo\nthree'
    """
    whole = f"{section}\n\n---\n\n{card}"
    if len(whole) <= longest:
        return whole
    more = "\n\nThe remainder is in `decision_card.md`, beside the run."
    return whole[: longest - len(more)].rpartition("\n")[0] + more


def asked_until(question: Question) -> str:
    """The tag that holds until when a person is asked, and about what."""
    return f"{question.until.isoformat()} about {question.evidence[:SHORT]}"
