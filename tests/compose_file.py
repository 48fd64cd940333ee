"""docker-compose.yaml as docker compose itself reads it, with the .env that `make env` makes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.local.environment import PROJECT, inherited
from deploy.make_env import completed, required, write_private

COMPOSE = PROJECT / "docker-compose.yaml"
PROGRAM = str(Path(sys.executable).with_name("docker-compose"))


def dotenv(path: Path, **others: str) -> dict[str, str]:
    """Write an .env with a secret for everything that the file insists on, and these values; what it says."""
    text, _ = completed((PROJECT / ".env.example").read_text(), required(COMPOSE.read_text()))
    for name, value in others.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    write_private(path, text)
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def described(dotenv: Path, project: str) -> dict[str, Any]:
    """All of it, as compose can read it again: a dollar is doubled. Volumes and networks are named after the project."""
    read = ["--project-name", project, "--env-file", str(dotenv), "--file", str(COMPOSE)]
    ask = [PROGRAM, *read, "config", "--format", "json"]
    answer = subprocess.run(ask, env=inherited(), capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(answer)
    return found
