"""`new-model` writes a file that is a model, or says why not."""

import runpy
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from include.cli import model_template, new_model
from include.cli.__main__ import cli
from include.decisions.scoring.clusters import FEWEST_CLUSTERS
from include.models.contract import Model
from include.periods import Period
from tests.models.test_contract import CHECKS, Check


def sample(path: Path) -> Path:
    """A hundred days of a made-up shop."""
    count = 200
    pd.DataFrame(
        {
            "visit_id": [f"v{number}" for number in range(count)],
            "at": pd.date_range("2024-01-01", periods=count, freq="12h").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "pages": [number % 7 + 0.5 for number in range(count)],
            "from": ["advert" if number % 3 else "letter" for number in range(count)],
            "wish": [f"I would like number {number} please" for number in range(count)],
            "bought": [number % 2 for number in range(count)],
        }
    ).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
def test_the_template_is_a_valid_model(examine: Check) -> None:
    """It works before its first line is changed."""
    examine(model_template.MODEL)


def test_columns_are_guessed_and_every_guess_is_marked(tmp_path: Path) -> None:
    """Kinds, key, time and label come from the values; the file is a model and formatted as ours are."""
    path = new_model.write("shop", sample(tmp_path / "sample.csv"), ["visit_id"], tmp_path)
    model: Model = runpy.run_path(str(path))["MODEL"]
    assert [(column.name, column.kind) for column in model.features] == [
        ("pages", "number"),
        ("from", "category"),
        ("wish", "text"),
    ]
    assert (model.feed.key, model.feed.time, model.label.name, model.task) == (("visit_id",), "at", "bought", "binary")
    guessed = [line for line in path.read_text().splitlines() if line.startswith("    Column(")]
    assert all("# GUESS:" in line for line in guessed)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", "--line-length=127", str(path)], check=True)


@pytest.mark.parametrize(("days", "held_out"), [(100, 1), (30, 7)])
def test_enough_days_are_held_out_to_tell_a_gain_from_chance(days: int, held_out: int, tmp_path: Path) -> None:
    """Weeks where there are many, else days: in both cases rows of five days or more."""
    data = sample(tmp_path / "sample.csv")
    pd.read_csv(data).head(2 * days).to_csv(data, index=False)
    model: Model = runpy.run_path(str(new_model.write("shop", data, ["visit_id"], tmp_path)))["MODEL"]
    assert model.held_out == held_out
    assert model.held_out * model.feed.longest_period >= timedelta(days=FEWEST_CLUSTERS)


@pytest.mark.parametrize("column", ["wish", "from"])
def test_a_guessed_model_trusts_what_it_is_made_of(column: str, tmp_path: Path) -> None:
    """With a column of texts and without one, the contract asks for no other types."""
    data = sample(tmp_path / "sample.csv")
    pd.read_csv(data).drop(columns=column).to_csv(data, index=False)
    model: Model = runpy.run_path(str(new_model.write("shop", data, ["visit_id"], tmp_path)))["MODEL"]
    next(examine for examine in CHECKS if examine.__name__ == "survives_the_registry")(model)


def snapshots(path: Path, customers: int = 40, freq: str = "MS") -> Path:
    """A year's months, or as many quarters, of the same customers, who are numbered."""
    dates = pd.date_range("2024-01-01", periods=12, freq=freq).strftime("%Y-%m-%d")
    rows = [
        (10_000 + who, at, who % 5, who % 9 + 1, (who + month) % 2)
        for month, at in enumerate(dates)
        for who in range(customers)
    ]
    pd.DataFrame(rows, columns=["customer_id", "snapshot_at", "plan", "calls", "churned"]).assign(
        plan=lambda table: "p" + table["plan"].astype(str)
    ).to_csv(path, index=False)
    return path


def test_a_number_may_be_part_of_the_key(tmp_path: Path) -> None:
    """Customers who are numbered and seen every month are named by number and time, and the number is no feature."""
    data, key = snapshots(tmp_path / "sample.csv"), ["customer_id", "snapshot_at"]
    model: Model = runpy.run_path(str(new_model.write("churn", data, key, tmp_path)))["MODEL"]
    assert model.feed.key == ("customer_id", "snapshot_at")
    assert (model.feature_names, model.label.name) == (["plan", "calls"], "churned")


@pytest.mark.parametrize(("freq", "period"), [("MS", "month"), ("ME", "month"), ("QS", "quarter")])
def test_rows_of_one_day_a_month_come_by_the_month(freq: str, period: Period, tmp_path: Path) -> None:
    """Or by the quarter: no period is empty, and the snapshots of five days are held out."""
    data, key = snapshots(tmp_path / "sample.csv", customers=5, freq=freq), ["customer_id", "snapshot_at"]
    path = new_model.write("churn", data, key, tmp_path)
    model: Model = runpy.run_path(str(path))["MODEL"]
    assert model.feed.period == period
    assert model.holdout_periods == FEWEST_CLUSTERS
    subprocess.run([sys.executable, "-m", "ruff", "format", "--check", "--line-length=127", str(path)], check=True)


