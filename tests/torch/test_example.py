"""The example in the documents, as it stands there."""

import re
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import include.models
from include.cli import model_template
from include.formats.code_used import own_source
from tests.models.test_contract import CHECKS, Check

PAGE = Path(__file__).parents[2] / "docs" / "your_model.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The page's two files, in a folder that Python takes for one of `include.models`."""
    folder = tmp_path_factory.mktemp("models")
    section = PAGE.read_text().partition("### PyTorch")[2].partition("\n## ")[0]
    network, candidate = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (folder / "_nets.py").write_text(network)
    (folder / "_example.py").write_text(candidate)
    include.models.__path__.append(str(folder))
    yield import_module("include.models._example")
    include.models.__path__.remove(str(folder))
    for name in ("_nets", "_example"):
        sys.modules.pop(f"include.models.{name}", None)


@pytest.mark.parametrize("examine", CHECKS, ids=lambda function: function.__name__)
def test_the_example_keeps_the_model_contract(example: Any, examine: Check) -> None:
    """In the template's model it passes every check, its trusted types among them."""
    examine(replace(model_template.MODEL, candidates=(example.NETWORK,)))


def test_the_example_has_its_network_in_the_recipe(example: Any) -> None:
    """As the page says, the file of the network is part of what is compared."""
    assert "include.models._nets" in own_source(example.NETWORK.pipeline(), example.network)
