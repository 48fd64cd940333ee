"""Every corruption changes exactly what it promises and nothing else, whatever the column looks like."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.noise import typing_slips
from include.noise.absence import missing, missing_by_other, missing_by_value
from include.noise.catalogue import BY_NAME, CORRUPTIONS
from include.noise.categories import rare_to_other, swap, synonym, unseen
from include.noise.drawing import changed
from include.noise.numeric import clipped, frozen, outlier, rounded, shifted, sign_flip, unit_slip
from include.noise.records import duplicated, exchanged, gone, in_another_zone, late
from include.noise.spelling import abbreviation, misspelling, phonetic
from include.noise.typing_slips import typo

WORDS = {"jewellery": ["jewelry", "jewelery"], "for": ["fro"]}
COLUMNWISE = [corruption.name for corruption in CORRUPTIONS if corruption.reach in ("column", "column and another")]
NUMBERS = [name for name in COLUMNWISE if "number" in BY_NAME[name].kinds]
TEXTS = [name for name in COLUMNWISE if "category" in BY_NAME[name].kinds]
REWRITES = [name for name in TEXTS if "number" not in BY_NAME[name].kinds]

rates = st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])
seeds = st.integers(0, 2**32)
floats = st.none() | st.floats(allow_nan=True, allow_infinity=True)
wholes = st.integers(-(2**40), 2**40)
words = (
    st.none()
    | st.text('aQz7 é東🙂İſ\n"-&', max_size=12)
    | st.sampled_from(
        ["EWR", "JFK", "naïve café", "東京", "🙂🙂", "İstanbul", " ", "Phone for jewellery", "shirt 4 wrk", "other"]
    )
)


@dataclass
class Case:
    """One call of a corruption, and the column it is called with."""

    corruption: str
    column: pd.Series
    rate: float
    seed: int

    def __call__(self) -> pd.Series:
        return spoilt(self.corruption, self.column, self.rate, self.seed)

    @property
    def corruptible(self) -> int:
        """How many cells this kind of corruption can befall: as many as severity 1 changes."""
        return int(changed(self.column, spoilt(self.corruption, self.column, 1.0, self.seed)).sum())


def spoilt(name: str, column: pd.Series, rate: float, seed: int = 1) -> pd.Series:
    """A column after a corruption, whatever else that one takes."""
    corruption, more = BY_NAME[name], dict[str, Any]()
    if corruption.words:
        more["words"] = WORDS
    if corruption.reach == "column and another":
        more["other"] = pd.Series(np.arange(len(column))[::-1].copy(), index=column.index)
    noisy: pd.Series = corruption.function(column, rate, np.random.default_rng(seed), **more)
    return noisy


@st.composite
def number_cases(draw: st.DrawFn) -> Case:
    dtype, cells = draw(
        st.sampled_from([("float64", floats), ("int64", wholes), ("Int64", st.none() | wholes), ("object", floats)])
    )
    return _case(draw, NUMBERS, pd.Series(draw(st.lists(cells, max_size=30)), dtype=dtype))


@st.composite
def text_cases(draw: st.DrawFn) -> Case:
    dtype = draw(st.sampled_from(["str", "object", "string", "category"]))
    return _case(draw, TEXTS, pd.Series(pd.Series(draw(st.lists(words, max_size=30)), dtype="str"), dtype=dtype))


def _case(draw: st.DrawFn, among: list[str], values: pd.Series) -> Case:
    labels = [draw(st.integers(0, 9)) for _ in range(len(values))]
    named = values.set_axis(pd.Index(labels, dtype="int64")).rename("column")
    return Case(draw(st.sampled_from(among)), named, draw(rates), draw(seeds))


cases = number_cases() | text_cases()


@settings(max_examples=400)
@given(cases)
def test_exactly_the_promised_cells_are_changed(case: Case) -> None:
    """Of n cells that can be corrupted, round(rate * n) are."""
    assert changed(case.column, case()).sum() == round(case.rate * case.corruptible)


@settings(max_examples=300)
@given(cases)
def test_rows_index_and_name_are_kept(case: Case) -> None:
    """Noise adds no row, drops none, and reorders none, also where index labels repeat."""
    noisy = case()
    pd.testing.assert_index_equal(noisy.index, case.column.index)
    assert noisy.name == case.column.name


@settings(max_examples=300)
@given(cases)
def test_dtypes_are_as_promised(case: Case) -> None:
    """Numbers come back as float64 (an object column that loses values stays object), text as it was, nothing else."""
    values, noisy = case.column, case()
    if not changed(values, noisy).any():
        assert noisy.dtype == values.dtype
    elif pd.api.types.is_numeric_dtype(values) or BY_NAME[case.corruption].kinds == {"number"}:
        assert noisy.dtype == np.dtype("float64")
    elif isinstance(values.dtype, pd.CategoricalDtype):
        assert noisy.dtype == values.cat.categories.dtype
    else:
        assert noisy.dtype == values.dtype


@settings(max_examples=300)
@given(cases)
def test_the_input_is_left_alone(case: Case) -> None:
    """A corruption never writes into the column it was given."""
    before = case.column.copy(deep=True)
    case()
    pd.testing.assert_series_equal(case.column, before)


@settings(max_examples=300)
@given(cases)
def test_the_same_seed_gives_the_same_column(case: Case) -> None:
    """Noise can be made again."""
    pd.testing.assert_series_equal(case(), case())


@settings(max_examples=300)
@given(cases)
def test_rate_zero_is_the_identity(case: Case) -> None:
    """At severity 0 the column comes back equal, dtype and all."""
    case.rate = 0.0
    pd.testing.assert_series_equal(case(), case.column)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=30), st.lists(words, max_size=30))
def test_each_corruption_affects_the_cells_that_its_docstring_names(
    numbers: list[float | None], texts: list[str | None]
) -> None:
    """Counted one by one, as a reader of the docstring would."""
    held = [value for value in numbers if value is not None]
    written = [text for text in texts if text]
    expected = {
        "missing": len(held),
        "missing_by_value": len(held),
        "missing_by_other": len(held),
        "outlier": len(held),
        "unit_slip": sum(value != 0 for value in held),
        "sign_flip": sum(value != 0 for value in held),
        "clipped": sum(value > min(held) for value in held),
    }
    for name, count in expected.items():
        column = pd.Series(numbers, dtype="float64")
        assert changed(column, spoilt(name, column, 1.0)).sum() == count, name
    expected = dict.fromkeys(("typo", "doubled_letter", "white_space", "emoji", "mojibake"), len(written)) | {
        "unseen": sum(text is not None for text in texts),
        "dropped_letter": sum(len(text) > 1 for text in written),
        "truncated": sum(len(text) > 1 for text in written),
        "transposed_letters": sum(len(set(text)) > 1 for text in written),
        "missing_space": sum(" " in text.strip() for text in written),
    }
    for name, count in expected.items():
        column = pd.Series(texts, dtype="str")
        assert changed(column, spoilt(name, column, 1.0)).sum() == count, name


@pytest.mark.parametrize("name", NUMBERS)
def test_different_seeds_corrupt_numbers_differently(name: str) -> None:
    """Another seed is another draw; which cells saturate follows from their values alone, but for ties."""
    values = pd.Series(np.arange(1.0, 200.0) if name != "clipped" else [1.0] + [2.0] * 200)
    assert changed(*(spoilt(name, values, 0.2, seed) for seed in (1, 2))).any()


@pytest.mark.parametrize("name", TEXTS)
def test_different_seeds_corrupt_text_differently(name: str) -> None:
    """Another seed is another draw."""
    values = pd.Series([f"red phone for word {number % 40}" for number in range(200)])
    assert changed(*(spoilt(name, values, 0.2, seed) for seed in (1, 2))).any()


@pytest.mark.parametrize("name", COLUMNWISE)
@pytest.mark.parametrize(
    "values",
    [
        pd.Series([], dtype="float64"),
        pd.Series([], dtype="object"),
        pd.Series([None, None], dtype="object"),
        pd.Series([np.nan]),
    ],
    ids=["no number", "no object", "all missing", "all nan"],
)
def test_a_column_without_a_value_comes_back_as_it_was(name: str, values: pd.Series) -> None:
    """Nothing to corrupt is no error: the column survives every corruption."""
    pd.testing.assert_series_equal(spoilt(name, values, 1.0), values)


@pytest.mark.parametrize("name", ["missing", "outlier", "unit_slip", "sign_flip", "shifted"])
@pytest.mark.parametrize("values", [[7.0], [7.0] * 9, [1e-300] * 3, [1e16, 1e16, 1e16 + 2]])
def test_single_and_constant_numbers_are_still_corrupted(name: str, values: list[float]) -> None:
    """A column without spread is corrupted like any other."""
    column = pd.Series(values)
    assert changed(column, spoilt(name, column, 1.0)).all()


@given(seeds, st.sampled_from([-1.0, 1.0, 7.0]))
def test_a_count_that_is_nearly_always_zero_gets_outliers(seed: int, rare: float) -> None:
    """Its spread is far below 1, and yet the outlier is another whole number."""
    column = pd.Series([0.0] * 999 + [rare])
    noisy = spoilt("outlier", column, 1.0, seed)
    assert changed(column, noisy).all()
    assert (noisy % 1 == 0).all()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_finite_numbers_stay_finite(numbers: list[float]) -> None:
    """No corrupted number is so large that an estimator refuses it as infinite."""
    for corrupt in (outlier, unit_slip, sign_flip, rounded, frozen, clipped, shifted):
        assert np.isfinite(corrupt(pd.Series(numbers), 1.0, np.random.default_rng(1))).all()


def test_missing_keeps_small_integers_readable() -> None:
    """An int8 column that loses values becomes float64, never float16."""
    noisy = missing(pd.Series([1, 2, 3], dtype="int8"), 0.4, np.random.default_rng(1))
    assert noisy.dtype == np.dtype("float64")


def test_large_values_and_rare_ones_go_missing_sooner() -> None:
    """Missing by value is missing not at random; missing by another column follows that one."""
    values = pd.Series(np.arange(1_000.0))
    by_value = missing_by_value(values, 0.2, np.random.default_rng(1)).isna()
    by_other = missing_by_other(values, 0.2, np.random.default_rng(1), -values).isna()
    assert by_value[500:].sum() > 2 * by_value[:500].sum()
    assert by_other[:500].sum() > 2 * by_other[500:].sum()
    rare = missing_by_value(pd.Series(["often"] * 9_000 + ["rare"] * 1_000), 0.2, np.random.default_rng(1)).isna()
    assert rare[9_000:].mean() > 1.5 * rare[:9_000].mean()


def test_outliers_lie_beyond_their_reach() -> None:
    """An outlier is at least five interquartile ranges away from the median, on both sides, and whole where all are."""
    values = pd.Series(np.arange(1_000))
    noisy = outlier(values, 0.2, np.random.default_rng(1))
    away = (noisy[changed(values, noisy)] - values.median()) / (values.quantile(0.75) - values.quantile(0.25))
    assert away.abs().between(4.99, 15.01).all()
    assert {-1.0, 1.0} == set(np.sign(away))
    assert (noisy % 1 == 0).all()


def test_unit_slips_are_by_ten_a_hundred_or_a_thousand() -> None:
    """Every factor occurs, and no other."""
    values = pd.Series(np.arange(1.0, 1_000.0))
    noisy = unit_slip(values, 0.2, np.random.default_rng(1))
    assert set((noisy / values).round(6)) == {1.0, 10.0, 100.0, 1000.0}


def test_a_saturated_sensor_reads_the_same_at_its_end() -> None:
    """The fifth of the cells that is largest reads like the largest of the others."""
    values = pd.Series(np.random.default_rng(1).permutation(np.arange(100.0)))
    noisy = clipped(values, 0.2, np.random.default_rng(1))
    assert noisy.max() == values[~changed(values, noisy)].max() == 79.0


def test_all_that_is_shifted_is_shifted_alike() -> None:
    """A clock in another zone is off by one amount, up or down, and whole hours stay whole."""
    values = pd.Series(np.random.default_rng(1).integers(0, 24, 500))
    (amount,) = set(shifted(values, 0.2, np.random.default_rng(1)) - values) - {0.0}
    assert abs(amount) >= 1
    assert amount % 1 == 0


def test_a_frozen_number_is_the_one_before() -> None:
    """Over a gap the last value that there was is repeated."""
    values = pd.Series([4.0, np.nan, 6.0, 7.0])
    assert frozen(values, 1.0, np.random.default_rng(1)).tolist()[2:] == [4.0, 6.0]


def test_one_digit_is_left() -> None:
    """Lost precision leaves one significant digit."""
    values = pd.Series([1234.0, 0.0456, -78.0, 5.0, 96.0])
    assert rounded(values, 1.0, np.random.default_rng(1)).tolist() == pytest.approx([1000.0, 0.05, -80.0, 5.0, 100.0])
    assert sign_flip(values, 1.0, np.random.default_rng(1)).tolist() == (-values).tolist()


def test_swapped_categories_follow_what_was_observed() -> None:
    """Another category is drawn as often as it occurs, and none that the column does not hold."""
    values = pd.Series(["a"] * 100 + ["b"] * 6_000 + ["c"] * 2_000)
    noisy = swap(values, 1.0, np.random.default_rng(1))
    from_a = noisy[values == "a"].value_counts(normalize=True)
    assert from_a["b"] == pytest.approx(0.75, abs=0.1)
    from_b = noisy[values == "b"].value_counts(normalize=True)
    assert from_b["c"] == pytest.approx(2_000 / 2_100, abs=0.02)
    assert set(noisy) == {"a", "b", "c"}


def test_unseen_categories_are_unseen() -> None:
    """No new category is one that the column held, even if the column holds our own words."""
    values = pd.Series([f"unseen {number}" for number in range(1, 8)] * 20)
    noisy = unseen(values, 0.5, np.random.default_rng(1))
    new = set(noisy) - set(values)
    assert new == {f"unseen {number}" for number in range(8, 13)}


def test_only_rare_categories_become_other() -> None:
    """What is frequent keeps its name."""
    values = pd.Series(["often"] * 90 + ["rare", "seldom"] * 4 + ["other"] * 2)
    noisy = rare_to_other(values, 0.5, np.random.default_rng(1))
    assert noisy.value_counts()[["often", "other"]].tolist() == [90, 6]


def test_a_teams_synonyms_come_first() -> None:
    """Where the team knows another word, it is that one; elsewhere the category is abbreviated."""
    values = pd.Series(["Kennedy"] * 50 + ["Newark"] * 50)
    noisy = synonym(values, 1.0, np.random.default_rng(1), {"kennedy": ("Idlewild", "JFK")})
    assert set(noisy[:50]) == {"Idlewild", "JFK"}
    assert set(noisy[50:]) == {"Nwrk", "New"}


def test_typos_are_one_slip_of_the_finger() -> None:
    """A mistyped text is one letter longer, one shorter, or differs in one letter or two neighbours."""
    values = pd.Series(["Minneapolis", "Saint Paul"] * 200)
    noisy = typo(values, 1.0, np.random.default_rng(1))
    by_length = {len(after) - len(before) for before, after in zip(values, noisy, strict=True)}
    assert by_length == {-1, 0, 1}
    for before, after in zip(values, noisy, strict=True):
        differing = [at for at in range(min(len(before), len(after))) if before[at] != after[at]]
        if len(before) == len(after):
            assert len(differing) == 1 or (len(differing) == 2 and differing[1] - differing[0] == 1)
        else:
            longer, shorter = sorted((before, after), key=len, reverse=True)
            assert any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


def test_a_mistyped_capital_stays_a_capital() -> None:
    """A neighbouring key keeps the shift key down: JFK becomes JFL, never JFl."""
    noisy = typo(pd.Series(["JFK"] * 200), 1.0, np.random.default_rng(1))
    assert not noisy.str.contains("[a-z]").any()


def test_search_abbreviations_vary() -> None:
    """At least one word is shortened, and every mixture of the three occurs."""
    written = set(abbreviation(pd.Series(["shirt for work"] * 500), 1.0, np.random.default_rng(1)))
    assert {"shrt 4 wrk", "shirt 4 work", "shrt for work", "shirt for wrk"} <= written
    assert "shirt for work" not in written


def test_capitals_stay_capitals_in_other_spellings() -> None:
    """PHONE becomes FONE, Phone becomes Fone."""
    noisy = phonetic(pd.Series(["PHONE", "Phone", "phone"]), 1.0, np.random.default_rng(1))
    assert noisy.tolist() == ["FONE", "Fone", "fone"]
    listed = misspelling(pd.Series(["JEWELLERY box", "jewelleryx"]), 1.0, np.random.default_rng(1), {"jewellery": ["jewelry"]})
    assert listed.tolist() == ["JEWELRY box", "jewelleryx"]


@pytest.mark.parametrize("name", REWRITES)
def test_numbers_are_refused_where_text_is_needed(name: str) -> None:
    """A column of numbers declared as category is reported, not silently left clean."""
    if name != "swap":
        with pytest.raises(DataError, match=r"'gate'.*int64"):
            spoilt(name, pd.Series([1, 2], name="gate"), 0.5)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", COLUMNWISE)
def test_a_rate_that_is_no_share_is_refused(name: str, rate: float) -> None:
    """A rate outside 0 to 1 is an error that says so."""
    values = pd.Series([1.0]) if name in NUMBERS else pd.Series(["one"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        spoilt(name, values, rate)


def test_noise_that_changes_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corruption that misses its rate raises: a silent no-op would let every model pass."""
    monkeypatch.setattr(typing_slips, "_mistyped", lambda text, _: text)
    with pytest.raises(DataError, match="changed 0 cells of column 'name' where 2 were promised"):
        typo(pd.Series(["ab", "cd"], name="name"), 1.0, np.random.default_rng(1))


