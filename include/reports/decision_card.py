"""The decision card: one page of markdown, identical wherever it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from include.decisions.gate.budgets import Cost
from include.decisions.gate.verdict import Decision
from include.decisions.scoring.fairness import Gap
from include.decisions.scoring.importance import Importance, agreement
from include.decisions.scoring.in_use import InUse
from include.decisions.scoring.operating_point import OperatingPoint
from include.decisions.scoring.scorecard import CLEAN, Cell, Measured, Scorecard
from include.figures import figure, signed
from include.models.contract import Criteria
from include.reports.card_words import names_of, summary, what_got_worse, with_names
from include.reports.pages import render
from include.results import Contestant, Snapshot
from include.search_space import in_words
from include.untrusted_text import plain

# Of descriptions, MLflow keeps at most so many characters on Postgres.
LONGEST = 5000
_MOST_SLICES = 8
_MOST_FEATURES = 6
_LONGEST_SEARCH = 300
_OUTCOMES = (
    ("right yes (true positives)", "true_positives"),
    ("wrong yes (false positives)", "false_positives"),
    ("wrong no (false negatives)", "false_negatives"),
    ("right no (true negatives)", "true_negatives"),
)
# MLflow's page draws cells without a gap and trims spaces; one that stands behind a character of no width is kept.
_GAP = "\N{ZERO WIDTH SPACE}\N{EM SPACE}"


@dataclass(frozen=True)
class CardFacts:
    """What the card shows beside the evidence; `champion` is None where there is none to compare with.

    `follows` is what comes after a promotion, in a sentence. `production_noise` lines describe the noise in production;
    `override` what a person allowed, and who; `own_code` the format of an artifact that runs its own code, and why it has
    that; `plot_url` is the address of the picture, `candidate` the name of the one that the challenger is, `choice` why,
    `pool` what it was chosen
    from, `importance` what each feature is worth, `test_score` the ML Test Score in a line, `error_budget` what the comparison
    spent, in words; `fixed` are the corruptions whose severities the model's file sets; `in_use` is what both would do in use.
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
    seed: str
    anchor: str | None = None
    cost: Cost = field(default_factory=Cost)
    champion_cost: Cost | None = None
    production_noise: Sequence[str] = ()
    follows: str = ""
    override: str = ""
    own_code: str = ""
    plot_url: str | None = None
    test_score: str = ""
    error_budget: str = ""
    candidate: str = ""
    choice: str = ""
    pool: Sequence[Contestant] = ()
    importance: Sequence[Importance] = ()
    fixed: Sequence[str] = ()
    in_use: InUse = field(default_factory=InUse)


def decision_card(
    decision: Decision, scorecard: Scorecard | None, criteria: Criteria, facts: CardFacts, longest: int | None = None
) -> str:
    """Verdict, summary and reasons first, then what got worse, the picture, the tables, and how to reproduce it.

    Text from outside is escaped.

    With `longest`, of at most so many characters: the last tables give way first, and the card says so.
    """
    names = names_of((cell.condition for cell in scorecard.conditions), facts.fixed) if scorecard else {}
    values = _values(scorecard, criteria, facts, names) if scorecard else {"sections": [], "warnings": []}
    sections = values.pop("sections")
    commit, _, changed = facts.git_commit.partition("+")
    for kept in range(len(sections), -1, -1):
        card = render(
            "decision_card.md",
            decision=decision,
            summary=summary(decision, scorecard, facts.challenger, facts.champion, facts.follows),
            reasons=[with_names(reason, names) for reason in decision.reasons],
            choice=with_names(facts.choice, names),
            scorecard=scorecard,
            criteria=criteria,
            facts=facts,
            shown=sections[:kept],
            left_out=kept < len(sections),
            commit=commit,
            changed=changed,
            table=_table,
            row=_row,
            interval=_interval,
            **values,
        )
        if longest is None or len(card) <= longest:
            break
    return card


