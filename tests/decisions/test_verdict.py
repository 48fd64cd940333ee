"""The verdict, as a table of cases."""

from dataclasses import dataclass, field, replace

import pytest

from include.decisions.evidence import CLEAN, Condition, Evidence, Measured
from include.decisions.metrics import METRICS
from include.decisions.verdict import Lane, decide, suspicious_predictions
from include.models.contract import Criteria

CRITERIA = Criteria(metric="roc_auc", floor=0.6, noisy_floor=0.55, margin=0.02)


@dataclass(frozen=True)
class Case:
    """A blended gain with its error (None for a first champion), what else is known, and what must come out."""

    id: str
    gain: float | None
    error: float
    verdict: str
    says: str
    lane: Lane = "routine"
    clean: float = 0.7
    noisy: float = 0.65
    rows: int = 1000
    positives: int | None = 300
    problems: list[str] = field(default_factory=list)


CASES = (
    Case("first champion", None, 0.0, "promote", "first champion: it reaches the floors"),
    Case(
        "first champion below its floor", None, 0.0, "keep", "roc_auc on clean rows is 0.59, the success criteria", clean=0.59
    ),
    Case("first champion, noisy floor", None, 0.0, "keep", "roc_auc on noisy rows is 0.54", noisy=0.54),
    Case("exactly on the floors", None, 0.0, "promote", "first champion", clean=0.6, noisy=0.55),
    Case("better, but below a floor", 0.1, 0.001, "keep", "on clean rows is 0.5", clean=0.5),
    Case("routine, clearly better", 0.03, 0.005, "promote", "lower 80 % bound"),
    Case("routine, probably better", 0.01, 0.01, "promote", "lower 80 % bound"),
    Case("routine, better but too uncertain about harm", 0.05, 0.055, "inconclusive", "90 % interval"),
    Case("change, clearly better", 0.03, 0.005, "promote", "lower 95 % bound", lane="change"),
    Case("change, probably better is not enough", 0.01, 0.01, "inconclusive", "90 % interval", lane="change"),
    Case("equal", 0.0, 0.0, "keep", "the challenger is worse"),
    Case("clearly worse", -0.03, 0.005, "keep", "the challenger is worse"),
    Case("too small a gain to matter", 0.001, 0.005, "keep", "below the margin 0.02"),
    Case("nobody knows", 0.0, 0.05, "inconclusive", "90 % interval"),
    Case("too few rows", 0.1, 0.001, "blocked", "the holdout has 199 labelled rows, 200 are needed", rows=199),
    Case(
        "too few positives", 0.1, 0.001, "blocked", "the rarer class has 49 rows in the holdout, 50 are needed", positives=49
    ),
    Case("too few negatives", 0.1, 0.001, "blocked", "the rarer class has 40 rows", positives=960),
    Case("a regression has no rarer class", 0.1, 0.001, "promote", "lower 80 %", positives=None),
    Case("a check could not be made", 0.1, 0.001, "blocked", "no idea", problems=["no idea"]),
    Case("first champion with a problem", None, 0.0, "blocked", "no idea", problems=["no idea"]),
)


def evidence(case: Case) -> Evidence:
    """A scorecard with what the case says, and little else."""
    blend = Measured(case.gain, case.error) if case.gain is not None else None
    clean = Condition(CLEAN, case.clean, 0.01, case.clean - case.gain if case.gain is not None else None, blend)
    return Evidence("roc_auc", case.rows, case.positives, (clean,), case.noisy, None, blend)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_verdict(case: Case) -> None:
    """Each outcome follows from the evidence, and its first reason is the one that decided."""
    decision = decide(evidence(case), CRITERIA, case.lane, case.problems)
    assert decision.verdict == case.verdict
    assert case.says in decision.reasons[0]


def test_every_outcome_is_in_the_table() -> None:
    """No word of the verdict is left without a case."""
    assert {case.verdict for case in CASES} == {"promote", "keep", "inconclusive", "blocked"}


def test_inconclusive_says_how_many_rows_would_decide() -> None:
    """Rows grow with the square of the error over the margin: (1.645 + 0.842) * 0.05 / 0.02, squared, times 1,000."""
    decision = decide(evidence(Case("", 0.0, 0.05, "inconclusive", "")), CRITERIA, "routine", [])
    assert decision.reasons[1] == "about 38,641 rows would decide about a gain of 0.02"


def test_less_error_is_better_where_the_metric_is_an_error() -> None:
    """Floors of an error are ceilings."""
    criteria = replace(CRITERIA, metric="mae", floor=600, noisy_floor=900)
    for value, verdict in ((599.0, "promote"), (601.0, "keep")):
        clean = Condition(CLEAN, value, 1.0, None, None)
        assert decide(Evidence("mae", 1000, None, (clean,), 800.0, None, None), criteria, "change", []).verdict == verdict


def test_all_problems_are_told() -> None:
    """Whoever mends one problem has seen the others."""
    case = Case("", 0.1, 0.001, "blocked", "", rows=10, positives=5, problems=["first"])
    assert len(decide(evidence(case), CRITERIA, "routine", case.problems).reasons) == 3


@pytest.mark.parametrize(
    ("finite", "distinct", "says"),
    [(True, 2, []), (False, 2, ["not finite"]), (True, 1, ["same value"]), (False, 1, ["not", "same"])],
)
def test_predictions_that_cannot_be_judged_are_named(finite: bool, distinct: int, says: list[str]) -> None:
    """NaN and constant predictions are problems of the model that makes them."""
    problems = suspicious_predictions("challenger", METRICS["roc_auc"], finite, distinct)
    assert len(problems) == len(says)
    assert all("challenger" in problem and word in problem for problem, word in zip(problems, says, strict=True))


def test_what_cannot_be_computed_blocks() -> None:
    """A metric that is not a number misses no floor, and must not pass for that."""
    nan = float("nan")
    evidence = Evidence("roc_auc", 5000, None, (Condition(CLEAN, nan, nan, None, None),), None, None, None)
    decision = decide(evidence, CRITERIA, "change", [])
    assert decision.verdict == "blocked"
    assert "cannot be computed on: clean" in decision.reasons[0]
