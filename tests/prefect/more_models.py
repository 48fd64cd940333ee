"""Models beside those of the project, in a copy of it: what a promise asks for that no model of the project declares."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What an orchestrator needs of the project.
_PARTS = ("include", "plugins", "dags", "flows", "deploy")
IN_MLFLOW, BY_NAME, EVERY_OTHER_MINUTE = "asked_in_mlflow", "asked_by_name", "every_other_minute"
# Whoever is no reviewer of these.
STRANGER = "mallory"
_CHANGES = {
    IN_MLFLOW: 'review=Review(where="registry", reviewers=("alice",))',
    BY_NAME: 'review=Review(where="orchestrator", reviewers=("alice", "admin"))',
    EVERY_OTHER_MINUTE: 'feed=replace(TRAFFIC.feed, schedule="*/2 * * * *")',
}
_FILE = '''"""Cars on the I-94 again."""

from dataclasses import replace

from include.models.contract import Review
from include.models.traffic_volume import MODEL as TRAFFIC

MODEL = replace(TRAFFIC, name="{name}", {change})
'''


def copy_with_more_models(folder: Path) -> Path:
    """The project's code in a folder, with a file for each of these models."""
    for part in _PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name, change in _CHANGES.items():
        (folder / "include" / "models" / f"{name}.py").write_text(_FILE.format(name=name, change=change))
    return folder
