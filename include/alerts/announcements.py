"""Which messages follow from a step: each step's result leads to the right ones or to none, and each is sent once a run."""

import hashlib
import json
from collections.abc import Callable, Mapping

from include.alerts import texts
from include.alerts.throttle import Kind, Message
from include.request import Request
from include.results import (
    Approval,
    Assembled,
    Finding,
    Probated,
    Promotion,
    Reconciled,
    Refreshed,
    Result,
    RolledBack,
    Trained,
    Verdict,
)

Inputs = Mapping[str, object]


def messages_after(step: str, model_name: str, request: Request, inputs: Inputs, result: Result) -> tuple[Message, ...]:
    """The messages that follow from a step's result; `inputs` are the results that the step was given."""
    announce = _ANNOUNCED.get(step)
    return tuple(announce(model_name, request, inputs, result)) if announce else ()


def failure_message(failure: texts.Failure, state: str) -> Message:
    """A failed task: a message of its own, or, where a service is down, one for all that it stops."""
    outage = getattr(failure.error, "outage", "")
    if outage:
        return Message("outage", texts.outage_text(failure), outage=outage)
    return Message("failure", texts.failure_text(failure, state))


def broken_model_message(model_name: str, why: str, airflow_url: str) -> Message:
    """A model's file that cannot be used: once for its reason, however often the file is read."""
    return Message("failure", texts.broken_model_text(model_name, why, airflow_url), once=_name("failure", model_name, why))


def _reconciled(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    """A champion that was changed by hand, or that inference servers do not get; and once, what people hold back."""
    assert isinstance(result, Reconciled)
    held = [(texts.held_text(model_name, words, request.url), words) for words in result.held]
    messages = [Message("held", text, once=_name("held", model_name, words)) for text, words in held]
    if result.unpublished:
        text = texts.unpublished_text(model_name, result.unpublished, request.url)
        messages.append(_message("failure", model_name, request, text, about="unpublished"))
    if result.by_hand:
        messages.append(_message("by_hand", model_name, request, texts.by_hand_text(model_name, result.summary, request.url)))
    return messages


def _probation(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    assert isinstance(result, Probated)
    text = texts.probation_text(model_name, result, request.url)
    return [_message("probation", model_name, request, text)] if text else []


def _triage(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    assert isinstance(result, Finding)
    text = texts.finding_text(model_name, result, request.url)
    return [_message("silence" if result.action == "alarm" else "page", model_name, request, text)] if text else []


def _assembled(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    """A retraining that has something to train: once, however often its run is cleared."""
    assert isinstance(result, Assembled)
    if not result.train or request.routine:
        return []
    cause = texts.cause_in_words(request.reason, request.asked_by if request.by_person else "")
    return [_message("started", model_name, request, texts.started_text(model_name, cause, result, request.url), about="")]


def _selected(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    """Candidates that failed: once for what they raised, however many retrainings meet it."""
    assert isinstance(result, Trained)
    failed = [one for one in result.pool if one.problem]
    if not failed:
        return []
    text = texts.failed_candidates_text(model_name, failed, request.url)
    return [Message("page", text, once=_name("page", model_name, *(f"{one.name} {one.problem}" for one in failed)))]


def _review(model_name: str, request: Request, inputs: Inputs, result: Result) -> list[Message]:
    """A question that waits for a person: once for its evidence and its time."""
    assert isinstance(result, Approval)
    question, verdict = result.question, inputs["verdict"]
    if question is None:
        return []
    assert isinstance(verdict, Verdict)
    text = texts.approval_text(question, question.reviewers, verdict)
    return [Message("approval", text, once=_name("approval", question.subject, question.evidence, question.until))]


def _announced(model_name: str, request: Request, inputs: Inputs, _: Result) -> list[Message]:
    """The outcome of a retraining; a task that is cleared repeats only what is new."""
    verdict, promotion, approval = (inputs[name] for name in ("verdict", "promotion", "approval"))
    assert isinstance(verdict, Verdict)
    assert isinstance(promotion, Promotion)
    assert isinstance(approval, Approval)
    about = json.dumps([verdict.model_dump(mode="json"), promotion.promoted, promotion.champion_version], sort_keys=True)
    if promotion.promoted:
        text = texts.promoted_text(model_name, verdict, promotion, approval.by, request.url)
        refreshed = inputs.get("refreshed")
        text += texts.refreshed_text(model_name, refreshed) if isinstance(refreshed, Refreshed) else ""
        return [_message("promoted", model_name, request, text, about)]
    if request.routine and verdict.verdict in ("keep", "inconclusive") and not approval.question:
        return []
    text = texts.verdict_text(model_name, verdict, promotion, approval, request.url)
    return [_message("verdict", model_name, request, text, about)]


def _rolled_back(model_name: str, request: Request, _: Inputs, result: Result) -> list[Message]:
    assert isinstance(result, RolledBack)
    if not result.rolled_back:
        return []
    text = texts.rolled_back_text(model_name, result, request.asked_by, request.reason, request.url)
    return [_message("rolled_back", model_name, request, text, about="")]


_ANNOUNCED: dict[str, Callable[[str, Request, Inputs, Result], list[Message]]] = {
    "reconcile": _reconciled,
    "probation": _probation,
    "triage": _triage,
    "assemble": _assembled,
    "select": _selected,
    "review": _review,
    "announce": _announced,
    "roll_back": _rolled_back,
}


def _message(kind: Kind, model_name: str, request: Request, text: str, about: str | None = None) -> Message:
    """Sent once a run; `about` is what makes it another message, where the text does not."""
    return Message(kind, text, once=_name(kind, model_name, request.run_id, text if about is None else about))


def _name(kind: Kind, *parts: object) -> str:
    """A short name of what must not be sent twice."""
    return f"{kind} {hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:24]}"
