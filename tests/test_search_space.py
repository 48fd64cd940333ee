"""What cannot be searched is refused by name; every value that a space proposes lies in it."""

from dataclasses import replace
from typing import Any

import pytest

from include.errors import ModelError
from include.models.contract import Candidate, Model
from include.search_space import Between, OneOf, Search, Whole
from tests.toy import MODEL


def build(seed: int, rate: float = 0.1, leaves: int = 31, penalty: str = "l2") -> Any:
    raise NotImplementedError


def model(**changes: Any) -> Model:
    return replace(MODEL, candidates=(Candidate(build=build, name="trees", **changes),))


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (Search({}), "name a parameter of build"),
        (Search({"rate": (0.1, 0.3)}), r"space\['rate'\] \(0.1, 0.3\): accepted are Between"),  # type: ignore[dict-item]
        (Search({"rate": Between(0.3, 0.1)}), "Between.low=0.3, high=0.1.*: low must be a number below high"),
        (Search({"rate": Between(0, 0.3, log=True)}), "with log, low must be above 0"),
        (Search({"rate": Between(0.01, float("inf"))}), "low must be a number below high"),
        (Search({"leaves": Whole(2.5, 64)}), "low and high must be whole numbers"),  # type: ignore[arg-type]
        (Search({"penalty": OneOf("l2")}), "at least two values"),
        (Search({"penalty": OneOf("l2", "l2")}), "each once"),
        (Search({"penalty": OneOf("l2", ("l1", 0.5))}), "must be texts, numbers"),  # type: ignore[arg-type]
        (Search({"depth": Whole(2, 8)}), r"build takes no depth that has a default; write def build\(seed, depth=…\)"),
        (Search({"seed": Whole(2, 8)}), "build takes no seed that has a default"),
        (Search({"rate": Between(0.2, 0.3)}), "does not hold build's own rate=0.1, the first that is tried"),
        (Search({"leaves": Whole(8, 64)}, trials=1), "trials 1: at least 2"),
        (Search({"leaves": Whole(8, 64)}, minutes=0), "minutes 0: must be above 0"),
    ],
)
def test_a_search_that_could_not_work_is_refused_by_name(search: Search, words: str) -> None:
    """The candidate, the part, its value and what is accepted."""
    with pytest.raises(ModelError, match=f"search of candidate trees: .*{words}"):
        model(search=search)


def test_a_parameter_that_build_does_not_take_is_refused() -> None:
    """Before anything is trained."""
    with pytest.raises(ModelError, match=r"candidate trees calls build\(seed, \*\*{'depth': 3}\): got an unexpected keyword"):
        model(parameters={"depth": 3})


def test_the_first_trial_is_what_build_does_without_a_search() -> None:
    """Its own defaults, and declared parameters before them."""
    trees = model(parameters={"rate": 0.2}, search=Search({"rate": Between(0.01, 0.3), "leaves": Whole(8, 64)})).candidate
    assert {name: trees.unsearched[name] for name in ("rate", "leaves")} == {"rate": 0.2, "leaves": 31}


@pytest.mark.parametrize("value", [True, "8", None, 8.5, 7, 65])
def test_only_whole_numbers_between_the_ends_are_held(value: Any) -> None:
    """True is no number, and 8.5 no whole one."""
    assert not Whole(8, 64).holds(value)
    assert Whole(8, 64).holds(8)


def test_of_values_only_the_very_ones_are_held() -> None:
    """1 and True are equal in Python, and not the same choice."""
    assert OneOf(True, False).holds(True)
    assert not OneOf(True, False).holds(1)


def test_the_seed_is_no_parameter() -> None:
    """Also where build gives it a default: it is the candidate's."""

    def seeded(seed: int = 1, rate: float = 0.1) -> Any:
        raise NotImplementedError

    with pytest.raises(ModelError, match="build takes no seed that has a default"):
        replace(MODEL, candidates=(Candidate(build=seeded, search=Search({"seed": Whole(1, 9)})),))
