"""The house keeps its own rules: names, lightness, and a test for each step."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BANNED = {"utils", "util", "helpers", "helper", "core", "common", "manager", "misc"}
HEAVY = {"pandas", "numpy", "scipy", "sklearn", "mlflow", "evidently", "pandera", "pyarrow", "boto3", "skops"}
STEPS = sorted(path.stem for path in (ROOT / "include/steps").glob("[!_]*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


def test_no_module_has_a_meaningless_name() -> None:
    """A module is named after what it holds; these names hold anything."""
    names = {part for path in (ROOT / "include").rglob("*.py") for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert not names & BANNED


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
