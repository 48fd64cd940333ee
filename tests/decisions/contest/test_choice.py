"""The choice among candidates: who is as good as the best, and in which order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.contest.choice import Scored, choose
from include.decisions.scoring.clusters import Clusters
from include.models.contract import BASELINE

ROWS = 200
ALONE = Clusters.independent(ROWS)


def scored(name: str, value: float, spread: float = 0.1, seed: int = 1) -> Scored:
    """One whose rows' influences scatter by `spread`."""
    return Scored(name, value, np.random.default_rng(seed).normal(scale=spread, size=ROWS))


def test_one_that_is_clearly_better_wins_wherever_it_stands() -> None:
    """By a margin, or beyond chance."""
    pool = [scored("first", 0.70), scored("second", 0.80, seed=2)]
    assert choose(pool, ALONE, margin=0.01).winner == choose(pool[::-1], ALONE, margin=0.01).winner == "second"


def test_of_two_that_are_as_good_the_first_declared_one_wins() -> None:
    """Ahead by less than a margin and less than one standard error: the simpler one stays."""
    pool = [scored("simple", 0.700), scored("dear", 0.701, seed=2)]
    assert choose(pool, ALONE, margin=0.01).winner == "simple"
    assert choose(pool[::-1], ALONE, margin=0.01).winner == "dear"


def test_a_lead_of_a_margin_counts_although_chance_may_explain_it() -> None:
    """A standard error of several margins would otherwise leave the first one in place for ever."""
    pool = [scored("first", 0.70, spread=1.0), scored("second", 0.72, spread=1.0, seed=2)]
    assert choose(pool, ALONE, margin=0.01).winner == "second"


def test_the_baseline_has_to_be_ahead_by_a_margin_and_beyond_chance() -> None:
    """It is there to be compared with."""
    first = scored("first", 0.70)
    for value, spread, winner in ((0.705, 0.001, "first"), (0.72, 1.0, "first"), (0.75, 0.1, BASELINE)):
        assert choose([first, scored(BASELINE, value, spread, seed=2)], ALONE, margin=0.01).winner == winner
    assert choose([scored(BASELINE, 0.5)], ALONE, margin=0.01).winner == BASELINE


def test_too_few_clusters_leave_only_the_margin() -> None:
    """Where no error can be told, less than a margin is as good."""
    one_day = Clusters.of(np.zeros(ROWS, dtype=int), "days")
    assert choose([scored("first", 0.70), scored("second", 0.705, seed=2)], one_day, margin=0.01).winner == "first"
    assert choose([scored("first", 0.70), scored("second", 0.72, seed=2)], one_day, margin=0.01).winner == "second"


@given(
    st.lists(st.floats(-1, 1), min_size=1, max_size=5),
    st.floats(0.001, 0.5),
    st.floats(0.01, 2.0),
)
def test_the_winner_is_never_behind_the_best_by_a_margin_and_no_earlier_one_is_as_good(
    values: list[float], margin: float, spread: float
) -> None:
    """Whatever the pool."""
    pool = [scored(f"c{turn}", value, spread, seed=turn) for turn, value in enumerate(values)]
    choice = choose(pool, ALONE, margin)
    winner = next(one for one in pool if one.name == choice.winner)
    assert max(values) - winner.value < margin
    assert choice.ahead[choice.winner].value == 0
    assert set(choice.ahead) == {one.name for one in pool}
