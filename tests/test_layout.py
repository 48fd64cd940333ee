"""The house keeps its own rules: names, lightness, and a test for each step."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BANNED = {"utils", "util", "helpers", "helper", "core", "common", "manager", "misc"}
HEAVY = {
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "mlflow",
    "evidently",
    "optuna",
    "pandera",
    "pyarrow",
    "boto3",
    "skops",
    "torch",
}
STEPS = sorted(path.stem for path in (ROOT / "include/steps").glob("[!_]*.py"))
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def test_no_module_has_a_meaningless_name() -> None:
    """A module is named after what it holds; these names hold anything."""
    names = {part for path in (ROOT / "include").rglob("*.py") for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert not names & BANNED


def test_the_tree_in_the_documents_is_the_tree_on_disk() -> None:
    """docs/architecture.md names every folder of code, two levels down, and none that is not there."""
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines()
    folders = {f"{parent}/" for path in tracked for parent in Path(path).parents if _is_drawn(parent)}
    drawn = re.search(r"## The tree\n\n```text\n(.*?)```", ARCHITECTURE, re.DOTALL)
    assert drawn
    assert {line.split()[0] for line in drawn[1].splitlines()} == folders


def _is_drawn(folder: Path) -> bool:
    """The top level, but for what begins with a dot; the rooms of `include/`, and those of `include/decisions/`."""
    parts = folder.parts
    depth = {"include": 3 if parts[1:2] == ("decisions",) else 2}.get("".join(parts[:1]), 1)
    return 0 < len(parts) <= depth and not parts[0].startswith(".")


def test_the_diagram_in_the_documents_is_the_contract() -> None:
    """Its boxes, from the top, are the layers of the contract that `make check` holds."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["name"] == "the layers")
    assert re.findall(r'\["(.*?)"\]', ARCHITECTURE) == layers
    arrows = re.findall(r"(\w+)(?:\[.*?\])? --> (\w+)", ARCHITECTURE)
    assert len(arrows) == len(layers) - 1
    assert [end for _, end in arrows[:-1]] == [start for start, _ in arrows[1:]]
    (rooms,) = (contract["layers"] for contract in contracts if contract["name"] == "the rooms of decisions")
    assert ", ".join(f"`{room}`" for room in rooms) in " ".join(ARCHITECTURE.split())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_a_test_of_its_name(step: str) -> None:
    """One name everywhere: module, task, test."""
    assert (ROOT / f"tests/steps/test_{step}.py").is_file()


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT / "tests")))
def test_every_test_states_a_promise(path: Path) -> None:
    """A test's docstring is a sentence about the product, and its file says what all of them are about."""
    tree = ast.parse(path.read_text())
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert ast.get_docstring(tree), "the file says nothing"
    assert [test.name for test in tests if not (ast.get_docstring(test) or "").rstrip().endswith(".")] == []


def test_plugins_are_light(tmp_path: Path) -> None:
    """Every component of Airflow imports every plugin, at every start."""
    plugins = [path.stem for path in sorted((ROOT / "plugins").glob("*.py"))]
    code = (
        "import json, sys; from importlib import import_module; import airflow.sdk; before = set(sys.modules)\n"
        "for name in sys.argv[1:]: import_module(name)\n"
        "print('\\n' + json.dumps(sorted(set(sys.modules) - before)))"
    )
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", code, *plugins], capture_output=True, text=True, check=True, env=environment
    )
    assert not HEAVY & set(json.loads(answer.stdout.splitlines()[-1]))