def _values(scorecard: Scorecard, criteria: Criteria, facts: CardFacts, names: Mapping[str, str]) -> dict[str, Any]:
    """What the tables show; `sections` that have anything to show, the most important one first."""
    tested = [cell for cell in scorecard.slices if cell.tested]
    worst = sorted(tested, key=lambda cell: cell.gain.value if cell.gain else 0.0)[:_MOST_SLICES]
    others = [cell for cell in scorecard.others if cell.condition == CLEAN]
    costs = _costs(criteria, facts)
    sections = {
        "conditions": True,
        "pool": facts.pool,
        "slices": scorecard.slices,
        "operating": facts.in_use.operating,
        "groups": facts.in_use.fairness.gaps,
        "features": facts.importance,
        "others": others,
        "costs": costs,
        "suspects": scorecard.suspects,
    }
    return {
        "sections": [name for name, content in sections.items() if content],
        "warnings": what_got_worse(scorecard, criteria, facts.holdout.rows, names, facts.in_use),
        "conditions": [replace(cell, condition=names[cell.condition]) for cell in scorecard.conditions],
        "clusters": _clusters(scorecard),
        "production": _production(scorecard),
        "worst": worst,
        "more": len(tested) - len(worst),
        "others": others,
        "costs": costs,
        "operating": _operating(facts.in_use.operating) if facts.in_use.operating else "",
        "gaps": [_gap(one, facts) for one in facts.in_use.fairness.gaps],
        "agreement": _agreement(facts.importance),
        "features": [_feature(one, facts) for one in facts.importance[:_MOST_FEATURES]],
        "more_features": max(0, len(facts.importance) - _MOST_FEATURES),
        "idle": ", ".join(one.feature for one in facts.importance if one.earns_nothing(criteria.margin)),
        "contestants": [_contestant(one) for one in facts.pool],
        "searches": [_search(one) for one in facts.pool if one.searched.how],
    }


def _clusters(scorecard: Scorecard) -> str:
    """From how many clusters the rows are, and what that does to the error; empty where each row stands for itself."""
    if scorecard.cluster_unit == "rows":
        return ""
    said = (
        f"The rows are from {scorecard.clusters:,} {scorecard.cluster_unit}, and rows of the same one count as one observation"
    )
    if scorecard.design_effect is None:
        return f"{said}."
    return f"{said}: the gain's variance is {scorecard.design_effect:.1f} times that of independent rows (design effect)."


def _contestant(one: Contestant) -> str:
    """One of the pool, as a row of a table."""
    name = plain(one.name)
    if one.value is None:
        return _row(name, plain(one.problem[:80]), "", "", "")
    seconds = "" if one.seconds is None else f"{one.seconds:.1f}"
    if one.ahead is None or one.low is None or one.high is None:
        return _row(name, figure(one.value, 4), "", "", seconds)
    return _row(
        name,
        figure(one.value, 4),
        signed(one.ahead),
        f"{signed(one.low)} to {signed(one.high)}",
        seconds,
    )


def _search(one: Contestant) -> str:
    """What a search chose for one of the pool, and how."""
    chosen = in_words(one.searched.parameters)
    return f"{one.name}: {'; '.join(filter(None, [chosen, one.searched.how]))}"[:_LONGEST_SEARCH]


def _feature(one: Importance, facts: CardFacts) -> str:
    """What one feature is worth, as a row of a table."""
    its = (signed(one.challenger.value), _interval(one.challenger)) if one.challenger else ("not taken", "")
    champions = signed(one.champion.value) if one.champion else "not taken"
    return _row(plain(one.feature), *([champions] if facts.champion else []), *its)


def _agreement(importance: Sequence[Importance]) -> str:
    """Whether both models rely on the same features; empty where they share too few."""
    found = agreement(importance)
    if found is None:
        return ""
    same = f"The two rank their features with a correlation of {found.correlation:.2f} (1: the same order)"
    if found.before == found.now:
        return f"{same}."
    return f"{same}; {found.moved} moved most, from place {found.before} to {found.now}."


