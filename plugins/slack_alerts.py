"""What is told to people, and when: each function takes what a step returned, tells of it where it should, and hands it on.

The words are in `include/alerts/texts.py`, delivery is in `slack_delivery`.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from slack_delivery import post

if TYPE_CHECKING:
    from include.alerts.throttle import Kind

_log = logging.getLogger(__name__)
Context = Mapping[str, Any]
Returned = dict[str, Any]


def report_failure(context: Context) -> None:
    """Task callback: say what failed and what state things are in. Never makes anything worse: it raises nothing."""
    from include.alerts.texts import failure_text, outage_text
    from include.alerts.throttle import Message
    from include.errors import ProvingGroundError

    try:
        failed, error = context["ti"], context.get("exception")
        if isinstance(error, ProvingGroundError) and error.outage:
            text = outage_text(failed.dag_id, failed.task_id, error, failed.log_url)
            post(Message("outage", text, outage=error.outage))
        else:
            post(Message("failure", failure_text(failed.dag_id, failed.task_id, error, failed.log_url)))
    except Exception:  # noqa: BLE001 - an alert that cannot be written must not hide the failure that it is about
        _log.exception("the alert could not be written")


def _never_in_the_way(tell: Callable[..., None]) -> Callable[..., Returned]:
    """What cannot be told is logged; the last argument, what the step returned, is handed on whatever happens."""

    @wraps(tell)
    def told(*arguments: Any) -> Returned:
        try:
            tell(*arguments)
        except Exception:  # noqa: BLE001 - a message is never a reason for a step to fail
            _log.exception("the message could not be written")
        returned: Returned = arguments[-1]
        return returned

    return told


@_never_in_the_way
def tell_by_hand(model_name: str, context: Context, agreed: Returned) -> None:
    """A champion that somebody changed, or that inference servers do not get."""
    from include.alerts.texts import by_hand_text, unpublished_text

    if agreed.get("unpublished"):
        _tell("failure", context, unpublished_text(model_name, agreed["unpublished"], _page(context)), about="unpublished")
    if agreed["by_hand"]:
        _tell("by_hand", context, by_hand_text(model_name, agreed["summary"], _page(context)))


@_never_in_the_way
def tell_probation(model_name: str, context: Context, found: Returned) -> None:
    """A probation that did not end well."""
    from include.alerts.texts import probation_text

    text = probation_text(model_name, found["decision"], found["summary"], found["then"], _page(context))
    _tell("probation", context, text)


@_never_in_the_way
def tell_finding(model_name: str, context: Context, found: Returned) -> None:
    """What triage found, where somebody has to look."""
    from include.alerts.texts import finding_text

    text = finding_text(model_name, found["action"], found["reason"], found["advice"], _page(context))
    _tell("silence" if found["action"] == "alarm" else "page", context, text)


@_never_in_the_way
def tell_started(model_name: str, context: Context, assembled: Returned) -> None:
    """A retraining that has something to train: once, however often its run is cleared."""
    from include.alerts.texts import cause_in_words, started_text
    from include.request import request_from

    if assembled["train"]:
        request = request_from(context)
        person = request.asked_by if context["dag_run"].run_type == "manual" else ""
        cause = cause_in_words(request.reason, person)
        _tell("started", context, started_text(model_name, cause, assembled, _page(context)), about="")


@_never_in_the_way
def tell_decision(
    model_name: str, context: Context, verdict: Returned, approval: Returned, promotion: Returned, announced: Returned
) -> None:
    """What a retraining came to; a task that is cleared tells again only what is new."""
    from include.alerts.texts import promoted_text, verdict_text

    page = _page(context)
    about = json.dumps([verdict, promotion["promoted"], promotion["champion_version"]], sort_keys=True)
    if promotion["promoted"]:
        _tell("promoted", context, promoted_text(model_name, verdict, promotion, approval["by"], page), about)
    else:
        _tell("verdict", context, verdict_text(model_name, verdict, promotion, approval["summary"], page), about)


@_never_in_the_way
def tell_rolled_back(model_name: str, context: Context, done: Returned) -> None:
    """An earlier champion that is back."""
    from include.alerts.texts import rolled_back_text
    from include.request import request_from

    if done["rolled_back"]:
        request = request_from(context)
        text = rolled_back_text(model_name, done, request.asked_by, request.reason, _page(context))
        _tell("rolled_back", context, text, about="")


@_never_in_the_way
def tell_question(question: Mapping[str, Any], reviewers: list[str], verdict: Mapping[str, Any]) -> None:
    """A question that waits for a person."""
    from include.alerts.texts import approval_text
    from include.alerts.throttle import Message

    subject, where, until, url = (question[name] for name in ("subject", "where", "until", "url"))
    text = approval_text(subject, where, until, url, reviewers, verdict)
    post(Message("approval", text, once=_named("approval", subject, question["evidence"], until)))


def _tell(kind: "Kind", context: Context, text: str, about: str | None = None) -> None:
    """Once a run; `about` is what makes it another message, where the text does not."""
    from include.alerts.throttle import Message

    if text:
        run = context["dag_run"]
        post(Message(kind, text, once=_named(kind, run.dag_id, run.run_id, text if about is None else about)))


def _named(kind: "Kind", *told: object) -> str:
    """A short name of what must not be told twice."""
    return f"{kind} {hashlib.sha256(json.dumps([str(one) for one in told]).encode()).hexdigest()[:24]}"


def _page(context: Context) -> str:
    from include.alerts.texts import run_url
    from include.settings import Settings

    run = context["dag_run"]
    return run_url(Settings.read(os.environ).airflow_url, run.dag_id, str(run.run_id))
