"""The profile finds the noise that is there, at its rate, and none where there is none."""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from include.documents import from_bytes, to_bytes
from include.noise.catalogue import BY_NAME
from include.noise.profile import NoiseProfile, learn_columns, measure_profile, typical

WORDS = (
    *("white", "red", "orange", "purple", "hanging", "heart", "holder", "lantern", "ceramic"),
    *("vintage", "kitchen", "cushion", "garden", "shirt", "work", "paper", "napkin"),
)
PLACES = ["Minneapolis", "Saint Paul", "Rochester", "Duluth", "Bloomington"]


@dataclass(frozen=True)
class Declared:
    """A column as a model declares it."""

    name: str
    kind: str


COLUMNS = [Declared("miles", "number"), Declared("place", "category"), Declared("title", "text")]


def rows(count: int = 20_000, seed: int = 1) -> pd.DataFrame:
    """Clean rows: numbers, places, and titles of three words."""
    rng = np.random.default_rng(seed)
    titles = rng.choice(np.array([word.upper() for word in WORDS]), (count, 3))
    return pd.DataFrame(
        {
            "miles": rng.integers(1, 500, count).astype("float64"),
            "place": pd.Series(rng.choice(PLACES, count), dtype="str"),
            "title": pd.Series([" ".join(title) for title in titles.tolist()], dtype="str"),
        }
    )


def planted(column: str, corruption: str, rate: float) -> NoiseProfile:
    """What is measured where one kind of corruption was planted in one column."""
    fresh = rows(seed=2)
    fresh[column] = BY_NAME[corruption].function(fresh[column], rate, np.random.default_rng(3))
    return measure_profile(rows(), fresh, COLUMNS)


def test_clean_rows_have_no_noise() -> None:
    """Other rows of the same world are not mistaken for corruption."""
    assert measure_profile(rows(), rows(seed=2), COLUMNS).rates == {}


@pytest.mark.parametrize(
    ("column", "corruption", "rate"),
    [
        ("miles", "missing", 0.07),
        ("place", "missing", 0.07),
        ("place", "unseen", 0.02),
        ("place", "case", 0.04),
        ("place", "white_space", 0.04),
        ("place", "mojibake", 0.01),
        ("title", "missing", 0.07),
        ("title", "case", 0.04),
        ("title", "white_space", 0.04),
        ("title", "mojibake", 0.01),
    ],
)
def test_what_was_planted_is_found(column: str, corruption: str, rate: float) -> None:
    """The measured rate is the planted one to a tenth, and nothing else is found."""
    assert planted(column, corruption, rate).rates == {column: {corruption: pytest.approx(rate, rel=0.1)}}


@pytest.mark.parametrize("column", ["place", "title"])
def test_misspellings_are_found(column: str) -> None:
    """Three in a hundred cells mistyped are found as about three; a lost vowel may count as an abbreviation."""
    found = planted(column, "typo", 0.03).rates[column]
    assert found["typo"] == pytest.approx(0.03, abs=0.005)
    assert sum(found.values()) == pytest.approx(0.03, abs=0.002 if column == "place" else 0.005)


def test_abbreviations_are_found() -> None:
    """Words without their vowels are distinguished from misspelt ones."""
    found = planted("title", "abbreviation", 0.05).rates["title"]
    assert found == {"abbreviation": pytest.approx(0.05, abs=0.002)}


def test_a_new_word_is_no_misspelling() -> None:
    """A word that resembles none is new, a plural is nothing at all; neither is a slip."""
    fresh = pd.DataFrame({"title": ["WHITE UNICORN", "RED LANTERNS"] * 20, "miles": 1.0, "place": "Duluth"})
    assert measure_profile(rows(), fresh, COLUMNS).rates == {"title": {"unseen": 0.5}}


def test_noise_that_training_knew_is_still_noise() -> None:
    """A second way to write a category is a deviation, also where the champion was trained on some of it."""
    trained, fresh = rows(), rows(seed=2)
    for frame in (trained, fresh):
        frame["place"] = BY_NAME["case"].function(frame["place"], 0.04, np.random.default_rng(3))
    assert measure_profile(trained, fresh, COLUMNS).rates == {"place": {"case": pytest.approx(0.04, rel=0.1)}}


def test_quarantine_counts() -> None:
    """Rows that the contract refused are part of the noise, each under the corruption that its reason means."""
    reasons = {
        "miles: below 1": 30,
        "miles: above 500": 10,
        "miles: not a number": 20,
        "place: not one of Duluth, Rochester": 5,
        "place: missing": 8,
        "at: not a time": 9,
        "line 3: 2 values, the header has 3 names": 3,
    }
    found = measure_profile(rows(100), rows(100), COLUMNS).with_quarantine(reasons, 85, 1_000)
    assert found.rates == {
        "miles": {"outlier": pytest.approx(0.04), "missing": pytest.approx(0.02)},
        "place": {"unseen": pytest.approx(0.005), "missing": pytest.approx(0.008)},
    }
    assert found.quarantined == pytest.approx(0.085)


def test_an_empty_table_has_no_noise() -> None:
    """Nothing fresh, nothing found; nothing known, everything new."""
    assert measure_profile(rows(), rows(0), COLUMNS) == NoiseProfile(0)
    assert measure_profile(rows(0), rows(10), COLUMNS).rates == {"place": {"unseen": 1.0}, "title": {"unseen": 1.0}}


def test_what_was_learned_can_be_given_instead_of_rows() -> None:
    """Several periods are measured against one reading of the training rows."""
    known = learn_columns(rows(), COLUMNS)
    assert measure_profile(known, rows(seed=2), COLUMNS) == measure_profile(rows(), rows(seed=2), COLUMNS)


def test_a_profile_survives_json() -> None:
    """What the lake keeps comes back equal, whatever else stands in the document."""
    profile = planted("title", "typo", 0.03)
    assert from_bytes(NoiseProfile, to_bytes(profile), "key") == profile


def test_one_bad_week_is_not_typical() -> None:
    """The median over periods; a kind of corruption that most periods do not have is not typical."""
    weeks = [NoiseProfile(100, 0.1, {"x": {"missing": 0.1}}) for _ in range(3)]
    bad = NoiseProfile(900, 0.9, {"x": {"missing": 0.9, "outlier": 0.5}, "y": {"typo": 0.5}})
    assert typical([*weeks, bad]) == NoiseProfile(100, 0.1, {"x": {"missing": 0.1}})
    assert typical([]) == NoiseProfile(0)


def test_the_largest_noise_is_listed_first() -> None:
    """A few lines, and how much they leave out."""
    profile = NoiseProfile(10, rates={"x": {"missing": 1.0, "outlier": 0.004}, "y": {"typo": 0.21}})
    assert profile.in_words(2) == ["x: 100% missing", "y: 21% misspelt", "and 1 more, each at most 0.4%"]
    assert NoiseProfile(10).in_words() == []


def test_a_period_is_measured_in_a_moment() -> None:
    """20,000 rows of 16 columns cost well below a second of CPU."""
    wide, fresh = rows(), rows(seed=2)
    columns = [Declared(f"{column.name} {copy}", column.kind) for column in COLUMNS for copy in range(5)]
    wide, fresh = (pd.DataFrame({column.name: frame[column.name.split()[0]] for column in columns}) for frame in (wide, fresh))
    began = time.process_time()
    measure_profile(wide, fresh, columns)
    assert time.process_time() - began < 3  # generous: CI is slower than any machine that people look at
