"""Toy models whose candidate is a network, one for each task."""

from dataclasses import replace
from typing import Any

from include.models.contract import Column, Model
from tests.toy import MODEL, changed, rows


def columns() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((numbers, ["x", "z"]), (OneHotEncoder(handle_unknown="ignore"), ["colour"]))


def classifier(seed: int, hidden: int = 8) -> Any:
    from sklearn.pipeline import make_pipeline

    from include.torch_net import TorchClassifier
    from tests.torch.nets import Small

    return make_pipeline(columns(), TorchClassifier(Small, {"hidden": hidden}, batch_size=32, learning_rate=0.01, seed=seed))


def regressor(seed: int) -> Any:
    from sklearn.pipeline import make_pipeline

    from include.torch_net import TorchRegressor
    from tests.torch.nets import Small

    return make_pipeline(columns(), TorchRegressor(Small, batch_size=32, learning_rate=0.01, seed=seed))


OF_CLASSES = ("include.torch_net.TorchClassifier", "numpy.dtype", "tests.torch.nets.Small")
OF_NUMBERS = ("include.torch_net.TorchRegressor", "numpy.dtype", "tests.torch.nets.Small")
BINARY = changed(name="torch_binary", build=classifier, trusted_types=OF_CLASSES)
MULTICLASS = replace(
    BINARY,
    name="torch_multiclass",
    task="multiclass",
    label=Column("y", "category"),
    criteria=replace(MODEL.criteria, metric="hit_rate_at_2"),
)
REGRESSION = changed(name="torch_regression", task="regression", metric="mae", build=regressor, trusted_types=OF_NUMBERS)
MODELS = (BINARY, MULTICLASS, REGRESSION)


def fitted(model: Model = BINARY) -> Any:
    """Its pipeline, fitted on a day."""
    known = rows(0)
    return model.candidate.pipeline().fit(known[model.feature_names], known["y"])
