"""The decision card: one page of markdown, identical wherever it is read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from include.decisions.gate.budgets import Cost
from include.decisions.gate.verdict import Decision, untested
from include.decisions.scoring.scorecard import CLEAN, Cell, Measured, Scorecard
from include.models.contract import Criteria
from include.results import Snapshot
from include.untrusted_text import plain

# MLflow keeps descriptions of at most 5,000 characters on Postgres: what decides comes first, the rest as far as it fits.
LONGEST = 5000
_MOST_SLICES = 8
# MLflow's page draws cells without a gap and trims spaces; one that stands behind a character of no width is kept.
_GAP = "\N{ZERO WIDTH SPACE}\N{EM SPACE}"


@dataclass(frozen=True)
class CardFacts:
    """What the card tells beside the evidence; `champion` is None where the challenger is compared with nobody.

    `mess` tells what noise production itself has; `override` what a person allowed, and who; `plot_url` where the picture is;
    `test_score` the ML Test Score in a line.
    """

    model: str
    challenger: str
    champion: str | None
    lane: str
    trigger: str
    as_of: datetime
    train: Snapshot
    holdout: Snapshot
    git_commit: str
    suite_digest: str
    criteria_digest: str
    seed: int
    anchor: str | None = None
    cost: Cost = field(default_factory=Cost)
    champion_cost: Cost | None = None
    mess: Sequence[str] = ()
    override: str = ""
    plot_url: str | None = None
    test_score: str = ""


def decision_card(decision: Decision, scorecard: Scorecard | None, criteria: Criteria, facts: CardFacts) -> str:
    """Verdict and three reasons first, then the picture, the tables, and how to reproduce it. Text from outside is escaped.

    At most LONGEST characters; the last tables give way first, and the card says so.
    """
    head, foot = _heading(decision, facts), _footing(criteria, facts)
    if scorecard and decision.verdict != "blocked":
        foot.append("The gate passed its self-test on these rows: two planted bad challengers refused, a good one accepted.")
    if facts.test_score:
        foot += ["", facts.test_score]
    sections = _sections(scorecard, criteria, facts) if scorecard else []
    for kept in range(len(sections), -1, -1):
        left_out = [] if kept == len(sections) else ["The rest is in `scorecard.json`, beside the run.", ""]
        card = "\n".join(line for part in [head, *sections[:kept], left_out, foot] for line in part)
        if len(card) <= LONGEST:
            break
    return card


def _heading(decision: Decision, facts: CardFacts) -> list[str]:
    against = f"against champion {facts.champion}" if facts.champion else "compared with nobody"
    lines = [
        f"## {decision.verdict.upper()}: {facts.model} version {facts.challenger}",
        "",
        f"{against} · lane **{facts.lane}** · asked for by: {plain(facts.trigger)}",
        "",
        *(f"{number}. {plain(reason)}" for number, reason in enumerate(decision.reasons[:3], start=1)),
        "",
    ]
    if len(decision.reasons) > 3:
        lines += [f"… and {len(decision.reasons) - 3} more in `scorecard.json`.", ""]
    if facts.override:
        lines += [f"**Overridden by a person:** {plain(facts.override)}", ""]
    if facts.plot_url:
        lines += [f"![clean and noisy, slices, cost]({facts.plot_url})", ""]
    return lines


def _sections(scorecard: Scorecard, criteria: Criteria, facts: CardFacts) -> list[list[str]]:
    """Each section as lines, the most important one first."""
    return [
        part
        for part in (
            _conditions(scorecard, facts),
            _slices(scorecard),
            _others(scorecard),
            _costs(criteria, facts),
            _suspects(scorecard),
        )
        if part
    ]


def _conditions(scorecard: Scorecard, facts: CardFacts) -> list[str]:
    rows = f"{scorecard.rows:,} holdout rows" + (f", {scorecard.positives:,} positive" if scorecard.positives else "")
    lines = [f"### {scorecard.metric} on {rows}", "", *_table("rows", scorecard.conditions)]
    if scorecard.blend:
        lines.append(_row("**clean/noisy mix**", "", "", f"**{scorecard.blend.value:+.3g}**", _interval(scorecard.blend)))
    if scorecard.anchor:
        gain = scorecard.anchor
        lines.append(_row(f"mix, against frozen {plain(facts.anchor or '')}", "", "", f"{gain.value:+.3g}", _interval(gain)))
    lines.append("")
    if scorecard.robustness is not None:
        lines += [f"Errors under noise are {scorecard.robustness:.3g} times the champion's (mean over conditions).", ""]
    said = _production(scorecard)
    return [
        *lines,
        *([said, ""] if said else []),
        *(f"{plain(line)}  " for line in facts.mess),
        *([""] if facts.mess else []),
    ]


def _production(scorecard: Scorecard) -> str:
    """What production's own level of mess costs, where it was measured."""
    cell = next((cell for cell in scorecard.conditions if cell.condition == "production"), None)
    if cell is None:
        return ""
    lost = cell.challenger - scorecard.clean.challenger
    its = (
        ""
        if cell.champion is None or scorecard.clean.champion is None
        else (f", the champion {cell.champion - scorecard.clean.champion:+.3g}")
    )
    changed = f"the challenger changes by {lost:+.3g} {scorecard.metric}{its}"
    return f"**At your production's level of mess, once more on top, {changed}.**"


