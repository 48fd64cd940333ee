"""The choice among candidates: who is as good as the best, and in which order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from include.decisions.contest.choice import Scored, choose
from include.decisions.gate.judge import Contest, quick_verdict
from include.decisions.scoring.clusters import Clusters
from include.decisions.scoring.evidence import Answers, blended
from include.decisions.scoring.metrics import metrics_of
from include.decisions.scoring.scorecard import CLEAN
from include.models.contract import BASELINE, Criteria

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


CRITERIA = Criteria(metric="mae", floor=100.0, noisy_floor=100.0, margin=0.2, min_rows=50, noisy_share=0.0)
CONTESTS, EQUAL = 300, 10


def promoted(rng: np.random.Generator, candidates: int, on_hold_out: bool) -> bool:
    """Whether the one chosen of some equal candidates is promoted over a champion that is equal too."""
    metric = metrics_of("regression", CRITERIA)["mae"]
    compared, held_out = rng.normal(size=ROWS), rng.normal(size=ROWS)
    guesses = [[part + rng.normal(size=ROWS) for part in (compared, held_out)] for _ in range(candidates)]
    labels, at = (held_out, 1) if on_hold_out else (compared, 0)
    pool = []
    for number, guess in enumerate(guesses):
        answers = Answers(labels, {CLEAN: guess[at]}, None, ALONE, binary=False)
        pool.append(Scored(str(number), *blended(metric, answers, 0.0)))
    chosen = guesses[int(choose(pool, ALONE, CRITERIA.margin).winner)][1]
    champion = held_out + rng.normal(size=ROWS)
    contest = Contest("regression", CRITERIA, held_out, {CLEAN: chosen}, {CLEAN: champion}, clusters=ALONE)
    return quick_verdict(contest, "routine").verdict == "promote"


def rate(candidates: int, on_hold_out: bool = False) -> float:
    rng = np.random.default_rng(20241130)
    return float(np.mean([promoted(rng, candidates, on_hold_out) for _ in range(CONTESTS)]))


def test_choosing_among_ten_costs_no_error_rate_and_choosing_on_the_hold_out_would() -> None:
    """Ten equal candidates: an equal champion is replaced as often as by one, at the routine lane's 20 %.

    The mistake put in once, a choice on the very rows that the gate decides on, at least doubles that: the test can fail.
    """
    alone, chosen, mistaken = rate(1), rate(EQUAL), rate(EQUAL, on_hold_out=True)
    # Three standard errors of a share of 20 % in so many contests.
    allowed = 0.2 + 3 * (0.2 * 0.8 / CONTESTS) ** 0.5
    assert alone <= allowed
    assert chosen <= allowed
    assert mistaken > 2 * max(chosen, 0.1)
