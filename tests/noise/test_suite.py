"""The suite gives every model of one shape the same corruption, and the same bytes for the same seed."""

import hashlib
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError, ModelError
from include.models.contract import NoisePlan
from include.noise.catalogue import BY_NAME
from include.noise.conditions import condition as planned
from include.noise.profile import NoiseProfile
from include.noise.suite import MILD, MOST_CONDITIONS, SEVERE, NoiseSuite, default_suite, rates_made, suite_for

KINDS = {"miles": "number", "minute": "number", "carrier": "category", "note": "text"}
SEED = "snapshot 1f2e, seed 7"
PRODUCTION_NOISE = NoiseProfile(
    rows=100,
    rates={
        "miles": {"missing": 0.02, "outlier": 0.002},
        "minute": {"missing": 0.7},
        "carrier": {"unseen": 0.01},
        "note": {"typo": 0.03, "missing": 0.04, "white_space": 0.1},
    },
)


@dataclass(frozen=True)
class Declared:
    """A column as a model declares it."""

    name: str
    kind: str


def model_of(kinds: dict[str, str] = KINDS, **plan: Any) -> Any:
    """A model with these columns and this noise plan."""
    columns = [Declared(name, kind) for name, kind in kinds.items()]
    return SimpleNamespace(name="parcels", features=columns, noise=NoisePlan(**plan))


def suite(*severities: float, kinds: dict[str, str] = KINDS, **plan: Any) -> NoiseSuite:
    """The default suite of a model with these columns."""
    return default_suite(model_of(kinds, **plan), severities or (SEVERE,))


def everything(*severities: float, kinds: dict[str, str] = KINDS) -> NoiseSuite:
    """A suite of all corruptions there are."""
    words: dict[str, Any] = {"misspellings": {"weather": ("wether",), "Boh": ("Bho",)}, "synonyms": {"AA": ("American",)}}
    return suite(*severities, kinds=kinds, add=tuple(BY_NAME), **words)


EVERYTHING = everything()


def rows(count: int = 400) -> pd.DataFrame:
    """Rows of every kind, and two columns that no model declared."""
    rng = np.random.default_rng(11)
    return pd.DataFrame(
        {
            "key": np.arange(count),
            "miles": rng.integers(100, 20_000, count) / 4,
            "minute": rng.integers(1, 1440, count).astype("int16"),
            "carrier": pd.Series(rng.choice(["AA", "Boh", "UA", "Zephyr Air"], count, p=(0.3, 0.4, 0.27, 0.03)), dtype="str"),
            "note": pd.Series(rng.choice(["on time", "Late inbound aircraft", "weather"], count), dtype="str"),
            "late": rng.integers(0, 2, count),
        }
    )


each_condition = pytest.mark.parametrize("condition", EVERYTHING.conditions)
each_usual_condition = pytest.mark.parametrize("condition", suite().conditions)


def test_the_default_suite_tries_what_is_usual() -> None:
    """Eight conditions for numbers and categories, eleven with text, all severe: each is one scoring pass."""
    numbers = ("missing@0.2", "outlier@0.2", "unit_slip@0.2", "frozen@0.2")
    assert suite(kinds={"miles": "number"}).conditions == numbers
    categories = (*numbers, "swap@0.2", "unseen@0.2", "typo@0.2", "case@0.2")
    assert suite(kinds={"miles": "number", "carrier": "category"}).conditions == categories
    assert suite().conditions == (*categories[:-1], "phonetic@0.2", "abbreviation@0.2", "case@0.2", "mojibake@0.2")


def test_severities_multiply_the_conditions() -> None:
    """Each severity asked for brings every corruption."""
    assert len(suite(MILD, SEVERE).conditions) == 2 * len(suite().conditions)
    assert "typo@0.05" in suite(MILD, SEVERE).conditions


def test_a_model_adds_drops_tunes_and_narrows() -> None:
    """The plan of a model is done as it says, and nothing else changes."""
    planned = suite(
        add=("sign_flip",), drop=("unit_slip", "typo"), severities={"missing": (0.1, 0.4)}, columns={"outlier": ("miles",)}
    )
    assert planned.conditions[:5] == ("missing@0.1", "missing@0.4", "outlier@0.2", "sign_flip@0.2", "frozen@0.2")
    assert planned.columns_of("outlier@0.2") == ["miles"]
    assert {one.corruption.name for one in planned.plan}.isdisjoint({"unit_slip", "typo"})


