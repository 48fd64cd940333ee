"""Two summaries of the demo are compared field by field, without the time that they took."""

import copy
import json
from pathlib import Path
from typing import Any, cast

import pytest

from demo.compare import differences, main
from demo.live_view import summary
from demo.player import Player
from deploy.local.airflow_api import AirflowApi
from include.adapters.memory_store import MemoryStore


def played(seconds: float) -> dict[str, Any]:
    """What two weeks would leave if nothing had happened in them."""
    rows = Player(cast("AirflowApi", None), MemoryStore("landing"), MemoryStore("lake"), 2).rows
    return summary(rows, {"start": seconds, "all": seconds})


def test_only_the_time_that_it_took_may_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Six rows of two weeks, and what was shown: all of it is counted as compared."""
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(json.dumps(played(1.0)))
    other.write_text(json.dumps(played(2.0)))
    assert main(str(one), str(other)) == 0
    assert capsys.readouterr().out == f"{6 * 14 + 7} fields are equal\n"


def test_every_difference_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value, a week and a field that only one has: each with its place and what both say."""
    first = played(1.0)
    second = copy.deepcopy(first)
    second["weeks"][1]["quality"] = 0.9
    second["other_models"]["search_queries"].pop()
    second["shown"]["more"] = True
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(json.dumps(first))
    other.write_text(json.dumps(second))
    assert main(str(one), str(other)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "weeks[1].quality: None, and 0.9"
    assert lines[1].startswith("other_models.search_queries[1]: {'start': '2011-03-14'")
    assert lines[1].endswith(", and nothing")
    assert lines[2] == "shown.more: nothing, and True"
    assert len(lines) == 3


def test_equal_numbers_in_another_order_differ() -> None:
    """The order of the weeks counts."""
    assert list(differences([1, 2], [2, 1])) == ["[0]: 1, and 2", "[1]: 2, and 1"]
