"""The texts of messages to people: what happened, why, what state things are in, what to do, and where. Slack's mrkdwn.

One line per field, whatever the text from outside holds; what may be values of rows is left out: it is in the log and on the
card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from include.errors import ProvingGroundError
from include.results import (
    Approval,
    Assembled,
    Contestant,
    Finding,
    Probated,
    Promotion,
    Question,
    Refreshed,
    RolledBack,
    Verdict,
)
from include.untrusted_text import one_line, without_data

_LONGEST = 600
_RED, _YELLOW, _GREEN, _WHITE = ":red_circle:", ":large_yellow_circle:", ":large_green_circle:", ":white_circle:"
# How a probation may end badly, and what a person may do about it.
_ENDED_BADLY = {
    "worse": "Look at both versions; to go back, run {}.rollback.",
    "impossible": "The champion stays, and is no longer compared with the one before it: watch its quality.",
}
_SIGNS = {"promote": _YELLOW, "keep": _WHITE, "inconclusive": _YELLOW, "blocked": _RED}
# What follows from a verdict that promoted nothing.
_ADVICE = {
    "keep": "No action needed.",
    "inconclusive": "No action needed: the next retraining has more rows. The card says how many would decide.",
    "blocked": "A check could not be made: the card says which, and docs/runbook.md what to do about it.",
}
# What an error of ours is, in a few words; the others are named by their type.
_FAULTS = {
    "BrokenFeed": "feed broken",
    "UnreadableFile": "a file cannot be read",
    "LayoutChanged": "the model's file reads deliveries otherwise",
    "NoCandidateLeft": "no candidate could be trained",
    "OverlappingRows": "rows in training and hold-out",
    "ChampionMoved": "the champion was changed meanwhile",
    "ArtifactChanged": "an artifact was replaced",
    "NoSuchTarget": "no version to go back to",
    "TrialFailed": "a version cannot be loaded",
    "LedgerBroken": "the ledger is broken",
    "CorruptObject": "an object is spoilt",
    "ModelError": "the model's file cannot be used",
    "no exception": "the worker process died",
}
_SERVICE_ADVICE = {
    "object store": "Check that it runs and that this machine reaches it",
    "MLflow": "Check that its server runs and that this machine reaches it",
}


@dataclass(frozen=True)
class Failure:
    """A task that failed: of which pipeline (`<model>.<stage>`), in which step, why, and where its log is."""

    pipeline: str
    step: str
    error: BaseException | None
    log_url: str


def failure_text(failure: Failure, state: str) -> str:
    """A failed task; `state` is the state things are in. Of an error that is not ours only the type: it may quote rows."""
    model, _, stage = failure.pipeline.rpartition(".")
    kind = type(failure.error).__name__ if failure.error else "no exception"
    what = _FAULTS.get(kind, "a task failed")
    return _message(
        _RED,
        f"*{_escaped(model)}* · {_escaped(what)}: {_escaped(stage)} stopped in *{_escaped(failure.step)}* ({_escaped(kind)})",
        _cause(failure.error),
        state,
        _link(failure.log_url, "Log and retry"),
    )


def broken_model_text(model_name: str, why: str, airflow_url: str) -> str:
    """A model's file that cannot be used."""
    return _message(
        _RED,
        f"*{_escaped(model_name)}* · its file cannot be used, so it has no DAGs",
        _escaped(why),
        "Its champion stays as it is, and is neither checked nor retrained; the other models go on.",
        _link(airflow_url, "Import errors in Airflow"),
    )


def outage_text(failure: Failure) -> str:
    """A service that is down, which stops every model: sent about the first task that it stopped."""
    error = failure.error
    assert isinstance(error, ProvingGroundError)
    where = f"*{_escaped(failure.pipeline)}*, {_escaped(failure.step)}"
    return _message(
        _RED,
        f"*{_escaped(error.outage)}* cannot be used ({type(error).__name__}) · first in {where}",
        _cause(error),
        f"{_SERVICE_ADVICE[error.outage]}; then clear the failed tasks. Every model keeps its champion.",
        _link(failure.log_url, "Log and retry"),
    )


def started_text(model_name: str, cause: str, assembled: Assembled, run_url: str) -> str:
    """A retraining that trains something; `cause` is what asked for it."""
    assert assembled.train is not None
    assert assembled.holdout is not None
    head, colon, detail = cause.partition(": ")
    return _message(
        ":arrows_counterclockwise:",
        f"*{_escaped(model_name)}* · retraining started: {_escaped(head)}",
        _escaped(detail) if colon else "",
        f"Train on {assembled.train.rows:,} rows, hold out {assembled.holdout.rows:,}. No action needed: the verdict follows.",
        _link(run_url, "Run"),
    )


