"""What the tests of the registry register."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from include.adapters.registry import Registry, Training, Version
from include.models.contract import Model
from tests.toy import day, rows


def training(key: str = "key1", **changes: Any) -> Training:
    plain = Training(
        key=key,
        params={"C": "0.1"},
        metrics={"fit_seconds": 0.5},
        tags={"trained_until": day(6).isoformat(), "train_digest": "d" * 64, "trigger": "a test"},
        requirements=["scikit-learn"],
        dataset_name="toy",
        dataset_digest="d" * 64,
        files={"model_source.py": "MODEL = 1"},
    )
    return replace(plain, **changes)


def fitted(model: Model, build: Callable[[int], Any] | None = None) -> Any:
    whole = rows(0)
    return (build or model.candidate.build)(0).fit(whole[model.feature_names], whole["y"])


def registered(registry: Registry, model: Model, key: str = "key1", **changes: Any) -> Version:
    example = rows(0)[model.feature_names].head(5)
    return registry.register(model, fitted(model), example, training(key, **changes))