def test_exchanged_columns_hold_each_others_values() -> None:
    """In half of the rows in which they differ, both columns are wrong, also where one was whole and one was not."""
    frame = pd.DataFrame({"a": range(10), "b": [*np.arange(9) + 0.5, 9.0], "c": ["x"] * 10})
    noisy = exchanged(frame, ["a", "b"], 0.5, np.random.default_rng(1))
    wrong = changed(frame["a"], noisy["a"])
    assert wrong.sum() == round(0.5 * 9)
    assert noisy["a"][wrong].tolist() == frame["b"][wrong].tolist()
    assert noisy["b"][wrong].tolist() == frame["a"][wrong].tolist()
    assert list(noisy) == ["a", "b"]


@pytest.mark.parametrize(("rate", "columns"), [(0.0, 0), (0.01, 1), (0.5, 2), (1.0, 3)])
def test_whole_columns_go(rate: float, columns: int) -> None:
    """The rate is the share of the columns, and any rate above 0 takes one."""
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, 2.5]})
    lost = gone(frame, list(frame.columns), rate, np.random.default_rng(1)).isna().all()
    assert lost.sum() == columns


def test_deliveries_go_wrong_as_whole_rows() -> None:
    """Twice, late, or an hour ahead: as many rows as the rate says, and every row is somewhere."""
    rows = pd.DataFrame({"id": range(20), "at": pd.date_range("2013-03-10", periods=20, freq="h", tz="UTC")})
    rng = np.random.default_rng(1)
    twice = duplicated(rows, 0.25, rng)
    assert (len(twice), twice.duplicated().sum()) == (25, 5)
    on_time, later = late(rows, 0.25, rng)
    assert (len(on_time), len(later)) == (15, 5)
    pd.testing.assert_frame_equal(pd.concat([on_time, later]).sort_index(), rows)
    ahead = in_another_zone(rows, "at", 0.25, rng, timedelta(hours=5))["at"] - rows["at"]
    assert ahead.value_counts()[timedelta(hours=5)] == 5
