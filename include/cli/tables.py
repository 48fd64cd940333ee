"""A team's own files as one table: text as written, missing cells NaN."""

from pathlib import Path

import pandas as pd

from include.adapters.file_reader import SUFFIXES, read_file
from include.errors import DataError, UnreadableFile
from include.untrusted_text import of_data

_STREAMS = ("features", "labels")


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a file, or of all files of a folder, one below the other; features and label stand in one table.

    A folder that holds the folders features and labels, as they are delivered, is joined on the columns that both have.

    Raises:
        DataError: there is no such file, none in the folder, one that cannot be read, or nothing to join on.
    """
    if all((path / stream).is_dir() for stream in _STREAMS):
        return joined_on_keys(f"DATA={path}", *(_rows(path / stream) for stream in _STREAMS))
    return _rows(path)


def rows_of_files(path: Path) -> tuple[int, ...]:
    """How many rows each file of a folder has that `read_table` reads one below the other; empty for one file."""
    folder = path / "features" if all((path / stream).is_dir() for stream in _STREAMS) else path
    return tuple(len(_read(file)) for file in _files(folder)) if folder.is_dir() else ()


def columns_of_labels(path: Path) -> tuple[str, ...]:
    """The columns that only the folder of labels has, where a folder holds features and labels apart; else none."""
    if not all((path / stream).is_dir() for stream in _STREAMS):
        return ()
    features, labels = (_rows(path / stream) for stream in _STREAMS)
    return tuple(name for name in labels.columns if name not in features.columns)


def _files(path: Path) -> list[Path]:
    files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES)) if path.is_dir() else [path]
    if not files or not all(file.is_file() and file.name.endswith(SUFFIXES) for file in files):
        raise DataError(
            f"DATA={path}: no such file, and no folder of some. Accepted are one file or a folder of files that end in "
            f"{', '.join(SUFFIXES)}, features and label in one table; or a folder that holds two such folders, features and "
            "labels. Correct the path."
        )
    return files


def _rows(path: Path) -> pd.DataFrame:
    return pd.concat([_read(file) for file in _files(path)], ignore_index=True)


def joined_on_keys(what: str, features: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Every row of the features; of a row that was labelled more than once the last label counts, in the files' order."""
    shared = [name for name in features.columns if name in labels.columns]
    labels = labels.drop_duplicates(shared or None, keep="last")
    if not shared or features.merge(labels, on=shared).empty:
        raise DataError(
            f"{what}: no row of labels belongs to a row of features. Joined on {', '.join(shared) or 'nothing'}; there "
            f"are {', '.join(features.columns)} and {', '.join(labels.columns)}. Accepted are labels that repeat key and time "
            "of the rows they label, letter by letter: correct the files."
        )
    return features.merge(labels, how="left", on=shared)


def _read(file: Path) -> pd.DataFrame:
    try:
        rows = read_file(str(file), file.read_bytes())
    except (UnreadableFile, OSError) as error:
        raise DataError(f"{' '.join(str(error).split())} Correct the file.") from error
    if rows.broken:
        first = next(iter(rows.broken.values()))
        raise DataError(
            f"{file}: {len(rows.broken):,} of {len(rows.table):,} rows cannot be read, the first: {of_data(first.reason)}. "
            "In a delivery they would go to quarantine. Correct the file."
        )
    return rows.table
