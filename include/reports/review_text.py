"""What a reviewer reads above the decision card, in the orchestrator's page and in MLflow."""

from dataclasses import dataclass
from datetime import datetime

from include.decisions.gate.review import REVIEW, REVIEW_BY, REVIEW_REASON, PendingReview, overrides
from include.reports.pages import render
from include.results import SHORT, Verdict


def subject(model_name: str, verdict: Verdict) -> str:
    """The headline of the question."""
    return f"{model_name}: may version {verdict.version} become champion?"


@dataclass(frozen=True)
class ReviewPage:
    """What a question in the orchestrator's page shows beside the verdict: until when, the card, and the version's page."""

    pending: PendingReview
    until: datetime
    card: str
    version_url: str
    orchestrator: str


def in_orchestrator(model_name: str, verdict: Verdict, page: ReviewPage) -> str:
    """All that a person needs to decide in the orchestrator's page, as markdown; the card last."""
    return _render(model_name, verdict, page.pending, page.until, page=page)


def in_registry(model_name: str, verdict: Verdict, pending: PendingReview, until: datetime) -> str:
    """The section in front of the card on the version's page in MLflow: which tags to set, and what they do."""
    return _render(model_name, verdict, pending, until, page=None)


def _render(model_name: str, verdict: Verdict, pending: PendingReview, until: datetime, *, page: ReviewPage | None) -> str:
    return render(
        "review.md",
        model_name=model_name,
        subject=subject(model_name, verdict),
        verdict=verdict,
        overrides=overrides(verdict),
        pending=pending,
        until=until,
        page=page,
        tags={"review": REVIEW, "by": REVIEW_BY, "reason": REVIEW_REASON},
        short=SHORT,
    )
