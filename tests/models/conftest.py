"""`make check-model NAME=churn` tries one model: `--model churn`, and not churn_v2 beside it."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--model", default=None, help="the name of the only model that is tried")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    name = config.getoption("--model", default=None)
    if name is None:
        return
    kept = [item for item in items if _model_of(item) == name]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _model_of(item: pytest.Item) -> str | None:
    given = getattr(getattr(item, "callspec", None), "params", {})
    return given.get("name") or getattr(given.get("model"), "name", None)
