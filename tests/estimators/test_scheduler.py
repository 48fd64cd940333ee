"""A model of each estimator through a whole stack: first champion, a better one, probation, rollback, and what is served."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.estimators.recipes import NETWORK, ROOT, blocks, write_models

# An inference server loads it only where MLflow is installed beside it.
_NOT_SERVED = "flavour"


def a_copy(folder: Path, names: list[str]) -> Path:
    """The project as it stands, with these recipes as its models, and the environments of the real one."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for path in listed.stdout.splitlines():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    write_models(folder / "include/models", names)
    for environment in (".venv", ".serving"):
        (folder / environment).symlink_to(ROOT / environment)
    return folder


def _serving_has_torch() -> bool:
    return (
        subprocess.run([ROOT / ".serving/bin/python", "-c", "import torch"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.whole_loop
@pytest.mark.timeout(3600)
def test_each_estimator_goes_from_a_delivery_to_a_rollback(tmp_path: Path) -> None:
    """By the real scheduler, MLflow, object store and MLServer; what is served is the champion, to the last bit."""
    assert (ROOT / ".serving/bin/mlserver").is_file(), "MLServer's environment is not there: `make test-serving` installs it."
    networks = [NETWORK] if find_spec("torch") and _serving_has_torch() else []
    names = [name for name in sorted(blocks()) if name != _NOT_SERVED] + networks
    folder = a_copy(tmp_path / "project", names)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "tests.estimators.in_copy", *names],
        cwd=folder,
        env=kept | {"PYTHONPATH": f"{folder}:{folder / 'plugins'}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    stories = [json.loads(line) for line in done.stdout.splitlines()]
    assert [story["model"] for story in stories] == names
    for story in stories:
        assert story["first champion"] == "2", "the validated version, and the same fitted on the hold-out's rows too"
        assert int(story["served"]["version"]) > 2, story
        assert int(story["champion after the rollback"]) < int(story["served"]["version"])
        assert story["served after the rollback"]["version"] == story["champion after the rollback"]
        assert {"looked 2", f"rolled_back {story['champion after the rollback']}"} <= set(story["ledger"])
        for moment in ("served", "served after the rollback"):
            assert story[moment]["largest difference"] == 0.0, story
