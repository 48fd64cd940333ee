"""The ML Test Score: 28 tests, nothing claimed without a record, and the weakest section counts."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.decisions.gate.verdict import CHECKS
from include.reports.ml_test_score import ScoreInputs, ml_test_score
from tests.toy import MODEL

NOTHING = ScoreInputs(gate={})
EVERYTHING = ScoreInputs(
    gate=dict.fromkeys(CHECKS, "passed"),
    checked=True,
    compared=True,
    measured=True,
    replayed=True,
    went_back=True,
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


def test_there_are_zeros_that_no_record_mends() -> None:
    """Tuning, costs of features, privacy and inclusion are not this pipeline's: they stay zero, whatever it has seen."""
    found = ml_test_score(SLICED, EVERYTHING)
    zeros = [test.title for tests in found.sections.values() for test in tests if not test.points]
    assert len(zeros) == 5
    assert found.points == {"Data": 2.5, "Model": 4, "Infrastructure": 5, "Monitoring": 7}
    assert found.sentence == (
        "ML Test Score 2.5 of 7 (data 2.5, model 4, infrastructure 5, monitoring 7): the weakest section counts."
    )


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
    names = ("checked", "compared", "measured", "replayed", "went_back", "committed")
    flags = {name: data.draw(st.booleans()) for name in names}
    known, more = ScoreInputs(gate, **flags), ScoreInputs(gate, **(flags | {data.draw(st.sampled_from(names)): True}))
    before, after = ml_test_score(SLICED, known), ml_test_score(SLICED, more)
    for name, tests in before.sections.items():
        assert all(test.points in (0, 0.5, 1) for test in tests)
        assert all(old.points <= new.points for old, new in zip(tests, after.sections[name], strict=True))


def test_a_point_shows_where_its_evidence_is() -> None:
    """What was counted from records can be looked up."""
    found = ml_test_score(SLICED, EVERYTHING)
    unseen = {test.title for tests in found.sections.values() for test in tests if test.points and not test.where}
    assert unseen == {"The full ML pipeline is integration tested"}
