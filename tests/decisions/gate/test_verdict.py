"""The verdict, as a table of cases."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from include.decisions.gate.budgets import Cost
from include.decisions.gate.error_budget import Lane
from include.decisions.gate.verdict import CHECKS, Circumstances, checks, decide, suspicious_predictions, untested
from include.decisions.scoring.predictions import Predictions
from include.decisions.scoring.scorecard import ALL_ROWS, CLEAN, Cell, Harm, Measured, Scorecard
from include.models.contract import Criteria

LANES: tuple[Lane, ...] = ("routine", "change")
CRITERIA = Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02)
BUDGETS = replace(CRITERIA, max_latency_ms=50, max_size_mb=5)


@dataclass(frozen=True)
class Case:
    """A blended gain with its error (None for a first champion), what else is known, and what must come out."""

    id: str
    gain: float | None
    error: float
    verdict: str
    summary: str
    lane: Lane = "routine"
    clean: float = 0.7
    noisy: float = 0.65
    rows: int = 1000
    positives: int | None = 300
    problems: list[str] = field(default_factory=list)
    anchor: Measured | None = None
    noisy_gain: Measured | None = None
    harms: tuple[Harm, ...] = ()
    baselines: dict[str, tuple[Measured, Measured]] = field(default_factory=dict)
    champion_baselines: dict[str, tuple[Measured, Measured]] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)


BEATEN, NOT_BEATEN = Measured(0.1, 0.01), Measured(0.0, 0.1)
WORSE = Harm("origin=EWR", -0.05, -0.01, "band")
CASES = (
    Case("first champion", None, 0.0, "promote", "first champion: it reaches the floors"),
    Case(
        "first champion below its floor", None, 0.0, "keep", "roc_auc on clean rows is 0.59, the success criteria", clean=0.59
    ),
    Case("first champion, noisy floor", None, 0.0, "keep", "roc_auc on noisy rows is 0.54", noisy=0.54),
    Case("exactly on the floors", None, 0.0, "promote", "first champion", clean=0.6, noisy=0.55),
    Case("better, but below a floor that the champion holds", 0.1, 0.001, "keep", "on noisy rows is 0.5, the", noisy=0.5),
    Case("both below the floor", 0.1, 0.001, "promote", "better, and still below what was asked for: gain", clean=0.5),
    Case("both below the floor, not shown to be better", 0.0, 0.05, "keep", "0.6; the champion's is 0.5", clean=0.5),
    Case("both below the floor, with harm", 0.1, 0.001, "keep", "0.6; the champion's is 0.4", clean=0.5, harms=(WORSE,)),
    Case(
        "both below a trivial answer",
        0.1,
        0.001,
        "promote",
        "better, and still below what was asked for: gain",
        baselines={"always no": (BEATEN, NOT_BEATEN)},
        champion_baselines={"always no": (NOT_BEATEN, NOT_BEATEN)},
    ),
    Case(
        "below a trivial answer that the champion beats",
        0.1,
        0.001,
        "keep",
        'not shown to beat the answer "always no" on clean rows',
        baselines={"always no": (NOT_BEATEN, BEATEN)},
        champion_baselines={"always no": (BEATEN, NOT_BEATEN)},
    ),
    Case("routine, clearly better", 0.03, 0.005, "promote", "lower 80 % bound"),
    Case("routine, probably better", 0.01, 0.01, "promote", "lower 80 % bound"),
    Case("routine, better but too uncertain about harm", 0.05, 0.055, "inconclusive", "90 % interval"),
    Case("change, clearly better", 0.03, 0.005, "promote", "lower 99.33 % bound", lane="change"),
    Case("change, probably better is not enough", 0.01, 0.01, "inconclusive", "90 % interval", lane="change"),
    Case("equal", 0.0, 0.0, "keep", "the challenger is not better"),
    Case("clearly worse", -0.03, 0.005, "keep", "the challenger is not better"),
    Case("too small a gain to matter", 0.001, 0.005, "keep", "below the margin 0.02"),
    Case("not known", 0.0, 0.05, "inconclusive", "90 % interval"),
    Case("too few rows", 0.1, 0.001, "blocked", "the holdout has 199 labelled rows, 200 are needed", rows=199),
    Case(
        "too few positives", 0.1, 0.001, "blocked", "the rarer class has 49 rows in the holdout, 50 are needed", positives=49
    ),
    Case("too few negatives", 0.1, 0.001, "blocked", "the rarer class has 40 rows", positives=960),
    Case("a regression has no rarer class", 0.1, 0.001, "promote", "lower 80 %", positives=None),
    Case("a check could not be made", 0.1, 0.001, "blocked", "no idea", problems=["no idea"]),
    Case("also on noisy rows alone", 0.03, 0.005, "promote", "lower 80 %", noisy_gain=Measured(0.01, 0.01)),
    Case(
        "bought on clean rows with noisy ones",
        0.03,
        0.005,
        "keep",
        "on noisy rows alone -0.03",
        noisy_gain=Measured(-0.03, 0.01),
    ),
    Case("perhaps worse on noisy rows", 0.03, 0.005, "inconclusive", "on noisy rows alone", noisy_gain=Measured(0.0, 0.02)),
    Case("far above the frozen reference", 0.03, 0.005, "promote", "lower 80 %", anchor=Measured(0.05, 0.01)),
    Case(
        "moved away from the frozen reference",
        0.03,
        0.005,
        "keep",
        "against the frozen reference -0.05 roc_auc, lower 95 % bound -0.0664: it lost more than 0.03",
        anchor=Measured(-0.05, 0.01),
    ),
    Case(
        "perhaps below the frozen reference", 0.03, 0.005, "inconclusive", "not shown to be above", anchor=Measured(0.0, 0.05)
    ),
    Case(
        "harm in a slice", 0.1, 0.001, "keep", "worse on origin=EWR: -0.05", harms=(Harm("origin=EWR", -0.05, -0.01, "band"),)
    ),
    Case(
        "does not beat no model",
        0.1,
        0.001,
        "keep",
        "always no",
        baselines={"always no": (Measured(0.1, 0.01), Measured(0, 0.1))},
    ),
    Case("beats no model", 0.1, 0.001, "promote", "lower", baselines={"always no": (Measured(0.1, 0.01), Measured(0.2, 0.1))}),
    Case(
        "first champion, no better than no model",
        None,
        0.0,
        "keep",
        '"mean"',
        baselines={"mean": (Measured(0, 0), Measured(1, 0))},
    ),
    Case(
        "too slow",
        0.1,
        0.001,
        "keep",
        "95th percentile of one answer is 60 ms, the success",
        cost=Cost(latency_ms=60, size_mb=1),
    ),
    Case("too large", None, 0.0, "keep", "the artifact is 9 MB", cost=Cost(latency_ms=6, size_mb=9)),
    Case("a budget that was not measured", 0.1, 0.001, "blocked", "max_size_mb is asked for", cost=Cost(latency_ms=1)),
    Case("first champion with a problem", None, 0.0, "blocked", "no idea", problems=["no idea"]),
)


def cell(value: float, champion: float | None = None, gain: Measured | None = None) -> Cell:
    """The primary metric on all rows, clean."""
    return Cell("roc_auc", CLEAN, ALL_ROWS, 1000, None, value, 0.01, champion, gain)


def evidence(case: Case) -> Scorecard:
    """A scorecard with what the case summary, and little else."""
    blend = Measured(case.gain, case.error) if case.gain is not None else None
    clean = cell(case.clean, case.clean - case.gain if case.gain is not None else None, blend)
    return Scorecard(
        "roc_auc",
        True,
        case.rows,
        case.positives,
        (clean,),
        clusters=case.rows,
        noisy_challenger=case.noisy,
        blend=blend,
        noisy=case.noisy_gain,
        anchor=case.anchor,
        baselines=case.baselines,
        champion_baselines=case.champion_baselines,
        harms=case.harms,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_verdict(case: Case) -> None:
    """Each outcome follows from the evidence, and its first reason is the one that decided."""
    criteria = BUDGETS if case.cost != Cost() else CRITERIA
    decision = decide(evidence(case), criteria, case.lane, Circumstances(tuple(case.problems), case.cost or Cost()))
    assert decision.verdict == case.verdict
    assert case.summary in decision.reasons[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_checks_tell_the_same_as_the_verdict(case: Case) -> None:
    """Promoted is what failed nothing, kept what failed something; a check that was not reached is not called passed."""
    criteria = BUDGETS if case.cost != Cost() else CRITERIA
    decision = decide(evidence(case), criteria, case.lane, Circumstances(tuple(case.problems), case.cost or Cost()))
    made = checks(decision, evidence(case), criteria, case.lane, Circumstances(cost=case.cost or Cost()))
    assert tuple(made) == CHECKS
    found = set(made.values())
    assert (made["sound"] == "failed") == (case.verdict == "blocked")
    assert ("failed" in found) == (decision.rescue or case.verdict in ("keep", "blocked"))
    assert ("undecided" in found and "failed" not in found) == (case.verdict == "inconclusive")
    if "both below" in case.id:
        return
    if case.gain is None or "failed" in [
        made[name] for name in ("clean_floor", "noisy_floor", "baselines", "budgets", "harm")
    ]:
        assert made["gain"] == made["anchor"] == "not made"


@pytest.mark.parametrize(
    ("id", "summary"),
    [
        ("first champion below its floor", {"clean_floor": "failed", "noisy_floor": "passed", "harm": "not made"}),
        ("both below the floor", {"clean_floor": "failed", "noisy_floor": "passed", "gain": "passed"}),
        ("both below a trivial answer", {"baselines": "failed", "clean_floor": "passed", "gain": "passed"}),
        ("harm in a slice", {"harm": "failed", "gain": "not made"}),
        ("does not beat no model", {"baselines": "failed"}),
        ("too slow", {"budgets": "failed", "clean_floor": "passed"}),
        ("not known", {"gain": "undecided", "noisy_margin": "not made"}),
        ("bought on clean rows with noisy ones", {"gain": "passed", "noisy_margin": "failed", "anchor": "not made"}),
        ("moved away from the frozen reference", {"gain": "passed", "anchor": "failed"}),
        ("too few rows", {"sound": "failed", "clean_floor": "not made"}),
        ("routine, clearly better", {"sound": "passed", "gain": "passed", "budgets": "not made"}),
    ],
)
def test_a_check_that_failed_is_named(id: str, summary: dict[str, str]) -> None:
    """Each check answers for itself, so that versions can be searched by it."""
    case = next(case for case in CASES if case.id == id)
    criteria = BUDGETS if case.cost != Cost() else CRITERIA
    decision = decide(evidence(case), criteria, case.lane, Circumstances(tuple(case.problems), case.cost or Cost()))
    made = checks(decision, evidence(case), criteria, case.lane, Circumstances(cost=case.cost or Cost()))
    assert {name: made[name] for name in summary} == summary


def test_every_outcome_is_in_the_table() -> None:
    """No word of the verdict is left without a case."""
    assert {case.verdict for case in CASES} == {"promote", "keep", "inconclusive", "blocked"}


def test_inconclusive_says_how_many_rows_would_decide() -> None:
    """Rows grow with the square of the error over the margin: (0.842 + 0.842) * 0.05 / 0.02, squared, times 1,000."""
    decision = decide(evidence(Case("", 0.0, 0.05, "inconclusive", "")), CRITERIA, "routine")
    assert decision.reasons[1] == "about 17,709 rows would decide about a gain of 0.02; there are 1,000"


def test_less_error_is_better_where_the_metric_is_an_error() -> None:
    """Floors of an error are ceilings."""
    criteria = replace(CRITERIA, metric="mae", floor=600, noisy_floor=900)
    for value, verdict in ((599.0, "promote"), (601.0, "keep")):
        clean = replace(cell(value), metric="mae")
        scorecard = Scorecard("mae", False, 1000, None, (clean,), 1000, noisy_challenger=800.0)
        assert decide(scorecard, criteria, "change").verdict == verdict


def test_what_a_comparison_may_spend_decides() -> None:
    """The same gain is shown at a level of 5 % and not at one of 1 %: it is 2 standard errors."""
    scorecard = evidence(Case("", 0.1, 0.05, "promote", ""))
    for lane in LANES:
        assert decide(scorecard, CRITERIA, lane, Circumstances(level=0.05)).verdict == "promote"
        assert decide(scorecard, CRITERIA, lane, Circumstances(level=0.01)).verdict == "inconclusive"


def test_all_problems_are_reported_at_once() -> None:
    """The person who mends one problem sees the others too."""
    case = Case("", 0.1, 0.001, "blocked", "", rows=10, positives=5, problems=["first"])
    assert len(decide(evidence(case), CRITERIA, "routine", Circumstances(tuple(case.problems))).reasons) == 3


@pytest.mark.parametrize(
    ("clean", "noisy", "summary"),
    [
        ([0.1, 0.2], [0.1, 0.2], []),
        ([0.1, np.nan], [0.1, 0.2], ["not finite under: clean"]),
        ([0.1, 0.2], [np.inf, 0.2], ["not finite under: typo"]),
        ([0.5, 0.5], [0.1, 0.2], ["one and the same"]),
    ],
)
def test_predictions_that_cannot_be_judged_are_named(clean: list[float], noisy: list[float], summary: list[str]) -> None:
    """NaN and constant predictions are problems of the model that makes them."""
    predictions: dict[str, Predictions] = {CLEAN: np.array(clean), "typo": np.array(noisy)}
    problems = suspicious_predictions("challenger", predictions, predictions[CLEAN])
    assert len(problems) == len(summary)
    assert all("challenger" in problem and word in problem for problem, word in zip(problems, summary, strict=True))


def test_what_cannot_be_computed_blocks() -> None:
    """A metric that is not a number misses no floor, and must not pass for that."""
    nan = float("nan")
    decision = decide(Scorecard("roc_auc", True, 5000, None, (cell(nan),), 5000), CRITERIA, "change")
    assert decision.verdict == "blocked"
    assert "cannot be computed on: clean" in decision.reasons[0]


def test_only_the_worst_harms_are_listed_one_by_one() -> None:
    """Three places with their figures, then how many more there are."""
    harms = tuple(Harm(f"slice {n}", -0.1, -0.05, "joint band") for n in range(9))
    reasons = decide(evidence(Case("", 0.1, 0.001, "keep", "", harms=harms)), CRITERIA, "change").reasons
    assert len(reasons) == 4
    assert reasons[3] == "and worse in 6 other places"


def test_a_slice_that_is_too_small_is_named() -> None:
    """What was not tested is reported, not passed over."""
    small = replace(cell(0.7), where="origin=XYZ", tested=False)
    summary = untested(replace(evidence(CASES[0]), cells=(cell(0.7), small)))
    assert summary == "not tested, fewer than 200 rows or 20 of the rarer class, or no value: origin=XYZ"
