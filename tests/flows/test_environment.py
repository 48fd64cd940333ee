"""What the pipeline imports is in Prefect's own lock too: one module that is missing there ends every flow."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Installed by a team that wants them: docs/estimators.md.
EXTRAS = {"catboost", "lightgbm", "onnx", "onnxruntime", "safetensors", "skl2onnx", "torch", "xgboost"}
# Imported for types alone, or where a connection names that driver.
NOT_NEEDED = {"mypy_boto3_s3", "psycopg"}


def imported(file: Path) -> set[str]:
    """The packages that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_every_package_that_the_steps_import_is_in_the_lock() -> None:
    """Read from the files of `include/`; what an import is called in a lock, the installed packages say."""
    lock = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "deploy/prefect/requirements.txt").read_text(), re.MULTILINE))
    known = packages_distributions()
    files = [file for file in (ROOT / "include").rglob("*.py") if "cli" not in file.relative_to(ROOT).parts]
    names = set().union(*map(imported, files)) - set(sys.stdlib_module_names) - EXTRAS - NOT_NEEDED - {"include"}
    missing = {name for name in names if not {re.sub(r"[._]", "-", dist.lower()) for dist in known.get(name, [name])} & lock}
    assert missing == set()
    assert {"croniter", "sqlalchemy", "sklearn"} <= names
