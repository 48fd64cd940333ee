"""A team's own CSVs as one table: text as written, missing cells NaN."""

from pathlib import Path

import pandas as pd

from include.errors import DataError

ENDINGS = (".csv", ".csv.gz")


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a CSV, or of all CSVs of a folder, one below the other; features and label stand in one table.

    Raises:
        DataError: there is no such file, no CSV in the folder, or one that cannot be read.
    """
    files = sorted(file for file in path.iterdir() if file.name.endswith(ENDINGS)) if path.is_dir() else [path]
    if not files or not all(file.is_file() and file.name.endswith(ENDINGS) for file in files):
        raise DataError(
            f"DATA={path}: no such CSV, and no folder of some. Accepted are one file or a folder of files that end in "
            f"{' or '.join(ENDINGS)}, features and label in one table. Correct the path."
        )
    return pd.concat([_read(file) for file in files], ignore_index=True)


def _read(file: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8", index_col=False)
    except (ValueError, OSError) as error:
        raise DataError(f"{file} cannot be read as CSV in UTF-8: {' '.join(str(error).split())}. Correct the file.") from error
