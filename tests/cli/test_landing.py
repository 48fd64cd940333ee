"""`landing put`, `ls` and `rm` do what they say, and refuse what the pipeline could not use."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from include.cli import connection, landing
from include.cli.__main__ import cli
from include.errors import ToolError
from tests.fakes import MemoryStore

MODELS = ["churn", "flight_delays"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The landing of a stack that runs, with the models above."""
    there = MemoryStore("landing")
    monkeypatch.setattr(landing, "landing_bucket", lambda: there)
    monkeypatch.setattr(landing, "model_names", lambda: MODELS)
    return there


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["landing", *arguments])


@pytest.fixture
def week(tmp_path: Path) -> Path:
    """A delivery on this machine."""
    (tmp_path / "week.csv").write_text("id\n1\n")
    return tmp_path / "week.csv"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("chrun/features/week.csv", "'chrun' is no model; there are churn, flight_delays"),
        ("landing/churn/features/week.csv", "'landing' is no model"),
        ("churn/feature/week.csv", "'feature' is not one of the two folders"),
        ("churn", "choose features or labels"),
        ("churn/features/week.txt", "Accepted names end in .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet"),
        ("churn/features/_week.csv", "names that begin with . or _"),
        ("churn/features/week.csv.gz", "ends in .csv.gz, and the file 'week.csv' in .csv"),
        ("churn/features//week.csv", "a part of it is empty"),
    ],
)
def test_a_key_that_pull_could_not_use_is_refused(key: str, words: str, bucket: MemoryStore, week: Path) -> None:
    """The key, what is wrong with it and what is accepted are shown, and nothing lands."""
    answer = run("put", str(week), key)
    assert answer.exit_code == 1
    assert words in answer.stderr
    assert repr(key) in answer.stderr
    assert not bucket.objects


def test_a_file_lands_under_its_key_or_its_own_name(bucket: MemoryStore, week: Path) -> None:
    """A key without a name takes the file's own."""
    assert run("put", str(week), "churn/features/2024-01-01.csv").exit_code == 0
    answer = run("put", str(week), "churn/labels/")
    assert list(bucket.objects) == ["churn/features/2024-01-01.csv", "churn/labels/week.csv"]
    assert answer.stdout == "churn/labels/week.csv is in landing.\n"


def test_a_folder_lands_file_by_file(bucket: MemoryStore, tmp_path: Path) -> None:
    """Every file that can be read, those of its folders too; the others are named, and one line says how many there are."""
    for name in ("a.csv", "b.jsonl.gz", "2024/c.parquet", "notes.txt", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("id\n")
    answer = run("put", str(tmp_path), "churn/features")
    assert sorted(bucket.objects) == [f"churn/features/{name}" for name in ("2024/c.parquet", "a.csv", "b.jsonl.gz")]
    (line,) = answer.stdout.splitlines()
    assert line.startswith("3 files are in landing")
    assert line.endswith("passed over: .hidden.csv, notes.txt.")


def test_a_folder_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    """The message says what is accepted."""
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ToolError, match=r"holds 1 files, and none that can be read\. Accepted names end in \.csv"):
        landing.planned(tmp_path, "churn/features", MODELS)
    with pytest.raises(ToolError, match="is not a file and not a folder"):
        landing.planned(tmp_path / "nowhere", "churn/features", MODELS)


def test_what_landed_is_listed_and_counted(bucket: MemoryStore) -> None:
    """Bytes, time and key of what begins with the prefix."""
    for key in ("churn/features/a.csv", "churn/labels/a.csv", "other/a.csv"):
        bucket.put(key, b"id\n1\n")
    lines = run("ls", "churn/").stdout.splitlines()
    assert [line.split()[-1] for line in lines[:-1]] == ["churn/features/a.csv", "churn/labels/a.csv"]
    assert lines[-1] == "2 files, 10 bytes in landing that begin with churn/"


def test_one_file_is_removed_and_no_other(bucket: MemoryStore) -> None:
    """A key that is not there is refused with those near it, and a prefix is no key."""
    for name in ("a.csv", "b.csv"):
        bucket.put(f"churn/features/{name}", b"id\n")
    for wrong in ("churn/features", "churn/features/c.csv"):
        answer = run("rm", wrong)
        assert answer.exit_code == 1
        assert f"{wrong!r} is not in landing" in answer.stderr
        assert "churn/features/a.csv, churn/features/b.csv" in answer.stderr
    assert run("rm", "churn/features/a.csv").exit_code == 0
    assert list(bucket.objects) == ["churn/features/b.csv"]


@pytest.mark.parametrize("arguments", [["put", "x"], ["ls", "a", "b"], ["rm"], ["start"]])
def test_a_wrong_call_is_answered_with_the_usage(arguments: list[str]) -> None:
    """Exit code 2, and how it is called."""
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert "landing" in answer.stderr.splitlines()[0]


def test_without_a_stack_the_way_to_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 1 and one line on standard error."""
    monkeypatch.setattr(connection, "PROJECT", tmp_path)
    monkeypatch.delenv("PROVING_GROUND_S3_ENDPOINT", raising=False)
    answer = run("ls")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.startswith("no stack runs here")
    assert "make demo DETACH=1" in answer.stderr
    assert answer.stderr.count("\n") == 1
