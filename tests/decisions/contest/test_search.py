"""What a search tries follows from the trials before and the seed, and lies in the declared space."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.contest.search import MOST_FOLDS, Trial, TrialOutcome, best, folds, propose
from include.search_space import Between, Dimension, OneOf, Search, Value, Whole
from tests.toy import DAY, MODEL, changed, day

SPACE: dict[str, Dimension] = {
    "rate": Between(0.001, 1.0, log=True),
    "leaves": Whole(2, 64),
    "kind": OneOf("a", "b", None),
}
START: dict[str, Value] = {"rate": 0.5, "leaves": 60, "kind": "a"}
SEARCH = Search(SPACE, trials=30)


def worth(parameters: dict[str, Value]) -> float:
    """Best, at 0, where the rate is 0.01, leaves are 16, and the kind is b."""
    rate, leaves = float(str(parameters["rate"])), float(str(parameters["leaves"]))
    return -abs(math.log10(rate) + 2) - abs(math.log2(leaves) - 4) / 2 - (parameters["kind"] != "b")


def search(until: int, seed: int = 1, before: tuple[Trial, ...] = ()) -> list[Trial]:
    """A search on three folds that differ by a constant."""
    trials = list(before)
    while len(trials) < until:
        proposal, values = propose(SEARCH, trials, [START], seed), list[float]()
        outcome = False
        while len(values) < MOST_FOLDS and not outcome:
            values.append(worth(proposal.parameters) + len(values) / 10)
            outcome = proposal.is_hopeless(values)
        trials.append(Trial(len(trials), proposal.parameters, tuple(values), "pruned" if outcome else "finished"))
    return trials


def test_a_planted_best_is_found_and_hopeless_trials_end_early() -> None:
    """From the far corner of the space into the neighbourhood of the planted values; what is ended was worse than the best."""
    trials = search(30)
    winner = best(trials)
    assert winner is not None
    assert trials[0].parameters == START
    assert winner.parameters["kind"] == "b"
    assert winner.value > -0.7 > trials[0].value
    pruned = [trial for trial in trials if trial.outcome == "pruned"]
    assert len(pruned) >= 5
    assert all(len(trial.values) == 1 for trial in pruned)
    assert max(trial.values[0] for trial in pruned) < winner.values[0]


@given(st.integers(1, 19), st.integers(0, 2**40))
@settings(max_examples=10)
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(killed: int, seed: int) -> None:
    """After any trial, with any seed."""
    whole = search(20, seed)
    assert search(20, seed, tuple(whole[:killed])) == whole


@given(st.data())
@settings(max_examples=40)
def test_every_proposed_value_lies_in_its_space(data: st.DataObject) -> None:
    """Whatever the space, the trials before and the seed."""
    low = data.draw(st.floats(1e-6, 1e3))
    high = low + data.draw(st.floats(1e-3, 1e6))
    least = data.draw(st.integers(1, 100))
    values = data.draw(st.lists(st.text(max_size=5) | st.none() | st.booleans(), min_size=2, max_size=5, unique=True))
    log = data.draw(st.booleans())
    space = Search(
        {"a": Between(low, high, log), "b": Whole(least, least + data.draw(st.integers(1, 500)), log), "c": OneOf(*values)}
    )
    trials: list[Trial] = []
    outcomes: st.SearchStrategy[TrialOutcome] = st.sampled_from(["finished", "pruned", "failed"])
    seed = data.draw(st.integers(0, 2**40))
    for number in range(9):
        proposal = propose(space, trials, [], seed)
        assert space.holds(proposal.parameters), proposal.parameters
        trials.append(Trial(number, proposal.parameters, (data.draw(st.floats(-1, 1)),), data.draw(outcomes)))


def test_of_equal_trials_the_first_one_wins() -> None:
    """What build does without a search stays where nothing is better; one that was ended or failed never wins."""
    tried = [Trial(number, dict(START), (0.7,)) for number in range(2)]
    tried += [Trial(2, dict(START), (0.9,), "pruned"), Trial(3, dict(START), (), "failed")]
    assert best(tried) == tried[0]
    assert best(tried[2:]) is None


@given(st.integers(0, 40), st.integers(1, 5), st.none() | st.integers(1, 20))
def test_folds_are_chained_forward(count: int, held_out: int, window: int | None) -> None:
    """Each is fitted on older rows than it is scored on; together they are the newest stretch, without gap or overlap."""
    periods = [day(number) for number in range(count)]
    made = folds(changed(holdout_periods=held_out), periods, day(count), window)
    assert bool(made) == (count > 1)
    assert len(made) <= MOST_FOLDS
    newest = day(count)
    for fold in made:
        assert day(0) <= fold.trained < fold.scored < fold.ended == newest
        assert window is None or fold.scored - fold.trained <= window * DAY
        newest = fold.scored
    assert newest - day(0) >= timedelta(days=count / 2)


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1), (3, 1), (4, 2), (6, 3), (12, 3), (50, 3)])
def test_there_are_as_many_folds_as_the_history_allows(count: int, expected: int) -> None:
    """At least half of the periods are only learned from."""
    periods = [day(number) for number in range(count)]
    assert len(folds(MODEL, periods, day(count), None)) == expected
