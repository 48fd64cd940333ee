"""What is wrong with a model's file against real data is found, and what is right is left alone."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from include.decisions.data.spec_check import check_spec, needs_more_rows
from include.models.contract import Column, Task
from tests.toy import MODEL, changed, day, rows

NOW = datetime.fromisoformat("2025-01-01T00:00:00+00:00")
TABLE = pd.concat([rows(number) for number in range(10)], ignore_index=True).astype("str")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def test_a_right_file_gets_no_finding() -> None:
    """Ten good days of the toy: nothing is wrong, nothing in doubt, and the table is as it was."""
    before = TABLE.copy(deep=True)
    assert check_spec(MODEL, TABLE, NOW) == []
    pd.testing.assert_frame_equal(TABLE, before)


@pytest.mark.parametrize(
    ("change", "severity", "what", "value"),
    [
        (lambda t: t.drop(columns="z"), "wrong", "column z", "not in the data"),
        (lambda t: t.assign(x="much"), "wrong", "column x", "600 of 600 values are not a number, such as 'much' in row 1"),
        (lambda t: t.assign(x=t["x"].mask(t.index == 3, "99")), "doubt", "column x", "1 of 600 values are above 50"),
        (lambda t: t.assign(x=t["y"]), "wrong", "feature x", "equals the label"),
        (
            lambda t: t.assign(z=1 - t["y"].astype(int)),
            "wrong",
            "feature z",
            "alone it ranks the labels with a ROC AUC of 1.000",
        ),
        (lambda t: t.assign(id=t["id"].mask(t.index == 1, "0-0")), "wrong", "key id", "1 of 600 rows repeat it"),
        (lambda t: pd.concat([t, t.head(1)], ignore_index=True), "doubt", "key id", "1 of 601 rows repeat it"),
        (lambda t: t.assign(at=t["at"].mask(t.index == 1, "soon")), "wrong", "time at", "1 of 600 rows hold no time"),
        (lambda t: t.assign(at=t["at"].mask(t.index == 1, "2031-01-01")), "wrong", "time at", "1 rows lie in the future"),
        (lambda t: t.assign(at=t["at"].iloc[0]), "wrong", "time at", "every row has the time"),
        (lambda t: t[t["at"] < day(5).isoformat()], "wrong", "history", "6 are needed"),
        (lambda t: t[~t["id"].str.startswith("3-")].reset_index(drop=True), "doubt", "periods of the feed", "2024-01-04"),
        (lambda t: t.head(0), "wrong", "the data", "no rows"),
    ],
)
def test_each_mistake_is_named(change: Change, severity: str, what: str, value: str) -> None:
    """The thing, its value, what is accepted, and what to do, in a word that says whether it stops."""
    found = [finding for finding in check_spec(MODEL, change(TABLE), NOW) if finding.what == what]
    assert [finding.severity for finding in found] == [severity]
    assert value in found[0].value
    assert found[0].accepted
    assert found[0].do.endswith((".", "?"))


def test_a_strong_leak_is_in_doubt_and_described_in_words() -> None:
    """A column that ranks the labels with a ROC AUC of 0.9 or more is doubted, one below is not, and the measure is named."""
    labels = TABLE["y"].astype(int)
    noise = np.random.default_rng(3).normal(size=len(TABLE))
    reported = {}
    for apart in (1.5, 2.6):
        found = check_spec(MODEL, TABLE.assign(z=(noise + apart * labels).round(4).astype(str)), NOW)
        reported[apart] = [(finding.severity, finding.value) for finding in found if finding.what == "feature z"]
    assert reported[1.5] == []
    ((severity, value),) = reported[2.6]
    assert severity == "doubt"
    assert re.fullmatch(r"alone it ranks the labels with a ROC AUC of 0\.9[0-6]\d", value)


@pytest.mark.parametrize(
    ("task", "label", "summary"),
    [
        ("regression", Column("y", "number"), "alone it explains the label with an R² of"),
        ("multiclass", Column("y", "category"), "of the errors that always answering the commonest label makes"),
    ],
)
def test_a_leak_is_reported_in_the_metric_of_its_task(task: Task, label: Column, summary: str) -> None:
    """R² for a regression, the share of the trivial answer's errors for a multi-class model."""
    answers = TABLE["x"].astype(float).mul(10).round() if task == "regression" else TABLE["colour"]
    leak = answers * 3 + 1 if task == "regression" else answers.map({"red": 1, "green": 2, "blue": 3})
    model = replace(MODEL, task=task, label=label, features=(Column("z", "number"),))
    found = check_spec(model, TABLE.assign(y=answers.astype(str), z=leak.astype(str)), NOW)
    assert [summary in finding.value and finding.severity for finding in found if finding.what == "feature z"] == ["wrong"]


def test_too_few_rows_or_positives_in_the_holdout_are_reported_before_training() -> None:
    """The gate would block: the file asks for more than the held-out days have."""
    found = check_spec(changed(min_rows=500, min_positives=100), TABLE, NOW)
    assert [finding.accepted for finding in found] == ["500 or more (min_rows)", "100 or more (min_positives)"]


@given(some.integers(1, 10_000), some.floats(1e-6, 10), some.floats(1, 10))
def test_a_wider_error_never_needs_fewer_rows(count: int, error: float, times: float) -> None:
    """What is found at some error is found at every larger one."""
    assert bool(needs_more_rows(MODEL, count, error)) <= bool(needs_more_rows(MODEL, count, error * times))


@settings(max_examples=10)
@given(some.integers(0, 2**31))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    """A shuffled table has the same severities about the same things."""
    bad = TABLE.assign(x=TABLE["y"])
    shuffled = bad.iloc[np.random.default_rng(seed).permutation(len(bad))].reset_index(drop=True)
    reported = [[(finding.severity, finding.what) for finding in check_spec(MODEL, table, NOW)] for table in (bad, shuffled)]
    assert reported[0] == reported[1]


@pytest.mark.parametrize(("growth", "metric", "doubted"), [(1.3, "mae", True), (1.0, "mae", False), (1.3, "r2", False)])
def test_a_floor_in_the_unit_of_a_label_that_grows_is_doubted(growth: float, metric: str, doubted: bool) -> None:
    """What is good at the first level is out of reach at the last; a metric without a unit has no such floor."""
    model = changed(
        task="regression", metric=metric, floor=30.0, noisy_floor=40.0, label=Column("y", "number", low=0, optional=True)
    )
    days = [rows(number) for number in range(10)]
    grown = pd.concat([one.assign(y=(100 + 5 * one["z"]) * growth**at) for at, one in enumerate(days)], ignore_index=True)
    grown = grown.astype("str")
    found = [one for one in check_spec(model, grown, NOW) if one.what.startswith("criteria.floor")]
    assert bool(found) == doubted
    if found:
        assert "in the newest quarter of the periods, " in found[0].value
