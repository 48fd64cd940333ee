"""What a team writes beside its models: a transformer and a function of its own, and a helper module behind them."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tests.formats import team_constants


class Clip(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers between the quantiles that were seen."""

    def __init__(self, share: float = 0.01) -> None:
        self.share = share

    def fit(self, rows: pd.DataFrame, labels: Any = None) -> "Clip":
        self.low_ = np.nanquantile(rows, self.share, axis=0)
        self.high_ = np.nanquantile(rows, 1 - self.share, axis=0)
        return self

    def transform(self, rows: pd.DataFrame) -> Any:
        return np.clip(np.asarray(rows, dtype="float64"), self.low_, self.high_)

    def get_feature_names_out(self, names: Any = None) -> Any:
        return np.asarray(names, dtype=object)


def signed_root(rows: Any) -> Any:
    """Long tails drawn in."""
    numbers = np.asarray(rows, dtype="float64")
    return np.sign(numbers) * np.abs(numbers) ** team_constants.POWER


def build(seed: int) -> Any:
    """Both, before scikit-learn's own."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    numbers = make_pipeline(Clip(), FunctionTransformer(signed_root), SimpleImputer())
    colours = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((numbers, ["x", "z"]), (colours, ["colour"]))
    return make_pipeline(columns, LogisticRegression(random_state=seed))