def cause_in_words(reason: str, by_hand: str) -> str:
    """Why a retraining runs; `by_hand` is the person who started it, empty where none did."""
    if by_hand:
        return f"by hand, {by_hand}" + ("" if reason == "manual" else f": {reason}")
    return "cadence: scheduled" if reason == "cadence" else reason


def verdict_text(model_name: str, verdict: Verdict, promotion: Promotion, approval: Approval, run_url: str) -> str:
    """The outcome of a retraining that promoted nothing; `approval` says why not, where the gate was for it."""
    word, version, champion = verdict.verdict, verdict.version, promotion.champion_version
    about = f"*{_escaped(word)}*, version {_escaped(version)}" if version else "nothing was trained"
    champion_text = f"Version {_escaped(champion)} stays champion" if champion else "There is still no champion"
    advice = (_ADVICE.get(word) or f"{_escaped(approval.summary)}.") if version else "No action needed."
    if promotion.frozen:
        about = f"version {_escaped(version)} may be promoted, and is not yet"
        advice = f"{_escaped(promotion.frozen)}. Clear the task promote once the freeze has ended."
    return _message(
        _SIGNS[word] if version else _WHITE,
        f"*{_escaped(model_name)}* · {about}",
        _first_reason(verdict),
        f"{champion_text}. {advice}",
        _card(verdict, run_url),
    )


def failed_candidates_text(model_name: str, failed: Sequence[Contestant], run_url: str = "") -> str:
    """Candidates that could not be compared; the others went on without them."""
    named = "; ".join(f"{_escaped(one.name)}: {_escaped(one.problem)}" for one in failed)
    advice = f"The others were compared. Correct include/models/{_escaped(model_name)}.py."
    return _message(_YELLOW, f"*{_escaped(model_name)}* · a candidate failed", named, advice, _link(run_url, "Run"))


def refreshed_text(model_name: str, refreshed: Refreshed) -> str:
    """That the promoted version also learned the hold-out's rows; empty where it did not."""
    if not refreshed.version:
        return f"\n{_escaped(refreshed.summary)}" if refreshed.problems else ""
    return f"\n{_escaped(model_name)} answers with version {_escaped(refreshed.version)}: {_escaped(refreshed.summary)}"


def promoted_text(model_name: str, verdict: Verdict, promotion: Promotion, approved_by: str, run_url: str) -> str:
    """A new champion, why, and who approved it."""
    before = promotion.previous_version
    instead = f", instead of {_escaped(before)}" if before else ", the first"
    title = f"*{_escaped(model_name)}* · version {_escaped(promotion.champion_version)} is champion{instead}"
    return _message(
        _RED if verdict.rescue else _GREEN,
        f"{title}: better, and still below what was asked for" if verdict.rescue else title,
        _first_reason(verdict),
        f"Approved by {_escaped(approved_by)}. " + (f"To go back, run {_escaped(model_name)}.rollback." if before else ""),
        _card(verdict, run_url),
    )


def rolled_back_text(model_name: str, result: RolledBack, by: str, reason: str, run_url: str) -> str:
    """An earlier champion is back, who asked for it, and why."""
    left = result.from_version
    if result.undone:
        title = f"rollback undone: version {_escaped(result.champion_version)} is restored instead of {_escaped(left)}"
        advice = f"Neither version is blocked. To go back once more, run {_escaped(model_name)}.rollback."
        cause = f"{_escaped(by)}: {_escaped(reason)}"
        sign = ":leftwards_arrow_with_hook:"
        return _message(sign, f"*{_escaped(model_name)}* · {title}", cause, advice, _link(run_url, "Run"))
    instead = f" instead of {_escaped(left)}" if left else ""
    blocked = f"Version {_escaped(left)} is blocked from promotion; a retraining may bring a better one." if left else ""
    return _message(
        ":leftwards_arrow_with_hook:",
        f"*{_escaped(model_name)}* · rolled back: version {_escaped(result.champion_version)} is champion again{instead}",
        f"{_escaped(by)}: {_escaped(reason)}",
        blocked,
        _link(run_url, "Run"),
    )


def finding_text(model_name: str, finding: Finding, run_url: str = "") -> str | None:
    """What triage found: `alarm` is silence, `page` asks a person to look; None where that is not needed."""
    if finding.action not in ("page", "alarm") and not finding.page:
        return None
    sign = _YELLOW if finding.action == "page" and not finding.page else _RED
    title = f"*{_escaped(model_name)}* · {_escaped(finding.headline)}"
    told = "; ".join(filter(None, [finding.page, finding.reason]))
    return _message(sign, title, _escaped(told), _escaped(finding.advice), _link(run_url, "Run"))


