"""Every corruption changes exactly what it promises and nothing else, whatever the column looks like."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import DataError
from include.noise import corruptions
from include.noise.corruptions import Corrupt, changed, missing, outlier, swap, typo, unit_slip, unseen

NUMBERS: list[Corrupt] = [missing, outlier, unit_slip]
TEXTS: list[Corrupt] = [missing, swap, unseen, typo]

rates = st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])
seeds = st.integers(0, 2**32)
floats = st.none() | st.floats(allow_nan=True, allow_infinity=True)
wholes = st.integers(-(2**40), 2**40)
words = (
    st.none()
    | st.text('aQz7 é東🙂İ\n"', max_size=12)
    | st.sampled_from(["EWR", "JFK", "naïve café", "東京", "🙂🙂", "İstanbul", " "])
)


@dataclass
class Case:
    """One call of a corruption, and the column it is called with."""

    corrupt: Corrupt
    column: pd.Series
    rate: float
    seed: int

    def __call__(self) -> pd.Series:
        return self.corrupt(self.column, self.rate, np.random.default_rng(self.seed))

    @property
    def corruptible(self) -> int:
        """How many cells this kind of mess can befall, counted one by one."""
        held = self.column.dropna().tolist()
        finite = [value for value in held if self.corrupt in (outlier, unit_slip) and abs(value) < 1e100]
        befallen: dict[Corrupt, int] = {
            missing: len(held),
            outlier: len(finite),
            unit_slip: sum(value != 0 for value in finite),
            swap: len(held) if len(set(held)) > 1 else 0,
            unseen: len(held),
            typo: sum(value != "" for value in held),
        }
        return befallen[self.corrupt]


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


def _case(draw: st.DrawFn, among: list[Corrupt], values: pd.Series) -> Case:
    labels = [draw(st.integers(0, 9)) for _ in range(len(values))]
    named = values.set_axis(pd.Index(labels, dtype="int64")).rename("column")
    return Case(draw(st.sampled_from(among)), named, draw(rates), draw(seeds))


cases = number_cases() | text_cases()


@settings(deadline=None)
@given(cases)
def test_exactly_the_promised_cells_are_changed(case: Case) -> None:
    """Of n cells that can be corrupted, round(rate * n) are."""
    assert changed(case.column, case()).sum() == round(case.rate * case.corruptible)


@settings(deadline=None)
@given(cases)
def test_rows_index_and_name_are_kept(case: Case) -> None:
    """Noise adds no row, drops none, and reorders none, also where index labels repeat."""
    noisy = case()
    pd.testing.assert_index_equal(noisy.index, case.column.index)
    assert noisy.name == case.column.name


@settings(deadline=None)
@given(cases)
def test_dtypes_are_as_promised(case: Case) -> None:
    """Numbers come back as float64 (an object column that loses values stays object), text as it was, nothing else."""
    values, noisy = case.column, case()
    if not changed(values, noisy).any():
        assert noisy.dtype == values.dtype
    elif pd.api.types.is_numeric_dtype(values) or case.corrupt in (outlier, unit_slip):
        assert noisy.dtype == np.dtype("float64")
    elif isinstance(values.dtype, pd.CategoricalDtype):
        assert noisy.dtype == values.cat.categories.dtype
    else:
        assert noisy.dtype == values.dtype


@settings(deadline=None)
@given(cases)
def test_the_input_is_left_alone(case: Case) -> None:
    """A corruption never writes into the column it was given."""
    before = case.column.copy(deep=True)
    case()
    pd.testing.assert_series_equal(case.column, before)


@settings(deadline=None)
@given(cases)
def test_the_same_seed_gives_the_same_column(case: Case) -> None:
    """Noise can be made again."""
    pd.testing.assert_series_equal(case(), case())


@settings(deadline=None)
@given(cases)
def test_rate_zero_is_the_identity(case: Case) -> None:
    """At rate 0 the column comes back equal, dtype and all."""
    case.rate = 0.0
    pd.testing.assert_series_equal(case(), case.column)


@pytest.mark.parametrize("corrupt", NUMBERS)
def test_different_seeds_corrupt_numbers_differently(corrupt: Corrupt) -> None:
    """Another seed is another draw."""
    values = pd.Series(np.arange(1.0, 200.0))
    assert changed(*(corrupt(values, 0.2, np.random.default_rng(seed)) for seed in (1, 2))).any()


@pytest.mark.parametrize("corrupt", TEXTS)
def test_different_seeds_corrupt_text_differently(corrupt: Corrupt) -> None:
    """Another seed is another draw."""
    values = pd.Series([f"word {number % 7}" for number in range(200)])
    assert changed(*(corrupt(values, 0.2, np.random.default_rng(seed)) for seed in (1, 2))).any()


@pytest.mark.parametrize("corrupt", NUMBERS + TEXTS)
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
def test_a_column_without_a_value_comes_back_as_it_was(corrupt: Corrupt, values: pd.Series) -> None:
    """Nothing to corrupt is no error: the column survives every corruption."""
    pd.testing.assert_series_equal(corrupt(values, 1.0, np.random.default_rng(1)), values)


@pytest.mark.parametrize("corrupt", [missing, outlier, unit_slip])
@pytest.mark.parametrize("values", [[7.0], [7.0] * 9, [1e-300] * 3, [1e16, 1e16, 1e16 + 2]])
def test_single_and_constant_numbers_are_still_corrupted(corrupt: Corrupt, values: list[float]) -> None:
    """A column without spread is corrupted like any other."""
    column = pd.Series(values)
    assert changed(column, corrupt(column, 1.0, np.random.default_rng(1))).all()


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_finite_numbers_stay_finite(numbers: list[float]) -> None:
    """No outlier or slipped unit is so large that an estimator refuses it as infinite."""
    for corrupt in (outlier, unit_slip):
        assert np.isfinite(corrupt(pd.Series(numbers), 1.0, np.random.default_rng(1))).all()


def test_missing_keeps_small_integers_readable() -> None:
    """An int8 column that loses values becomes float64, never float16."""
    noisy = missing(pd.Series([1, 2, 3], dtype="int8"), 0.4, np.random.default_rng(1))
    assert noisy.dtype == np.dtype("float64")


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
    assert noisy.str.isupper().all()


@pytest.mark.parametrize("corrupt", [unseen, typo])
def test_numbers_are_refused_where_text_is_needed(corrupt: Corrupt) -> None:
    """A column of numbers declared as category is said so, not silently left clean."""
    with pytest.raises(DataError, match=r"'gate'.*int64"):
        corrupt(pd.Series([1, 2], name="gate"), 0.5, np.random.default_rng(1))


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    """A rate outside 0 to 1 is an error that says so."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        missing(pd.Series([1.0]), rate, np.random.default_rng(1))


def test_noise_that_changes_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corruption that misses its rate raises: a silent no-op would let every model pass."""
    monkeypatch.setattr(corruptions, "_mistyped", lambda text, *_: text)
    with pytest.raises(DataError, match="changed 0 cells of column 'name' where 2 were promised"):
        typo(pd.Series(["ab", "cd"], name="name"), 1.0, np.random.default_rng(1))