def test_naming_columns_or_words_is_asking_for_it() -> None:
    """Columns for a corruption that is not usual there, or a list of the team's own words, add it."""
    assert suite(columns={"truncated": ("carrier",)}).columns_of("truncated@0.2") == ["carrier"]
    assert suite(misspellings={"weather": ("wether",)}).columns_of("misspelling@0.2") == ["carrier", "note"]
    noisy = suite(misspellings={"weather": ("wether",)}).apply(rows(), "misspelling@0.2", SEED)
    assert "wether" in set(noisy["note"])


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"add": ("flood",)}, r"noise.add: there is no corruption flood; there are: missing, .*gone"),
        ({"drop": ("typos",)}, r"noise.drop: there is no corruption typos"),
        ({"severities": {"typo": (20,)}}, r"noise.severities: typo 20: a rate is a share"),
        ({"severities": {"sign_flip": (0.1,)}}, r"sign_flip is not in the suite: add it"),
        ({"columns": {"outlier": ("carrier",)}}, r"outlier cannot befall carrier; it can befall: miles, minute"),
        ({"columns": {"typo": ("notes",)}}, r"typo cannot befall notes; it can befall: carrier, note"),
        ({"add": ("misspelling",)}, r"noise.misspellings, which is empty"),
        ({"columns": {"misspelling": ("note",)}}, r"noise.misspellings, which is empty"),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_done_is_refused(plan: dict[str, Any], message: str) -> None:
    """The message names the model's file, what is wrong, and what there is."""
    with pytest.raises(ModelError, match=rf"model 'parcels': .*{message}.*include/models/parcels.py"):
        suite(**plan)


@each_condition
def test_only_columns_of_the_right_kind_are_touched(condition: str) -> None:
    """Keys, labels and columns of other kinds stay byte for byte; rows, index and column order stay too."""
    frame = rows().sample(frac=1, random_state=1)
    noisy = EVERYTHING.apply(frame, condition, SEED)
    others = [name for name in frame.columns if name not in EVERYTHING.columns_of(condition)]
    pd.testing.assert_frame_equal(noisy[others], frame[others])
    pd.testing.assert_index_equal(noisy.index, frame.index)
    assert list(noisy.columns) == list(frame.columns)


@each_condition
def test_every_column_gets_the_rate(condition: str) -> None:
    """In each column a fifth of the cells that can be befallen differs, and the run can record it; of columns, one is gone."""
    frame = rows()
    made = rates_made(frame, EVERYTHING.apply(frame, condition, SEED))
    if condition.startswith("gone"):
        assert list(made.values()) == [1.0]
        return
    can_be = rates_made(frame, everything(1.0).apply(frame, condition.replace("@0.2", "@1"), SEED))
    assert list(can_be) == [name for name in frame if name in EVERYTHING.columns_of(condition)]
    assert made == {name: pytest.approx(round(0.2 * 400 * share) / 400) for name, share in can_be.items()}


@each_condition
def test_the_input_is_left_alone(condition: str) -> None:
    """Champion and challenger are scored from the same clean rows after any noise was made of them."""
    frame = rows()
    EVERYTHING.apply(frame, condition, SEED)
    pd.testing.assert_frame_equal(frame, rows())


