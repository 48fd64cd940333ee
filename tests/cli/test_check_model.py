"""`check-model` says what is wrong, or trains and judges once, without a server."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.compose import make_column_transformer

from include.cli import check_model
from include.cli.__main__ import cli
from include.models import find_model
from include.search_space import Search, Whole
from tests.fakes import MemoryStore
from tests.toy import MODEL, day, rows

ROOT = Path(__file__).parent.parent.parent


def hours(count: int = 24 * 7 * 10) -> pd.DataFrame:
    """Ten weeks of a made-up road, in the columns of traffic_volume."""
    rng = np.random.default_rng(1)
    at = pd.date_range("2024-01-01", periods=count, freq="h")
    return pd.DataFrame(
        {
            "hour": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hour_of_day": at.hour,
            "weekday": at.weekday,
            "holiday": "None",
            "weather": rng.choice(["Clear", "Rain"], count),
            "temperature_k": rng.uniform(270, 290, count).round(1),
            "rain_mm": 0.0,
            "volume": (3000 + 2000 * np.sin(at.hour / 4) + rng.normal(0, 200, count)).round(),
        }
    )


def test_from_a_csv_to_a_verdict(tmp_path: Path) -> None:
    """The real steps without a server: a verdict, the path of its card, no word of MLflow's, and nothing that stays."""
    hours().to_csv(tmp_path / "road.csv", index=False)
    answer = subprocess.run(
        [sys.executable, "-m", "include.cli", "check-model", "traffic_volume", str(tmp_path / "road.csv")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout + answer.stderr
    assert "promote: first champion" in answer.stdout
    assert "decision card is in" in answer.stdout
    assert [file.name for file in tmp_path.iterdir() if file.is_dir()] == [], "its folder is gone"
    assert not (ROOT / "mlruns").exists()


def test_what_is_wrong_stops_before_anything_is_trained(tmp_path: Path) -> None:
    """A column that is not there: exit code 1, in words."""
    hours().drop(columns="weekday").to_csv(tmp_path / "road.csv", index=False)
    answer = CliRunner().invoke(cli, ["check-model", "traffic_volume", str(tmp_path)])
    assert answer.exit_code == 1
    assert "wrong: column weekday: it is not in the data" in answer.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Missing argument 'NAME'"),
        (["unknown", "x.csv"], 1, "model 'unknown' does not exist; there are: card_fraud"),
        (["traffic_volume", "/no/such.csv"], 1, "DATA=/no/such.csv: no such file"),
    ],
)
def test_a_wrong_call_is_distinguished_from_a_wrong_file(arguments: list[str], code: int, words: str) -> None:
    """Two for usage, one for a name or a path that is not there; both on standard error."""
    answer = CliRunner().invoke(cli, ["check-model", *arguments])
    assert answer.exit_code == code
    assert words in answer.stderr


def test_labels_are_delivered_when_they_become_known() -> None:
    """No label lands in a period before the one in which it is due."""
    landing, table = MemoryStore("landing"), pd.concat([rows(number) for number in range(12)], ignore_index=True).astype("str")
    keys = check_model.deliver(landing, MODEL, table, day(13))
    assert keys[0] == "toy/features/until-2024-01-04T00.csv"
    assert keys[-1] == "toy/labels/2024-01-13T00.csv"
    assert sum(len(landing.read(key).decode().splitlines()) - 1 for key in keys) == 2 * len(table)


def test_a_fault_of_a_search_is_found_by_one_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real steps with two trials: the one that fails is told with its parameters, and the exit code is 1."""

    def build(seed: int, leaves: int = 31) -> Any:
        from sklearn.pipeline import make_pipeline
        from sklearn.tree import DecisionTreeRegressor

        columns = make_column_transformer(("passthrough", ["hour_of_day", "weekday"]))
        return make_pipeline(columns, DecisionTreeRegressor(max_leaf_nodes=leaves, random_state=seed))

    road = find_model("traffic_volume")
    search = Search({"leaves": Whole(-200, 31)}, trials=40)
    candidate = replace(road.candidate, build=build, trusted_types=("sklearn.tree._tree.Tree",), search=search)
    monkeypatch.setattr(check_model, "find_model", lambda _: replace(road, candidates=(candidate,)))
    monkeypatch.setattr(check_model, "CARDS", tmp_path / "cards")
    hours().to_csv(tmp_path / "road.csv", index=False)
    answer = CliRunner().invoke(cli, ["check-model", "traffic_volume", str(tmp_path / "road.csv")])
    assert answer.exit_code == 1, answer.output
    assert "wrong: search of candidate main: {'leaves': -" in answer.output
    assert "max_leaf_nodes" in answer.output
    assert "trial 1 of 2, 1 failed" in (tmp_path / "cards" / "traffic_volume.md").read_text()


def test_lines_that_are_still_marked_are_counted(tmp_path: Path) -> None:
    """A file as `new-model` wrote it passes no check without a doubt."""
    file = tmp_path / "churn.py"
    file.write_text('A = 1\nB = 2  # GUESS: really?\nC = "x"  # CHANGE: yours\n')
    (doubt,) = check_model.unfinished(file)
    assert "2 lines are still marked GUESS or CHANGE, the first is line 2" in str(doubt)
    assert doubt.severity == "doubt"
    file.write_text("A = 1\n")
    assert check_model.unfinished(file) == check_model.unfinished(tmp_path / "absent.py") == []


def test_one_model_is_tried_and_not_one_whose_name_begins_alike() -> None:
    """`make check-model NAME=traffic` is not `traffic_volume`."""
    plain = ["-o", "addopts=--import-mode=importlib"]
    command = [sys.executable, "-m", "pytest", "tests/models", "--collect-only", "-q", *plain, "--model"]
    whole = subprocess.run([*command, "traffic_volume"], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    part = subprocess.run([*command, "traffic"], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert "traffic_volume" in whole.stdout
    assert "flight_delays" not in whole.stdout
    assert "::" not in part.stdout
