"""A team's CSVs become one table, whether features and label stand together or come apart."""

from pathlib import Path

import pytest

from include.cli.tables import read_table
from include.errors import DataError


def written(folder: Path, **files: str) -> Path:
    """A folder with a features file, a labels file, and so on."""
    for stream, text in files.items():
        (folder / stream).mkdir()
        (folder / stream / "a.csv").write_text(text)
    return folder


def test_features_and_labels_that_come_apart_are_joined(tmp_path: Path) -> None:
    """Joined on the columns that both have; the last label of a row counts, and a row without one stays."""
    folder = written(tmp_path, features="id,at,x\n007,1,a\n8,1,b\n9,2,c\n", labels="at,id,y\n1,007,no\n2,9,no\n")
    (folder / "labels" / "b.csv").write_text("at,id,y\n1,007,yes\n")
    table = read_table(folder)
    assert list(table.columns) == ["id", "at", "x", "y"]
    assert table.fillna("").to_numpy().tolist() == [["007", "1", "a", "yes"], ["8", "1", "b", ""], ["9", "2", "c", "no"]]


@pytest.mark.parametrize(
    ("labels", "words"),
    [("who,y\n1,no\n", "Joined on nothing; there are id, x and who, y"), ("id,y\n1.0,no\n", "Joined on id; there are")],
)
def test_labels_that_belong_to_no_row_are_refused(labels: str, words: str, tmp_path: Path) -> None:
    """What it was joined on and which columns there are is shown, not a table without labels."""
    with pytest.raises(DataError, match=words):
        read_table(written(tmp_path, features="id,x\n1,a\n", labels=labels))


@pytest.mark.parametrize("streams", [["features"], []])
def test_an_error_about_a_folder_without_a_table_lists_what_is_accepted(streams: list[str], tmp_path: Path) -> None:
    """Both layouts are named."""
    with pytest.raises(DataError, match=r"features and label in one table; or a folder that holds two such folders"):
        read_table(written(tmp_path, **dict.fromkeys(streams, "id\n1\n")))
