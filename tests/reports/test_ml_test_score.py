"""The ML Test Score: 28 tests, nothing claimed without a record, and the weakest section counts."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.gate.verdict import CHECKS
from include.ledger.state import EVENTS
from include.reports.ml_test_score import ScoreInputs, ml_test_score
from include.results import EXAMINED
from tests.toy import MODEL

NOTHING = ScoreInputs(gate={})
EVERYTHING = ScoreInputs(
    gate=dict.fromkeys(CHECKS, "passed"),
    checked=True,
    compared=True,
    measured=True,
    replayed=True,
    happened=frozenset({"rolled_back", "erased", "promoted", "looked"}),
    examined=frozenset(EXAMINED),
    committed=True,
)
SLICED = replace(MODEL, criteria=replace(MODEL.criteria, slices=("colour",)))


def test_there_are_seven_in_each_of_four_sections() -> None:
    """As in the paper, and each says why it has its points."""
    found = ml_test_score(MODEL, NOTHING)
    assert {name: len(tests) for name, tests in found.sections.items()} == dict.fromkeys(
        ("Data", "Model", "Infrastructure", "Monitoring"), 7
    )
    assert all(test.why for tests in found.sections.values() for test in tests)


def test_without_records_hardly_a_point_is_given() -> None:
    """What is only possible is not done: nothing was monitored, judged or gone back from."""
    found = ml_test_score(MODEL, NOTHING)
    assert found.points == {"Data": 1.5, "Model": 0, "Infrastructure": 2.5, "Monitoring": 0}
    assert found.total == 0


def test_there_are_halves_that_no_record_mends() -> None:
    """What a feature costs alone, who reviewed a commit and how fast a feature is added are not measured here."""
    found = ml_test_score(SLICED, EVERYTHING)
    halves = [test.title for tests in found.sections.values() for test in tests if test.points == 0.5]
    assert halves == [
        "No feature's cost is too much",
        "The data pipeline has appropriate privacy controls",
        "New features can be added quickly",
        "Model specs are reviewed and submitted",
    ]
    assert found.points == {"Data": 5.5, "Model": 6.5, "Infrastructure": 7, "Monitoring": 7}
    assert found.sentence == (
        "ML Test Score 5.5 of 7 (data 5.5, model 6.5, infrastructure 7, monitoring 7): the weakest section counts."
    )


@pytest.mark.parametrize(
    ("record", "title"),
    [
        ("importance", "All features are beneficial"),
        ("search", "All hyperparameters have been tuned"),
        ("baseline", "A simpler model is not better"),
        ("groups", "The model has been tested for considerations of inclusion"),
        ("repeatable", "Training is reproducible"),
        ("erased", "The data pipeline has appropriate privacy controls"),
        ("promoted", "The full ML pipeline is integration tested"),
        ("looked", "Models are canaried before they enter production serving"),
        ("rolled_back", "Serving models can be rolled back"),
    ],
)
def test_each_point_hangs_on_its_own_record(record: str, title: str) -> None:
    """Without that one record the test has fewer points, and no other test has."""
    less = replace(EVERYTHING, examined=EVERYTHING.examined - {record}, happened=EVERYTHING.happened - {record})
    whole = {test.title: test.points for tests in ml_test_score(SLICED, EVERYTHING).sections.values() for test in tests}
    without = {test.title: test.points for tests in ml_test_score(SLICED, less).sections.values() for test in tests}
    fewer = {name for name in whole if without[name] < whole[name]}
    assert title in fewer
    assert fewer <= {title, "No feature's cost is too much"}


def test_slices_count_where_they_were_judged() -> None:
    """A model without slices has no such point, nor has one whose first champion was compared with no other version."""
    title = "Model quality is sufficient on important data slices"
    first = replace(EVERYTHING, gate={**EVERYTHING.gate, "harm": "not made"})
    given_to = [
        next(test.points for test in ml_test_score(model, known).sections["Model"] if test.title == title)
        for model, known in ((MODEL, EVERYTHING), (SLICED, first), (SLICED, EVERYTHING))
    ]
    assert given_to == [0, 0, 1]


@given(st.dictionaries(st.sampled_from(CHECKS), st.sampled_from(["passed", "failed", "not made"])), st.data())
def test_more_on_record_is_never_less(gate: dict[str, str], data: Any) -> None:
    """Every point is 0, a half or 1, and each record that is added keeps or raises each of them."""
    names = ("checked", "compared", "measured", "replayed", "committed")
    seen = data.draw(st.frozensets(st.sampled_from(EXAMINED)))
    happened = data.draw(st.frozensets(st.sampled_from(EVENTS)))
    flags: dict[str, Any] = {name: data.draw(st.booleans()) for name in names}
    known = ScoreInputs(gate, seen, happened=happened, **flags)
    added = {data.draw(st.sampled_from(names)): True}
    more = replace(
        known,
        examined=seen | {data.draw(st.sampled_from(EXAMINED))},
        happened=happened | {data.draw(st.sampled_from(EVENTS))},
        **added,  # type: ignore[arg-type]
    )
    before, after = ml_test_score(SLICED, known), ml_test_score(SLICED, more)
    for name, tests in before.sections.items():
        assert all(test.points in (0, 0.5, 1) for test in tests)
        assert all(old.points <= new.points for old, new in zip(tests, after.sections[name], strict=True))


def test_a_point_shows_where_its_evidence_is() -> None:
    """What was counted from records can be looked up."""
    found = ml_test_score(SLICED, EVERYTHING)
    unseen = {test.title for tests in found.sections.values() for test in tests if test.points and not test.where}
    assert unseen == set()
