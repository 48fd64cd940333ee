"""Review: may the challenger be promoted, and who says so?

In: the verdict, and the answer once there is one. Out: an approval, or the question that a person has to answer first.
With review "none" the gate's verdict counts. Otherwise a person is asked about what the gate would promote, and about what it
found inconclusive, unless that was the routine look whether a fresh model pays; never about what lost, what was blocked, or a
first champion that did not pass. An answer is bound to its evidence: if champion, artifact or verdict have changed, it is
void, and that is reported. No answer means no.
Safe to run again: an answer about the same evidence is found in the ledger, and no person is asked twice.
"""

from datetime import UTC, datetime
from typing import Any

from include.adapters.registry import DESCRIPTION_LIMIT, EVIDENCE, Version, card_path
from include.champion.handover import Author, Subject, fact
from include.decisions.gate.review import (
    REVIEW,
    REVIEW_ASKED,
    REVIEW_BY,
    REVIEW_REASON,
    REVIEWED,
    PendingReview,
    Standing,
    answer_in,
    asked_until,
    moved,
    name_of,
    needs_a_person,
    overrides,
    shown,
    why_of,
    why_refused,
    with_section,
)
from include.ledger.entries import Entry
from include.ledger.state import EventName
from include.reports.review_text import ReviewPage, in_orchestrator, in_registry, subject
from include.results import NO_ANSWER, SHORT, Answer, Approval, Question, Verdict
from include.services import StepContext

IF_IT_FAILS = "The challenger was judged but not promoted; the champion is unchanged. Clearing the task asks again."


def run(context: StepContext, verdict: Verdict, answer: Answer | None = None) -> Approval:
    """The gate's own approval, a person's, or the question to one; `answer` without a decision means that the time is over."""
    model = context.model
    where = context.services.settings.review.get(model.name, model.review.where)
    undecided_routine = context.request.routine and verdict.verdict == "inconclusive"
    if where == "none" or undecided_routine or not needs_a_person(verdict):
        return _by_the_gate(verdict)
    review = _Review(context, verdict)
    recorded = _recorded_answer(context, verdict)
    if recorded is None and where == "registry":
        answer = review.answer_in_registry(answer)
    answer = recorded or answer
    if answer is None:
        return review.ask(where == "registry")
    return review.decided(answer, where == "registry")


def _by_the_gate(verdict: Verdict) -> Approval:
    approved = verdict.verdict == "promote"
    return Approval(
        approved=approved,
        by="the gate",
        evidence=verdict.evidence,
        summary="approved by the gate" if approved else f"not approved: {verdict.summary or verdict.verdict}",
    )


