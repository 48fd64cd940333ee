"""Every kind of message that is sent to Slack, in this terminal and as a page.

The texts are those of `include/alerts/texts.py`; what they are about is made up.
"""

import html
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click
from markupsafe import Markup
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from include.alerts.texts import (
    Failure,
    approval_text,
    broken_model_text,
    by_hand_text,
    cause_in_words,
    failed_candidates_text,
    failure_text,
    finding_text,
    held_text,
    missed_text,
    outage_text,
    probation_text,
    promoted_text,
    refreshed_text,
    rolled_back_text,
    started_text,
    unpublished_text,
    verdict_text,
)
from include.errors import BrokenFeed, RegistryUnreachable
from include.reports.pages import render
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
    Snapshot,
    Verdict,
)
from include.untrusted_text import of_data

PAGE = Path(".stack/slack-preview.html")
_AIRFLOW, _MLFLOW = "https://airflow.example", "https://mlflow.example"
_SIGNS = {
    "red_circle": "🔴",
    "large_yellow_circle": "🟡",
    "large_green_circle": "🟢",
    "white_circle": "⚪",
    "arrows_counterclockwise": "🔄",
    "leftwards_arrow_with_hook": "↩️",
    "raised_hand": "✋",
    "mute": "🔇",
}
_SAFE = "The champion is unchanged."
_NO_MODEL = "include/models/churn.py defines no MODEL: end it with MODEL = Model(...), see contract.py."
_WHEN = datetime(2026, 3, 6, 9, tzinfo=UTC)
_HALF_PAST_NINE = 1_772_616_600.0


def messages() -> dict[str, str]:
    """An example of every kind of message, by what it is about."""
    return _what_went_wrong() | _retraining() | _what_needs_attention()


def _what_went_wrong() -> dict[str, str]:
    log = f"{_AIRFLOW}/dags/traffic_volume.monitor/runs/scheduled__2026-03-04/tasks/check?try_number=1"
    bad_rows = BrokenFeed(
        "landing file traffic_volume/features/2026-03-02.jsonl: 412 of 1,004 rows break the contract (398 × temp: not a "
        "number; 14 × weather: missing); accepted is 20%. Ask upstream to deliver it again under the same name, or remove it."
    )
    down = RegistryUnreachable(
        "MLflow did not answer about card_fraud: connection refused. Nothing was decided; check the server, then clear "
        "the task."
    )
    outage = outage_text(Failure("card_fraud.monitor", "score", down, log.replace("traffic_volume", "card_fraud")))
    memory = log.replace("traffic_volume.monitor", "search_queries.retrain")
    return {
        "a model's file cannot be used": broken_model_text("churn", _NO_MODEL, _AIRFLOW),
        "a task failed": _failure(Failure("traffic_volume.monitor", "check", bad_rows, log)),
        "a task failed for want of memory": _failure(Failure("search_queries.retrain", "train", MemoryError(), memory)),
        "an outage": outage,
        "the outage goes on, a quarter of an hour later": f"{outage}\n{missed_text({'MLflow': (37, _HALF_PAST_NINE)})}",
    }


def _failure(failure: Failure) -> str:
    return failure_text(
        failure, "No row of this batch went on; the champion is unchanged." if failure.step == "check" else _SAFE
    )


def _retraining() -> dict[str, str]:
    name, run = "traffic_volume", _run("traffic_volume.retrain")
    assembled = Assembled(train=_snapshot(48_211), holdout=_snapshot(5_377))
    decay = "decay: roc_auc fell from 0.764 to 0.712 over the newest two mature periods; moved: dep_hour: median 12.5 → 14"
    drift = f"drift: category: {of_data('electronics')}: 21.4% of its values, usually 9.8%; amount: median 31.2 → 44.9"
    causes = {
        "decay": cause_in_words(decay, ""),
        "drift": cause_in_words(drift, ""),
        "the cadence": cause_in_words("cadence", ""),
        "by hand": cause_in_words("new prices since Monday", "alice"),
    }
    started = {f"retraining started: {what}": started_text(name, cause, assembled, run) for what, cause in causes.items()}
    kept = Promotion(promoted=False, champion_version="7", previous_version=None)
    by_gate = Approval(approved=False, by="the gate")
    reasons: dict[Literal["keep", "inconclusive", "blocked"], str] = {
        "keep": "roc_auc 0.759 against 0.764 of the champion: -0.005 (-0.011 to 0.001) on 5,377 rows",
        "inconclusive": "roc_auc +0.002 (-0.004 to 0.008): 21,000 rows would decide, there are 5,377",
        "blocked": "labels of the hold-out are immature: 62% are known, 90% are needed",
    }
    verdicts = {
        f"a verdict: {word}": verdict_text(name, _verdict(word, reason), kept, by_gate, run)
        for word, reason in reasons.items()
    }
    better = _verdict("promote", "roc_auc 0.781 against 0.764: +0.017 (0.009 to 0.026), and no worse under noise")
    promoted = Promotion(promoted=True, champion_version="8", previous_version="7")
    rescue = better.model_copy(
        update={
            "rescue": True,
            "reasons": ("better, and still below what was asked for: gain on the clean/noisy mix +0.21 roc_auc",),
        }
    )
    refreshed = Refreshed(
        version="9", instead_of="8", summary="version 9 is champion: the recipe of version 8, with the hold-out's rows too"
    )
    broken = Contestant(name="boosted", problem="ValueError: could not convert string to float")
    return {
        **started,
        **verdicts,
        "an approval is requested": approval_text(_question(run), ["alice", "bob"], better),
        "a candidate failed": failed_candidates_text(name, [broken], run),
        "a promotion": promoted_text(name, better, promoted, "alice", run) + refreshed_text(name, refreshed),
        "a rescue": promoted_text(name, rescue, promoted, "the gate", run),
    }


