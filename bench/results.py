"""How a benchmark's answer is written down."""

import json
import os
import platform
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


def write(name: str, figures: dict[str, Any], aims: dict[str, Any], meets_aims: bool) -> None:
    """Write `results/<name>.json`, honest either way."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    answer = {"figures": figures, "aims": aims, "meets_aims": meets_aims, "machine": machine}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(answer, indent=1, default=str) + "\n")


def read(name: str) -> dict[str, Any]:
    """What `results/<name>.json` says; empty where it does not exist."""
    path = FOLDER / f"{name}.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def into_page(page: Path, name: str, text: str) -> None:
    """Put tables where a page has room for the result of that name: between two comments."""
    begins, ends = f"<!-- from bench/results/{name}.json -->", "<!-- until here -->"
    before, rest = page.read_text().split(begins)
    page.write_text(before + begins + "\n\n" + text + "\n\n" + ends + rest.split(ends, 1)[1])