def run(monkeypatch: pytest.MonkeyPatch, models: Path, *arguments: str) -> Result:
    monkeypatch.setattr(new_model, "MODELS", models)
    return CliRunner().invoke(cli, ["new-model", *arguments])


def test_the_next_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file is, how many lines to correct, and what to run then."""
    data = sample(tmp_path / "sample.csv")
    answer = run(monkeypatch, tmp_path, "shop", str(data), "--key", "visit_id")
    assert answer.exit_code == 0
    assert f"{tmp_path / 'shop.py'} is written." in answer.stdout
    assert answer.stdout.endswith(f"  make check-model NAME=shop DATA={data}\n")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ([], "key (none): not a column of the data; there are customer_id, snapshot_at, plan"),
        (["--key", "customer"], "key customer: not a column of the data"),
        (["--key", "customer_id"], "key customer_id: 440 of 480 rows repeat an earlier one"),
    ],
)
def test_a_key_that_does_not_identify_the_rows_is_refused(
    key: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the columns that there are, or how many rows repeat; no file is written."""
    answer = run(monkeypatch, tmp_path, "churn", str(snapshots(tmp_path / "sample.csv")), *key)
    assert answer.exit_code == 1
    assert message in " ".join(answer.stderr.split())
    assert not (tmp_path / "churn.py").exists()


@pytest.mark.parametrize("name", ["Churn", "1st", "class", "contract", "../escape", ""])
def test_a_name_that_cannot_be_used_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is shown, and no file is written or overwritten."""
    (tmp_path / "contract.py").write_text("kept")
    answer = run(monkeypatch, tmp_path, name)
    assert answer.exit_code == 1
    assert f"NAME={name!r}" in answer.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["contract.py"]
    assert (tmp_path / "contract.py").read_text() == "kept"


def test_the_label_is_what_only_the_labels_have(tmp_path: Path) -> None:
    """Whatever other columns are called: a feature named `target_group` is none, and the labels' column is no feature."""
    count = 200
    at = pd.date_range("2024-01-01", periods=count, freq="12h").strftime("%Y-%m-%dT%H:%M:%SZ")
    shared = pd.DataFrame({"id": range(count), "at": at})
    for stream, columns in (
        ("features", {"target_group": [n % 2 for n in range(count)]}),
        ("labels", {"amount": range(count)}),
    ):
        (tmp_path / stream).mkdir()
        shared.assign(**columns).to_csv(tmp_path / stream / "all.csv", index=False)
    model: Model = runpy.run_path(str(new_model.write("churn", tmp_path, ["id"], tmp_path)))["MODEL"]
    assert (model.label.name, model.feature_names) == ("amount", ["target_group"])


def test_few_whole_numbers_are_asked_about(tmp_path: Path) -> None:
    """A code of five values may be a category; a count of hundreds is a number."""
    count = 200
    at = pd.date_range("2024-01-01", periods=count, freq="12h").strftime("%Y-%m-%dT%H:%M:%SZ")
    columns = {"region": [n % 5 for n in range(count)], "visits": range(count), "bought": [n % 2 for n in range(count)]}
    pd.DataFrame({"id": range(count), "at": at, **columns}).to_csv(tmp_path / "sample.csv", index=False)
    text = new_model.write("churn", tmp_path / "sample.csv", ["id"], tmp_path).read_text()
    assert 'Column("region", "number"),  # GUESS: low=, high=, unit=? or a category: a code? known at the time?' in text
    assert 'Column("visits", "number"),  # GUESS: low=, high=, unit=? known at the time?' in text


@pytest.mark.parametrize(("freq", "period"), [("MS", '"month"'), ("QS", '"quarter"'), ("W-MON", "timedelta(weeks=1)")])
def test_files_of_a_month_each_come_by_the_month(freq: str, period: str, tmp_path: Path) -> None:
    """Rows of every day, a file for each month, quarter or week of a year: what a file holds is how often it comes."""
    starts = pd.date_range("2023-01-01", "2024-01-01", freq=freq)
    folder = tmp_path / "deliveries"
    folder.mkdir()
    for number, (start, end) in enumerate(pairwise(starts)):
        at = pd.date_range(start, end, freq="6h", inclusive="left")
        lines = pd.DataFrame({"id": [f"{number}-{turn}" for turn in range(len(at))], "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")})
        lines.assign(x=range(len(at)), churned=[turn % 2 for turn in range(len(at))]).to_csv(
            folder / f"{number}.csv", index=False
        )
    text = new_model.write("churn", folder, ("id",), tmp_path).read_text()
    assert f"period={period}," in text
