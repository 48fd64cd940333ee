"""The words of messages to people: what happened, why, what state things are in, what to do, and where. Slack's mrkdwn.

One line per field, whatever somebody wrote; what may be values of rows is left out: it is in the log and on the card.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from urllib.parse import quote

from include.errors import ProvingGroundError
from include.untrusted_text import one_line, without_data

_LONGEST = 600
_RED, _YELLOW, _GREEN, _WHITE = ":red_circle:", ":large_yellow_circle:", ":large_green_circle:", ":white_circle:"
# How a probation may end, and what a person may do about it.
_ENDED_BADLY = {
    "worse": "Look at both versions; to go back, run {}.rollback.",
    "impossible": "The champion stays, and is no longer compared with the one before it: watch its quality.",
}
_SIGNS = {"promote": _YELLOW, "keep": _WHITE, "inconclusive": _YELLOW, "blocked": _RED}
# What follows from a verdict that promoted nothing.
_ADVICE = {
    "keep": "Nothing has to be done.",
    "inconclusive": "Nothing has to be done: the next retraining has more rows. The card says how many would decide.",
    "blocked": "A check could not be made: the card says which, and docs/runbook.md what to do about it.",
}
_SERVICE_ADVICE = {
    "object store": "Check that it runs and that this machine reaches it",
    "MLflow": "Check that its server runs and that this machine reaches it",
}


def failure_text(dag_id: str, step: str, error: BaseException | None, log_url: str) -> str:
    """A task that failed. Of an error that is not ours only the kind is told: a library's words may quote rows."""
    model, _, stage = dag_id.rpartition(".")
    kind = type(error).__name__ if error else "no exception"
    return _message(
        _RED,
        f"*{_escaped(model)}* · {_escaped(stage)} failed in *{_escaped(step)}* ({_escaped(kind)})",
        _cause(error),
        _state(step),
        _link(log_url, "Log and retry"),
    )


def outage_text(dag_id: str, step: str, error: ProvingGroundError, log_url: str) -> str:
    """A service that is away, which stops every model: told of the first task that it stopped."""
    service = error.outage
    return _message(
        _RED,
        f"*{_escaped(service)}* cannot be used ({type(error).__name__}) · first in *{_escaped(dag_id)}*, {_escaped(step)}",
        _cause(error),
        f"{_SERVICE_ADVICE[service]}; then clear the failed tasks. Every model keeps its champion.",
        _link(log_url, "Log and retry"),
    )


def started_text(model_name: str, cause: str, assembled: Mapping[str, Any], run_url: str) -> str:
    """A retraining that trains something; `cause` is what asked for it."""
    head, colon, rest = cause.partition(": ")
    rows = "train on {} rows, hold out {}".format(*(f"{assembled[name]['rows']:,}" for name in ("train", "holdout")))
    return _message(
        ":arrows_counterclockwise:",
        f"*{_escaped(model_name)}* · retraining started: {_escaped(head)}",
        _escaped(rest) if colon else "",
        f"{rows[0].upper()}{rows[1:]}. Nothing has to be done: the verdict follows.",
        _link(run_url, "Run"),
    )


def cause_in_words(reason: str, by_hand: str) -> str:
    """Why a retraining runs; `by_hand` is the person who started it, empty where nobody did."""
    if by_hand:
        return f"by hand, {by_hand}" + ("" if reason == "manual" else f": {reason}")
    return "cadence: its time has come" if reason == "cadence" else reason


def verdict_text(
    model_name: str, verdict: Mapping[str, Any], promotion: Mapping[str, Any], approval: str, run_url: str
) -> str:
    """What came of a retraining that promoted nothing; `approval` says why not, where the gate was for it."""
    word, version = verdict["verdict"], verdict["version"]
    about = f"*{_escaped(word)}*, version {_escaped(version)}" if version else "nothing was trained"
    champion = promotion["champion_version"]
    stays = f"Version {_escaped(champion)} stays champion" if champion else "There is still no champion"
    advice = (_ADVICE.get(word) or f"{_escaped(approval)}.") if version else "Nothing has to be done."
    return _message(
        _SIGNS[word] if version else _WHITE,
        f"*{_escaped(model_name)}* · {about}",
        _first_reason(verdict),
        f"{stays}. {advice}",
        _card(verdict, run_url),
    )


def promoted_text(
    model_name: str, verdict: Mapping[str, Any], promotion: Mapping[str, Any], approved_by: str, run_url: str
) -> str:
    """A new champion, why, and who said so."""
    before = promotion["previous_version"]
    instead = f", instead of {_escaped(before)}" if before else ", the first"
    return _message(
        _GREEN,
        f"*{_escaped(model_name)}* · version {_escaped(promotion['champion_version'])} is champion{instead}",
        _first_reason(verdict),
        f"Approved by {_escaped(approved_by)}. " + (f"To go back, run {_escaped(model_name)}.rollback." if before else ""),
        _card(verdict, run_url),
    )