def _slices(scorecard: Scorecard) -> list[str]:
    tested = [cell for cell in scorecard.slices if cell.tested]
    if not scorecard.slices:
        return []
    worst = sorted(tested, key=lambda cell: cell.gain.value if cell.gain else 0.0)[:_MOST_SLICES]
    more = len(tested) - len(worst)
    lines = (
        ["### Slices, clean rows, worst first", "", *_table("slice", worst, rows=True), ""] if worst else ["### Slices", ""]
    )
    lines += [f"{more} more are better than these.", ""] if more > 0 else []
    return [*lines, *([f"{plain(small)}.", ""] if (small := untested(scorecard)) else [])]


def _others(scorecard: Scorecard) -> list[str]:
    cells = [cell for cell in scorecard.others if cell.condition == CLEAN]
    return ["### Other metrics, clean rows", "", *_table("metric", cells), ""] if cells else []


def _costs(criteria: Criteria, facts: CardFacts) -> list[str]:
    rows = (
        ("one answer, 95th percentile", "latency_ms", "ms", criteria.max_latency_ms),
        ("artifact", "size_mb", "MB", criteria.max_size_mb),
        ("memory to serve", "memory_mb", "MB", criteria.max_memory_mb),
        ("calibration error", "calibration_error", "", criteria.max_calibration_error),
    )
    lines = []
    for name, key, unit, allowed in rows:
        spent, its = getattr(facts.cost, key), getattr(facts.champion_cost, key, None)
        if spent is not None:
            said = [f"{value:.3g} {unit}".strip() if value is not None else "none" for value in (spent, its, allowed)]
            lines.append(_row(name, *(said if facts.champion_cost else [said[0], said[2]])))
    names = ["challenger", "champion", "budget"] if facts.champion_cost else ["challenger", "budget"]
    head = [_row("cost", *names), f"| --- | {' | '.join(['---:'] * len(names))} |"]
    return [*head, *lines, ""] if lines else []


def _suspects(scorecard: Scorecard) -> list[str]:
    if not scorecard.suspects:
        return []
    return [
        "### Found by a search, deciding nothing",
        "",
        *_table("slice", scorecard.suspects, rows=True),
        "",
    ]


def _table(first: str, cells: Sequence[Cell], rows: bool = False) -> list[str]:
    counted = ["rows"] if rows else []
    if not cells or cells[0].gain is None:
        names, dashes = [*counted, "challenger"], ["---:"] * (len(counted) + 1)
    else:
        names = [*counted, "champion", "challenger", "gain", "95 % interval"]
        dashes = ["---:"] * len(names)
    return [_row(first, *names), f"| --- | {' | '.join(dashes)} |", *(_cells(first, cell, rows) for cell in cells)]


def _cells(first: str, cell: Cell, rows: bool) -> str:
    name = {"rows": cell.condition, "slice": cell.where, "metric": cell.metric}[first]
    said = [f"{cell.rows:,}"] if rows else []
    if cell.gain is None or cell.champion is None:
        return _row(plain(name), *said, f"{cell.challenger:.4g}")
    return _row(
        plain(name), *said, f"{cell.champion:.4g}", f"{cell.challenger:.4g}", f"{cell.gain.value:+.3g}", _interval(cell.gain)
    )


def _interval(measured: Measured) -> str:
    return f"{measured.low:+.3g} to {measured.high:+.3g}"


def _row(first: str, *others: str) -> str:
    """A table row."""
    return f"| {' | '.join([first, *(_GAP + cell for cell in others)])} |"


def _footing(criteria: Criteria, facts: CardFacts) -> list[str]:
    reaches = f"clean {criteria.floor:g}, noisy {criteria.noisy_floor:g}"
    return [
        "### How to reproduce it",
        "",
        _row("", "from", "until", "rows", "digest"),
        "| --- | --- | --- | ---: | --- |",
        _snapshot("training", facts.train),
        _snapshot("holdout", facts.holdout),
        "",
        f"Success criteria `{facts.criteria_digest}`: {reaches}, margin {criteria.margin:g}, harm {criteria.largest_harm:g}, "
        f"noisy share {criteria.noisy_share:.0%}. Noise suite `{facts.suite_digest}`, seed {facts.seed}. "
        f"On code {_code(facts.git_commit)}, run {facts.model}.retrain as of {facts.as_of:%Y-%m-%dT%H:%M:%SZ}.",
    ]


def _code(commit: str) -> str:
    """The beginning of a commit, and that there were changes beside it: then the model's file is kept with its run alone."""
    name, _, more = commit.partition("+")
    beside = " with changes that are in no commit (the model's file is beside the run: `model_source.py`)"
    return f"`{name[:12]}`" + (beside if more else "")


def _snapshot(name: str, snapshot: Snapshot) -> str:
    dates = (f"{moment:%Y-%m-%d}" for moment in (snapshot.start, snapshot.end))
    return _row(name, *dates, f"{snapshot.rows:,}", f"`{snapshot.digest[:16]}`")