@each_condition
@settings(max_examples=30)
@given(seed=st.text('abc é🙂"\\', max_size=20))
def test_the_same_seed_gives_the_same_rows(condition: str, seed: str) -> None:
    """Noise is a function of the rows, the suite and the seed material."""
    frame = rows(40)
    first, second = (EVERYTHING.apply(frame, condition, seed) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@each_usual_condition
def test_another_seed_gives_other_rows(condition: str) -> None:
    """A new snapshot or seed is a new draw in every column."""
    frame = rows()
    first, second = (suite().apply(frame, condition, seed) for seed in ("a", "b"))
    assert list(rates_made(first, second)) == [name for name in frame.columns if name in suite().columns_of(condition)]


@each_condition
@settings(max_examples=30)
@given(order=st.permutations(list(KINDS)))
def test_column_order_changes_no_draw(condition: str, order: list[str]) -> None:
    """Neither the order of the frame's columns nor of the model's changes what happens to any of them."""
    frame = rows(60)
    shuffled = everything(kinds={name: KINDS[name] for name in order})
    expected = EVERYTHING.apply(frame, condition, SEED)
    pd.testing.assert_frame_equal(shuffled.apply(frame[order], condition, SEED), expected[order])
    assert shuffled.digest() == EVERYTHING.digest()


def test_other_columns_and_conditions_change_no_draw() -> None:
    """A model that gains a column, or a suite that gains a severity, keeps the noise that it had."""
    frame = rows()
    alone = suite(kinds={"miles": "number"}).apply(frame, "outlier@0.2", SEED)
    pd.testing.assert_series_equal(suite(MILD, SEVERE).apply(frame, "outlier@0.2", SEED)["miles"], alone["miles"])


def test_columns_do_not_share_their_draws() -> None:
    """Two equal columns lose different cells."""
    frame = rows()[["miles"]].assign(minute=lambda table: table["miles"])
    noisy = suite(kinds={"miles": "number", "minute": "number"}).apply(frame, "missing@0.2", SEED)
    assert (noisy["miles"].isna() != noisy["minute"].isna()).any()


def test_the_bytes_have_not_changed_since_they_were_written_down() -> None:
    """Noise made last month can be made today: if this fails on purpose, raise VERSION, since scores no longer compare."""
    frame = rows()
    noisy_tables = [EVERYTHING.apply(frame, condition, SEED).to_csv(index=False) for condition in EVERYTHING.conditions]
    assert hashlib.sha256("".join(noisy_tables).encode()).hexdigest()[:16] == "e866e8efe4e8d8e7"


@pytest.mark.parametrize("frame", [rows(0), rows(1), rows(2).iloc[1:]], ids=["no row", "one row", "one row of two"])
@each_usual_condition
def test_small_frames_survive(condition: str, frame: pd.DataFrame) -> None:
    """No row or one row is no error; a fifth of one cell is none."""
    pd.testing.assert_frame_equal(suite().apply(frame, condition, SEED), frame)


def test_severity_zero_is_the_identity() -> None:
    """A condition of rate 0 returns the clean rows, dtypes and all."""
    none = everything(0.0)
    for condition in none.conditions:
        pd.testing.assert_frame_equal(none.apply(rows(), condition, SEED), rows())


def test_the_description_is_json_and_names_everything() -> None:
    """What a run records says which columns meet which corruption, at what rate, in words."""
    description = json.loads(json.dumps(suite().describe()))
    assert {condition["id"] for condition in description["conditions"]} == set(suite().conditions)
    assert description["columns"] == dict(sorted(KINDS.items()))
    assert all(condition["meaning"] and condition["columns"] for condition in description["conditions"])


def test_the_digest_follows_what_is_done() -> None:
    """Another severity, column or kind is another suite; the same twice is not."""
    digests = {
        suite().digest(),
        suite().digest(),
        suite(MILD).digest(),
        suite(MILD, SEVERE).digest(),
        suite(kinds={"miles": "number"}).digest(),
        suite(kinds={**KINDS, "note": "category"}).digest(),
        suite(columns={"outlier": ("miles",)}).digest(),
        suite(misspellings={"weather": ("wether",)}).digest(),
        suite(misspellings={"weather": ("weatehr",)}).digest(),
        suite_for(model_of(), PRODUCTION_NOISE).digest(),
        suite_for(model_of(), NoiseProfile(100, rates={**PRODUCTION_NOISE.rates, "miles": {"missing": 0.021}})).digest(),
    }
    assert len(digests) == 10


def test_an_unknown_condition_is_refused_by_name() -> None:
    """The message lists the conditions there are."""
    with pytest.raises(DataError, match=r"'flood@0.2'.*missing@0.2, outlier@0.2"):
        suite().apply(rows(), "flood@0.2", SEED)


def test_an_absent_column_is_refused_by_name() -> None:
    """Noise that cannot be made as the suite says is not made in part."""
    with pytest.raises(DataError, match="no column miles"):
        suite().apply(rows().drop(columns="miles"), "outlier@0.2", SEED)


def test_a_severity_that_is_no_share_is_refused() -> None:
    """A rate above 1 is an error when the suite is made, not when it is used."""
    with pytest.raises(ValueError, match="missing: miles 20: a rate is a share"):
        planned(BY_NAME["missing"], 20, ("miles",))


def test_without_a_profile_it_is_the_default_suite() -> None:
    """Nothing measured, nothing changed; the same where nothing worth speaking of was found."""
    assert suite_for(model_of(), None) == suite()
    assert suite_for(model_of(), NoiseProfile(100)) == suite()
    assert suite_for(model_of(), NoiseProfile(100, rates={"note": {"typo": 0.0004}})) == suite()


def test_severities_follow_the_profile() -> None:
    """Corruption that was measured is tried at the median over its columns and at twice that, others as by default."""
    made = suite_for(model_of(), PRODUCTION_NOISE).conditions
    assert made[:4] == ("missing@0.04", "missing@0.08", "outlier@0.2", "unit_slip@0.2")
    assert {"unseen@0.01", "unseen@0.02", "typo@0.03", "typo@0.06", "swap@0.2", "abbreviation@0.2"} <= set(made)
    assert made[-2:] == ("production", "production x2")
    assert len(made) <= MOST_CONDITIONS


def test_a_models_own_severities_stand() -> None:
    """What a model fixes is not measured away, and what it drops is not brought back."""
    model = model_of(severities={"typo": (0.5,)}, drop=("missing",))
    made = suite_for(model, PRODUCTION_NOISE)
    assert [one for one in made.conditions if one.startswith(("typo", "missing"))] == ["typo@0.5"]
    assert "missing" not in {part.corruption.name for part in made.plan[-1].parts}


def test_there_are_never_more_conditions_than_can_be_scored() -> None:
    """With everything measured, the mildest are left out first: `production` holds them."""
    everywhere = {"missing": 0.01, "outlier": 0.02, "unseen": 0.03, "typo": 0.04, "case": 0.05, "mojibake": 0.06}
    profile = NoiseProfile(100, rates=dict.fromkeys(KINDS, everywhere | {"abbreviation": 0.07}))
    made = suite_for(model_of(), profile).conditions
    assert len(made) == MOST_CONDITIONS
    assert {"missing@0.01", "outlier@0.02"}.isdisjoint(made)
    assert {"missing@0.02", "outlier@0.04", "abbreviation@0.07", "production"} <= set(made)


@pytest.mark.parametrize(("condition", "times"), [("production", 1), ("production x2", 2)])
def test_the_production_condition_combines_all_of_its_noise(condition: str, times: int) -> None:
    """Every kind at its measured rate in each column, or at twice that, and never more than what is left."""
    made, frame = suite_for(model_of(), PRODUCTION_NOISE), rows(4_000)
    (found,) = [one for one in made.plan if one.id == condition]
    assert (found.corruption.name, found.rate) == ("production", float(times))
    noisy = made.apply(frame, condition, SEED)
    lost = {name: noisy[name].isna().mean() for name in ("miles", "minute", "note", "carrier")}
    assert lost == pytest.approx({"miles": 0.02 * times, "minute": 0.3, "note": 0.04 * times, "carrier": 0.0})
    assert noisy["carrier"].str.startswith("unseen").mean() == pytest.approx(0.01 * times)
    assert (noisy["miles"] / frame["miles"] > 3).mean() > 0
    pd.testing.assert_frame_equal(made.apply(frame, condition, SEED), noisy)
    assert not rates_made(noisy, made.apply(frame, condition, "another seed")).keys() - KINDS.keys()
    (described,) = [one for one in json.loads(json.dumps(made.describe()))["conditions"] if one["id"] == condition]
    assert {"corruption": "unseen", "rates": {"carrier": 0.01 * times}} in described["parts"]
