"""The recipes of docs/estimators.md, as a user would write them: each in a model of its own, a file beside the others."""

import importlib
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import include.models
from include.cli import model_template
from include.models.contract import Model

ROOT = Path(__file__).parents[2]
_PAGE = (ROOT / "docs/estimators.md").read_text(encoding="utf-8")
NETWORK = "network"
_TEMPLATE = "from include.cli.model_template import MODEL as TEMPLATE\n\n\n"
_HEAD = "from typing import Any\n\nfrom include.models.contract import Candidate\n\n\n"


def blocks() -> dict[str, str]:
    """From a candidate's name to its code on the page."""
    found = re.findall(r"```python\n(.*?)```", _PAGE, re.DOTALL)
    named = ((re.search(r'name="(\w+)"', block), block) for block in found)
    return {name[1]: block for name, block in named if name}


def helpers() -> str:
    """What the page writes into include/models/_helpers.py."""
    found = re.search(r"```python\n# include/models/_helpers.py\n(.*?)```", _PAGE, re.DOTALL)
    assert found
    return found[1]


def model_of(name: str, folder: Path) -> Model:
    """The template's model with one recipe's candidate; its files are in `folder`, which stands in for include/models."""
    folder.mkdir(exist_ok=True)
    (folder / "_helpers.py").write_text(helpers())
    (folder / f"recipe_{name}.py").write_text(_HEAD + blocks()[name])
    if str(folder) not in include.models.__path__:
        include.models.__path__.append(str(folder))
    for module in ("_helpers", f"recipe_{name}"):
        sys.modules.pop(f"include.models.{module}", None)
    recipe = importlib.import_module(f"include.models.recipe_{name}")
    return replace(model_template.MODEL, candidates=(recipe.CANDIDATE,))


def write_models(folder: Path, names: Sequence[str]) -> None:
    """Write the recipes of these candidates into a copy of include/models, as a user would, in place of the shipped ones."""
    for shipped in folder.glob("[a-z]*.py"):
        if shipped.stem != "contract":
            shipped.unlink()
    (folder / "_helpers.py").write_text(helpers())
    (folder / "_nets.py").write_text(_of_pytorch("class Small"))
    head = "from dataclasses import replace\n" + _HEAD.replace("\n\n\n", "\n") + _TEMPLATE
    for name in names:
        code = f"{_of_pytorch('NETWORK')}\nCANDIDATE = NETWORK\n" if name == NETWORK else blocks()[name]
        model = f'MODEL = replace(TEMPLATE, name="{name}", candidates=(replace(CANDIDATE, train_periods=4),))\n'
        (folder / f"{name}.py").write_text(f"{head}{code}\n\n{model}")


def _of_pytorch(part: str) -> str:
    """A block of the section on PyTorch."""
    page = (ROOT / "docs/your_model.md").read_text(encoding="utf-8")
    return next(block[1] for block in re.finditer(r"```python\n(.*?)```", page, re.DOTALL) if part in block[1])
