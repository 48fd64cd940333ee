"""`make env`: the .env of docker compose, with a secret made up for everything that the compose file insists on.

Run again, as after an upgrade, it adds what is missing and changes nothing that has a value. Nothing but the standard library:
it works before anything is installed.
"""

import base64
import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

# All without characters that an address, a shell or compose itself would read as something else.
_SHAPES: dict[str, Callable[[], str]] = {
    "AWS_ACCESS_KEY_ID": lambda: secrets.token_hex(10),
    "AIRFLOW_FERNET_KEY": lambda: _fernet_key(),
    # Airflow wants 64 bytes for the algorithm that it signs with.
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_hex(64),
}


def required(compose: str) -> list[str]:
    """The variables without which a compose file refuses to start, `${NAME:?...}`, in its order."""
    return list(dict.fromkeys(re.findall(r"\$\{([A-Z][A-Z0-9_]*):\?", compose)))


def completed(text: str, names: list[str]) -> tuple[str, list[str]]:
    """The text of an .env with a new secret for each of these variables that has no value, and the names of these."""
    made = [name for name in names if not re.search(rf"^{name}=.*\S", text, re.MULTILINE)]
    for name in made:
        line = f"{name}={_SHAPES.get(name, lambda: secrets.token_hex(24))()}"
        text, filled = re.subn(rf"^{name}=[ \t]*$", line, text, count=1, flags=re.MULTILINE)
        if not filled:
            text = f"{text.rstrip()}\n{line}\n"
    return text, made


def main(project: Path = PROJECT) -> int:
    """Write or complete `.env`; says which secrets it made, never what they are."""
    path = project / ".env"
    before = (path if path.exists() else project / ".env.example").read_text()
    after, made = completed(before, required((project / "docker-compose.yaml").read_text()))
    is_new = not path.exists()
    write_private(path, after)
    done = "made" if is_new else "kept"
    print(f"{path}: {done}, readable by you alone; new secrets: {', '.join(made) or 'none, all had a value'}.")
    if is_new:
        print("Keep a copy where you keep passwords: without it the volumes cannot be read. Next: docker compose up -d")
    return 0


def write_private(path: Path, text: str) -> None:
    """Write a file that is never half written, nor readable by others."""
    aside = path.with_name(f"{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    sys.exit(main())
