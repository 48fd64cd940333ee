"""Rows whose labels are known, and the labels as arrays."""

from datetime import datetime

import pandas as pd

from include.decisions.data.periods import label_known
from include.decisions.scoring.predictions import Labels
from include.models.contract import Model
from include.untrusted_text import of_data


def labelled(model: Model, rows: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The rows whose label was known as of a time and is not null."""
    return rows[label_known(rows, model, as_of) & rows[model.label.name].notna()].reset_index(drop=True)


def unmatched_in_words(labels: int, unmatched: int, first_key: str) -> str:
    """How many labels belong to no row, with the first of their keys.

    >>> unmatched_in_words(60, 60, "8-0.0")
    '60 labels came, 0 belong to a row; first key «8-0.0»'
    >>> unmatched_in_words(60, 20, "8-0.0")
    '60 labels came, 40 belong to a row; first key of the others «8-0.0»'
    """
    others = " of the others" if unmatched < labels else ""
    return f"{labels:,} labels came, {labels - unmatched:,} belong to a row; first key{others} {of_data(first_key)}"


def labels_of(model: Model, rows: pd.DataFrame) -> Labels:
    """The labels of rows that have one: numbers, or for a multi-class model the names of the classes; shape (n,)."""
    return rows[model.label.name].to_numpy(object if model.task == "multiclass" else "float64")
