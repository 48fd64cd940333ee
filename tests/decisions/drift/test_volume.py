"""Volume: a loss is found at once, a feed that swings is left alone, and no number keeps a model out for long."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.decisions.drift.volume import PeriodRows, Volume, is_as_a_year_ago, judge_volume, periods_to_stay
from include.decisions.scoring.predictions import Floats

FIRST, WEEK, DAY = datetime(2022, 1, 3, tzinfo=UTC), timedelta(days=7), timedelta(days=1)
STEADY = [500, 490, 510, 505, 495, 500, 510, 490, 500]


def periods(counts: list[int], length: timedelta = WEEK, accepted: tuple[int, ...] = ()) -> list[PeriodRows]:
    return [PeriodRows(FIRST + number * length, rows, number in accepted) for number, rows in enumerate(counts)]


def newest(counts: list[int], length: timedelta = WEEK, accepted: tuple[int, ...] = ()) -> Volume:
    """The last of these periods, beside those before it."""
    *before, current = periods(counts, length, accepted)
    return judge_volume(before, current, length)


def course(counts: list[int], begin: int, length: timedelta = WEEK, accepted: tuple[int, ...] = ()) -> list[str]:
    """The verdicts from a period on, each beside the periods before it."""
    return [newest(counts[:end], length, accepted).verdict for end in range(begin + 1, len(counts) + 1)]


def drawn(mean: Floats, shape: float, seed: int) -> list[int]:
    """Negative binomial counts: the smaller the shape, the more they swing."""
    rng = np.random.default_rng(seed)
    return [int(count) for count in rng.poisson(rng.gamma(shape, mean / shape))]


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [(500, "usual"), (460, "usual"), (360, "rare"), (250, "implausible"), (1, "implausible"), (1000, "rare"), (5000, "rare")],
)
def test_a_steady_feed_has_narrow_limits(rows: int, verdict: str) -> None:
    """A lost half stops at once; a quarter less, or any rise, is reported."""
    assert newest([*STEADY, rows]).verdict == verdict


def test_a_number_that_stands_out_is_put_in_words() -> None:
    """With what is usual, and how long it has stood."""
    found = newest([*STEADY, 180, 184])
    assert found.in_words == "184 rows, usually about 500"
    assert (found.in_a_row, round(found.effect, 2), round(found.before, 2)) == (2, -0.63, -0.64)


def test_a_level_that_stays_becomes_the_usual_one_by_itself() -> None:
    """Two periods at 35 % stop, with the third it is accepted, and all three count as usual; a lost half of it stops again."""
    assert course([*STEADY, *[175] * 5, 80], 9) == [*["implausible"] * 2, "accepted", *["usual"] * 2, "implausible"]
    third = newest([*STEADY, 175, 170, 180])
    assert {FIRST + 9 * WEEK, FIRST + 10 * WEEK} <= third.usual
    assert FIRST + 9 * WEEK not in newest([*STEADY, 175, 170]).usual


def test_a_level_that_was_left_for_some_periods_is_no_news() -> None:
    """Back to where it was: reported once, and never a stop."""
    assert course([*STEADY, *[1000] * 4, 500, 500, 500], 13) == ["rare", "usual", "usual"]
    assert course([*STEADY, *[175] * 4, 500, 500, 500], 13) == ["rare", "usual", "usual"]


def test_a_feed_that_begins_to_swing_is_soon_known_to_swing() -> None:
    """Its numbers never agree, and every second one is as before: still only the first few stop."""
    wild = [175, 20, 400, 30, 600, 40, 350, 20, 600, 33, 400, 25, 500, 30]
    assert Counter(course([*STEADY, *wild], 9))["implausible"] <= 6
    assert "implausible" not in course([*STEADY, *wild], 9)[8:]


def test_what_a_person_calls_normal_is_the_level_at_once() -> None:
    """The run with it does not stop, and nor do later ones; where it was an exception, so is the next."""
    assert newest([*STEADY, 175], accepted=(9,)).verdict == "accepted"
    assert course([*STEADY, 175, 170, 180], 10, accepted=(9,)) == ["usual", "usual"]
    assert FIRST + 9 * WEEK in newest([*STEADY, 170, 175, 180], accepted=(10,)).usual
    assert course([*STEADY, 175, 500, 505, 495, 170], 10, accepted=(9,)) == ["rare", "usual", "usual", "usual"]


def test_what_the_champion_was_trained_on_is_how_the_feed_moves() -> None:
    """A closed week in the training rows: the next one is no stop."""
    counts = [*STEADY, 100, *STEADY, 110]
    *before, current = periods(counts)
    assert judge_volume(before, current, WEEK).verdict == "implausible"
    trained = [PeriodRows(one.start, one.rows, trained=True) for one in before]
    assert judge_volume(trained, current, WEEK).verdict == "usual"


def test_weekdays_are_compared_with_their_like() -> None:
    """A fifth of the rows is usual on a Sunday, and a lost Tuesday otherwise."""
    rng = np.random.default_rng(1)
    week = np.tile([300, 310, 300, 290, 330, 150, 60], 7)
    days = [int(rows) for rows in rng.poisson(week)]
    assert newest(days[:49], DAY).verdict == "usual"
    assert newest([*days[:43], 60], DAY).verdict == "implausible"
    assert newest([*days[:48], 20], DAY).verdict == "implausible"


@pytest.mark.parametrize(
    ("mean", "shape"),
    [
        (lambda week: 500 + 0 * week, 0.5),
        (lambda week: 500 + 0 * week, 2.0),
        (lambda week: 500 * np.exp(np.log(3) / 2 * np.sin(2 * np.pi * week / 52)), 50.0),
        (lambda week: 100 * 2.0 ** (week / 52), 50.0),
    ],
    ids=["bursty", "swinging", "seasonal", "growing"],
)
def test_bursts_seasons_and_growth_are_no_fault(mean: "type[Floats]", shape: float) -> None:
    """Half a year to learn from, a year of checks: at most one false stop a year."""
    stops = sum(course(drawn(mean(np.arange(78)), shape, seed), 26).count("implausible") for seed in range(4))
    assert stops <= 4


def test_the_same_fall_a_year_ago_explains_it() -> None:
    """Holidays may lie a week to either side; another fall is none of theirs."""
    last = periods([500, 510, 490, 500, 500, 60, 480])
    now = periods([*STEADY, 60])
    assert is_as_a_year_ago(now[:-1], now[-1], last, miss=2.1)
    assert not is_as_a_year_ago(now[:-1], now[-1], periods(STEADY), miss=2.1)
    assert not is_as_a_year_ago(now[:-1], now[-1], last[-2:], miss=2.1)


def test_without_history_only_next_to_nothing_is_implausible() -> None:
    """Three periods say nothing about limits; a tenth of the smallest is too few all the same."""
    assert newest([40, 500, 510, 30]).verdict == "implausible"
    assert newest([40, 500, 510, 60]).verdict == "usual"


@given(st.lists(st.integers(1, 5000), max_size=30), st.integers(1, 5000))
@settings(max_examples=60, deadline=None)
def test_no_number_stops_for_long(before: list[int], rows: int) -> None:
    """Whatever came before: the same number again and again stops fewer times than it takes to become the usual one."""
    verdicts = course([*before, *[rows] * 7], len(before))
    assert verdicts.count("implausible") < periods_to_stay(WEEK)
    assert verdicts[-1] != "implausible"


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30), st.integers(1, 5000))
@settings(max_examples=60, deadline=None)
def test_more_rows_than_usual_never_stop(before: list[int], rows: int) -> None:
    """A rise is reported; the rows are there."""
    found = newest([*before, rows])
    assert found.verdict != "implausible" or found.effect < 0


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20), st.integers(0, 5000))
@settings(max_examples=60, deadline=None)
def test_what_a_person_calls_normal_never_stops(before: list[int], rows: int) -> None:
    """Not even next to nothing."""
    assert newest([*before, rows], accepted=(len(before),)).verdict != "implausible"
