"""The decision card: one page of markdown, identical wherever it is read."""

import html
from dataclasses import dataclass

from include.decisions.evidence import Condition, Evidence
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
        table = ["| rows | challenger |", "| --- | ---: |"]
        table += [f"| {condition.name} | {condition.challenger:.4g} |" for condition in evidence.conditions]
    else:
        table = ["| rows | champion | challenger | gain | 95 % interval |", "| --- | ---: | ---: | ---: | :---: |"]
        table += [_compared(condition) for condition in evidence.conditions]
        blend = evidence.blend
        table.append(f"| **clean/noisy mix** | | | **{blend.value:+.4f}** | {blend.low:+.4f} to {blend.high:+.4f} |")
    return [f"### Scorecard: {evidence.metric} on {rows}", "", *table, ""]


def _compared(condition: Condition) -> str:
    assert condition.champion is not None
    assert condition.gain is not None
    gain = condition.gain
    return (
        f"| {condition.name} | {condition.champion:.4g} | {condition.challenger:.4g} "
        f"| {gain.value:+.4f} | {gain.low:+.4f} to {gain.high:+.4f} |"
    )


def _footing(criteria: Criteria, facts: CardFacts) -> list[str]:
    bound = "≥" if METRICS[criteria.metric].higher_is_better else "≤"
    return [
        "### What it stands on",
        "",
        "| | from | until | rows | digest |",
        "| --- | --- | --- | ---: | --- |",
        _snapshot("training", facts.train),
        _snapshot("holdout", facts.holdout),
        "",
        f"Success criteria `{criteria.digest()}`: clean {bound} {criteria.floor:g}, noisy {bound} {criteria.noisy_floor:g}, "
        f"margin {criteria.margin:g}, noisy share {criteria.noisy_share:.0%}. Noise suite `{facts.suite_digest}`. "
        f"Code `{facts.git_commit[:12]}`.",
    ]


def _snapshot(name: str, snapshot: Snapshot) -> str:
    return f"| {name} | {snapshot.start:%Y-%m-%d} | {snapshot.end:%Y-%m-%d} | {snapshot.rows:,} | `{snapshot.digest[:16]}` |"


def _plain(text: str) -> str:
    """Text that a person typed, on one line, with nothing that markdown or a browser would act on."""
    escaped = html.escape(" ".join(text.split())[:500], quote=False)
    return "".join(f"\\{character}" if character in "\\`*_[]|#" else character for character in escaped)