def _what_needs_attention() -> dict[str, str]:
    name, run = "traffic_volume", _run("traffic_volume.monitor")
    noisy = Finding(
        action="page",
        title="Feed too noisy: weather: 11.2% of its values are misspelt, usually 1.1%",
        reason="feed too noisy: weather: 11.2% of its values are misspelt, usually 1.1%",
        advice="Ask upstream what changed. If it is here to stay, train on it too: augment=Augment(...) in the model's file.",
    )
    below = "the champion is below its floor: roc_auc 0.512, asked for is 0.6"
    fell = "roc_auc fell from 0.71 to 0.512"
    fallen = Finding(action="retrain", title=f"Quality fell: {fell}", reason=f"decay: {fell}", page=below)
    silence, see = "no check for 23 days", "See why the monitor did not run."
    silent = Finding(action="alarm", title=silence.capitalize(), reason=f"silence: {silence}", advice=see)
    worse = "look 2 of 3: roc_auc of version 8 is 0.021 below that of 7 on the same 9,120 rows: more than chance explains"
    unpublished = (
        "version 8 is champion, but s3://serving/serving/traffic_volume could not be brought up to date: access denied"
    )
    back = RolledBack(rolled_back=True, champion_version="7", from_version="8")
    texts = {
        "a freeze": held_text(
            name, "frozen until 2026-12-27 08:00 UTC by alice: Christmas, no one on call", _run(f"{name}.monitor")
        ),
        "a rollback is undone": rolled_back_text(
            name,
            RolledBack(rolled_back=True, champion_version="8", from_version="7", undone=True),
            "alice",
            "the complaints were about another road",
            _run(f"{name}.rollback"),
        ),
        "rolled back": rolled_back_text(name, back, "alice", "complaints from the control room", _run(f"{name}.rollback")),
        "silence": finding_text(name, silent, run),
        "noisier data than ever": finding_text(name, noisy, run),
        "a champion below its floor": finding_text(name, fallen, run),
        "probation: worse": probation_text(name, Probated(decision="worse", summary=worse), run),
        "probation: not finished": probation_text(
            name, Probated(decision="impossible", summary="version 7 cannot score any more: its artifact was deleted"), run
        ),
        "changed by hand": by_hand_text(name, "version 5 was made champion by hand; version 8 was", run),
        "not published": unpublished_text(name, unpublished, run),
    }
    return {about: text for about, text in texts.items() if text}


def _snapshot(rows: int) -> Snapshot:
    return Snapshot(digest="0" * 64, start=_WHEN, end=_WHEN, rows=rows)


def _question(run: str) -> Question:
    return Question(
        where="orchestrator",
        answered_in="Airflow",
        subject="traffic_volume: may version 8 become champion?",
        body="",
        evidence="0" * 64,
        version="8",
        until=_WHEN,
        url=f"{run}/tasks/review/required_actions",
    )


def _verdict(word: Literal["promote", "keep", "inconclusive", "blocked"], reason: str) -> Verdict:
    return Verdict(
        verdict=word,
        reasons=(reason,),
        version="8",
        artifact_digest=None,
        champion_version="7",
        card_url=f"{_MLFLOW}/#/models/traffic_volume/versions/8",
    )


def _run(dag_id: str) -> str:
    return f"{_AIRFLOW}/dags/{dag_id}/runs/scheduled__2026-03-04T09%3A30%3A00%2B00%3A00"


def as_html(text: str) -> Markup:
    """A message as Slack draws it: signs, bold, italics and links; everything else is text.

    >>> print(as_html(":mute: *a* &lt;b&gt; <http://x|see>"))
    🔇 <b>a</b> &lt;b&gt; <a href="http://x">see</a>
    """
    # What Slack would act on is escaped already: a < that is left begins a link of ours.
    linked = re.sub(r"<(http[^|>]+)\|([^>]+)>", lambda link: f'<a href="{html.escape(link[1])}">{link[2]}</a>', text)
    signed = re.sub(r":([a-z_]+):", lambda sign: _SIGNS.get(sign[1], sign[0]), linked)
    bold = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", signed)
    # The text is escaped for Slack already.
    return Markup(re.sub(r"(?m)^_(.+)_$", r"<i>\1</i>", bold))  # noqa: S704  # nosec B704


def as_page(shown: dict[str, str]) -> str:
    """One page with all of them, that needs nothing from anywhere."""
    return render("slack_preview.html", posts={about: as_html(text) for about, text in shown.items()})


def as_rich(text: str) -> str:
    """The same for a terminal."""
    markup = escape(html.unescape(re.sub(r"<(http[^|]+)\|([^>]+)>", r"\2 → \1", text)))
    markup = re.sub(r":([a-z_]+):", lambda sign: _SIGNS.get(sign[1], sign[0]), markup)
    markup = re.sub(r"\*([^*\n]+)\*", r"[bold]\1[/]", markup)
    return re.sub(r"(?m)^_(.+)_$", r"[italic dim]\1[/]", markup)


@click.command("slack-preview")
@click.argument("page", type=click.Path(path_type=Path, dir_okay=False), default=PAGE)
def command(page: Path) -> None:
    """Show every message that Slack may be sent.

    They are also written to PAGE, as Slack shows them.

    \b
    Example:
      python -m include.cli slack-preview .stack/slack-preview.html
    """
    console = Console()
    for about, text in messages().items():
        console.print(Panel(as_rich(text), title=about, title_align="left", border_style="dim"))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(as_page(messages()), encoding="utf-8")
    console.print(f"The same as Slack shows it: {page}", highlight=False, markup=False)