def probation_text(model_name: str, probated: Probated, run_url: str = "") -> str | None:
    """A probation that did not end well; None where no action is needed."""
    decision = probated.decision
    if decision not in _ENDED_BADLY:
        return None
    requested = f"A rollback was requested: see {model_name}.rollback."
    will_roll_back = decision == "worse" and probated.then == "roll_back"
    advice = requested if will_roll_back else _ENDED_BADLY[decision].format(model_name)
    sign, title = (_RED, "the new champion is worse") if decision == "worse" else (_YELLOW, "probation could not be finished")
    title = f"*{_escaped(model_name)}* · {title}"
    return _message(sign, title, _escaped(probated.summary), _escaped(advice), _link(run_url, "Run"))


def by_hand_text(model_name: str, summary: str, run_url: str = "") -> str:
    """A champion or a ledger that was changed by hand."""
    advice = f"The ledger keeps it with the time at which it was noticed. If it was a mistake, run {model_name}.rollback."
    title = f"*{_escaped(model_name)}* · changed by hand"
    return _message(_YELLOW, title, _escaped(summary), _escaped(advice), _link(run_url, "Run"))


def held_text(model_name: str, words: str, run_url: str = "") -> str:
    """What a person holds back for a time."""
    about, _, reason = words.partition(": ")
    frozen = about.startswith("frozen")
    advice = "Nothing is trained or promoted; monitors go on, a rollback stays possible. It ends by itself." if frozen else ""
    title = f"*{_escaped(model_name)}* · {_escaped(about)}"
    return _message(_WHITE, title, _escaped(reason), advice or "The page Models shows what is found.", _link(run_url, "Run"))


def unpublished_text(model_name: str, why: str, run_url: str = "") -> str:
    """A champion that inference servers do not get."""
    title = f"*{_escaped(model_name)}* · the champion is not published"
    advice = "Servers keep the version that they have. The next run tries again."
    return _message(_RED, title, _escaped(why), advice, _link(run_url, "Run"))


def approval_text(question: Question, reviewers: Sequence[str], verdict: Verdict | None = None) -> str:
    """A question that waits for a person."""
    who = f" · {_escaped(', '.join(reviewers))}" if reviewers else ""
    why = f"{_escaped(verdict.verdict)}: {_first_reason(verdict)}" if verdict else ""
    return _message(
        ":raised_hand:",
        f"*{_escaped(question.subject)}*{who}",
        why,
        f"Until {question.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC; no answer means no.",
        _link(question.url, f"Answer in {_escaped(question.answered_in)}"),
    )


def missed_text(missed: Mapping[str, tuple[int, float]]) -> str | None:
    """The line about messages that did not go out: by cause how many, and since when (Unix seconds). None for none."""
    if not missed:
        return None
    parts = [
        f"{count} more of {_escaped(cause.replace('_', ' '))} since {datetime.fromtimestamp(since, UTC):%H:%M}"
        for cause, (count, since) in sorted(missed.items())
    ]
    return f":mute: and {', '.join(parts)} UTC: see the runs"


def _message(sign: str, title: str, why: str, advice: str, link: str) -> str:
    lines = (f"{sign} {title}", why, f"_{advice.strip()}_" if advice.strip() else "", link)
    return "\n".join(line for line in lines if line)


def _cause(error: BaseException | None) -> str:
    if error is None:
        return "the worker process died; nothing more is known"
    if isinstance(error, ProvingGroundError):
        return _escaped(str(error)) or type(error).__name__
    return "Its message may quote rows, so it is only in the log." if str(error) else "It has no message."


def _first_reason(verdict: Verdict) -> str:
    return _escaped(next(iter(verdict.reasons), verdict.summary))


def _card(verdict: Verdict, run_url: str) -> str:
    return _link(verdict.card_url or "", "Decision card") or _link(run_url, "Run")


def _link(url: str, label: str) -> str:
    """A link of ours; an address from outside cannot end it and begin another."""
    safe = quote(url[:1000], safe=":/?#[]@!$&'()*+,;=%-._~")
    return f"<{safe}|{label}>" if safe.startswith(("http://", "https://")) else ""


def _escaped(text: object) -> str:
    """Slack reads three characters: `&`, `<` and `>`."""
    line = without_data(one_line(str(text), _LONGEST))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
