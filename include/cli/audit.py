"""Known vulnerabilities in the lock, and which packages could not be looked up.

pip-audit exits with 0 even when it could not look up any package. Here the exit code is 0 if no package has a known
vulnerability, 1 if one has, and 2 if not every package could be looked up (without the internet that is none).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from include.cli.connection import PROJECT
from include.cli.sbom import components

# The second is for the image alone: deploy/Dockerfile.
_LOCKS = [PROJECT / lock for lock in ("requirements.txt", "deploy/kubernetes/requirements.txt")]


def audited() -> dict[str, Any]:
    """What pip-audit says about every package of the lock; nothing is installed for it."""
    program = Path(sys.executable).with_name("pip-audit")
    locks = [word for lock in _LOCKS for word in ("--requirement", str(lock))]
    words = [*locks, "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    answer = subprocess.run(  # noqa: S603 - words of our own
        [program, *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    try:
        return dict(json.loads(answer.stdout))
    except ValueError:
        # No database was there to be asked at all.
        click.echo(answer.stderr.strip()[-500:], err=True)
        return {"dependencies": []}


def verdict(report: dict[str, Any], packages: int) -> tuple[int, list[str]]:
    """The exit code and what to say, a line each; `packages` are in the lock."""
    looked_up = [one for one in report["dependencies"] if "skip_reason" not in one]
    lines = [
        f"{one['name']} {one['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
        for one in looked_up
        for found in one["vulns"]
    ]
    if len(looked_up) < packages:
        reached = f"{packages - len(looked_up)} of {packages} packages could not be looked up"
        lines.append(f"{reached}: no vulnerability database that knows them could be reached. Run it where pypi.org is.")
        return (1 if len(lines) > 1 else 2), lines
    return (1, lines) if lines else (0, [f"Nothing is known against any of the {packages} packages of the lock."])


@click.command("audit")
def command() -> None:
    """Look up known vulnerabilities of the lock.

    Ends with 0 if none is known, 1 if one is, and 2 if not every package could be looked up.

    \b
    Example:
      python -m include.cli audit
    """
    packages = [package for lock in _LOCKS for package in components(lock.read_text())]
    code, lines = verdict(audited(), len(packages))
    click.echo("\n".join(lines))
    sys.exit(code)
