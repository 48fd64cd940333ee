"""The recipes' helper modules are found by this process and by those that it starts."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import include.models
from include.models.contract import Model
from tests.estimators.recipes import model_of


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Model]]:
    """A function from a recipe's name to its model."""
    folder: Path = tmp_path_factory.mktemp("models")
    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(f"import include.models\n\ninclude.models.__path__.append({str(folder)!r})\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{start}")
        yield partial(model_of, folder=folder)
    include.models.__path__.remove(str(folder))
