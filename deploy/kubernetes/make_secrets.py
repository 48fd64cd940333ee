"""The Secrets that the values name, made from `.env` and printed for kubectl; nothing secret is on a command line.

    python3 deploy/kubernetes/make_secrets.py DATABASE_HOST | kubectl apply --namespace airflow --filename -

`.env` is `make env`'s, with the keys of your object store in it. Nothing but the standard library.
"""

import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parent.parent.parent
# Airflow's release and its Redis, as docs/kubernetes.md installs them.
BROKER = "airflow-redis:6379/0"
REQUIRED = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_API_SECRET_KEY",
    "AIRFLOW_ADMIN_PASSWORD",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "PROVING_GROUND_METRICS_TOKEN",
)
SLACK = "AIRFLOW_CONN_SLACK_WEBHOOK"


def made(values: dict[str, str], host: str) -> dict[str, dict[str, str]]:
    """Each Secret's keys, under the names that the chart and the values look for.

    Raises:
        ValueError: `.env` has no value for some of them.
    """
    missing = [name for name in REQUIRED if not values.get(name)]
    if missing:
        raise ValueError(
            f"{', '.join(missing)}: no value in .env. Put in your object store's keys; make env then creates what is missing."
        )
    keys = {name: values[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    database = f"proving:{quote(values['POSTGRES_PASSWORD'], safe='')}@{host}:5432"
    return {
        "proving-ground": {
            **keys,
            # An empty value counts as unset.
            SLACK: values.get(SLACK, ""),
            "PROVING_GROUND_METRICS_TOKEN": values["PROVING_GROUND_METRICS_TOKEN"],
            "fernet-key": values["AIRFLOW_FERNET_KEY"],
            "jwt-secret": values["AIRFLOW_JWT_SECRET"],
            "api-secret-key": values["AIRFLOW_API_SECRET_KEY"],
            "passwords.json": json.dumps({"admin": values["AIRFLOW_ADMIN_PASSWORD"]}),
            "password": values["REDIS_PASSWORD"],
        },
        # The first for KEDA, which knows no driver's name; the second for Airflow, which wants one that it has.
        "proving-ground-database": {
            "connection": f"postgresql://{database}/airflow",
            "sqlalchemy": f"postgresql+psycopg2://{database}/airflow",
        },
        "proving-ground-broker": {"connection": f"redis://:{quote(values['REDIS_PASSWORD'], safe='')}@{BROKER}"},
        "proving-ground-mlflow": {
            **keys,
            "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg2://{database}/mlflow",
        },
    }


def read(text: str) -> dict[str, str]:
    """What an .env sets; quotes around a value are no part of it."""
    assignments = re.findall(r"^([A-Z][A-Z0-9_]*)=[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return {name: re.sub(r"""^(['"])(.*)\1$""", r"\2", value) for name, value in assignments}


def manifest(secrets: dict[str, dict[str, str]]) -> str:
    """A list for kubectl; JSON, which needs no rules about quoting."""
    items = [
        {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": name}, "stringData": keys}
        for name, keys in secrets.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1)


def main(arguments: list[str], project: Path = PROJECT) -> int:
    """Print the manifest, but never onto a screen."""
    path = project / ".env"
    if len(arguments) != 1 or sys.stdout.isatty() or not path.exists():
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(manifest(made(read(path.read_text()), arguments[0])))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