def rolled_back_text(model_name: str, done: Mapping[str, Any], by: str, reason: str, run_url: str) -> str:
    """An earlier champion is back, who asked for it, and why."""
    left = done["from_version"]
    instead = f" instead of {_escaped(left)}" if left else ""
    stays = f"Version {_escaped(left)} is not promoted again; a retraining may bring a better one." if left else ""
    return _message(
        ":leftwards_arrow_with_hook:",
        f"*{_escaped(model_name)}* · rolled back: version {_escaped(done['champion_version'])} is champion again{instead}",
        f"{_escaped(by)}: {_escaped(reason)}",
        stays,
        _link(run_url, "Run"),
    )


def finding_text(model_name: str, action: str, reason: str, advice: str, run_url: str = "") -> str:
    """What triage found: `alarm` is silence, `page` messier data than ever; empty where nobody has to do anything."""
    if action not in ("page", "alarm"):
        return ""
    sign = _YELLOW if action == "page" else _RED
    return _message(sign, f"*{_escaped(model_name)}* · {action}", _escaped(reason), _escaped(advice), _link(run_url, "Run"))


def probation_text(model_name: str, decision: str, says: str, then: str, run_url: str = "") -> str:
    """A probation that ended otherwise than well; empty where nobody has to do anything."""
    if decision not in _ENDED_BADLY:
        return ""
    asked = f"A rollback was asked for: see {model_name}.rollback."
    advice = asked if decision == "worse" and then == "roll_back" else _ENDED_BADLY[decision].format(model_name)
    sign, title = (_RED, "the new champion is worse") if decision == "worse" else (_YELLOW, "probation could not be finished")
    return _message(sign, f"*{_escaped(model_name)}* · {title}", _escaped(says), _escaped(advice), _link(run_url, "Run"))


def by_hand_text(model_name: str, says: str, run_url: str = "") -> str:
    """A champion or a ledger that was changed by hand."""
    advice = f"The ledger keeps it with the time at which it was noticed. If nobody meant it, run {model_name}.rollback."
    title = f"*{_escaped(model_name)}* · changed by hand"
    return _message(_YELLOW, title, _escaped(says), _escaped(advice), _link(run_url, "Run"))


def unpublished_text(model_name: str, why: str, run_url: str = "") -> str:
    """A champion that inference servers do not get."""
    title = f"*{_escaped(model_name)}* · the champion is not published"
    advice = "Servers go on with the version that they have. The next run tries again."
    return _message(_RED, title, _escaped(why), advice, _link(run_url, "Run"))


def approval_text(
    subject: str, where: str, until: str, url: str, reviewers: Sequence[str], verdict: Mapping[str, Any] | None = None
) -> str:
    """A question that waits for a person; `until` is ISO 8601, `url` the page where it is answered."""
    page = "Answer in Airflow" if where == "orchestrator" else "Answer in MLflow, by a tag on the version"
    who = f" · {_escaped(', '.join(reviewers))}" if reviewers else ""
    said = f"{_escaped(verdict['verdict'])}: {_first_reason(verdict)}" if verdict else ""
    time = f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC"
    return _message(
        ":raised_hand:", f"*{_escaped(subject)}*{who}", said, f"Until {time}; no answer means no.", _link(url, page)
    )


def missed_text(missed: Mapping[str, tuple[int, float]]) -> str:
    """The line about messages that nobody has got: by cause how many, and since when (Unix seconds). Empty for none."""
    told = [(cause, count, f"{datetime.fromtimestamp(since, UTC):%H:%M}") for cause, (count, since) in sorted(missed.items())]
    if not told:
        return ""
    parts = [f"{count} more of {_escaped(cause.replace('_', ' '))} since {time}" for cause, count, time in told]
    return f":mute: and {', '.join(parts)} UTC: see the runs in Airflow"


def run_url(airflow_url: str, dag_id: str, run_id: str) -> str:
    """The page of a run in Airflow."""
    return f"{airflow_url}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def _message(sign: str, title: str, why: str, advice: str, link: str) -> str:
    lines = (f"{sign} {title}", why, f"_{advice.strip()}_" if advice.strip() else "", link)
    return "\n".join(line for line in lines if line)


def _cause(error: BaseException | None) -> str:
    if error is None:
        return "the worker process died; nothing more is known"
    if isinstance(error, ProvingGroundError):
        return _escaped(str(error)) or type(error).__name__
    return "What it says may quote rows, so it is only in the log." if str(error) else "It says nothing more."


def _first_reason(verdict: Mapping[str, Any]) -> str:
    return _escaped(next(iter(verdict.get("reasons") or ()), verdict.get("summary") or ""))


def _card(verdict: Mapping[str, Any], run_url: str) -> str:
    return _link(verdict.get("card_url") or "", "Decision card") or _link(run_url, "Run")


def _link(url: str, label: str) -> str:
    """A link of ours; an address in which somebody else has a hand cannot end it and begin another."""
    safe = quote(url[:1000], safe=":/?#[]@!$&'()*+,;=%-._~")
    return f"<{safe}|{label}>" if safe.startswith(("http://", "https://")) else ""


def _state(step: str) -> str:
    try:
        return str(import_module(f"include.steps.{step}").IF_IT_FAILS)
    except ImportError:
        return "The champion is unchanged."


def _escaped(text: object) -> str:
    """Slack reads three characters: `&`, `<` and `>`."""
    line = without_data(one_line(str(text), _LONGEST))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
