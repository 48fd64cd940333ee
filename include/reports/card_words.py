"""The words of the decision card: its summary, what got worse or could go wrong, and the names of noise conditions. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from include.decisions.gate.verdict import Decision, untested
from include.decisions.scoring.fairness import in_words
from include.decisions.scoring.in_use import InUse
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Cell, Measured, Scorecard
from include.figures import figure, signed
from include.models.contract import Criteria, Model, ReviewPlace
from include.periods import in_a_word

# What each kind of corruption in the catalogue is, in a few words.
CORRUPTIONS = {
    "missing": "missing values",
    "missing_by_value": "missing, large values more often",
    "missing_by_other": "missing, depending on another column",
    "outlier": "outliers",
    "unit_slip": "wrong units",
    "sign_flip": "flipped signs",
    "rounded": "rounded numbers",
    "frozen": "frozen sensor",
    "clipped": "clipped numbers",
    "shifted": "shifted numbers",
    "swap": "swapped categories",
    "unseen": "unseen categories",
    "rare_to_other": "rare categories merged",
    "synonym": "synonyms",
    "typo": "typing slips",
    "neighbour_key": "neighbouring keys",
    "dropped_letter": "dropped letters",
    "doubled_letter": "doubled letters",
    "transposed_letters": "transposed letters",
    "phonetic": "spelt by ear",
    "abbreviation": "abbreviations",
    "misspelling": "known misspellings",
    "case": "upper and lower case",
    "white_space": "white space",
    "missing_space": "missing spaces",
    "accents": "accents",
    "emoji": "emoji",
    "mojibake": "broken encoding",
    "truncated": "truncated text",
    "exchanged": "exchanged columns",
    "gone": "columns gone",
}
_WHOLE = {
    CLEAN: "clean rows",
    "production": "all noise, production level",
    "production x2": "all noise, twice production level",
}
_DEFAULT_RATE = 0.2
_ID = re.compile(r"\b([a-z_]+)@(\d+(?:\.\d+)?(?:e-\d+)?)")
_MOST_WORSE = 6
_UNKNOWN = InUse()


def names_of(conditions: Iterable[str], fixed: Iterable[str] = ()) -> dict[str, str]:
    """By their ids, what conditions are in words; `fixed` are the corruptions whose severities the model's file sets.

    The others are tried at the level that was measured in production and at twice that, or at one default rate.

    >>> names_of(["clean", "missing@0.054", "missing@0.108", "typo@0.2"])["missing@0.054"]
    'missing values, production level (5.4 %)'
    >>> names_of(["typo@0.2"])["typo@0.2"]
    'typing slips, 20 % of values'
    """
    ids = list(conditions)
    rates: dict[str, list[float]] = {}
    for corruption, rate in (found.groups() for one in ids if (found := _ID.fullmatch(one))):
        rates.setdefault(corruption, []).append(float(rate))
    return {one: _name(one, rates, set(fixed)) for one in ids}


def _name(one: str, rates: Mapping[str, Sequence[float]], fixed: set[str]) -> str:
    found = _ID.fullmatch(one)
    if not found:
        return _WHOLE.get(one, one)
    corruption, rate = found[1], float(found[2])
    words, share = CORRUPTIONS.get(corruption, corruption.replace("_", " ")), f"{figure(100 * rate, 2)} %"
    levels = sorted(rates[corruption])
    if corruption in fixed or levels == [_DEFAULT_RATE]:
        return f"{words}, {share} of values"
    # Of many measured ones the milder level is left out of the suite.
    twice = len(levels) == 1 or rate > levels[0]
    return f"{words}, {'twice ' if twice else ''}production level ({share})"


def with_names(text: str, names: Mapping[str, str]) -> str:
    """A sentence with conditions in words in place of their ids."""
    return _ID.sub(lambda found: names.get(found[0], found[0]), text)


def summary(
    decision: Decision, scorecard: Scorecard | None, challenger: str, champion: str | None, follows: str = ""
) -> list[str]:
    """Three plain sentences: what was decided, what the comparison shows, and what follows, which a promotion is told."""
    decided = {
        "promote": f"Version {challenger} may become champion" + (f" instead of version {champion}." if champion else "."),
        "keep": f"Version {challenger} does not become champion" + (f": version {champion} stays." if champion else "."),
        "inconclusive": f"It is not shown that version {challenger} is better"
        + (f" than version {champion}, which stays champion." if champion else "."),
        "blocked": f"Version {challenger} was not judged: a check failed or could not be made.",
    }[decision.verdict]
    next_step = {
        "promote": follows,
        "keep": "No action is needed; the next retraining trains another one.",
        "inconclusive": "No action is needed; the next retraining has more rows.",
        "blocked": "Mend what the first reason names, then run the retraining again.",
    }[decision.verdict]
    return [decided, *_shown(scorecard), *filter(None, [next_step])]


def _shown(scorecard: Scorecard | None) -> Iterator[str]:
    if scorecard is None:
        return
    metric, better = scorecard.metric, "" if scorecard.higher_is_better else ", lower is better"
    if scorecard.blend is None:
        yield f"On {scorecard.rows:,} rows that it never saw its {metric} is {figure(scorecard.clean.challenger, 4)}{better}."
        return
    gain = scorecard.blend
    change = "better" if gain.value > 0 else "worse"
    rows = f"{scorecard.rows:,} rows that neither saw, clean and noisy"
    sure = "" if gain.low > 0 or gain.high < 0 else ", which may be chance"
    yield (
        f"On {rows}, it is {change} by {figure(abs(gain.value))} {metric}{sure} "
        f"(95 % interval of the gain {signed(gain.low)} to {signed(gain.high)})."
    )


def what_follows(model: Model, where: ReviewPlace, orchestrator: str) -> str:
    """Who is asked before a challenger serves that the gate would promote, and what it is watched by afterwards."""
    asked = {
        "none": "Nobody is asked, it is promoted now",
        "orchestrator": f"A person is asked in {orchestrator or 'the orchestrator'}",
        "registry": "A person is asked in MLflow",
    }[where]
    if model.probation is None:
        return f"{asked}; there is no probation."
    periods, unit = model.probation.periods, in_a_word(model.feed.period)
    unit += "s" if periods > 1 else ""
    return f"{asked}; then it is on probation for {periods} {unit} against the version that it replaces, where there is one."


def what_got_worse(
    scorecard: Scorecard, criteria: Criteria, held_out: int, names: Mapping[str, str], used: InUse = _UNKNOWN
) -> list[str]:
    """What a reader should know before saying yes: one sentence each.

    Every metric whose 95 % interval excludes no change in the wrong direction, floors that are nearly touched, slices that
    could not be tested, groups that differ, probabilities that are less true, and rows that were not counted, with the reason;
    `held_out` is how many were held out.
    """
    lines = [*_worse(scorecard, names), *_near_floors(scorecard, criteria), *_less_true(used)]
    lines += in_words(used.fairness)[:_MOST_WORSE]
    if small := used.fairness.too_small:
        lines.append(f"groups too small to compare: {', '.join(small)}")
    if none := untested(scorecard):
        lines.append(none)
    if missing := held_out - scorecard.rows:
        lines.append(f"not counted: {missing:,} of {held_out:,} hold-out rows, whose labels have not come or are not due")
    return lines


def _worse(scorecard: Scorecard, names: Mapping[str, str]) -> list[str]:
    """What is worse on all rows first, then in slices; a metric that is worse under several conditions is one line."""
    compared = [cell for cell in scorecard.cells if cell.tested and cell.gain is not None]
    groups: dict[tuple[bool, str, str], list[Cell]] = {}
    for cell in compared:
        if cell.gain and cell.gain.high < 0:
            groups.setdefault((cell.where != ALL_ROWS, cell.metric, cell.where), []).append(cell)
    ordered = sorted(groups.items(), key=lambda group: (group[0][0], min(_z(cell) for cell in group[1])))
    lines = [f"worse: {_in_a_line(cells, names)}" for _, cells in ordered[:_MOST_WORSE]]
    if len(ordered) > _MOST_WORSE:
        lines.append(f"worse: {len(ordered) - _MOST_WORSE} more, in scorecard.json")
    if lines:
        # The lower side of a two-sided 95 % interval.
        chance = 0.025 * len(compared)
        lines.append(f"{len(compared):,} comparisons were made: about {chance:.0f} look worse by chance alone")
    return lines


def _in_a_line(cells: Sequence[Cell], names: Mapping[str, str]) -> str:
    first = next((cell for cell in cells if cell.condition == CLEAN), min(cells, key=_z))
    where = "" if first.where == ALL_ROWS else f", {first.where}"
    others = len(cells) - 1
    more = f"; under {others} more condition{'s' * (others > 1)}" if others else ""
    assert first.gain is not None
    return f"{first.metric}{where}, {names.get(first.condition, first.condition)} by {_loss(first.gain)}{more}"


def _z(cell: Cell) -> float:
    return cell.gain.z if cell.gain else 0.0


def _loss(gain: Measured) -> str:
    return f"{figure(-gain.value)} (at least {figure(-gain.high)}, at most {figure(-gain.low)})"


def _less_true(used: InUse) -> Iterator[str]:
    """That the challenger's probabilities are further from what happens than the champion's."""
    its, before = (used.calibration_error.get(role) for role in ("challenger", "champion"))
    if its is not None and before is not None and its > before:
        yield (
            f"calibration: predicted and observed shares differ by {figure(its)} on average, "
            f"the champion's by {figure(before)}"
        )


def _near_floors(scorecard: Scorecard, criteria: Criteria) -> Iterator[str]:
    """Floors that are less than one margin away: a little less luck, and the challenger would not have reached them."""
    sign = 1 if scorecard.higher_is_better else -1
    values = (
        ("clean", scorecard.clean.challenger, criteria.floor),
        ("noisy", scorecard.noisy_challenger, criteria.noisy_floor),
    )
    for rows, value, floor in values:
        if value is not None and 0 <= sign * (value - floor) < criteria.margin:
            yield (
                f"nearly at the floor: {scorecard.metric} on {rows} rows is {figure(value, 4)}, "
                f"the floor is {figure(floor, 4)}"
            )