def _operating(point: OperatingPoint) -> str:
    """What the answers lead to, of 1,000 rows, as a table; and what that is worth, where prices are declared."""
    roles = [point.challenger] if point.champion is None else [point.champion, point.challenger]
    lines = [
        _row("of 1,000 rows", *(["champion"] if point.champion else []), "challenger"),
        f"| --- | {' | '.join(['---:'] * len(roles))} |",
    ]
    for name, key in _OUTCOMES:
        lines.append(_row(name, *(f"{getattr(one, key):.1f}" for one in roles)))
    if point.challenger.money is not None:
        lines.append(_row(f"worth, {point.currency}", *(f"{one.money or 0.0:,.0f}" for one in roles)))
    if point.gain:
        lines += [
            "",
            f"More than the champion: {point.gain.value:+,.0f} {point.currency} (95 % interval {_interval(point.gain)}).",
        ]
    return "\n".join(lines)


def _gap(gap: Gap, facts: CardFacts) -> str:
    """By how much the groups of one column differ, as a row of a table."""
    before = ["" if gap.champion is None else figure(gap.champion)] if facts.champion else []
    where = f"{plain(gap.highest)} {figure(gap.highest_value)}, {plain(gap.lowest)} {figure(gap.lowest_value)}"
    return _row(
        gap.measure,
        *before,
        figure(gap.value),
        f"{figure(max(gap.low, 0.0))} to {figure(gap.high)}",
        where,
    )


def _production(scorecard: Scorecard) -> str:
    """What production's own level of noise changes, where it was measured."""
    cell = next((cell for cell in scorecard.conditions if cell.condition == "production"), None)
    if cell is None:
        return ""
    challenger = f"the challenger by {signed(cell.challenger - scorecard.clean.challenger)} {scorecard.metric}"
    if cell.champion is None or scorecard.clean.champion is None:
        return challenger
    return f"{challenger}, the champion by {signed(cell.champion - scorecard.clean.champion)}"


def _costs(criteria: Criteria, facts: CardFacts) -> str:
    rows = (
        ("one answer, 95th percentile", "latency_ms", "ms", criteria.max_latency_ms),
        ("artifact", "size_mb", "MB", criteria.max_size_mb),
        ("memory to serve", "memory_mb", "MB", criteria.max_memory_mb),
        ("calibration error", "calibration_error", "", criteria.max_calibration_error),
    )
    compared = facts.champion_cost is not None
    names = ["champion", "challenger", "budget"] if compared else ["challenger", "budget"]
    lines = [_row("cost", *names), f"| --- | {' | '.join(['---:'] * len(names))} |"]
    for name, key, unit, budget in rows:
        spent, before = getattr(facts.cost, key), getattr(facts.champion_cost, key, None)
        if spent is not None:
            shown = [_cost(spent, unit, ""), _cost(budget, unit, "no limit")]
            lines.append(_row(name, *([_cost(before, unit, "not measured"), *shown] if compared else shown)))
    return "\n".join(lines) if len(lines) > 2 else ""


def _cost(value: float | None, unit: str, otherwise: str) -> str:
    return otherwise if value is None else f"{figure(value)} {unit}".strip()


def _table(first: str, cells: Sequence[Cell]) -> str:
    """A table of cells by their condition ("rows"), their metric or their slice; slices also show how many rows they have."""
    counted = ["rows"] if first == "slice" else []
    compared = bool(cells) and cells[0].gain is not None
    names = [*counted, *(["champion", "challenger", "gain", "95 % interval"] if compared else ["challenger"])]
    head = [_row(first, *names), f"| --- | {' | '.join(['---:'] * len(names))} |"]
    return "\n".join([*head, *(_cells(first, cell) for cell in cells)])


def _cells(first: str, cell: Cell) -> str:
    name = plain({"rows": cell.condition, "slice": cell.where, "metric": cell.metric}[first])
    counted = [f"{cell.rows:,}"] if first == "slice" else []
    if cell.gain is None or cell.champion is None:
        return _row(name, *counted, figure(cell.challenger, 4))
    values = (
        figure(cell.champion, 4),
        figure(cell.challenger, 4),
        signed(cell.gain.value),
        _interval(cell.gain),
    )
    return _row(name, *counted, *values)


def _interval(measured: Measured) -> str:
    return f"{signed(measured.low)} to {signed(measured.high)}"


def _row(first: str, *others: str) -> str:
    """A table row."""
    return f"| {' | '.join([first, *(_GAP + cell for cell in others)])} |"
