"""The payments are made as their README says: fraud is rare, thieves change, and no column knows what came later."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from demo.payments import DAY, HOUR, SEED, START, TECHNIQUES, WARM_UP, WEEKS, payments, remembered, shares_of_techniques
from include.models.card_fraud import MODEL


@cache
def made() -> pd.DataFrame:
    return payments()


def test_the_same_seed_makes_the_same_payments() -> None:
    """A history can be made again, to the last cent; another seed makes another one."""
    pd.testing.assert_frame_equal(payments(SEED), made())
    assert not payments(1)["amount"].equals(made()["amount"])


def test_every_week_has_its_payments_and_its_few_frauds() -> None:
    """Seventy weeks of 7,000 to 9,000 payments, of which 0.5 to 2 % are fraud over the whole history."""
    weeks = made().groupby((made()["time"] - pd.Timestamp(START)).dt.days // 7)["fraud"].agg(["size", "mean"])
    assert len(weeks) == WEEKS
    assert weeks["size"].between(7_000, 9_000).all()
    assert 0.005 < made()["fraud"].mean() < 0.02
    assert weeks["mean"].between(0.005, 0.03).all()


def test_payments_keep_the_columns_of_the_model() -> None:
    """Every feature is there, in its range, missing only where it may be."""
    for column in MODEL.features:
        values = made()[column.name]
        assert column.optional or values.notna().all(), column.name
        if column.kind == "number":
            assert values.min() >= (column.low or 0), column.name
            assert column.high is None or values.max() <= column.high, column.name
        elif column.values:
            assert set(values) == set(column.values), column.name


def few(*rows: tuple[float, int, int, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["at", "card", "terminal", "amount", "fraud"]).astype({"at": "int64"})


def test_what_is_remembered_adds_up_by_hand() -> None:
    """Two payments of one card on a day, and one three days later: minutes, means and counts leave the payment itself out."""
    known = remembered(few((0, 7, 1, 10.0, 0), (HOUR, 7, 2, 30.0, 0), (HOUR, 8, 1, 99.0, 0), (3 * DAY, 7, 1, 5.0, 0)))
    assert known["minutes_since_last"].fillna(-1).tolist() == [-1, 60, -1, 3 * 24 * 60 - 60]
    assert known["mean_amount_7d"].fillna(-1).tolist() == [-1, 10, -1, 20]
    assert known["payments_24h"].tolist() == [0, 1, 0, 0]
    assert known["payments_here"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("days", "counted"), [(13, 0), (15, 1), (41, 1), (43, 0)])
def test_a_fraud_counts_at_its_terminal_once_it_is_known(days: int, counted: int) -> None:
    """Not before the two weeks that a label takes, and for four weeks from then on."""
    known = remembered(few((0, 7, 1, 10.0, 1), (days * DAY, 8, 1, 10.0, 0), (days * DAY, 8, 2, 10.0, 0)))
    assert known["terminal_frauds"].tolist() == [0, counted, 0]


def test_no_column_knows_what_came_later() -> None:
    """Payments after a moment, and the labels of two weeks before it, change nothing of what was remembered until then."""
    rng = np.random.default_rng(3)
    whole = few(*((at, at % 5, at % 3, 9.0, at % 2) for at in np.sort(rng.integers(0, 60 * DAY, 500)).tolist()))
    until = whole[whole["at"] < 40 * DAY]
    later = until.assign(fraud=until["fraud"].where(until["at"] < 26 * DAY, 1 - until["fraud"]))
    expected = pd.DataFrame(remembered(whole)).head(len(until))
    pd.testing.assert_frame_equal(pd.DataFrame(remembered(later)), expected)
    assert not {"fraud", "known"} & {column.name for column in MODEL.features}


def test_techniques_come_and_wear_out() -> None:
    """At first all fraud is by old techniques, in the end much of it is by new ones; none takes over at once."""
    shares = shares_of_techniques(np.random.default_rng(SEED))[WARM_UP:]
    new = np.array([one.enters > 0 for one in TECHNIQUES])
    assert shares.sum(axis=1) == pytest.approx(np.ones(WEEKS))
    assert shares[0, new].sum() < 0.01
    assert shares[-1, new].sum() > 0.35
    assert np.abs(np.diff(shares, axis=0)).max() < 0.05


def test_honest_customers_change_slowly() -> None:
    """What is not fraud has its seasons and its trends, and no break: from week to week the usual amount hardly moves."""
    honest = made()[made()["fraud"] == 0]
    weeks = honest.groupby((honest["time"] - pd.Timestamp(START)).dt.days // 7)
    assert weeks["amount"].median().pct_change().abs().max() < 0.06
    online = honest["channel"].eq("online").groupby((honest["time"] - pd.Timestamp(START)).dt.days // 7).mean()
    assert online.diff().abs().max() < 0.06
