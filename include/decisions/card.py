"""The decision card: one page of markdown, identical wherever it is read."""

import html
from dataclasses import dataclass

from include.decisions.evidence import Condition, Evidence, Measured
from include.decisions.metrics import METRICS
from include.decisions.verdict import Decision
from include.models.contract import Criteria
from include.references import Snapshot


@dataclass(frozen=True)
class CardFacts:
    """What the card tells beside the evidence; `champion` is None for a first champion."""

    model: str
    challenger: str
    champion: str | None
    lane: str
    trigger: str
    train: Snapshot
    holdout: Snapshot
    git_commit: str
    suite_digest: str
    criteria_digest: str = ""


def decision_card(decision: Decision, evidence: Evidence | None, criteria: Criteria, facts: CardFacts) -> str:
    """Verdict and reasons first, then the tables, then how to reproduce it. Text from outside is escaped."""
    against = f"against champion {facts.champion}" if facts.champion else "first champion, nothing to compare with"
    lines = [
        f"## {decision.verdict.upper()}: {facts.model} version {facts.challenger}",
        "",
        f"{against} · lane **{facts.lane}** · asked for by: {_plain(facts.trigger)}",
        "",
        *(f"{number}. {_plain(reason)}" for number, reason in enumerate(decision.reasons, start=1)),
        "",
    ]
    if evidence:
        lines += _scorecard(evidence)
    lines += _footing(criteria, facts)
    return "\n".join(lines)


def _scorecard(evidence: Evidence) -> list[str]:
    rows = f"{evidence.rows:,} holdout rows" + (f", {evidence.positives:,} positive" if evidence.positives is not None else "")
    if evidence.blend is None:
        table = [_row("rows", "challenger"), "| --- | ---: |"]
        table += [_row(condition.name, f"{condition.challenger:.4g}") for condition in evidence.conditions]
    else:
        table = [_row("rows", "champion", "challenger", "gain", "95 % interval"), "| --- | ---: | ---: | ---: | ---: |"]
        table += [_compared(condition) for condition in evidence.conditions]
        table.append(_row("**clean/noisy mix**", "", "", f"**{evidence.blend.value:+.3g}**", _interval(evidence.blend)))
    return [f"### Scorecard: {evidence.metric} on {rows}", "", *table, ""]


def _compared(condition: Condition) -> str:
    gain = condition.gain
    assert condition.champion is not None
    assert gain is not None
    return _row(
        condition.name, f"{condition.champion:.4g}", f"{condition.challenger:.4g}", f"{gain.value:+.3g}", _interval(gain)
    )


def _interval(measured: Measured) -> str:
    return f"{measured.low:+.3g} to {measured.high:+.3g}"


def _row(first: str, *others: str) -> str:
    """A table row; MLflow's page draws cells without a gap, so an em space stands before each but the first."""
    return f"| {' | '.join([first, *(f'&emsp;{cell}' for cell in others)])} |"


def _footing(criteria: Criteria, facts: CardFacts) -> list[str]:
    bound = "≥" if METRICS[criteria.metric].higher_is_better else "≤"
    return [
        "### What it stands on",
        "",
        _row("", "from", "until", "rows", "digest"),
        "| --- | --- | --- | ---: | --- |",
        _snapshot("training", facts.train),
        _snapshot("holdout", facts.holdout),
        "",
        f"Success criteria `{facts.criteria_digest}`: clean {bound} {criteria.floor:g}, "
        f"noisy {bound} {criteria.noisy_floor:g}, margin {criteria.margin:g}, noisy share {criteria.noisy_share:.0%}. Noise suite `{facts.suite_digest}`. "
        f"Code `{facts.git_commit[:12]}`.",
    ]


def _snapshot(name: str, snapshot: Snapshot) -> str:
    dates = (f"{moment:%Y-%m-%d}" for moment in (snapshot.start, snapshot.end))
    return _row(name, *dates, f"{snapshot.rows:,}", f"`{snapshot.digest[:16]}`")


def _plain(text: str) -> str:
    """Text that a person typed, on one line, with nothing that markdown or a browser would act on."""
    escaped = html.escape(" ".join(text.split())[:500], quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|#" else character for character in escaped)