class _Review:
    """One version under review."""

    def __init__(self, context: StepContext, verdict: Verdict) -> None:
        self.services, self.model, self.request = context.services, context.model, context.request
        self.verdict = verdict
        self.number = str(verdict.version)
        self.pending = PendingReview.about(verdict, self.model.review.reviewers)

    # Asking

    def ask(self, in_registry: bool) -> Approval:
        """The question, unless what it is about has moved already."""
        if void := self._moved():
            return self._refused("the gate", f"void before a person was asked: {void}")
        version = self._version()
        longest = datetime.now(UTC) + self.model.review.within
        until = min(_until(version, self.pending.evidence) or longest, longest)
        url = self.services.registry.version_url(self.model.name, self.number)
        card = self._card(version)
        question = Question(
            where="registry" if in_registry else "orchestrator",
            answered_in="MLflow, by a tag on the version" if in_registry else self.request.orchestrator,
            subject=subject(self.model.name, self.verdict),
            body=in_orchestrator(
                self.model.name, self.verdict, ReviewPage(self.pending, until, card, url, self.request.orchestrator)
            ),
            evidence=self.pending.evidence,
            version=self.number,
            until=until,
            url=url if in_registry else self.request.answer_url,
            reviewers=self.model.review.reviewers,
            needs_reason=self.pending.needs_reason,
        )
        if asked_until(question) != version.tags.get(REVIEW_ASKED):
            self._announce_question(version, question, card if in_registry else None)
        return Approval(
            approved=False,
            by=NO_ANSWER,
            evidence=self.pending.evidence,
            question=question,
            summary=f"asked: {question.subject}",
        )

    def _announce_question(self, version: Version, question: Question, card: str | None) -> None:
        """On the version's page. Tags of an earlier question are removed: a name must not stand under another answer."""
        stale = [name for name in (REVIEW, REVIEW_BY, REVIEW_REASON, REVIEWED) if name in version.tags]
        if _about(version) != question.evidence[:SHORT]:
            self.services.registry.drop_tags(self.model.name, self.number, stale)
        description = None
        if card is not None:
            section = in_registry(self.model.name, self.verdict, self.pending, question.until)
            description = with_section(section, card, DESCRIPTION_LIMIT)
        self._annotate({REVIEW_ASKED: asked_until(question)}, description)

    def answer_in_registry(self, answer: Answer | None) -> Answer | None:
        """The answer in the version's tags; what is wrong with them is written there, while there is time to correct it."""
        if not self.services.registry.exists(self.model.name, self.number):
            return Answer(decision=None, why="the version is gone")
        version = self._version()
        given = answer_in(version.tags, self.pending) if _about(version) == self.pending.evidence[:SHORT] else None
        if isinstance(given, Answer):
            return given.model_copy(update={"at": datetime.now(UTC)})
        if given and given != version.tags.get(REVIEWED):
            self._annotate({REVIEWED: given})
        return answer and answer.model_copy(update={"why": given or ""})

    # Deciding

    def decided(self, answer: Answer, in_registry: bool) -> Approval:
        """What the answer leads to, recorded with who, when and why."""
        at, stale = answer.at or datetime.now(UTC), shown(answer, self.pending.evidence)
        answer = Answer(decision=answer.decision, by=name_of(answer.by) or "an unnamed user", why=why_of(answer.why), at=at)
        void = self._moved()
        approval = self._approval(answer, stale, void)
        if not stale and (approval.approved or answer.decision != "approve"):
            self._record(answer, approval)
        if "is gone" not in (void or ""):
            self._close(approval, at, in_registry)
        return approval

    def _approval(self, answer: Answer, stale: str | None, void: str | None) -> Approval:
        assert answer.at is not None
        if stale:
            return self._refused(answer.by, f"the answer by {answer.by} is void: {stale}", answer.at, answer.why)
        if void and answer.decision == "approve":
            return self._refused(answer.by, f"the approval by {answer.by} is void: {void}", answer.at, answer.why)
        if refused := why_refused(answer, self.verdict):
            return self._refused(answer.by, refused, answer.at, answer.why)
        return self._approved(answer, answer.at)

    def _approved(self, answer: Answer, at: datetime) -> Approval:
        beyond = ", overriding the gate" if overrides(self.verdict) else ""
        return Approval(
            approved=True,
            by=answer.by,
            why=answer.why,
            evidence=self.pending.evidence,
            override=overrides(self.verdict),
            at=at,
            summary=f"approved by {answer.by}{beyond}: {answer.why or 'no reason given'}",
        )

    def _refused(self, by: str, summary: str, at: datetime | None = None, why: str = "") -> Approval:
        return Approval(approved=False, by=by, why=why, evidence=self.pending.evidence, at=at, summary=summary)

    def _record(self, answer: Answer, approval: Approval) -> None:
        """In the ledger; a missing answer is recorded once for each run, and keeps no person from answering in a later one."""
        event: EventName = "approved" if approval.approved else "rejected"
        key = self.pending.evidence if answer.decision else f"{self.pending.evidence} no answer {self.request.run_id}"
        evidence = self.verdict.named_evidence() | {"answered_at": approval.at and approval.at.isoformat(), "why": answer.why}
        if approval.override:
            evidence |= {"overridden": self.verdict.verdict}
        reason = (answer.why or "no reason given") if answer.decision else approval.summary
        about, author = Subject(key, self.verdict.version), Author(answer.by, reason)
        self.services.ledger.append(self.model.name, fact(self.request, event, about, author, evidence=evidence))

    def _close(self, approval: Approval, at: datetime, in_registry: bool) -> None:
        """The version's page shows the outcome of the question, and asks no more."""
        card = self._card(self._version()) if in_registry else None
        self._annotate({REVIEWED: f"{at:%Y-%m-%d %H:%M} UTC, {approval.summary}"[:500]}, card)
        self.services.registry.drop_tags(self.model.name, self.number, [REVIEW_ASKED])

    # What is there

    def _moved(self) -> str | None:
        registry, name = self.services.registry, self.model.name
        exists = registry.exists(name, self.number)
        champion = registry.champion(name)
        return moved(
            self.verdict,
            Standing(
                champion=champion.number if champion else None,
                artifact_digest=registry.artifact_digest(name, self.number) if exists else None,
                evidence=self._version().tags.get(EVIDENCE) if exists else None,
            ),
        )

    def _version(self) -> Version:
        return self.services.registry.version(self.model.name, self.number)

    def _card(self, version: Version) -> str:
        return self.services.registry.read_report(version.run_id, card_path(self.pending.evidence))

    def _annotate(self, tags: dict[str, str], description: str | None = None) -> None:
        self.services.registry.annotate(self.model.name, self.number, tags, description)


def _recorded_answer(context: StepContext, verdict: Verdict) -> Answer | None:
    """A person's answer about this very evidence, as the ledger holds it."""
    ledger, name = context.services.ledger, context.model.name
    events: tuple[EventName, ...] = ("approved", "rejected")
    entries = [ledger.newest_of(name, event, verdict.evidence) for event in events]
    newest = max((entry for entry in entries if entry), key=lambda entry: entry.sequence, default=None)
    return _answer_of(newest) if newest else None


def _answer_of(entry: Entry) -> Answer:
    answer: dict[str, Any] = {"decision": "approve" if entry.event == "approved" else "reject", "by": entry.by}
    return Answer.model_validate(answer | {"why": entry.evidence.get("why") or "", "at": entry.evidence.get("answered_at")})


def _about(version: Version) -> str:
    """The beginning of the evidence that a person is asked about now; empty where none is."""
    return version.tags.get(REVIEW_ASKED, "").rpartition(" ")[2]


def _until(version: Version, evidence: str) -> datetime | None:
    """Until when a person is being asked about this evidence: asking again does not make it longer."""
    if _about(version) != evidence[:SHORT]:
        return None
    try:
        until = datetime.fromisoformat(version.tags[REVIEW_ASKED].partition(" ")[0])
    except ValueError:
        return None
    return until if until.tzinfo and until > datetime.now(UTC) else None
