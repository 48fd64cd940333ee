"""`deploy.local.stack put`, `ls` and `rm` do to landing what is said, and refuse what the pipeline could not use."""

from pathlib import Path

import pytest

from deploy.local import stack
from deploy.local.stack import StackError
from include.cli import landing
from tests.fakes import MemoryStore

MODELS = ["churn", "flight_delays"]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The landing of a stack that runs, with the models above."""
    there = MemoryStore("landing")
    monkeypatch.setattr(landing, "connect", lambda: there)
    monkeypatch.setattr(stack, "model_names", lambda: MODELS)
    return there


@pytest.fixture
def week(tmp_path: Path) -> Path:
    """A delivery on this machine."""
    (tmp_path / "week.csv").write_text("id\n1\n")
    return tmp_path / "week.csv"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("chrun/features/week.csv", "'chrun' is no model; there are churn, flight_delays"),
        ("landing/churn/features/week.csv", "'landing' is no model"),
        ("churn/feature/week.csv", "'feature' stands where the folder does"),
        ("churn", "choose features or labels"),
        ("churn/features/week.txt", "Accepted names end in .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet"),
        ("churn/features/_week.csv", "names that begin with . or _"),
        ("churn/features/week.csv.gz", "ends in .csv.gz, and the file 'week.csv' in .csv"),
        ("churn/features//week.csv", "a part of it is empty"),
    ],
)
def test_a_key_that_pull_could_not_use_is_refused(
    key: str, said: str, bucket: MemoryStore, week: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key, what is wrong with it and what is accepted are told, and nothing lands."""
    assert stack.main(["put", str(week), key]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert repr(key) in told
    assert not bucket.objects


def test_a_file_lands_under_its_key_or_its_own_name(
    bucket: MemoryStore, week: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key without a name takes the file's own."""
    assert stack.main(["put", str(week), "churn/features/2024-01-01.csv"]) == 0
    assert stack.main(["put", str(week), "churn/labels/"]) == 0
    assert list(bucket.objects) == ["churn/features/2024-01-01.csv", "churn/labels/week.csv"]
    assert "churn/labels/week.csv is in landing." in capsys.readouterr().out


def test_a_folder_lands_file_by_file(bucket: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file that can be read, those of its folders too; the others are named, and one line says how many there are."""
    for name in ("a.csv", "b.jsonl.gz", "2024/c.parquet", "notes.txt", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("id\n")
    assert stack.main(["put", str(tmp_path), "churn/features"]) == 0
    assert sorted(bucket.objects) == [f"churn/features/{name}" for name in ("2024/c.parquet", "a.csv", "b.jsonl.gz")]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("3 files are in landing")
    assert line.endswith("passed over: .hidden.csv, notes.txt.")


def test_a_folder_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    """Nothing to put is told, with what is accepted."""
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(StackError, match=r"holds 1 files, and none that can be read\. Accepted names end in \.csv"):
        landing.planned(tmp_path, "churn/features", MODELS)
    with pytest.raises(StackError, match="is not a file and not a folder"):
        landing.planned(tmp_path / "nowhere", "churn/features", MODELS)


def test_what_landed_is_listed_and_counted(bucket: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes, time and key of what begins with the prefix."""
    for key in ("churn/features/a.csv", "churn/labels/a.csv", "other/a.csv"):
        bucket.put(key, b"id\n1\n")
    assert stack.main(["ls", "churn/"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:-1]] == ["churn/features/a.csv", "churn/labels/a.csv"]
    assert lines[-1] == "2 files, 10 bytes in landing that begin with churn/"


def test_one_file_is_removed_and_no_other(bucket: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that is not there is refused with those near it, and a prefix is no key."""
    for name in ("a.csv", "b.csv"):
        bucket.put(f"churn/features/{name}", b"id\n")
    for wrong in ("churn/features", "churn/features/c.csv"):
        assert stack.main(["rm", wrong]) == 1
        said = capsys.readouterr().err
        assert f"{wrong!r} is not in landing" in said
        assert "churn/features/a.csv, churn/features/b.csv" in said
    assert stack.main(["rm", "churn/features/a.csv"]) == 0
    assert list(bucket.objects) == ["churn/features/b.csv"]


@pytest.mark.parametrize("arguments", [[], ["put", "x"], ["ls", "a", "b"], ["rm"], ["start"]])
def test_a_wrong_call_is_told_what_is_accepted(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Two, and the usage."""
    assert stack.main(arguments) == 2
    assert "put FILE-OR-FOLDER KEY" in capsys.readouterr().err
