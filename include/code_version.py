"""The commit of the code that runs."""

import hashlib
import subprocess
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent
# What a training depends on.
_CODE = ("dags", "include", "plugins", "requirements.txt")


def commit() -> str:
    """The commit, with "+changes" where code beside it runs that is in no commit: a newcomer's own model, most often."""
    sha = _git("rev-parse", "--verify", "HEAD")
    if not sha:
        return "unknown"
    return f"{sha}+changes" if _git("status", "--porcelain", "--", *_CODE) else sha


def lock_digest() -> str:
    """Sixteen hex digits of the versions of all libraries; "unlocked" where the file that fixes them is not there."""
    lock = _PROJECT / "requirements.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "unlocked"


def _git(*words: str) -> str:
    """The answer of git; empty where it cannot answer."""
    try:
        # Whichever git is on the path: it made the checkout.
        answer = subprocess.run(  # noqa: S603 - words of our own
            ["git", *words],  # noqa: S607  # nosec B607
            cwd=_PROJECT,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
