"""Any column as plain numbers or plain text, whatever type it was stored as."""

import numpy as np
import pandas as pd

from include.decisions.scoring.predictions import Floats


def as_numbers(values: pd.Series) -> Floats:
    """Any column as float64, shape (n,): what is no number is NaN, and so is what is infinite; times are seconds."""
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        unit = "timedelta64[us]" if pd.api.types.is_timedelta64_dtype(values) else "datetime64[us]"
        return np.asarray(np.where(values.isna(), float("nan"), values.to_numpy(dtype=unit).astype("float64") / 1e6))
    plain = values if pd.api.types.is_numeric_dtype(values) else pd.to_numeric(values.astype("object"), errors="coerce")
    numbers = plain.to_numpy("float64", na_value=float("nan"))
    return numbers if np.isfinite(numbers).all() else np.where(np.isfinite(numbers), numbers, float("nan"))


def as_texts(values: pd.Series) -> pd.Series:
    """Any column as pandas' own text, missing values kept; a list or a decimal becomes how it is written."""
    if isinstance(values.dtype, pd.StringDtype):
        return values
    missing = values.isna().to_numpy(bool)
    return values.astype("object").map(str).astype("str").mask(missing)
