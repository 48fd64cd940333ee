"""The words of a message: what failed, what it means, what state things are in, what to do."""

from collections.abc import Sequence
from datetime import datetime
from importlib import import_module

from include.markdown_text import one_line

_LONGEST = 600
_ASKS_SOMEBODY = ("page", "alarm")
# How a probation may end, and what a person may do about it.
_ENDED_BADLY = {
    "worse": "Look at both versions; to go back, run {}.rollback.",
    "impossible": "The champion stays, and is no longer compared with the one before it: watch its quality.",
}


def failure_text(dag_id: str, step: str, error: BaseException | None, log_url: str) -> str:
    """One Slack message about a failed task, in mrkdwn. Text from outside is cut to one line and escaped."""
    model, _, stage = dag_id.rpartition(".")
    why = _escaped(str(error) or type(error).__name__) if error else "the worker process died; nothing more is known"
    kind = type(error).__name__ if error else "no exception"
    return "\n".join(
        (
            f":red_circle: *{_escaped(model)}* · {_escaped(stage)} failed in *{_escaped(step)}* ({kind})",
            why,
            f"_{_state(step)}_",
            f"<{log_url}|Log and retry>",
        )
    )


def finding_text(model_name: str, action: str, reason: str, advice: str) -> str:
    """One Slack message about what triage found; empty where nobody has to do anything."""
    if action not in _ASKS_SOMEBODY:
        return ""
    sign = ":large_yellow_circle:" if action == "page" else ":red_circle:"
    return "\n".join((f"{sign} *{_escaped(model_name)}* · {action}", _escaped(reason), f"_{_escaped(advice)}_"))


def probation_text(model_name: str, decision: str, says: str, then: str) -> str:
    """One Slack message about a probation that ended otherwise than well; empty where nobody has to do anything."""
    if decision not in _ENDED_BADLY:
        return ""
    asked = f"A rollback was asked for: see {model_name}.rollback."
    advice = asked if decision == "worse" and then == "roll_back" else _ENDED_BADLY[decision].format(model_name)
    title = (
        f":red_circle: *{_escaped(model_name)}* · the new champion is worse"
        if decision == "worse"
        else (f":large_yellow_circle: *{_escaped(model_name)}* · probation could not be finished")
    )
    return "\n".join((title, _escaped(says), f"_{_escaped(advice)}_"))


def by_hand_text(model_name: str, says: str) -> str:
    """One Slack message about a champion or a ledger that was changed by hand; text from outside is escaped."""
    advice = f"The ledger keeps it with the time at which it was noticed. If nobody meant it, run {model_name}.rollback."
    return "\n".join(
        (f":large_yellow_circle: *{_escaped(model_name)}* · changed by hand", _escaped(says), f"_{_escaped(advice)}_")
    )


def announcement_text(says: str) -> str:
    """One Slack message about a decision; text from outside is cut to one line and escaped."""
    return _escaped(says)


def approval_text(subject: str, where: str, until: str, url: str, reviewers: Sequence[str]) -> str:
    """One Slack message about a question that waits for a person; `until` is ISO 8601, `url` the page where it is answered."""
    page = "Answer in Airflow" if where == "airflow" else "Answer in MLflow, by a tag on the version"
    who = f" · {_escaped(', '.join(reviewers))}" if reviewers else ""
    time = f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC"
    return "\n".join((f":raised_hand: *{_escaped(subject)}*{who}", f"<{url}|{page}>", f"_Until {time}; no answer means no._"))


def _state(step: str) -> str:
    try:
        return str(import_module(f"include.steps.{step}").IF_IT_FAILS)
    except ImportError:
        return "The champion is unchanged."


def _escaped(text: str) -> str:
    """Slack reads three characters: `&`, `<` and `>`."""
    line = one_line(text, _LONGEST)
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
