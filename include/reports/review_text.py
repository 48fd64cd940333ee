"""What a reviewer reads above the decision card, in the orchestrator's page and in MLflow."""

from dataclasses import dataclass
from datetime import datetime

from include.decisions.gate.review import REVIEW, REVIEW_BY, REVIEW_REASON, Asked, overrides
from include.results import SHORT, Verdict


def subject(model_name: str, verdict: Verdict) -> str:
    """The headline of the question."""
    return f"{model_name}: may version {verdict.version} become champion?"


@dataclass(frozen=True)
class ReviewPage:
    """What a question in the orchestrator's page shows beside the verdict: until when, the card, and the version's page."""

    asked: Asked
    until: datetime
    card: str
    version_url: str
    orchestrator: str


def in_orchestrator(model_name: str, verdict: Verdict, page: ReviewPage) -> str:
    """All that a person needs to decide in the orchestrator's page, as markdown; the card last."""
    return "\n".join(
        (
            f"{_why_asked(verdict)} The buttons are below the card.",
            "",
            f"* **Approve**: {_if_approved(model_name, verdict)}",
            f"* **Reject**: {_if_not(verdict)}",
            f"* **No answer until {_time(page.until)}** means no.",
            "",
            f"Your answer holds for evidence `{page.asked.evidence[:SHORT]}` alone: {_BOUND}",
            "",
            f"[Version {verdict.version} in MLflow]({page.version_url})",
            "",
            "---",
            "",
            page.card,
        )
    )


def in_registry(model_name: str, verdict: Verdict, asked: Asked, until: datetime) -> str:
    """The section in front of the card on the version's page in MLflow: which tags to set, and what they do."""
    reason = "why; without it an approval does not count" if asked.needs_reason else "why"
    may = f" (one of {', '.join(asked.reviewers)})" if asked.reviewers else ""
    return "\n".join(
        (
            f"## Your review: {subject(model_name, verdict)}",
            "",
            _why_asked(verdict),
            "",
            f"Add these tags to this version (at the end of this page, under *Tags*), `{REVIEW}` last:",
            "",
            f"1. `{REVIEW_BY}`: your name{may}",
            f"2. `{REVIEW_REASON}`: {reason}",
            f"3. `{REVIEW}`: `{asked.approve}` or `{asked.reject}`",
            "",
            f"* **Approve**: {_if_approved(model_name, verdict)}",
            f"* **Reject**: {_if_not(verdict)}",
            f"* **No answer until {_time(until)}** means no.",
            "",
            f"It holds for this evidence alone: {_BOUND} The outcome is then in the tag `reviewed`.",
        )
    )


_BOUND = "if version, artifact, verdict or champion change before it is carried out, it is void."


def _why_asked(verdict: Verdict) -> str:
    if overrides(verdict):
        return (
            f"**The gate could not decide** whether version {verdict.version} is better than champion "
            f"{verdict.champion_version}. Approving **overrides the gate**; it needs a reason, and is recorded as an override "
            "in your name."
        )
    against = f"beats champion {verdict.champion_version}" if verdict.champion_version else "may be the first champion"
    return f"**The gate found that version {verdict.version} {against}.** Nothing has changed yet: it waits for you."


def _if_approved(model_name: str, verdict: Verdict) -> str:
    replaced = f", and {verdict.champion_version} is kept as previous" if verdict.champion_version else ""
    return f"version {verdict.version} becomes champion of {model_name} at once{replaced}."


def _if_not(verdict: Verdict) -> str:
    return f"version {verdict.champion_version} stays champion." if verdict.champion_version else "there is still no champion."


def _time(until: datetime) -> str:
    return f"{until:%Y-%m-%d %H:%M} UTC"
